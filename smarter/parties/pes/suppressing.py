"""Rule 4 inside the PES: in which sums each meter's readings are, and what will have to stay closed when a bill closes.

The releaser decides by the same functions. The PES asks them first, so that lanes which will stay closed are empty.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smarter.errors import MalformedMessage
from smarter.model.cells import IN_BILL, Cell
from smarter.model.messages import CellTable
from smarter.model.windows import WindowKind
from smarter.parties.pes.layout import Layout
from smarter.parties.pes.opening import Opened
from smarter.releasing.suppression import Suppression, suppress
from smarter.releasing.table import Table


class Suppressing:
    """The tables of a neighbourhood's open billing windows.

    Args:
        demand: layout of the demand windows.
        billing: layout of the billing windows, of which each holds whole demand windows.
        min_meters: of rule 1.
        refuses: by kind, for each meter whether rules 1 and 2 refuse a window by the counts so far.
    """

    def __init__(
        self,
        demand: Layout,
        billing: Layout,
        min_meters: int,
        refuses: Mapping[WindowKind, Callable[[int], NDArray[np.bool_]]],
    ) -> None:
        self._demand = demand
        self._billing = billing
        self._min_meters = min_meters
        self._refuses = refuses
        self._bill_of = billing.window_of(demand.edges[:-1])
        self._cells: dict[int, NDArray[np.uint8]] = {}
        self._refused: dict[int, bool] = {}
        self._judged: dict[int, Suppression] = {}  # until more comes in

    def note(self, opened: Opened, closed: Mapping[WindowKind, int]) -> None:
        """Note in which sums one hold's readings are; ``closed``: by kind, how many windows have closed before it."""
        there = opened.frames > 0
        slots = np.arange(there.shape[1]) + opened.first_slot
        windows = self._demand.window_of(slots)
        joined = {}
        for layout in (self._demand, self._billing):
            still_open = layout.window_of(slots) >= closed[layout.kind]
            joined[layout.kind] = there & still_open
            if barred := opened.barred.get(layout.kind):
                joined[layout.kind] &= ~np.isin(opened.frames, barred)
        demand, billing = joined["demand"], joined["billing"]
        begins = np.flatnonzero(np.diff(windows, prepend=-2))
        both = np.logical_or.reduceat(demand & billing, begins, axis=1)
        flags = np.where(both, np.uint8(Cell.BOTH), np.uint8(0))
        if (demand != billing).any():
            flags |= np.where(np.logical_or.reduceat(billing & ~demand, begins, axis=1), np.uint8(Cell.BILL_ONLY), 0)
            flags |= np.where(np.logical_or.reduceat(demand & ~billing, begins, axis=1), np.uint8(Cell.DEMAND_ONLY), 0)
        for place, window in enumerate(windows[begins].tolist()):
            bill = int(self._bill_of[window])
            # A bill that an earlier end of the span had closed has no table any more, and its demand needs none.
            if bill >= closed["billing"] and flags[:, place].any():
                self._of(bill)[:, window - self.columns(bill).start] |= flags[:, place]
                self._judged.pop(bill, None)

    def columns(self, bill: int) -> range:
        """The demand windows inside a billing window."""
        first, end = self._bill_of.searchsorted((bill, bill + 1))
        return range(int(first), int(end))

    def is_last(self, window: int) -> bool:
        """Whether a demand window is the last one inside its billing window."""
        return window + 1 == len(self._bill_of) or bool(self._bill_of[window] != self._bill_of[window + 1])

    def bill_of(self, window: int) -> int:
        """The billing window that a demand window is inside of."""
        return int(self._bill_of[window])

    def _of(self, bill: int) -> NDArray[np.uint8]:
        cells = self._cells.get(bill)
        if cells is None:
            cells = self._cells[bill] = np.zeros((self._billing.meters, len(self.columns(bill))), np.uint8)
        return cells

    def judge(self, bill: int) -> Suppression:
        """What will be suppressed if a billing window closes with the readings that there are."""
        if bill not in self._judged:
            self._judged[bill] = self._judge(bill)
        return self._judged[bill]

    def _judge(self, bill: int) -> Suppression:
        cells, columns = self._of(bill), self.columns(bill)
        bills = (cells & IN_BILL).any(axis=1) & ~self._refuses["billing"](bill)
        demand = np.array([not self._is_refused(window) for window in columns], np.bool_)
        return suppress(Table(cells, bills, demand), len(columns) - 1, self._min_meters)

    def _is_refused(self, window: int) -> bool:
        known = self._refused.get(window)
        return bool(self._refuses["demand"](window).any()) if known is None else known

    def close_demand(self, windows: range) -> None:
        """Demand windows are about to close, and their counts to be let go: keep which ones the rules refuse."""
        self._refused |= {window: self._is_refused(window) for window in windows}

    def close_bills(self, bills: range) -> tuple[CellTable, ...]:
        """Let the tables of billing windows go that close: as the releaser is handed them."""
        tables = []
        for bill in bills:
            columns = self.columns(bill)
            tables.append(CellTable(self._demand.grid.starts[columns.start : columns.stop], self._of(bill)))
            del self._cells[bill]
            self._judged.pop(bill, None)
        stop = self.columns(bills.stop - 1).stop if bills else 0
        self._refused = {window: each for window, each in self._refused.items() if window >= stop}
        return tuple(tables)

    def snapshot(self) -> list[Any]:
        """Everything, as plain values for a message."""
        tables = [[bill, cells.tobytes()] for bill, cells in self._cells.items()]
        return [tables, [list(each) for each in self._refused.items()]]

    def restore(self, snapshot: list[Any]) -> None:
        """The reverse of :meth:`snapshot`; raises :class:`MalformedMessage`."""
        try:
            tables, refused = snapshot
            self._cells = {
                int(bill): np.frombuffer(data, np.uint8).reshape(self._billing.meters, len(self.columns(bill))).copy()
                for bill, data in tables
            }
            self._refused = {int(window): bool(each) for window, each in refused}
        except (TypeError, ValueError) as error:
            raise MalformedMessage("the PES's kept tables do not read back.") from error
