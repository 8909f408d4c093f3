"""The table of one billing window: which readings are in which sums, and which of these sums are released.

Rule 4 (``suppression``) and the audit of releases look at nothing else. Rows are meters, columns are demand windows.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smarter.model.cells import IN_BILL, Cell


@dataclass(frozen=True, eq=False)
class Table:
    """One neighbourhood in one billing window.

    Attributes:
        cells: :class:`~smarter.model.cells.Cell` flags, uint8, shape meters × demand windows; they do not depend on
            what is released.
        bills: whether each meter's bill is released.
        demand: whether each demand window is released.
        open_ended: whether readings may have been in refused windows whose members are not known any more.
    """

    cells: NDArray[np.uint8]
    bills: NDArray[np.bool_]
    demand: NDArray[np.bool_]
    open_ended: bool = False

    def without_demand(self, window: int) -> Table:
        """The same, with one demand window not released."""
        demand = self.demand.copy()
        demand[window] = False
        return replace(self, demand=demand)

    def without_bill(self, meter: int) -> Table:
        """The same, with the bill of one meter not released."""
        bills = self.bills.copy()
        bills[meter] = False
        return replace(self, bills=bills)

    def without_meters(self, meters: Iterable[int]) -> Table:
        """The same for those who know all readings of some meters: these are in no sum."""
        cells = self.cells.copy()
        cells[list(meters)] = 0
        return replace(self, cells=cells)


def borne_out(cells: NDArray[np.uint8], members: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Cells that the PES states, as far as decisions on demand bear them out.

    Args:
        cells: as stated with the bills, shape meters × demand windows.
        members: whether a meter is in a demand window by the decision on it, of the same shape.
    """
    billed = (cells & IN_BILL) > 0
    both = members & ((cells & Cell.BOTH) > 0)
    alone = ((cells & Cell.BILL_ONLY) > 0) | (billed & ~members)
    beside = members & (((cells & Cell.DEMAND_ONLY) > 0) | ~billed)
    flags: NDArray[np.uint8] = (both * Cell.BOTH | alone * Cell.BILL_ONLY | beside * Cell.DEMAND_ONLY).astype(np.uint8)
    return flags
