"""The slow and certain way to find what released sums show: exact rank, over every coalition of meters.

Release rule 4 is tested against it. Each run of readings that is in the same sums is an unknown; each released sum is a
row over these. A coalition knows its own unknowns. It learns as many independent totals of its own as there are
combinations of rows in which all other unknowns cancel. Its own released bills are such combinations that all know of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from smarter.model.cells import Cell
from smarter.releasing.table import Table

PRIME = (1 << 31) - 1
"""Of the field in which ranks are taken; products of two residues fit int64."""
SMALL = 800
"""Entries of a matrix that is eliminated without numpy."""


def rank(matrix: NDArray[np.int64] | Sequence[Sequence[int]]) -> int:
    """The rank of a matrix modulo :data:`PRIME`, by Gauss's elimination."""
    rows = np.asarray(matrix, np.int64)
    if rows.size < SMALL:
        return _rank_of_lists(rows.tolist())
    left, found = rows % PRIME, 0
    for column in range(left.shape[1]):
        pivots = np.flatnonzero(left[found:, column])
        if not len(pivots):
            continue
        left[[found, found + pivots[0]]] = left[[found + pivots[0], found]]
        left[found] = left[found] * pow(int(left[found, column]), -1, PRIME) % PRIME
        left[found + 1 :] = (left[found + 1 :] - left[found + 1 :, column, None] * left[found]) % PRIME
        found += 1
        if found == len(left):
            break
    return found


def _rank_of_lists(rows: list[list[int]]) -> int:
    """The same for a matrix so small that numpy's calls would take most of the time."""
    found = 0
    while rows:
        row = rows.pop()
        place = next((place for place, value in enumerate(row) if value % PRIME), None)
        if place is None:
            continue
        found += 1
        inverse = pow(row[place], -1, PRIME)
        for other in rows:
            if factor := other[place] * inverse % PRIME:
                for at, value in enumerate(row):
                    if value:
                        other[at] = (other[at] - factor * value) % PRIME
    return found


def rank_of_bits(rows: list[int]) -> int:
    """The rank of a matrix of zeros and ones modulo 2, each row as the bits of a number.

    Of released sums it is the rank over the rationals, too. Each unknown is in at most one bill and one demand window,
    so the matrix is the incidence matrix of a bipartite graph, and totally unimodular: no minor is 2.
    """
    found = 0
    left = list(rows)
    while left:
        row = left.pop()
        if row:
            found += 1
            lowest = row & -row
            left = [other ^ row if other & lowest else other for other in left]
    return found


class Knowledge:
    """What the released sums of one billing window are made of."""

    def __init__(self, table: Table) -> None:
        flags = (Cell.BOTH, Cell.BILL_ONLY, Cell.DEMAND_ONLY)
        meters, windows = table.cells.shape
        unknowns = [
            (meter, window, flag)
            for meter in range(meters)
            for window in range(windows)
            for flag in flags
            if table.cells[meter, window] & flag
        ]
        self.owners = np.array([meter for meter, _, _ in unknowns], np.int64)
        self.windows = np.array([window for _, window, _ in unknowns], np.int64)
        billed = np.array([flag != Cell.DEMAND_ONLY for _, _, flag in unknowns], np.bool_)
        counted = np.array([flag != Cell.BILL_ONLY for _, _, flag in unknowns], np.bool_)
        bills = [meter for meter in np.flatnonzero(table.bills) if (billed & (self.owners == meter)).any()]
        demand = [window for window in np.flatnonzero(table.demand) if (counted & (self.windows == window)).any()]
        rows = [billed & (self.owners == meter) for meter in bills]
        rows += [counted & (self.windows == window) for window in demand]
        self.bits = [sum(1 << place for place in np.flatnonzero(row).tolist()) for row in rows]
        self._bits_of: dict[int, int] = {}
        for place, owner in enumerate(self.owners.tolist()):
            self._bits_of[owner] = self._bits_of.get(owner, 0) | 1 << place
        self.bills = bills
        self.rows = np.array(rows, np.int64).reshape(len(rows), len(unknowns))
        self.demand_part = counted

    def gain(self, coalition: tuple[int, ...], whole: int | None = None) -> int:
        """How many independent totals of its own a coalition learns beyond its released bills.

        ``whole``: the rank of all rows, where it is known.
        """
        outside = sum(bits for owner, bits in self._bits_of.items() if owner not in coalition)
        learnt = (rank_of_bits(self.bits) if whole is None else whole) - rank_of_bits(
            [row & outside for row in self.bits]
        )
        return learnt - sum(meter in coalition for meter in self.bills)

    def shows(self, coalition: tuple[int, ...], windows: tuple[int, ...]) -> bool:
        """Whether a coalition's total over demand windows follows from the released sums and its own readings."""
        total = np.isin(self.owners, coalition) & np.isin(self.windows, windows) & self.demand_part
        return rank(np.vstack([self.rows, total])) == rank(self.rows)


def learns(table: Table, min_meters: int) -> bool:
    """Whether some coalition of fewer than ``min_meters`` meters learns something."""
    return next(_learning(table, min_meters), None) is not None


def gains(table: Table, min_meters: int) -> list[tuple[int, ...]]:
    """The coalitions of fewer than ``min_meters`` meters that learn something, smallest first."""
    return list(_learning(table, min_meters))


def _learning(table: Table, min_meters: int) -> Iterator[tuple[int, ...]]:
    known = Knowledge(table)
    if not len(known.rows):
        return
    whole = rank_of_bits(known.bits)
    for size in range(1, min_meters):
        for coalition in combinations(range(len(table.bills)), size):
            if known.gain(coalition, whole) > 0:
                yield coalition
