"""From stamps as a file writes them to instants in order: repeated hours are told apart here, once.

The register turns the outcome into readings, the survey reports on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, Rows
from smarter.model.clock import NEVER, WallClock

MOST_REPEATED = 1_000_000
"""Rows held back at most, until a repeated hour is over: a row a second for days on end."""


@dataclass(frozen=True, eq=False)
class TimedRows:
    """Rows with the instants of their stamps.

    Attributes:
        times: int64, epoch seconds of UTC of the moment that the stamp names; in file order but for repeated hours,
            whose two runs follow one another here. Nothing else is put in order, nothing is left out.
        exists: False where the clock never showed the stamp.
        stamps, values, numbers: as in :class:`smarter.api.Rows`.
    """

    times: NDArray[np.int64]
    exists: NDArray[np.bool_]
    stamps: NDArray[np.int64]
    values: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.times)

    def take(self, which: NDArray[np.bool_]) -> TimedRows:
        """Those of the rows that ``which`` marks."""
        if which.all():
            return self
        return TimedRows(
            self.times[which], self.exists[which], self.stamps[which], self.values[which], self.numbers[which]
        )


def stamp_text(stamp: int) -> str:
    """A stamp as files write it."""
    return str(np.datetime64(int(stamp), "s")).replace("T", " ")


def amount_text(value: int, unit: str) -> str:
    """A value in µW or µWh as exact kW or kWh."""
    whole, rest = divmod(abs(int(value)), 10**9)
    digits = f"{whole}.{rest:09d}".rstrip("0").rstrip(".")
    return f"{'-' if value < 0 else ''}{digits} {unit}"


def timed(rows: Iterable[Rows], clock: WallClock | None, origin: str, ends: int = 0) -> Iterator[TimedRows]:
    """Place rows in UTC; ``clock`` None means that their stamps are UTC already.

    The k-th appearance of a stamp that the clock shows twice is its k-th run, decided within an unbroken run of
    such rows; they are held back until it ends. A third appearance goes right behind the one of the two whose
    value it repeats, the second otherwise.

    Files write the end of an interval in two ways: as the clock shows it, or as the start plus the interval.
    They differ where a clock changes. In spring the second has a stamp that the clock skips, and lacks the first one
    behind it. In autumn it repeats the stamp behind the hour that is shown twice, and not the first of that hour.
    Each change is looked at for itself. Rows that show neither are taken as the clock shows them.

    Args:
        rows: in file order.
        clock: by which they are stamped.
        origin: of the rows, for errors.
        ends: seconds of an interval, where stamps name ends of intervals; 0 where they do not.

    Raises:
        DataError: more than :data:`MOST_REPEATED` rows in one repeated hour.
    """
    held: list[Rows] = []
    held_turn, held_rows = int(NEVER), 0
    for block in rows:
        if not len(block):
            continue
        if clock is None:
            yield _placed(block, block.stamps, np.ones(len(block), np.bool_))
            continue
        turns = _turns(block.stamps, clock, ends)
        cuts = [0, *(np.flatnonzero(np.diff(turns)) + 1).tolist(), len(block)]
        for first, end in pairwise(cuts):
            part = Rows(block.stamps[first:end], block.values[first:end], block.numbers[first:end])
            turn = int(turns[first])
            if held and turn != held_turn:
                yield from _near_a_change(held, clock, held_turn, ends)
                held, held_rows = [], 0
            if turn == NEVER:
                yield _plain(part, clock)
                continue
            held_turn, held_rows = turn, held_rows + len(part)
            held.append(part)
            if held_rows > MOST_REPEATED:
                raise DataError(
                    f"{origin}, row {part.numbers[-1]}: more than {MOST_REPEATED} rows in the one hour that the clock "
                    f"of {clock.timezone} showed twice; remove the repeats."
                )
    if held and clock is not None:
        yield from _near_a_change(held, clock, held_turn, ends)


def _turns(stamps: NDArray[np.int64], clock: WallClock, ends: int) -> NDArray[np.int64]:
    """The clock change for whose sake each row is held back; :data:`NEVER` for a row that needs no other."""
    if not ends:
        return np.where(clock.ambiguous(stamps), clock.turn_of(stamps), NEVER)
    turns = clock.turn_of(stamps)
    return np.where(turns == NEVER, clock.turn_of(stamps - ends), turns)


def _near_a_change(held: list[Rows], clock: WallClock, turn: int, ends: int) -> Iterator[TimedRows]:
    """Rows around one clock change, those of its repeated hour in order."""
    rows = Rows(
        np.concatenate([part.stamps for part in held]),
        np.concatenate([part.values for part in held]),
        np.concatenate([part.numbers for part in held]),
    )
    if not ends:
        yield _both_runs(rows, clock)
        return
    shift = ends if _ends_are_starts_plus(rows.stamps, clock, turn, ends) else 0
    starts = Rows(rows.stamps - shift, rows.values, rows.numbers)
    twice = clock.ambiguous(starts.stamps)
    for first, end in pairwise([0, *(np.flatnonzero(np.diff(twice)) + 1).tolist(), len(rows)]):
        part = Rows(starts.stamps[first:end], starts.values[first:end], starts.numbers[first:end])
        placed = _both_runs(part, clock) if twice[first] else _plain(part, clock)
        yield TimedRows(placed.times + shift, placed.exists, placed.stamps + shift, placed.values, placed.numbers)


def _ends_are_starts_plus(stamps: NDArray[np.int64], clock: WallClock, turn: int, ends: int) -> bool:
    """Whether the rows around a change write the end of an interval as its start plus the interval."""
    before, after = (int(shown) for shown in clock.local(np.array([turn - 1, turn], np.int64)))
    low, high = min(before + 1, after), max(before + 1, after)
    if ends > high - low:
        return False  # an interval covers all of the change
    first = stamps[(stamps >= low) & (stamps < low + ends)]
    behind = stamps[(stamps >= high) & (stamps < high + ends)]
    if after > before:
        inner = (stamps >= low + ends) & (stamps < high)
        return bool(len(first)) and not len(behind) and not inner.any()
    return len(np.unique(behind)) < len(behind) and len(np.unique(first)) == len(first)


def _plain(rows: Rows, clock: WallClock) -> TimedRows:
    times, exists = clock.to_utc(rows.stamps, np.zeros(len(rows), np.int8))
    return _placed(rows, times, exists)


def _placed(rows: Rows, times: NDArray[np.int64], exists: NDArray[np.bool_]) -> TimedRows:
    return TimedRows(times, exists, rows.stamps, rows.values, rows.numbers)


def _both_runs(rows: Rows, clock: WallClock) -> TimedRows:
    stamps, values, numbers = rows.stamps, rows.values, rows.numbers
    count = len(stamps)
    places = np.arange(count)
    order = np.argsort(stamps, kind="stable")
    new = np.ones(count, np.bool_)
    new[1:] = np.diff(stamps[order]) != 0
    group = np.maximum.accumulate(np.where(new, places, 0))
    appearance = np.empty(count, np.int64)
    appearance[order] = places - group
    first, second = np.empty(count, np.int64), np.empty(count, np.int64)
    first[order] = order[group]
    second[order] = order[np.minimum(group + 1, count - 1)]
    repeats_first = (values == values[first]) & (values != values[second])
    fold = np.where((appearance == 0) | ((appearance > 1) & repeats_first), 0, 1).astype(np.int8)
    twin = np.where(fold == 0, first, second)
    final = np.lexsort((places, twin, fold))
    times, exists = clock.to_utc(stamps, fold)
    return TimedRows(times[final], exists[final], stamps[final], values[final], numbers[final])
