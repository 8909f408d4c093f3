"""Figures of a customer's own readings: by minute, hour, day or month, base load, peak, and the time before beside."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smarter.model.clock import DAY, zone
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import WindowRow
from smarter.model.windows import Axis, cut, months
from smarter.parties.customer.own_readings import OwnReadings

By = Literal["minute", "hour", "day", "month"]
"""What readings are gathered by; ``minute`` is one reading each, however long that is."""
BASE_PERCENT = 5


@dataclass(frozen=True)
class Usage:
    """Figures of a span of at least one reading. Powers in kW, energies in mWh, times in epoch seconds.

    Attributes:
        start: of the span; ``end`` likewise.
        energy: of all readings in it: import less export.
        imported: of its readings above zero.
        exported: of its readings below zero, as a positive number.
        readings: how many there are, of ``expected``.
        mean_kw: over the time that was measured.
        base_kw: base load: a twentieth of the readings are below it; None where one of them is an export.
        peak_kw: of the strongest import; None where every reading is an export.
        peak_start: when that began.
        export_peak_kw: of the strongest export, a positive number; None without export.
        export_peak_start: when that began.
    """

    start: int
    end: int
    energy: int
    imported: int
    exported: int
    readings: int
    expected: int
    mean_kw: float
    base_kw: float | None
    peak_kw: float | None
    peak_start: int | None
    export_peak_kw: float | None
    export_peak_start: int | None


@dataclass(frozen=True)
class Comparison:
    """A span beside the one of the same length before it.

    Attributes:
        now: the span.
        before: the earlier one.
        change: of the mean power, as a share of the earlier; None where one of them exports: a share of a difference
            between import and export has no meaning.
    """

    now: Usage
    before: Usage
    change: float | None


def edges_by(by: By, axis: Axis, timezone: str, start: int, end: int) -> NDArray[np.int64]:
    """Edges, epoch seconds, of the windows that cover [start, end): slots, or hours, days and months by the clock."""
    if by == "minute":
        return axis.start_of(np.arange(axis.slot_at(start), axis.first_slot_from(end) + 1, dtype=np.int64))
    if by in ("hour", "day"):
        return cut(timezone, 3600 if by == "hour" else DAY, start, end).edges
    return months(timezone, start, end)


def gathered(own: OwnReadings, by: By, start: int, end: int) -> list[WindowRow]:
    """Readings of [start, end) by minute, hour, day or month; the first and the last are cut to what is inside."""
    return own.windows(np.clip(edges_by(by, own.axis, own.timezone, start, end), start, end))


def usage_of(own: OwnReadings, start: int, end: int) -> Usage | None:
    """The figures of [start, end); None when there is no reading in it."""
    mine = own.within(start, end)
    if not len(mine):
        return None
    to_kw = 3600 / own.axis.interval / MWH_PER_KWH
    highest, lowest = int(np.argmax(mine.energies)), int(np.argmin(mine.energies))
    imports, exports = bool(mine.energies[highest] >= 0), bool(mine.energies[lowest] < 0)
    bounds = own.axis.first_slot_from(np.array([start, end], np.int64))
    imported, exported = int(np.maximum(mine.energies, 0).sum()), int(np.maximum(-mine.energies, 0).sum())
    energy = imported - exported
    return Usage(
        start=start,
        end=end,
        energy=energy,
        imported=imported,
        exported=exported,
        readings=len(mine),
        expected=int(bounds[1] - bounds[0]),
        mean_kw=energy / len(mine) * to_kw,
        base_kw=None if exports else float(np.percentile(mine.energies, BASE_PERCENT)) * to_kw,
        peak_kw=int(mine.energies[highest]) * to_kw if imports else None,
        peak_start=int(own.axis.start_of(mine.slots[highest])) if imports else None,
        export_peak_kw=-int(mine.energies[lowest]) * to_kw if exports else None,
        export_peak_start=int(own.axis.start_of(mine.slots[lowest])) if exports else None,
    )


def compared(own: OwnReadings, start: int, end: int) -> Comparison | None:
    """[start, end) beside the earlier period of the same length by the wall clock; None when one has no reading."""
    clock = zone(own.timezone)
    here, there = (datetime.fromtimestamp(at, clock).replace(tzinfo=None) for at in (start, end))
    earlier = int((here - (there - here)).replace(tzinfo=clock).timestamp())
    now, before = usage_of(own, start, end), usage_of(own, earlier, start)
    if now is None or before is None:
        return None
    comparable = before.mean_kw > 0 and not now.exported and not before.exported
    return Comparison(now, before, now.mean_kw / before.mean_kw - 1 if comparable else None)
