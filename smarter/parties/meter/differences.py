"""What a cumulative register counted from row to row, by the rules for values that fall.

The register of a run and the survey both take their differences from here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smarter.api import RegisterRules


class Counted(NamedTuple):
    """Energies from the row before to each row of a block, µWh; columns of one length.

    Attributes:
        steps: int64; 0 where ``known`` is False.
        known: whether the energy is known. It is not for the first row of all, nor over a fall that is a reset.
        falls: rows that show less than the row before.
        refused: those of them that the rules do not settle.
    """

    steps: NDArray[np.int64]
    known: NDArray[np.bool_]
    falls: NDArray[np.bool_]
    refused: NDArray[np.bool_]


class Differences:
    """Takes the rows of one register in order, block by block.

    Attributes:
        last: the latest value taken; None before the first.
    """

    def __init__(self, rules: RegisterRules) -> None:
        self._rules = rules
        self.last: int | None = None
        self._before_fall: int | None = None  # the value before a reset after which nothing was counted yet

    def take(self, values: NDArray[np.int64]) -> Counted:
        """Count on with at least one row."""
        known = np.ones(len(values), np.bool_)
        known[0] = self.last is not None
        before = int(values[0]) if self.last is None else self.last
        self.last = int(values[-1])
        steps = np.diff(values, prepend=before)
        falls = steps < 0
        refused = np.zeros(len(values), np.bool_)
        if self._rules.falls == "rollover" and self._rules.rolls_at is not None:
            steps[falls] += self._rules.rolls_at
        elif self._rules.falls in ("reset", "refuse"):
            known &= ~falls
            self._leave_out_returns(values, before, steps, falls, known)
            refused = falls if self._rules.falls == "refuse" else refused
        return Counted(np.where(known, steps, 0), known, falls, refused)

    def _leave_out_returns(
        self,
        values: NDArray[np.int64],
        before: int,
        steps: NDArray[np.int64],
        falls: NDArray[np.bool_],
        known: NDArray[np.bool_],
    ) -> None:
        """Mark as unknown a first rise after a fall that leads back to where the register was: one row was wrong."""
        rises = np.flatnonzero(steps > 0)
        if self._before_fall is not None and len(rises):
            known[rises[0]] &= values[rises[0]] < self._before_fall
            self._before_fall = None
        places = np.flatnonzero(falls)
        if not len(places):
            return
        shown = np.append(before, values[:-1])[places]
        following = np.searchsorted(rises, places)
        inside = following < len(rises)
        back = rises[following[inside]]
        known[back[values[back] >= shown[inside]]] = False
        if not inside[-1]:
            self._before_fall = int(shown[-1])
