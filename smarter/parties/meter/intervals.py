"""Whether rows are as far apart as a run takes them to be, or some of them are missing.

Rows two intervals apart are a gap. Many in a row are readings over longer intervals: the energy of an hour would count
for a quarter of it. The survey and the register of a run judge by the same count.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smarter.model.clock import DAY
from smarter.model.windows import spell

RUN_STEPS = 3
"""So many equal steps in a row make an interval."""
SPARSE_ROWS = 12
"""So many rows must be missing at least, by regular steps, before these are taken for another interval."""


def steps_needed(step: int, interval: int | None) -> int:
    """The equal steps that make another interval than the one before; ``interval`` None where there is none before."""
    if not interval or step % interval or step <= interval:
        return RUN_STEPS
    return max(RUN_STEPS, -(-SPARSE_ROWS // (step // interval - 1)))


def way_out(found: int, wanted: int) -> str:
    """The advice about rows ``found`` seconds apart where ``wanted`` are: only an interval that a scenario admits."""
    choose = f"choose a span in which all rows are {spell(wanted)} apart"
    return f"set windows.reading={spell(found)}, or {choose}" if found > 0 and DAY % found == 0 else choose


class LongSteps(NamedTuple):
    """Equal steps in a row, each longer than the interval.

    Attributes:
        step: seconds of each.
        first: number of the row that the first of them starts from; ``time`` its instant.
        last: number of the row that the last of them leads to.
        ended: whether another step follows.
    """

    step: int
    first: int
    time: int
    last: int
    ended: bool


class StepWatch:
    """Looks for readings over longer intervals among rows in order of time, block by block."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._row: tuple[int, int] | None = None  # time and number of the latest row
        self._open: tuple[int, int, int, int] | None = None  # step, count, and the row that the first starts from

    def look(self, times: NDArray[np.int64], numbers: NDArray[np.int64]) -> LongSteps | None:
        """Take in rows whose times rise; the first run of steps that is another interval, if there is one."""
        if not len(times):
            return None
        if self._row is not None:
            times, numbers = np.append(self._row[0], times), np.append(self._row[1], numbers)
        self._row = int(times[-1]), int(numbers[-1])
        steps = np.diff(times)
        if not len(steps):
            return None
        if not (steps > self._interval).any():
            self._open = None
            return None
        return self._first_run(steps, times, numbers)

    def _first_run(
        self, steps: NDArray[np.int64], times: NDArray[np.int64], numbers: NDArray[np.int64]
    ) -> LongSteps | None:
        starts = np.append(0, np.flatnonzero(np.diff(steps)) + 1)
        counts = np.diff(np.append(starts, len(steps)))
        begun = self._open
        goes_on = begun is not None and begun[0] == int(steps[0])
        if begun is not None and goes_on:
            counts[0] += begun[1]
        first = begun if begun is not None and goes_on and len(starts) == 1 else None
        last = int(starts[-1])
        time, number = (int(times[last]), int(numbers[last])) if first is None else first[2:]
        self._open = int(steps[last]), int(counts[-1]), time, number
        missing = steps[starts] // self._interval - 1
        long = (missing > 0) & (counts >= np.maximum(RUN_STEPS, -(-SPARSE_ROWS // np.maximum(missing, 1))))
        if not long.any():
            return None
        place = int(np.argmax(long))
        start, end = int(starts[place]), int(np.append(starts[1:], len(steps))[place])
        time, number = int(times[start]), int(numbers[start])
        if place == 0 and begun is not None and goes_on:
            time, number = begun[2:]
        return LongSteps(int(steps[start]), number, time, int(numbers[end]), end < len(steps))
