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
        energy: of all readings in it.
        readings: how many there are, of ``expected``.
        mean_kw: over the time that was measured.
        base_kw: base load: a twentieth of the readings are below it.
        peak_kw: of the strongest reading.
        peak_start: when that began.
    """

    start: int
    end: int
    energy: int
    readings: int
    expected: int
    mean_kw: float
    base_kw: float
    peak_kw: float
    peak_start: int


@dataclass(frozen=True)
class Comparison:
    """A span beside the one of the same length before it; ``change``: of the mean power, as a share of the earlier."""

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
    strongest = int(np.argmax(mine.energies))
    bounds = own.axis.first_slot_from(np.array([start, end], np.int64))
    energy = int(mine.energies.sum())
    return Usage(
        start=start,
        end=end,
        energy=energy,
        readings=len(mine),
        expected=int(bounds[1] - bounds[0]),
        mean_kw=energy / len(mine) * to_kw,
        base_kw=float(np.percentile(mine.energies, BASE_PERCENT)) * to_kw,
        peak_kw=int(mine.energies[strongest]) * to_kw,
        peak_start=int(own.axis.start_of(mine.slots[strongest])),
    )


def compared(own: OwnReadings, start: int, end: int) -> Comparison | None:
    """[start, end) beside the earlier period of the same length by the wall clock; None when one has no reading."""
    clock = zone(own.timezone)
    here, there = (datetime.fromtimestamp(at, clock).replace(tzinfo=None) for at in (start, end))
    earlier = int((here - (there - here)).replace(tzinfo=clock).timestamp())
    now, before = usage_of(own, start, end), usage_of(own, earlier, start)
    if now is None or before is None:
        return None
    return Comparison(now, before, now.mean_kw / before.mean_kw - 1 if before.mean_kw > 0 else None)
