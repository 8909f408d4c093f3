"""Release rule 4, complementary suppression: what bills and demand of one billing window show together.

The nodes are the released sums of the window, bills on one side and demand windows on the other. An edge joins a bill
and a demand window that have readings in common. Readings that are in only one released sum *ground* that sum, through
their meter: they are an unknown that no other sum removes. A coalition of meters knows its own readings, so it removes
its own bills, and all that it grounds. It then learns exactly its own total over the demand windows of each connected
part that is left without ground. (Off the coalition, a combination of sums must cancel: its coefficients are α for
demand and −α for bills along every edge, so they are constant on a connected part, and 0 where there is ground.)

So no coalition of fewer than k meters learns anything when, within each connected part, the demand windows and the
ground, if the part has any, are joined by k paths that share no meter (Menger 1927). This is an equivalence: demand
windows and the ground are never removed. Most pairs follow from counting common meters; a maximum flow settles the
rest (Ford and Fulkerson 1956, meters of capacity 1).

Source: complementary suppression of cells of statistical tables (Cox 1980), exact for the table of bills and demand.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.model.cells import IN_DEMAND, Cell
from smarter.releasing.table import Table

_UNLIMITED = 1 << 30


@dataclass(frozen=True)
class Exposure:
    """What a coalition learns from the released sums of one billing window.

    Attributes:
        meters: the coalition's rows, ascending: a household and those who tell it their own readings.
        windows: columns, ascending. The coalition's total over these demand windows shows.
    """

    meters: tuple[int, ...]
    windows: tuple[int, ...]


@dataclass(frozen=True)
class Suppression:
    """What has to stay closed beside what the other rules refuse.

    Attributes:
        withheld: whether the billing window's last demand window is withheld.
        held: rows of the meters whose bills are held, ascending.
    """

    withheld: bool = False
    held: tuple[int, ...] = ()


def suppress(table: Table, last: int | None, min_meters: int) -> Suppression:
    """Decide what to suppress so that no coalition learns anything.

    The last demand window is withheld first. Then bills are held one at a time, and the check is repeated, until it
    passes. With all bills held it passes: each demand window is then a sum of ``min_meters`` unknowns, by rule 1.

    Args:
        table: with every sum released that the other rules pass.
        last: column of the billing window's last demand window; None when that was decided before.
        min_meters: k, as in rule 1.
    """
    parts = _exposed_parts(table, min_meters)
    if not parts:
        return Suppression()
    withheld = last is not None and bool(table.demand[last])
    if last is not None and withheld:
        table = table.without_demand(last)
        parts = _exposed_parts(table, min_meters)
    held: list[int] = []
    while parts and (row := parts[0].bill_to_hold()) is not None:
        held.append(row)
        table = table.without_bill(row)
        parts = _exposed_parts(table, min_meters)
    return Suppression(withheld, tuple(sorted(held)))


def is_exposed(table: Table, min_meters: int) -> bool:
    """Whether some coalition of fewer than ``min_meters`` meters learns more than its own released bills."""
    return bool(_exposed_parts(table, min_meters))


def exposures(table: Table, min_meters: int) -> list[Exposure]:
    """A smallest coalition for everything that one of fewer than ``min_meters`` meters learns; empty: none does."""
    found = [exposure for part in _exposed_parts(table, min_meters) for exposure in part.exposures(min_meters)]
    return list(dict.fromkeys(found))


def _exposed_parts(table: Table, min_meters: int) -> list[_Part]:
    whole = table.bills.all() and table.demand.all() and not table.open_ended
    if whole and len(table.bills) >= min_meters and (table.cells == Cell.BOTH).all():
        return []  # as nearly always: nothing is missing, and every two windows have all meters in common
    return [part for part in _parts(table) if not part.is_safe(min_meters)]


def _parts(table: Table) -> Iterator[_Part]:
    """The connected parts of the released sums that hold a demand window."""
    released = np.flatnonzero(table.demand & (table.cells & IN_DEMAND).any(axis=0))
    if not len(released):
        return
    both = (table.cells & Cell.BOTH).astype(np.bool_)
    beside = (table.cells[:, released] & Cell.DEMAND_ONLY).astype(np.bool_)
    edges = both[:, released] & table.bills[:, None]
    unbilled = both[:, released] & ~table.bills[:, None]
    alone = (table.cells & Cell.BILL_ONLY).any(axis=1)
    grounded = table.bills & (alone | both[:, ~table.demand].any(axis=1))
    for columns in _connected(edges):
        joined, own = edges[:, columns], beside[:, columns]
        billed = joined.any(axis=1, keepdims=True)
        exits = billed & (grounded[:, None] | (own & joined).any(axis=1, keepdims=True))
        grounds = unbilled[:, columns] | (own & ~billed) | (joined & exits)
        # Readings in demand beside a bill that joins other windows of the part only ground it, and are no path here:
        # one removal takes both away. To count none is on the safe side.
        has_ground = bool(table.open_ended or grounds.any() or own.any())
        yield _Part(released[columns], joined, grounds, exits[:, 0], has_ground)


def _connected(edges: NDArray[np.bool_]) -> Iterator[NDArray[np.int64]]:
    """The columns of each connected part; ``edges``: meters × columns."""
    left = np.ones(edges.shape[1], np.bool_)
    while left.any():
        reached = np.zeros_like(left)
        reached[int(left.argmax())] = True
        while True:
            wider = reached | edges[edges[:, reached].any(axis=1)].any(axis=0)
            if (wider == reached).all():
                break
            reached = wider
        left &= ~reached
        yield np.flatnonzero(reached)


@dataclass(frozen=True, eq=False)
class _Part:
    """A connected part of the released sums.

    Attributes:
        windows: columns of the table.
        edges: whether a meter's released bill joins a window, shape meters × windows.
        grounds: whether a window comes to the ground by way of a meter alone, shape meters × windows.
        exits: whether a meter's bill, which joins windows of the part, comes to the ground.
        has_ground: whether anything in the part is grounded.
    """

    windows: NDArray[np.int64]
    edges: NDArray[np.bool_]
    grounds: NDArray[np.bool_]
    exits: NDArray[np.bool_]
    has_ground: bool

    def is_safe(self, k: int) -> bool:
        """Whether no coalition of fewer than ``k`` meters learns anything from this part."""
        return next(self._weak(k), None) is None

    def exposures(self, k: int) -> Iterator[Exposure]:
        """What smallest coalitions of fewer than ``k`` meters learn from this part."""
        for window, end in self._weak(k):
            yield self._exposure(window, end)
            if end is not None:
                yield self._exposure(end, window)

    def bill_to_hold(self) -> int | None:
        """The bill that joins most windows, rather one without ground of its own; None: no bill joins any."""
        rows = np.flatnonzero(self.edges.any(axis=1))
        if not len(rows):
            return None
        joined = self.edges[rows].sum(axis=1)
        return int(rows[np.lexsort((rows, -joined, self.exits[rows]))[0]])

    def _weak(self, k: int) -> Iterator[tuple[int, int | None]]:
        """Windows with fewer than ``k`` paths to the ground (None), or in a part without any to its first window."""
        classes = self._surely_joined(k)
        rest = classes[1:]
        end = None if self.has_ground else classes[0][0]
        for windows in rest:
            if len(self._cut(windows[0], end, k)) < k:
                yield windows[0], end

    def _surely_joined(self, k: int) -> list[list[int]]:
        """Places of windows joined by ``k`` paths of one meter each, or by one such step after another.

        The first class is that of the ground (it may be empty), or without ground that of the first window.
        """
        counts = self.edges.astype(np.int64)
        near = counts.T @ counts >= k
        left = np.ones(len(self.windows), np.bool_)
        seed = self.grounds.sum(axis=0) >= k if self.has_ground else np.arange(len(left)) == 0
        classes: list[list[int]] = []
        while not classes or left.any():
            reached = seed
            while (wider := reached | near[reached].any(axis=0)).sum() > reached.sum():
                reached = wider
            classes.append(np.flatnonzero(reached & left).tolist())
            left &= ~reached
            seed = np.arange(len(left)) == int(left.argmax())
        return classes

    def _exposure(self, window: int, end: int | None) -> Exposure:
        """What the smallest coalition between a window and an end learns."""
        coalition = sorted(self._cut(window, end, len(self.edges) + 1))
        edges = self.edges.copy()
        edges[coalition] = False
        part = next(columns for columns in _connected(edges) if window in columns)
        return Exposure(tuple(coalition), tuple(self.windows[part].tolist()))

    def _cut(self, window: int, end: int | None, enough: int) -> set[int]:
        """A smallest set of meters whose removal parts a window from an end; any ``enough`` meters if there is none.

        The flow from the window grows by one path at a time. When none is left, the meters that can be entered and not
        be left are the cut.
        """
        room: dict[Hashable, dict[Hashable, int]] = {}

        def lay(source: Hashable, target: Hashable, capacity: int) -> None:
            room.setdefault(source, {})[target] = capacity
            room.setdefault(target, {}).setdefault(source, 0)

        target: Hashable = "ground" if end is None else end
        lay(window, target, 0)
        for row in np.flatnonzero((self.edges | self.grounds).any(axis=1)).tolist():
            lay(("into", row), ("out of", row), 1)
            for place in np.flatnonzero(self.edges[row] | self.grounds[row]).tolist():
                lay(place, ("into", row), _UNLIMITED)
            for place in np.flatnonzero(self.edges[row]).tolist():
                lay(("out of", row), place, _UNLIMITED)
            if end is None and self.grounds[row].any():
                lay(("out of", row), "ground", _UNLIMITED)
        for _ in range(enough):
            came_from = _search(room, window, target)
            if target not in came_from:
                return {
                    row
                    for row in range(len(self.edges))
                    if ("into", row) in came_from and ("out of", row) not in came_from
                }
            node: Hashable = target
            while node != window:
                before = came_from[node]
                room[before][node] -= 1
                room[node][before] += 1
                node = before
        return set(range(enough))


def _search(room: dict[Hashable, dict[Hashable, int]], source: Hashable, target: Hashable) -> dict[Hashable, Hashable]:
    """From where each node is reached first, breadth first, over arcs with room left."""
    came_from: dict[Hashable, Hashable] = {source: source}
    waiting = deque([source])
    while waiting and target not in came_from:
        node = waiting.popleft()
        for neighbour, capacity in room[node].items():
            if capacity > 0 and neighbour not in came_from:
                came_from[neighbour] = node
                waiting.append(neighbour)
    return came_from
