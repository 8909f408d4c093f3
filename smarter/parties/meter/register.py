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

from smarter.api import DataError, Rows, ScenarioError
from smarter.model.clock import DAY, WallClock
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis, spell
from smarter.parties.meter.stamps import TimedRows, amount_text, stamp_text, timed

_MOST = 1 << 62  # sums stay below this, so that no int64 wraps
_MOST_SHOWN = 1 << 61  # of a register, so that no difference wraps


class Register:
    """Reads one meter over one span.

    Args:
        name: what the readings are to carry as their meter.
        origin: where the rows come from, for errors.
        quantity, clock, stamp_at: as the source's meter states them.
        timezone: of the wall clock, for ``clock="local"``.
        axis: the slots.
        start, end: the span [start, end) in epoch seconds; rows outside it are not checked.
        rating_kw: the most that the meter can carry in either direction.

    Attributes:
        rows: rows taken so far.
        outside: those of them that start outside the span.
        nonexistent: those whose stamp the clock never showed; refused.
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
        quantity: Literal["power", "energy", "register"],
        clock: Literal["local", "utc"],
        timezone: str,
        stamp_at: Literal["start", "end"],
        axis: Axis,
        start: int,
        end: int,
        rating_kw: Fraction | int = 100,
    ) -> None:
        self.name, self.origin, self.quantity, self.axis = name, origin, quantity, axis
        self.rating_kw = Fraction(rating_kw)
        self._clock = WallClock(timezone) if clock == "local" else None
        self._shift = axis.interval if stamp_at == "end" and quantity != "register" else 0
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
        self.rows = self.outside = self.nonexistent = self.repeated = 0
        self._last: tuple[int, int, int] | None = None  # time, value and number of the row before

    @property
    def stamps_wanted(self) -> tuple[int, int]:
        """``after`` and ``before`` for the source, with a day to spare: all of a repeated hour decides its folds."""
        ends = np.array([self._start, self._end + self._shift], np.int64)
        if self._clock is None:
            return int(ends[0]), int(ends[1])
        after, before = self._clock.local(ends)
        return int(after) - DAY, int(before) + DAY

    def readings(self, rows: Iterable[Rows]) -> Iterator[ReadingBlock]:
        """Yield the readings in order; a gap begins a new block. Each call begins anew.

        Blocks depend on how the rows come, readings do not.

        Raises:
            DataError: with file and row: a stamp that runs back, a repeated stamp with another value, a row off
                the slot grid, an energy beyond the rating.
        """
        self._clear()
        cumulation = _Cumulation(self._share)
        shown: tuple[NDArray[np.int64], ...] = (np.empty(0, np.int64), np.empty(0, np.int64))
        for block in timed(self._near(rows), self._clock, self.origin):
            checked = self._checked(self._inside(block))
            if not len(checked):
                continue
            slots = self.axis.slot_at(checked.times - self._shift)
            if self.quantity == "register":
                slots, values = np.append(shown[0], slots), np.append(shown[1], checked.values)
                shown = slots[-1:], values[-1:]
                whole = np.diff(slots) == 1
                self._check_differences(checked, np.where(whole, np.diff(values), 0))
                slots, energies = slots[:-1][whole], np.diff((values + 500) // 1000)[whole]
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
        real = inside.take(inside.exists)
        self.nonexistent += len(inside) - len(real)
        return real

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
        return block.take(~repeat)

    def _check_differences(self, block: TimedRows, differences: NDArray[np.int64]) -> None:
        strong = (differences > self._most) | (differences < -self._most)
        if strong.any():
            place = int(np.argmax(strong))
            row = place + len(block) - len(differences)  # the row at the end of the interval
            self._refuse_strong(block, row, int(differences[place]))

    def _where(self, block: TimedRows, row: int) -> str:
        return f"{self.origin}, row {block.numbers[row]}: "

    def _shown_at(self, time: int) -> str:
        at = np.array([time], np.int64)
        return stamp_text(int((at if self._clock is None else self._clock.local(at))[0]))

    def _refuse_back(self, block: TimedRows, row: int, before: tuple[int, int, int]) -> NoReturn:
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} runs back behind "
            f"{self._shown_at(before[0])} of row {before[2]}; sort the rows by time."
        )

    def _refuse_repeat(self, block: TimedRows, row: int, before: tuple[int, int, int]) -> NoReturn:
        unit = "kW" if self.quantity == "power" else "kWh"
        raise DataError(
            f"{self._where(block, row)}stamp {stamp_text(int(block.stamps[row]))} repeats row {before[2]} with "
            f"{amount_text(int(block.values[row]), unit)} instead of {amount_text(before[1], unit)}; "
            "remove the wrong one."
        )

    def _refuse_off_grid(self, block: TimedRows, row: int) -> NoReturn:
        near = np.diff(block.times[row : row + 4])
        near = near if (near > 0).any() else np.diff(block.times[max(row - 3, 0) : row + 1])
        steps = near[near > 0]
        other = spell(int(steps.min())) if len(steps) else spell(self.axis.interval)
        hint = (
            "remove it, or choose a span in which rows keep to one grid."
            if other == spell(self.axis.interval)
            else f"rows around it are {other} apart: set windows.reading to that, or choose a span of one interval."
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
