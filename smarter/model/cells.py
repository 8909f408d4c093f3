"""Cells: in which sums the readings of one meter within one demand window were added up.

The PES notes them, its messages carry them, the ledger keeps them, and rule 4 (``releasing``) judges by them.
"""

from __future__ import annotations

from enum import IntFlag


class Cell(IntFlag):
    """Flags of a cell: its readings need not all be in the same sums. 0 says that there are none."""

    BOTH = 1
    """Some are in the meter's bill and in the demand."""
    BILL_ONLY = 2
    """Some are in the bill and in no demand, as of a customer who opted out of statistics."""
    DEMAND_ONLY = 4
    """Some are in the demand and in no bill, as after a bill that an earlier end of the span had closed."""


IN_DEMAND = Cell.BOTH | Cell.DEMAND_ONLY
IN_BILL = Cell.BOTH | Cell.BILL_ONLY
ALL_FLAGS = Cell.BOTH | Cell.BILL_ONLY | Cell.DEMAND_ONLY
