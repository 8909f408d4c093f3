"""Readings as they flow between rooms: runs of one meter's energies, columnar.

The meter's register makes them, frames carry them, the PES and the check of a run add them up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MWH_PER_KWH = 1_000_000


@dataclass(frozen=True, eq=False)
class ReadingBlock:
    """A run of consecutive readings of one meter, without a gap inside.

    Attributes:
        meter: whatever name the holder knows it by: the source's name, or a pseudonym.
        first_slot: slot of the first reading.
        energies: int64 mWh, one a slot; negative is export.
    """

    meter: str
    first_slot: int
    energies: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.energies)

    @property
    def end_slot(self) -> int:
        """The slot after the last."""
        return self.first_slot + len(self.energies)

    def within(self, first: int, end: int) -> ReadingBlock:
        """Those of slots ``first`` to ``end``; perhaps none."""
        low, high = max(self.first_slot, first), min(self.end_slot, end)
        return ReadingBlock(self.meter, low, self.energies[low - self.first_slot : max(low, high) - self.first_slot])
