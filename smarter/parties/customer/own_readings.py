"""One customer's readings in the clear, columnar: what they opened, and what stayed sealed to them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smarter.model.readings import ReadingBlock
from smarter.model.results import WindowRow
from smarter.model.windows import Axis


@dataclass(frozen=True, eq=False, repr=False)
class OwnReadings:
    """Readings of one meter, by slot.

    Attributes:
        axis: the slots.
        timezone: IANA name of the meter's clock.
        slots: int64, ascending, each once.
        energies: int64 mWh, one a slot.
        sealed: runs of slots (first, end) whose frames are from before this customer: the meter keeps them sealed.
        damaged: how many frames did not verify.
        meter: the pseudonym in hexadecimal.
    """

    axis: Axis
    timezone: str
    slots: NDArray[np.int64]
    energies: NDArray[np.int64]
    sealed: tuple[tuple[int, int], ...]
    damaged: int
    meter: str

    def __len__(self) -> int:
        return len(self.slots)

    @property
    def span(self) -> tuple[int, int]:
        """Epoch seconds from the first reading to the end of the last; only where there is one."""
        return int(self.axis.start_of(self.slots[0])), int(self.axis.start_of(self.slots[-1] + 1))

    def within(self, start: int, end: int) -> OwnReadings:
        """Those whose slots start in [start, end), epoch seconds."""
        first, last = np.searchsorted(self.slots, self.axis.first_slot_from(np.array([start, end], np.int64)))
        return replace(self, slots=self.slots[first:last], energies=self.energies[first:last])

    def joined(self, later: OwnReadings) -> OwnReadings:
        """With readings of the same meter that were opened later; of a slot that both have, the first stays."""
        slots, first = np.unique(np.concatenate([self.slots, later.slots]), return_index=True)
        return replace(
            self,
            slots=slots,
            energies=np.concatenate([self.energies, later.energies])[first],
            sealed=(*self.sealed, *later.sealed),
            damaged=self.damaged + later.damaged,
        )

    def blocks(self) -> list[ReadingBlock]:
        """As runs without a gap, in order of time."""
        starts = np.flatnonzero(np.diff(self.slots, prepend=self.slots[:1] - 2) != 1)
        runs = zip(starts, [*starts[1:], len(self)], strict=True)
        return [ReadingBlock(self.meter, int(self.slots[a]), self.energies[a:b]) for a, b in runs]

    def windows(self, edges: NDArray[np.int64]) -> list[WindowRow]:
        """Energy over windows [edges[i], edges[i+1]), epoch seconds; ``missing`` where there is no reading."""
        bounds = self.axis.first_slot_from(edges)
        places = np.searchsorted(self.slots, bounds)
        sums = np.concatenate([[0], np.cumsum(self.energies)])[places]
        rows = []
        for index, (readings, energy, expected) in enumerate(
            zip(np.diff(places).tolist(), np.diff(sums).tolist(), np.diff(bounds).tolist(), strict=True)
        ):
            whole = "complete" if readings == expected else "incomplete"
            rows.append(
                WindowRow(
                    kind="billing",
                    holder=self.meter,
                    start=int(edges[index]),
                    end=int(edges[index + 1]),
                    meters=1 if 2 * readings >= expected else 0,
                    readings=readings,
                    expected=expected,
                    energy=energy if readings else None,
                    status=whole if readings else "missing",
                    reason="",
                )
            )
        return rows
