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
        times: int64, epoch seconds of UTC; in file order but for repeated hours, whose two runs follow one
            another here. Nothing else is put in order, nothing is left out.
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


def timed(rows: Iterable[Rows], clock: WallClock | None, origin: str) -> Iterator[TimedRows]:
    """Place rows in UTC; ``clock`` None means that their stamps are UTC already.

    The k-th appearance of a stamp that the clock shows twice is its k-th run, decided within an unbroken run of
    such rows; they are held back until it ends. A third appearance goes right behind the one of the two whose
    value it repeats, the second otherwise.

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
        turns = np.where(clock.ambiguous(block.stamps), clock.turn_of(block.stamps), NEVER)
        cuts = [0, *(np.flatnonzero(np.diff(turns)) + 1).tolist(), len(block)]
        for first, end in pairwise(cuts):
            part = Rows(block.stamps[first:end], block.values[first:end], block.numbers[first:end])
            turn = int(turns[first])
            if held and turn != held_turn:
                yield _both_runs(held, clock)
                held, held_rows = [], 0
            if turn == NEVER:
                times, exists = clock.to_utc(part.stamps, np.zeros(len(part), np.int8))
                yield _placed(part, times, exists)
                continue
            held_turn, held_rows = turn, held_rows + len(part)
            held.append(part)
            if held_rows > MOST_REPEATED:
                raise DataError(
                    f"{origin}, row {part.numbers[-1]}: more than {MOST_REPEATED} rows in the one hour that the clock "
                    f"of {clock.timezone} showed twice; remove the repeats."
                )
    if held and clock is not None:
        yield _both_runs(held, clock)


def _placed(rows: Rows, times: NDArray[np.int64], exists: NDArray[np.bool_]) -> TimedRows:
    return TimedRows(times, exists, rows.stamps, rows.values, rows.numbers)


def _both_runs(held: list[Rows], clock: WallClock) -> TimedRows:
    stamps = np.concatenate([part.stamps for part in held])
    values = np.concatenate([part.values for part in held])
    numbers = np.concatenate([part.numbers for part in held])
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
