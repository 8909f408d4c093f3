"""Stretches of one interval in a meter's rows: one file may change from 15 minutes to one.

The survey feeds it the rows in order, block by block; only what the runs sum up to is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smarter.parties.meter.intervals import steps_needed

PATIENCE = 64
"""After so many changes of step the shortest step is taken for the interval."""

Owner = Literal["before", "after", "between"]
"""Whose a step between two rows is: the row's before it (stamps name starts), after it (ends), or nobody's
(registers, whose values are given as what they counted since the row before)."""


@dataclass
class Steps:
    """Equal steps one after another, and what the rows that own them hold.

    Attributes:
        first, number: instant and row number of the row that the first of them starts from.
        step, count: seconds of each, and how many.
        total, least, most: of the values that they own.
    """

    first: int
    number: int
    step: int
    count: int
    total: int
    least: int
    most: int


@dataclass
class Stretch:
    """Rows at one interval: from the start of the first's to the end of the last's; values as in the rows."""

    interval: int
    first: int
    last: int = 0
    rows: int = 0
    total: int = 0
    least: int | None = None
    most: int | None = None

    def hold(self, total: int, least: int, most: int) -> None:
        """Count values in."""
        self.total += total
        self.least = least if self.least is None else min(self.least, least)
        self.most = most if self.most is None else max(self.most, most)


class Runs:
    """Splits rows whose times strictly increase into stretches of one interval, with the gaps in them.

    Args:
        owner: whose a step is.
        odd: called with steps that do not fit the interval that they stand in, and that interval.
        changed: called with the first steps of another interval, and the interval before.
        expected: seconds between rows as a run takes them; None where that is not known.
    """

    def __init__(
        self,
        owner: Owner,
        odd: Callable[[Steps, int], None],
        changed: Callable[[Steps, int], None],
        expected: int | None = None,
    ) -> None:
        self.stretches: list[Stretch] = []
        self.gaps: list[tuple[int, int]] = []
        self._owner, self._odd, self._changed, self._expected = owner, odd, changed, expected
        self._rows: list[tuple[int, int, int]] = []  # the first and the latest: time, value, number
        self._open: Steps | None = None  # may go on in the next block
        self._waiting: list[Steps] = []  # too few to tell what interval they stand in

    def read(self, times: NDArray[np.int64], values: NDArray[np.int64], numbers: NDArray[np.int64]) -> None:
        """Go on with at least one row."""
        if self._rows:
            time, value, number = self._rows[-1]
            times, values, numbers = np.append(time, times), np.append(value, values), np.append(number, numbers)
        ends = [(int(times[at]), int(values[at]), int(numbers[at])) for at in (0, -1)]
        self._rows = [self._rows[0] if self._rows else ends[0], ends[1]]
        if len(times) < 2:
            return
        steps = np.diff(times)
        owned = values[:-1] if self._owner == "before" else values[1:]
        starts = np.append(0, np.flatnonzero(np.diff(steps)) + 1)
        counts = np.diff(np.append(starts, len(steps)))
        # in two halves, since values that no rating has bounded could wrap a plain sum
        high, low = np.add.reduceat(owned >> 20, starts), np.add.reduceat(owned & 0xFFFFF, starts)
        least, most = np.minimum.reduceat(owned, starts), np.maximum.reduceat(owned, starts)
        columns = (times[starts], numbers[starts], steps[starts], counts, high, low, least, most)
        for first, number, step, count, above, below, lowest, highest in zip(
            *(column.tolist() for column in columns), strict=True
        ):
            self._step(Steps(first, number, step, count, (above << 20) + below, lowest, highest))

    def finish(self) -> None:
        """Settle what is open. No stretch is left when there was but one row, unless its interval is expected."""
        if self._open is not None:
            self._settle(self._open)
        if self._waiting and not self.stretches:
            self._begin_shortest()
        if self._rows and not self.stretches and self._expected and self._owner != "between":
            self.stretches.append(Stretch(self._expected, self._rows[0][0], self._rows[0][0]))
        if not self.stretches:
            return
        self._place_waiting()
        first, last = self.stretches[0], self.stretches[-1]
        # one row more than there are steps: it owns none
        if self._owner == "after":
            time, value, _ = self._rows[0]
            first.first = time - first.interval
            first.rows += 1
            first.hold(value, value, value)
        else:
            time, value, _ = self._rows[-1]
            last.rows += 1
            last.last = time
            if self._owner == "before":
                last.last = time + last.interval
                last.hold(value, value, value)

    def _step(self, steps: Steps) -> None:
        going = self._open
        if going is not None and going.step == steps.step:
            going.count += steps.count
            going.total += steps.total
            going.least, going.most = min(going.least, steps.least), max(going.most, steps.most)
            return
        if going is not None:
            self._settle(going)
        self._open = steps

    def _settle(self, steps: Steps) -> None:
        interval = self.stretches[-1].interval if self.stretches else None
        if steps.step == interval:
            self._place_waiting()
            self._take(steps)
        elif steps.count >= steps_needed(steps.step, interval or self._expected):
            self._begin(steps)
        else:
            self._waiting.append(steps)
            if interval is not None:
                self._place_waiting(keep=1)  # the latest may turn out to lead to another interval
            elif len(self._waiting) >= PATIENCE:
                self._begin_shortest()

    def _begin(self, steps: Steps) -> None:
        if self.stretches:
            before = self.stretches[-1].interval
            self._place_waiting(junction=True)
            self._changed(steps, before)
            self.stretches.append(Stretch(steps.step, self._first_of(steps, steps.step)))
        else:
            earliest = self._waiting[0] if self._waiting else steps
            self.stretches.append(Stretch(steps.step, self._first_of(earliest, steps.step)))
            self._place_waiting()
        self._take(steps)

    def _begin_shortest(self) -> None:
        interval = min(steps.step for steps in self._waiting)
        if self._expected and all(steps.step % self._expected == 0 for steps in self._waiting):
            interval = self._expected
        self.stretches.append(Stretch(interval, self._first_of(self._waiting[0], interval)))
        self._place_waiting()

    def _first_of(self, steps: Steps, interval: int) -> int:
        return steps.first + (steps.step - interval if self._owner == "after" else 0)

    def _take(self, steps: Steps) -> None:
        stretch = self.stretches[-1]
        stretch.rows += steps.count
        # what a register rose by over a gap is nobody's reading
        if self._owner != "between" or steps.step == stretch.interval:
            stretch.hold(steps.total, steps.least, steps.most)
        end = steps.first + steps.step * steps.count
        stretch.last = end if self._owner != "before" else end - steps.step + stretch.interval

    def _place_waiting(self, *, keep: int = 0, junction: bool = False) -> None:
        """Count odd steps into the stretch that they stand in, with the gaps that they leave."""
        interval = self.stretches[-1].interval
        placed = self._waiting[: len(self._waiting) - keep]
        self._waiting = self._waiting[len(placed) :]
        for steps in placed:
            self._take(steps)
            if steps.step > interval:
                missing_from = interval if self._owner == "before" else 0
                starts = range(steps.first, steps.first + steps.step * steps.count, steps.step)
                self.gaps += [(start + missing_from, start + missing_from + steps.step - interval) for start in starts]
            if steps.step % interval and not (junction and steps is placed[-1]):
                self._odd(steps, interval)
