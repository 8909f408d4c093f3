"""The meters' side of the sources: rows become readings on the slot axis, handed out hold by hold."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from smarter.api import SourceMeter
from smarter.errors import DataError
from smarter.model.readings import ReadingBlock
from smarter.model.windows import iso
from smarter.parties.meter.register import Register
from smarter.protocols.plan import NeighbourhoodPlan


def register_of(plan: NeighbourhoodPlan, meter: SourceMeter, start: int, end: int) -> Register:
    """The register of a meter of a neighbourhood, from ``start`` to ``end`` (epoch seconds, exclusive)."""
    return Register(
        name=meter.name,
        origin=meter.origin,
        quantity=meter.quantity,
        clock=meter.clock,
        timezone=meter.timezone or plan.timezone,
        stamp_at=meter.stamp_at,
        axis=plan.axis,
        start=start,
        end=end,
        rating_kw=Fraction(plan.rating_kw),
        rules=meter.register,
        lengths_checked=meter.lengths_checked,
    )


class Intake:
    """The readings of one meter, streamed in order of time; it keeps no more than a block of rows.

    The register counts from the span's start, so a resumed run reads from there and skips.
    """

    def __init__(self, plan: NeighbourhoodPlan, meter: SourceMeter) -> None:
        self._plan = plan
        self._meter = meter
        self.register = register_of(plan, meter, plan.start, plan.end)
        self._blocks = self._read()
        self._block: ReadingBlock | None = None  # the one that is being taken, with what has been taken
        self._taken = plan.first_slot  # up to this slot

    def _read(self) -> Iterator[ReadingBlock]:
        after, before = self.register.stamps_wanted
        return self.register.readings(self._meter.rows(after=after, before=before))

    def take(self, first: int, end: int) -> list[ReadingBlock]:
        """The readings of slots ``first`` to ``end``; what lies before is skipped for good."""
        taken: list[ReadingBlock] = []
        first, self._taken = max(first, self._taken), end
        while True:
            block = self._block if self._block is not None else next(self._blocks, None)
            if block is None:
                return taken
            end_slot = block.end_slot
            low, high = max(block.first_slot, first), min(end_slot, end)
            if low < high:
                _join(taken, block.within(low, high))
            if end_slot > end:
                self._block = block
                return taken
            self._block = None

    def repeats(self) -> str | None:
        """A warning of rows that repeat a stamp and its value; None where there are none."""
        count = self.register.repeated
        if not count:
            return None
        rows = "1 row repeats" if count == 1 else f"{count:,} rows repeat"
        return (
            f"{self._meter.origin}: {rows} the stamp and value of another of meter {self._meter.name}; each such value "
            "counts once."
        )

    def require_all(self, blocks: list[ReadingBlock], first: int, end: int) -> None:
        """Refuse a gap; raises :class:`DataError` that names the first missing reading."""
        position = first
        for block in blocks:
            if block.first_slot > position:
                break
            position = block.end_slot
        if position < end:
            stamp = iso(int(self._plan.axis.start_of(position)), self._plan.timezone)
            raise DataError(
                f"{self._meter.origin}: meter {self._meter.name} has no reading for {stamp}, "
                "and the scenario says gaps: fail; fill the gap or say gaps: flag."
            )


def _join(blocks: list[ReadingBlock], block: ReadingBlock) -> None:
    """Append a block, as one with the last where it goes on from it: frames must not tell how rows were read."""
    if blocks and blocks[-1].end_slot == block.first_slot:
        last = blocks.pop()
        block = ReadingBlock(last.meter, last.first_slot, np.concatenate([last.energies, block.energies]))
    blocks.append(block)
