"""The way of one reading: its hops as its hold is carried, as its windows are released, as it is billed.

``trail`` makes one of each reading that is followed; they share what they have in common, the meter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from smarter.api import Record, Scheme, SourceMeter
from smarter.model.bills import Bill
from smarter.model.events import Hop
from smarter.model.readings import ReadingBlock
from smarter.model.results import WindowRow
from smarter.model.windows import iso
from smarter.parties.pes import Layout
from smarter.parties.releaser import Decision, Release
from smarter.protocols import hops
from smarter.protocols.network import SentFrame
from smarter.protocols.pes import Carried, PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.state import KeptMeter

Place = tuple[int, int]
"""When a bundle closes, and which of its ciphertexts."""


@dataclass(frozen=True)
class Followed:
    """The meter whose readings are followed.

    Attributes:
        plan: its neighbourhood's.
        row: its place in the neighbourhood.
        kept: who it is.
        combine: ``frame`` or ``none``, as the PES does.
        scheme: of the sums.
        sent: its frames so far, by their bytes.
        added: how many ciphertexts have joined each sum of its neighbourhood, by kind and place.
    """

    plan: NeighbourhoodPlan
    row: int
    kept: KeptMeter
    combine: str
    scheme: Scheme
    sent: dict[bytes, SentFrame] = field(default_factory=dict)
    added: Counter[tuple[str, Place]] = field(default_factory=Counter)

    def note(self, carried: Carried) -> None:
        """Count what a hold of its neighbourhood has led to."""
        for packed in carried.absorbed.packed:
            if packed.place[2] < 0:
                self.added[packed.kind, packed.place[:2]] += len(packed.addends)
        self.sent.update({sent.data: sent for sent in carried.sealed if sent.meter == self.row})


class Way:
    """One reading's."""

    def __init__(self, meter: Followed, slot: int) -> None:
        self._meter = meter
        self.slot = slot
        self.start = int(meter.plan.axis.start_of(slot))
        self._block: ReadingBlock | None = None
        self._arrived = False
        self._joined: dict[str, Place] = {}

    @property
    def begun(self) -> bool:
        """Whether there is a reading."""
        return self._block is not None

    @property
    def billed(self) -> bool:
        """Whether it has joined a sum that is billed."""
        return "billing" in self._joined

    def begin(self, block: ReadingBlock, meter: SourceMeter, number: int, value: int) -> Iterator[Hop]:
        """The hops before it is sealed; ``value`` of the row in µW or µWh."""
        self._block = block
        yield hops.row(meter, number, value, iso(self.start, self._meter.plan.timezone))
        energy = int(block.energies[self.slot - block.first_slot])
        yield hops.reading(energy, self.slot, self._meter.plan.axis)

    def of_hold(
        self, carried: Carried, parties: PesDeployment, layouts: Mapping[str, Layout], first: int, end: int
    ) -> Iterator[Hop]:
        """The hops of a hold, which is that of the reading, or one in which it arrives late."""
        if self._block is None or self._arrived:
            return
        own = first <= self.slot < end
        frame = next((f for f in self._meter.sent.values() if 0 <= self.slot - f.first_slot < f.count), None)
        if own:
            lost = "none: the scenario's faults lose the reading; no sum has it"
            yield hops.frame(frame.data, self.slot) if frame else hops.refused("frame", lost)
        if frame is None or frame.data not in carried.relayed:
            if own and frame:
                left = any(sent.data == frame.data for sent in carried.sent)
                why = "not passed on in its hold: altered or late on its way"
                yield hops.refused("relayed", why if left else "its meter sends nothing: its customer has not agreed")
            return
        self._arrived = True
        yield hops.relayed(frame.data)
        yield hops.opened(carried.absorbed.seconds, carried.absorbed.readings - 1)
        for kind in ("billing", "demand"):
            yield from self._encrypted(layouts[kind], self._block, carried, parties)

    def _encrypted(
        self, layout: Layout, block: ReadingBlock, carried: Carried, parties: PesDeployment
    ) -> Iterator[Hop]:
        window = int(layout.window_of(np.array([self.slot]))[0])
        low, high = int(layout.edges[window]), int(layout.edges[window + 1])
        sent = self._meter.sent
        arrived = sorted({sent[data].first_slot: sent[data] for data in carried.relayed if data in sent}.items())
        share = [(start, start + f.count) for start, f in arrived if start < high and start + f.count > low]
        if self._meter.combine == "none":
            ordinal = sum(min(stop, self.slot) - max(start, low) for start, stop in share if start < self.slot)
            value, what = int(block.energies[self.slot - block.first_slot]), "the reading itself"
        else:
            ordinal = sum(stop <= self.slot for _, stop in share)
            start, stop = next(pair for pair in share if pair[0] <= self.slot < pair[1])
            start, stop = max(start, low), min(stop, high)
            value = int(block.energies[start - block.first_slot : stop - block.first_slot].sum())
            what = "this frame's share"
        lane, lanes = self._lane(layout, window)
        yield hops.lane(layout.kind, lane, lanes, layout.plan.capacity, value, what, self._span(layout, window))
        addend = ordinal * layout.meters + self._meter.row if layout.kind == "demand" else ordinal
        place = self._place(layout)
        for packed in carried.absorbed.packed:
            mine = packed.place[:2] == place and packed.place[2:] in ((-1, -1), (window, self._meter.row))
            if packed.kind == layout.kind and mine and addend in packed.addends:
                one = packed.ciphertexts[packed.addends.index(addend)]
                blob = self._meter.scheme.dump(parties.aggregate_key, one)[0]
                self._joined[layout.kind] = place
                yield hops.ciphertext(layout.kind, one, blob)
                return
        yield hops.refused(f"{layout.kind} ciphertext", "none: its window is bound to be refused, or is closed")

    def _lane(self, layout: Layout, window: int) -> tuple[int, int]:
        bundle = layout.bundle(int(layout.closes[window]))
        lane = layout.lane(bundle, np.array([window]), np.array([self._meter.row]))
        return int(lane[0]), layout.lanes(bundle)

    def _place(self, layout: Layout) -> Place:
        window = int(layout.window_of(np.array([self.slot]))[0])
        return int(layout.closes[window]), self._lane(layout, window)[0] // layout.plan.capacity

    def _span(self, layout: Layout, window: int) -> str:
        zone = ZoneInfo(self._meter.plan.timezone)
        start, end = (datetime.fromtimestamp(int(edge), zone) for edge in layout.grid.edges[window : window + 2])
        return f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}"

    def of_release(
        self, decision: Decision, release: Release, records: Sequence[Record], delivered: Sequence[bytes]
    ) -> Iterator[Hop]:
        """The hops of a release that holds the reading's window; ``delivered``: each record as it came to the MDMS."""
        if not self._arrived:
            return
        asked = decision.aggregate
        holder = self._meter.kept.pseudonym.hex() if asked.kind == "billing" else self._meter.plan.name
        for verdict, record, body in zip(release.verdicts, records, delivered, strict=True):
            if verdict.holder != holder or not verdict.start <= self.start < verdict.end:
                continue
            if asked.kind in self._joined:
                blob = asked.ciphertexts[verdict.lane // asked.capacity]
                yield hops.total(asked.kind, self._meter.added[asked.kind, self._joined[asked.kind]], blob)
            if not verdict.passes:
                yield hops.refused(f"{asked.kind} released", verdict.reason, {"reason": verdict.reason})
            elif asked.kind in self._joined:
                yield hops.released(verdict, release.energies[verdict.lane])
                yield hops.record(asked.kind, record, body)

    def of_bills(self, bills: Sequence[Bill], rows: Sequence[WindowRow]) -> Iterator[Hop]:
        """The line of the bill that the reading's window is on; ``rows``: the household's windows."""
        if not self.billed:
            return
        for bill in bills:
            priced = [row for row in rows if bill.start <= row.start < bill.end and row.energy is not None]
            window = next((place for place, row in enumerate(priced) if row.start <= self.start < row.end), None)
            for line in bill.lines:
                if window in line.windows:
                    yield hops.billed(bill, line, priced[window].energy or 0)
