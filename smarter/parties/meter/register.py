"""The meter's cumulative register: rows of any quantity become mWh readings on the slot axis.

In integers throughout, so that any total is within 1 mWh of the exact one, however long the run; whoever
plays a meter in a run reads through it, and so does the check of a run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor, gcd
from typing import Literal, NoReturn

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, RegisterRules, Rows, ScenarioError
from smarter.api.source import Quantity
from smarter.model.clock import DAY, NEVER, WallClock
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis, spell
from smarter.parties.meter.differences import Counted, Differences
from smarter.parties.meter.intervals import LongSteps, StepWatch, way_out
from smarter.parties.meter.stamps import TimedRows, amount_text, stamp_text, timed

_MOST = 1 << 62  # sums stay below this, so that no int64 wraps
_MOST_SHOWN = 1 << 61  # of a register, so that no difference wraps


class Register:
    """Reads one meter over one span.

    Args:
        name: what the readings are to carry as their meter.
        origin: where the rows come from, for errors.
        quantity, clock, stamp_at, rules, lengths_checked: as the source's meter states them.
        timezone: of the wall clock, for ``clock="local"``.
        axis: the slots.
        start, end: the span [start, end) in epoch seconds; rows outside it are not checked.
        rating_kw: the most that the meter can carry in either direction.

    Attributes:
        rows: rows taken so far.
        outside: those of them that start outside the span.
        repeated: those that repeat a stamp and its value; dropped.
        largest_reading: the largest magnitude that a reading can have, in mWh.

    Raises:
        ScenarioError: an unknown zone, or a rating too large to count in 64 bits.
    """

    def __init__(
        self,
        *,
        name: str,
        origin: str,
        quantity: Quantity,
        clock: Literal["local", "utc"],
        timezone: str,
        stamp_at: Literal["start", "end"],
        axis: Axis,
        start: int,
        end: int,
        rating_kw: Fraction | int = 100,
        rules: RegisterRules = RegisterRules(),  # noqa: B008 - frozen
        lengths_checked: bool = False,
    ) -> None:
        self.name, self.origin, self.quantity, self.axis = name, origin, quantity, axis
        self.rating_kw = Fraction(rating_kw)
        self._clock = WallClock(timezone) if clock == "local" else None
        self._rules = rules
        self._lengths_checked = lengths_checked
        self._shift = shift_of(quantity, stamp_at, rules, axis.interval)
        self._start = start
        self._end = axis.start_of(axis.first_slot_from(end)) + 1 if quantity == "register" else end
        micro = self.rating_kw * 10**9
        self._most = floor(micro if quantity == "power" else micro * axis.interval / 3600)
        self.largest_reading = ceil(micro * axis.interval / 3_600_000)
        share = Fraction(axis.interval, 3_600_000) if quantity == "power" else Fraction(1, 1000)
        if 2 * share.numerator * self._most + 2 * share.denominator > _MOST:
            raise ScenarioError(
                f"a rating of {float(self.rating_kw):g} kW over {spell(axis.interval)} cannot be counted in 64 bits; "
                "lower the rating."
            )
        self._share = share
        self._clear()

    def _clear(self) -> None:
        self.rows = self.outside = self.repeated = 0
        self._watch = StepWatch(self.axis.interval)
        self._last: tuple[int, int, int] | None = None  # time, value and number of the row before

    @property
    def stamps_wanted(self) -> tuple[int, int]:
        """``after`` and ``before`` for the source, with a day to spare: all of a repeated hour decides its folds."""
        ends = np.array([self._start + min(self._shift, 0), self._end + max(self._shift, 0)], np.int64)
        if self._clock is None:
            return int(ends[0]), int(ends[1])
        after, before = self._clock.local(ends)
        return int(after) - DAY, int(before) + DAY

    def readings(self, rows: Iterable[Rows]) -> Iterator[ReadingBlock]:
        """Yield the readings in order; a gap begins a new block. Each call begins anew.

        Blocks depend on how the rows come, readings do not.

        Raises:
            DataError: with file and row: a stamp that runs back or that the clock never shows, a repeated stamp with
                another value, a row off the slot grid, rows further apart than the slots, a register that falls, an
                energy beyond the rating.
        """
        self._clear()
        cumulation = _Cumulation(self._share)
        differences, shown_slot = Differences(self._rules), 0
        for block in timed(self._near(rows), self._clock, self.origin, max(self._shift, 0)):
            checked = self._checked(self._inside(block))
            if not len(checked):
                continue
            slots = self.axis.slot_at(checked.times - self._shift)
            if self.quantity == "register":
                before = checked.values[0] if differences.last is None else differences.last
                counted = differences.take(checked.values)
                whole = counted.known & (np.diff(slots, prepend=shown_slot) == 1)
                shown_slot = int(slots[-1])
                self._check_differences(checked, counted, whole, int(before))
                energies = np.diff((np.append(before, checked.values) + 500) // 1000)[whole]
                energies += np.where(counted.falls, (self._rules.rolls_at or 0) // 1000, 0)[whole]
                slots = slots[whole] - 1
            else:
                energies = cumulation.energies(checked.values)
            cuts = [0, *(np.flatnonzero(np.diff(slots) != 1) + 1).tolist(), len(slots)]
            for first, end in pairwise(cuts):
                if end > first:
                    yield ReadingBlock(self.name, int(slots[first]), energies[first:end])

    def _near(self, rows: Iterable[Rows]) -> Iterator[Rows]:
        after, before = self.stamps_wanted
        for block in rows:
            self.rows += len(block)
            near = (block.stamps >= after) & (block.stamps < before)
            if near.all():
                yield block
                continue
            self.outside += len(block) - int(np.count_nonzero(near))
            yield Rows(block.stamps[near], block.values[near], block.numbers[near])

    def _inside(self, block: TimedRows) -> TimedRows:
        starts = block.times - self._shift
        inside = block.take((starts >= self._start) & (starts < self._end))
        self.outside += len(block) - len(inside)
        if not inside.exists.all():
            self._refuse_never_shown(inside, int(np.argmin(inside.exists)))
        return inside

    def _checked(self, block: TimedRows) -> TimedRows:
        """Refuse what is wrong (the first row of the block that is), drop repeats."""
        if not len(block):
            return block
        times, values = block.times, block.values
        last = self._last or (int(times[0]) - 1, 0, 0)
        steps = np.diff(times, prepend=last[0])
        back = steps < 0
        repeat = steps == 0
        differs = repeat & (np.diff(values, prepend=last[1]) != 0)
        off = (times - self._shift - self.axis.phase) % self.axis.interval != 0
        most = _MOST_SHOWN if self.quantity == "register" else self._most
        strong = (values > most) | (values < -most)
        bad = back | differs | off | strong
        if bad.any():
            row = int(np.argmax(bad))
            before = (int(times[row - 1]), int(values[row - 1]), int(block.numbers[row - 1])) if row else last
            if back[row]:
                self._refuse_back(block, row, before)
            if differs[row]:
                self._refuse_repeat(block, row, before)
            if off[row]:
                self._refuse_off_grid(block, row)
            self._refuse_strong(block, row, int(values[row]))
        self._last = int(times[-1]), int(values[-1]), int(block.numbers[-1])
        self.repeated += int(np.count_nonzero(repeat))
        block = block.take(~repeat)
        if not self._lengths_checked and (long := self._watch.look(block.times, block.numbers)) is not None:
            self._refuse_apart(long)
        return block

    def _check_differences(self, block: TimedRows, counted: Counted, whole: NDArray[np.bool_], before: int) -> None:
        """Refuse the first row that a register cannot have shown after the one before it."""
        rolls_at = self._rules.rolls_at
        long = np.zeros(len(block), np.bool_) if rolls_at is None else block.values >= rolls_at
        strong = whole & ((counted.steps > self._most) | (counted.steps < -self._most))
        bad = counted.refused | long | strong
        if not bad.any():
            return
        row = int(np.argmax(bad))
        shown = before if row == 0 else int(block.values[row - 1])
        if counted.refused[row] or (counted.falls[row] and rolls_at is not None and not long[row]):
            self._refuse_fall(block, row, shown)
        if long[row]:
            raise DataError(
                f"{self._where(block, row)}the register shows {amount_text(int(block.values[row]), 'kWh')}, and begins "
                f"again at {amount_text(rolls_at or 0, 'kWh')} by option register.digits; raise it, or correct the row."
            )
        self._refuse_strong(block, row, int(counted.steps[row]))

    def _where(self, block: TimedRows, row: int) -> str:
        return f"{self.origin}, row {block.numbers[row]}: "

    def _shown_at(self, time: int) -> str:
        at = np.array([time], np.int64)
        return stamp_text(int((at if self._clock is None else self._clock.local(at))[0]))

    def _refuse_never_shown(self, block: TimedRows, row: int) -> NoReturn:
        assert self._clock is not None
        moment = np.array([int(block.times[row]) - 1], np.int64)
        east = int(self._clock.local(moment)[0] - moment[0])
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} is one that the clock of "
            f"{self._clock.timezone} never shows, since it is put forward then; remove the row, or, where the file's "
            f"clock does not change, read it on such a one (source csv, timezone{etc_zone(east)})."
        )

    def _refuse_apart(self, long: LongSteps) -> NoReturn:
        until = f" up to row {long.last}, where that changes" if long.ended else ""
        raise DataError(
            f"{self.origin}, row {long.first}: rows are {spell(long.step)} apart from {self._shown_at(long.time)} on"
            f"{until}, and windows.reading is {spell(self.axis.interval)}; {way_out(long.step, self.axis.interval)}."
        )

    def _refuse_fall(self, block: TimedRows, row: int, shown: int) -> NoReturn:
        falls = (
            f"{self._where(block, row)}the register falls from {amount_text(shown, 'kWh')} to "
            f"{amount_text(int(block.values[row]), 'kWh')} at {stamp_text(int(block.stamps[row]))}"
        )
        if self._rules.falls == "rollover":
            raise DataError(
                f"{falls}, too far for a roll-over at {amount_text(self._rules.rolls_at or 0, 'kWh')}; correct or "
                "remove the row, or correct option register.digits."
            )
        raise DataError(
            f"{falls}; remove the row if it is wrong, or set option register of the source: falls: reset (it began at "
            "0 again), falls: rollover with digits: N (it ran past its last digit), or falls: export (it counts down "
            "while energy is fed in)."
        )

    def _refuse_back(self, block: TimedRows, row: int, before: tuple[int, int, int]) -> NoReturn:
        newest = " (the newest comes first)" if len(block) > 1 and (np.diff(block.times) <= 0).all() else ""
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} runs back behind "
            f"{self._shown_at(before[0])} of row {before[2]}; sort the rows by time{newest}."
        )

    def _refuse_repeat(self, block: TimedRows, row: int, before: tuple[int, int, int]) -> NoReturn:
        unit = "kW" if self.quantity == "power" else "kWh"
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} repeats row {before[2]} with "
            f"{amount_text(int(block.values[row]), unit)} instead of {amount_text(before[1], unit)}; "
            f"remove the wrong one{self._change_at(int(block.times[row]))}."
        )

    def _change_at(self, time: int) -> str:
        """A word on the clock change where one is near."""
        if self._clock is None:
            return ""
        stamps = self._clock.local(np.array([time - self.axis.interval, time, time + self.axis.interval], np.int64))
        if (self._clock.turn_of(stamps) == NEVER).all():
            return ""
        return ", or, at this change of the clocks, write both hours and all ends of intervals alike"

    def _refuse_off_grid(self, block: TimedRows, row: int) -> NoReturn:
        near = np.diff(block.times[row : row + 4])
        near = near if (near > 0).any() else np.diff(block.times[max(row - 3, 0) : row + 1])
        steps = near[near > 0]
        other = int(steps.min()) if len(steps) else self.axis.interval
        regular = len(steps) > 0 and other == int(steps.max())
        hint = (
            "correct or remove it, or choose a span in which rows keep to one grid."
            if other == self.axis.interval or not regular
            else f"rows around it are {spell(other)} apart: {way_out(other, self.axis.interval)}."
        )
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} is off the grid of "
            f"{spell(self.axis.interval)} readings; {hint}"
        )

    def _refuse_strong(self, block: TimedRows, row: int, value: int) -> NoReturn:
        at = f"at {stamp_text(int(block.stamps[row]))}"
        if self.quantity == "register" and abs(value) > _MOST_SHOWN:
            raise DataError(
                f"{self._where(block, row)}a register of {amount_text(value, 'kWh')} {at} is more than any meter "
                "shows; check the column and its unit."
            )
        micro = Fraction(value) if self.quantity == "power" else Fraction(value * 3600, self.axis.interval)
        raise DataError(
            f"{self._where(block, row)}{float(micro / 10**9):.6g} kW {at} is beyond the meter's rating of "
            f"{float(self.rating_kw):g} kW; correct the row or raise the rating."
        )


def shift_of(quantity: Quantity, stamp_at: Literal["start", "end"], rules: RegisterRules, interval: int) -> int:
    """Seconds from the start of a reading to the moment that its stamp names; of a register, to the one it is read at.

    A register is read at the end of what it counted: its row belongs to the slot that begins then.
    """
    if quantity == "register":
        return -interval if rules.read_at == "end" else 0
    return interval if stamp_at == "end" else 0


def etc_zone(east: int) -> str:
    """How to name a clock that is always ``east`` seconds ahead of UTC, where IANA names it."""
    if east % 3600 or not -12 * 3600 <= east <= 14 * 3600:
        return ""
    return " Etc/UTC" if east == 0 else f" Etc/GMT{'-' if east > 0 else '+'}{abs(east) // 3600}"


class _Cumulation:
    """Register = floor(sum × share + ½), a reading its difference: in int64, with what is left over carried on."""

    def __init__(self, share: Fraction) -> None:
        assert gcd(share.numerator, share.denominator) == 1
        self._times, self._per = 2 * share.numerator, 2 * share.denominator
        self._left = share.denominator  # the half of a mWh that rounds

    def energies(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """The readings that ``values`` make, in mWh, going on from those before."""
        largest = max(int(values.max()), -int(values.min()), 1)
        together = (_MOST - self._per) // (self._times * largest)
        parts = []
        for first in range(0, len(values), together):
            totals = np.cumsum(values[first : first + together])
            totals *= self._times
            totals += self._left
            shown = totals // self._per
            self._left = int(totals[-1] - shown[-1] * self._per)
            parts.append(np.diff(shown, prepend=0))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)
