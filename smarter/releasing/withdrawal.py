"""Which demand windows an erasure takes along, by release rule 4.

Demand less all other bills is the erased bill. A demand window that is gone leaves readings in each bill that are in no
released demand, and these ground it (see ``suppression``).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.releasing.suppression import is_exposed
from smarter.releasing.table import Table


@dataclass(frozen=True)
class Withdrawal:
    """What of a billing window's demand has to go.

    Attributes:
        windows: columns, ascending.
        exposed: whether what cannot be withdrawn still shows something.
    """

    windows: tuple[int, ...]
    exposed: bool


def withdraw(table: Table, min_meters: int, possible: NDArray[np.bool_], *, again: bool = False) -> Withdrawal:
    """Withdraw the last released demand window, and those before it while a coalition learns something.

    With all demand gone no coalition does: bills alone share no readings.

    Args:
        table: without what is erased.
        min_meters: k, as in rule 1.
        possible: whether each demand window can be withdrawn.
        again: whether an earlier erasure has withdrawn demand of this billing window: then only what is needed goes.
    """
    withdrawn: list[int] = []
    while (not withdrawn and not again) or is_exposed(table, min_meters):
        left = np.flatnonzero(table.demand & possible)
        if not len(left):
            break
        withdrawn.append(int(left[-1]))
        table = table.without_demand(withdrawn[-1])
    return Withdrawal(tuple(sorted(withdrawn)), is_exposed(table, min_meters))
