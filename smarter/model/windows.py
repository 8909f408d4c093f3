"""Slot axes in UTC and windows cut by the local wall clock, safe over clock changes.

The scenario cuts its demand and billing windows here; the PES, the releaser and the MDMS go by them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from smarter.errors import ScenarioError
from smarter.model.clock import DAY, WallClock, zone

WindowKind = Literal["demand", "billing"]
"""Whether windows are a neighbourhood's or a household's."""

LARGEST_CHANGE = 7 * 3600
"""The most seconds that a zone's clocks were put back at once since 1970 (Antarctica/Vostok in 1994)."""

_DAYS_BEFORE_1970 = 719_162  # from 0001-01-01, a Monday


@dataclass(frozen=True)
class Axis:
    """Slots in UTC: slot k covers [phase + k·interval, phase + (k+1)·interval), epoch seconds."""

    interval: int
    phase: int = 0

    @overload
    def slot_at(self, epoch: int) -> int: ...
    @overload
    def slot_at(self, epoch: NDArray[np.int64]) -> NDArray[np.int64]: ...
    def slot_at(self, epoch: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
        """The slot in which an instant lies."""
        return (epoch - self.phase) // self.interval

    @overload
    def start_of(self, slot: int) -> int: ...
    @overload
    def start_of(self, slot: NDArray[np.int64]) -> NDArray[np.int64]: ...
    def start_of(self, slot: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
        """The instant at which a slot starts."""
        return slot * self.interval + self.phase

    @overload
    def first_slot_from(self, epoch: int) -> int: ...
    @overload
    def first_slot_from(self, epoch: NDArray[np.int64]) -> NDArray[np.int64]: ...
    def first_slot_from(self, epoch: int | NDArray[np.int64]) -> int | NDArray[np.int64]:
        """The first slot that starts at an instant or after it."""
        return -((self.phase - epoch) // self.interval)


@dataclass(frozen=True, eq=False)
class WindowGrid:
    """Windows side by side: window i is [edges[i], edges[i+1]).

    Attributes:
        timezone: IANA name of the clock that cut it.
        length: nominal seconds of a window.
        edges: int64, epoch seconds of UTC, strictly ascending, one more than there are windows.
        least: seconds under which a window was joined with a neighbour; 0 for a grid as it was cut.
    """

    timezone: str
    length: int
    edges: NDArray[np.int64]
    least: int = 0

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def starts(self) -> NDArray[np.int64]:
        """Start of each window."""
        return self.edges[:-1]

    @property
    def ends(self) -> NDArray[np.int64]:
        """End of each window, not part of it."""
        return self.edges[1:]

    @property
    def spans(self) -> NDArray[np.int64]:
        """Real seconds of each window."""
        return np.diff(self.edges)

    @property
    def longest(self) -> int:
        """The most seconds that a window of such a grid can last, whatever its span."""
        return longest_length(self.length, self.least)

    def window_of(self, epochs: NDArray[np.int64]) -> NDArray[np.int64]:
        """The window in which each instant lies; -1 outside. A slot belongs to the window that it starts in."""
        index = np.searchsorted(self.edges, epochs, "right") - 1
        return np.where(index < len(self), index, -1).astype(np.int64)

    def slots(self, axis: Axis) -> NDArray[np.int64]:
        """The edges as slots: window i has slots [slots[i], slots[i+1])."""
        return axis.first_slot_from(self.edges)

    def expected(self, axis: Axis) -> NDArray[np.int64]:
        """How many readings each window has when none is missing."""
        return np.diff(self.slots(axis))


def cut(timezone: str, length: int, start: int, end: int) -> WindowGrid:
    """The smallest grid of windows of ``length`` nominal seconds that covers [start, end).

    Edges do not depend on the span. Below a day they are the instants at which the local clock shows a multiple
    of ``length`` since midnight. Where the clock skips a multiple, the change itself takes its place; where it shows
    one twice, the second time is an edge, too, if the clock was put back by at least ``length``: so an hour's
    grid has 25 windows that day, and a 3 h grid has one of 4 h. Windows of N days start at local midnights (the
    first, where there are two), counted so that weeks start on Monday.

    Raises:
        ScenarioError: the span is empty, the zone unknown, or the length neither divides a day nor is whole days.
    """
    if end <= start:
        raise ScenarioError(
            f"the span from {iso(start, timezone)} to {iso(end, timezone)} is empty; let it end after its start."
        )
    check_length(length)
    clock = WallClock(timezone)
    period = max(length, DAY)
    origin = -(_DAYS_BEFORE_1970 * DAY % period)
    first, last = (int(value) for value in clock.local(np.array([start, end], np.int64)))
    low = origin + ((first - origin) // period - 2) * period
    high = origin + ((last - origin) // period + 3) * period
    multiples = np.arange(low, high, length, dtype=np.int64)
    fold = np.zeros(len(multiples), np.int8)
    edges, exists = clock.to_utc(multiples, fold)
    again, _ = clock.to_utc(multiples, fold + np.int8(1))
    if not exists.all():
        edges = np.where(exists, edges, clock.turn_of(multiples))
    edges = np.unique(np.concatenate([edges, again[exists & (again - edges >= length)]]))
    from_, to = np.searchsorted(edges, start, "right") - 1, np.searchsorted(edges, end, "left")
    return WindowGrid(timezone, length, edges[from_ : to + 1].copy())


def months(timezone: str, start: int, end: int) -> NDArray[np.int64]:
    """The edges, epoch seconds, of the calendar months that cover [start, end), by the local clock."""
    clock = zone(timezone)
    first = datetime.fromtimestamp(start, clock)
    year, month = first.year, first.month
    edges: list[int] = []
    while not edges or edges[-1] < end:
        edges.append(int(datetime(year, month, 1, tzinfo=clock).timestamp()))
        year, month = year + month // 12, month % 12 + 1
    return np.array(edges, np.int64)


def check_length(length: int, reading_interval: int = 1) -> None:
    """Refuse a window length that cannot be cut, or that readings of ``reading_interval`` seconds do not fill.

    Raises:
        ScenarioError: it names the nearest lengths that work.
    """
    if length > DAY and length % DAY:
        whole = length // DAY * DAY
        raise ScenarioError(
            f"a window of {spell(length)} is over a day but not whole days; use {spell(whole)} or {spell(whole + DAY)}."
        )
    if length <= 0 or (length <= DAY and DAY % length) or length % reading_interval:
        step = reading_interval
        working = [n for n in range(step, DAY + 1, step) if DAY % n == 0]
        working += [DAY * days for days in range(2, 32) if DAY * days % step == 0]
        below = [n for n in working if n < length][-1:]
        near = below + [n for n in working if n > length][:1]
        way_out = f"use {' or '.join(map(spell, near))}." if near else "use another reading interval."
        if length > 0 and length % reading_interval:
            raise ScenarioError(
                f"a window of {spell(length)} is no multiple of the readings' {spell(reading_interval)}; {way_out}"
            )
        raise ScenarioError(f"a window of {spell(length)} does not divide a day; {way_out}")


def longest_length(length: int, least: int = 0) -> int:
    """The most seconds that a window of nominal ``length`` can last over any clock change (for bounds).

    A clock that is put back lengthens one window, and at most doubles it: beyond that there is an edge inside.
    ``least`` is that of :func:`~smarter.model.joining.join_short`. A joined window lasts less than ``length + least``:
    one part is under ``least``, the other at most ``length``.
    """
    return length + min(length, max(LARGEST_CHANGE, least))


def iso(epoch: int, timezone: str) -> str:
    """ISO 8601 with offset, to the second."""
    return datetime.fromtimestamp(epoch, zone(timezone)).isoformat(timespec="seconds")


def spell(seconds: int) -> str:
    """A length of time as scenarios write it: ``90s``, ``15min``, ``3h``, ``7d``."""
    for unit, size in (("d", DAY), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
