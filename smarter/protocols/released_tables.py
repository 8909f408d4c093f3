"""The table of every billing window of a ledger.

A table says which readings are in which released sums.

It is a pure function of ledger rows, plans and rosters, and holds one billing window of each neighbourhood at a time.
The audit of releases and erasure judge these tables by rule 4 (``releasing.suppression``).

A bill's row says in which sums the readings of its meter are. A row of demand says which meters are in it, refused
windows included. Readings in demand that no bill's row has are in no bill. This is so for a meter without a bill, and
for demand windows that were decided after the bills of their time, behind an earlier end of the span.

Rows from earlier versions are releases alone, and their bills have no cells. A meter with such a bill is in both sums
of each demand window that names it. Where a window does not, its readings may have been in a refused sum or in none.
Then the table is open-ended, and what is found is an upper bound.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smarter.model.cells import Cell
from smarter.model.messages import Status
from smarter.model.messages.frame import PSEUDONYM_BYTES
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.releasing.table import Table, borne_out
from smarter.state import KeptMeter, LedgerRow

_MOST_SETS = 4_096
"""Sets of meters that are kept decoded: the same ones come again and again."""


@dataclass(frozen=True, eq=False)
class ReleasedWindow:
    """One billing window of a neighbourhood as a ledger has it.

    Attributes:
        neighbourhood: its id.
        start: epoch seconds.
        end: epoch seconds, not part of it.
        edges: starts of its demand windows, and the end of the last, epoch seconds.
        as_released: the table with everything that was ever released, erased since or not.
        as_left: the table with what can still be read; the same one where nothing was erased.
    """

    neighbourhood: str
    start: int
    end: int
    edges: NDArray[np.int64]
    as_released: Table
    as_left: Table

    @property
    def is_exact(self) -> bool:
        """Whether the rows describe it fully; else exposures are an upper bound."""
        return not self.as_released.open_ended


def released_windows(
    rows: Iterable[LedgerRow], plans: Sequence[NeighbourhoodPlan], roster: Mapping[str, Sequence[KeptMeter]]
) -> Iterator[ReleasedWindow]:
    """Every billing window that has a row, in order of time in a neighbourhood.

    Each comes as soon as a row of a later one is read.

    Args:
        rows: of a ledger, in order of time.
        plans: the neighbourhoods.
        roster: the meters of each, in the order of the tables' rows.
    """
    gathered = {plan.name: _Gathered(plan, roster[plan.name]) for plan in plans}
    homes = {kept.pseudonym.hex(): name for name, kepts in roster.items() for kept in kepts}
    for row in rows:
        here = gathered[row.holder if row.kind == "demand" else homes[row.holder]]
        window = here.window_of(row)
        if window is None:
            continue  # demand from before the first bill: it is beside none
        if window != here.window and (done := here.take()) is not None:
            yield done
        here.add(window, row)
    for here in gathered.values():
        if (done := here.take()) is not None:
            yield done


class _Gathered:
    """The rows of the billing window of a neighbourhood that is being read."""

    def __init__(self, plan: NeighbourhoodPlan, kepts: Sequence[KeptMeter]) -> None:
        self._plan = plan
        self._bill_edges: list[int] = plan.billing.edges.tolist()
        self._columns = plan.demand.starts.searchsorted(plan.billing.edges).tolist()
        self._rows = {kept.pseudonym: row for row, kept in enumerate(kepts)}
        self._sets: dict[bytes, NDArray[np.bool_]] = {}
        self.window: int | None = None
        self._bills: list[LedgerRow] = []
        self._demand: list[LedgerRow] = []

    def window_of(self, row: LedgerRow) -> int | None:
        """The billing window in which a row's begins; None: it begins in none."""
        window = bisect_right(self._bill_edges, row.start) - 1
        return window if 0 <= window < len(self._bill_edges) - 1 else None

    def add(self, window: int, row: LedgerRow) -> None:
        """Take a row in, of the billing window that is being read or of the next."""
        self.window = window
        (self._demand if row.kind == "demand" else self._bills).append(row)

    def take(self) -> ReleasedWindow | None:
        """The billing window that has been read, if there is one; from now on the next is."""
        if self.window is None:
            return None
        columns = range(self._columns[self.window], self._columns[self.window + 1])
        meters = len(self._rows)
        cells, old = np.zeros((meters, len(columns)), np.uint8), np.zeros(meters, np.bool_)
        bills, bills_left = np.zeros(meters, np.bool_), np.zeros(meters, np.bool_)
        for row in self._bills:
            meter = self._rows[bytes.fromhex(row.holder)]
            if row.cells is None:
                old[meter] = True
            else:
                cells[meter, : len(row.cells)] = np.frombuffer(row.cells, np.uint8)
            bills[meter] = _is_release(row)
            bills_left[meter] = bills[meter] and not row.erased
        members = np.zeros((meters, len(columns)), np.bool_)
        demand, demand_left, later = (np.zeros(len(columns), np.bool_) for _ in range(3))
        for row in self._demand:
            column = int(self._plan.demand.starts.searchsorted(row.start)) - columns.start
            members[:, column] = self._members(row.members)
            demand[column] = _is_release(row)
            demand_left[column] = demand[column] and not row.erased
            later[column] = row.status is not None
        # Demand with a status beside a bill without one was decided by a later run, behind that bill's end.
        beside = old[:, None] & ~later
        cells[beside & members] = Cell.BOTH
        open_ended = bool((beside & bills[:, None] & ~members).any())
        table = Table(borne_out(cells, members), bills, demand, open_ended)
        edges = self._plan.demand.edges[columns.start : columns.stop + 1]
        start, end = self._bill_edges[self.window : self.window + 2]
        is_whole = (bills_left == bills).all() and (demand_left == demand).all()
        left = table if is_whole else replace(table, bills=bills_left, demand=demand_left)
        self.window, self._bills, self._demand = None, [], []
        return ReleasedWindow(self._plan.name, start, end, edges, table, left)

    def _members(self, joined: bytes) -> NDArray[np.bool_]:
        known = self._sets.get(joined)
        if known is None:
            if len(self._sets) >= _MOST_SETS:
                self._sets.clear()
            known = self._sets[joined] = np.zeros(len(self._rows), np.bool_)
            for place in range(0, len(joined), PSEUDONYM_BYTES):
                known[self._rows[joined[place : place + PSEUDONYM_BYTES]]] = True
        return known


def _is_release(row: LedgerRow) -> bool:
    return row.status is None or Status(row.status).released
