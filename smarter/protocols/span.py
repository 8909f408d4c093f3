"""The span of a run, and where its slots begin within an interval: as the scenario says, or else the data.

``plan`` cuts windows and holds by it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from smarter.api import Rows, SourceMeter
from smarter.errors import DataError
from smarter.model.clock import WallClock
from smarter.model.control import heed
from smarter.model.windows import iso, spell
from smarter.parties.meter.intervals import way_out
from smarter.parties.meter.register import shift_of
from smarter.parties.meter.stamps import stamp_text, timed
from smarter.parties.meter.survey import Survey, surveys
from smarter.scenario import Neighbourhood, Scenario

LOOK = 64
"""Rows of a meter that planning looks at."""


def span_of(
    scenario: Scenario, area: Neighbourhood, meters: Sequence[SourceMeter], found: Sequence[Survey] = ()
) -> tuple[int, int]:
    """The span of a run; ``found``: surveys of the meters, where they are at hand."""
    start, end = scenario.time.start_in(area.timezone), scenario.time.end_in(area.timezone)
    if start is None or end is None:
        found = found or surveys(meters, area.timezone, until=end, interval=scenario.windows.reading)
        if not found and end is not None:
            raise DataError(
                f"no meter has a reading before {iso(end, area.timezone)}; see `smarter readings` for the span of the "
                "data, and set time.end."
            )
        if all(s.first == s.last for s in found):
            raise DataError(f"{found[0].origin}: meter {found[0].name}: {'; '.join(found[0].problems)}.")
        start = min(s.first for s in found) if start is None else start
        end = max(s.last for s in found) if end is None else end
    return start, end


def phase_of(area: Neighbourhood, meters: Sequence[SourceMeter], interval: int, start: int, end: int) -> int:
    """Where slots begin within an interval: as the first row of the span says.

    Raises:
        DataError: no row in the span, or a meter whose rows are not in order, or further apart than the scenario's
            readings.
    """
    phase = None
    spans = [_stamps_of(meter, area, interval, start, end) for meter in meters]
    # All are begun before any is read: those in one file are read together.
    begun = deque(
        meter.rows(block=LOOK, after=low, before=high) for meter, (low, high) in zip(meters, spans, strict=True)
    )
    for meter, (low, high) in zip(meters, spans, strict=True):
        heed()
        for rows in begun.popleft():
            inside = (rows.stamps >= low) & (rows.stamps < high)
            if not inside.any():
                continue
            clock = WallClock(meter.timezone or area.timezone) if meter.clock == "local" else None
            ends = max(shift_of(meter.quantity, meter.stamp_at, meter.register, interval), 0)
            looked = Rows(rows.stamps[inside], rows.values[inside], rows.numbers[inside])
            times = np.concatenate([block.times for block in timed([looked], clock, meter.origin, ends)])
            steps = np.diff(times)
            if (steps < 0).any():
                _refuse_order(meter, looked, steps)
            closest = int(steps[steps > 0].min(initial=1 << 62))
            if closest > interval and len(steps) > 2 and not meter.lengths_checked:
                raise DataError(
                    f"{meter.origin}: the rows of meter {meter.name} are {spell(closest)} apart and windows.reading is "
                    f"{spell(interval)}; {way_out(closest, interval)}."
                )
            if phase is None:
                phase = int(times[0]) % interval
            break
    if phase is None:
        raise DataError(
            f"no meter has a reading from {iso(start, area.timezone)} to {iso(end, area.timezone)}; "
            "see `smarter readings` for the span of the data, and set time.start and time.end."
        )
    return phase


def _refuse_order(meter: SourceMeter, rows: Rows, steps: NDArray[np.int64]) -> NoReturn:
    place = int(np.argmax(steps < 0)) + 1
    newest = ", of which the newest comes first" if (steps < 0).all() else ""
    raise DataError(
        f"{meter.origin}, row {rows.numbers[place]}: stamp {stamp_text(int(rows.stamps[place]))} of meter {meter.name} "
        f"runs back behind that of row {rows.numbers[place - 1]}; sort the rows by time{newest}."
    )


def _stamps_of(meter: SourceMeter, area: Neighbourhood, interval: int, start: int, end: int) -> tuple[int, int]:
    """The span in stamps as the meter writes them."""
    shift = shift_of(meter.quantity, meter.stamp_at, meter.register, interval)
    ends = np.array([start + shift, end + shift], np.int64)
    if meter.clock == "local":
        ends = WallClock(meter.timezone or area.timezone).local(ends)
    return int(ends[0]), int(ends[1])
