"""Following one reading hop by hop: what exists of it at each party, and who can read that with which key.

Only a simulation can do this, since it plays all parties; what it looks at is counted as its own view. ``run`` asks it
after each hold and release, ``smarter follow`` and the app show what it says; ``hops`` has the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

from smarter.api import Record, SourceMeter
from smarter.errors import UsageError
from smarter.model.clock import WallClock
from smarter.model.events import Hop
from smarter.model.readings import ReadingBlock
from smarter.model.windows import iso
from smarter.parties.pes import Layout
from smarter.parties.releaser import Decision, Release
from smarter.protocols import hops
from smarter.protocols.network import SentFrame
from smarter.protocols.pes import Carried, PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session


@dataclass(frozen=True)
class Trace:
    """Which reading to follow: a source's meter name, and a moment in epoch seconds."""

    neighbourhood: str
    meter: str
    moment: int


class Trail:
    """Makes the hops of one reading as its hold is carried and its windows are released."""

    def __init__(self, trace: Trace, session: Session) -> None:
        plans = {plan.name: plan for plan in session.plans}
        self._plan = plans[trace.neighbourhood]
        self._combine = session.scenario.pes.combine
        self._frame = session.scenario.frame
        self._scheme = session.cryptography.scheme
        rows = [row for row, kept in enumerate(session.roster[self._plan.name]) if kept.source == trace.meter]
        if not rows:
            names = ", ".join(meter.name for meter in self._plan.meters)
            raise UsageError(f"neighbourhood {self._plan.name} has no meter {trace.meter}; it has {names}.")
        self._row = rows[0]
        self._kept = session.roster[self._plan.name][self._row]
        self._slot = int(self._plan.axis.slot_at(trace.moment))
        if not self._plan.first_slot <= self._slot < self._plan.end_slot:
            span = f"{iso(self._plan.start, self._plan.timezone)} to {iso(self._plan.end, self._plan.timezone)}"
            raise UsageError(f"{iso(trace.moment, self._plan.timezone)} is not in the span of {span}.")
        self._added = {"demand": 0, "billing": 0}
        self._sent: dict[bytes, SentFrame] = {}
        self._block: ReadingBlock | None = None
        self._arrived = False
        self._joined: set[str] = set()

    @property
    def _pseudonym(self) -> str:
        return self._kept.pseudonym.hex()

    def of_hold(
        self,
        plan: NeighbourhoodPlan,
        readings: Sequence[Sequence[ReadingBlock]],
        carried: Carried,
        parties: PesDeployment,
        first: int,
        end: int,
    ) -> Iterator[Hop]:
        """The hops within the hold that holds the reading; counts in other holds what joins its sums."""
        if plan is not self._plan:
            return
        layouts: dict[str, Layout] = {layout.kind: layout for layout in parties.pes.layouts(plan.name)}
        for packed in carried.absorbed.packed:
            layout = layouts[packed.kind]
            if packed.place[:2] == self._place(layout) and packed.place[2] < 0:
                self._added[packed.kind] += len(packed.addends)
        self._sent |= {sent.data: sent for sent in carried.sent if sent.meter == self._row}
        if first <= self._slot < end:
            yield from self._begin(readings, parties)
        frame = next((f for f in self._sent.values() if 0 <= self._slot - f.first_slot < f.count), None)
        if self._block is None or self._arrived:
            return
        if first <= self._slot < end:
            lost = "none: the scenario's faults lose the reading; no sum has it"
            yield hops.frame(frame.data) if frame else hops.refused("frame", lost)
        if frame is None or frame.data not in carried.relayed:
            if first <= self._slot < end and frame:
                yield hops.refused("relayed", "not passed on in its hold: altered or late on its way")
            return
        self._arrived = True
        yield hops.relayed(frame.data)
        yield hops.opened(carried.absorbed.seconds, carried.absorbed.readings - 1)
        for kind in ("billing", "demand"):
            yield from self._encrypted(layouts[kind], self._block, carried, parties)

    def _begin(self, readings: Sequence[Sequence[ReadingBlock]], parties: PesDeployment) -> Iterator[Hop]:
        parties.views["simulation"].readings += 1
        block = next((b for b in readings[self._row] if b.first_slot <= self._slot < b.end_slot), None)
        if block is None:
            stamp = iso(int(self._plan.axis.start_of(self._slot)), self._plan.timezone)
            raise UsageError(f"meter {self._kept.source} has no reading at {stamp}; choose another minute.")
        self._block = block
        yield from self._at_meter(block)

    def _at_meter(self, block: ReadingBlock) -> Iterator[Hop]:
        meter = next(meter for meter in self._plan.meters if meter.name == self._kept.source)
        stamp = iso(int(self._plan.axis.start_of(self._slot)), self._plan.timezone)
        number, value = _row_of(meter, self._plan, self._slot)
        yield hops.row(meter, number, value, stamp)
        yield hops.reading(int(block.energies[self._slot - block.first_slot]), self._slot)

    def _encrypted(
        self, layout: Layout, block: ReadingBlock, carried: Carried, parties: PesDeployment
    ) -> Iterator[Hop]:
        window = int(layout.window_of(np.array([self._slot]))[0])
        span = self._span(layout, window)
        low = int(layout.edges[window])
        arrived = sorted(
            {self._sent[data].first_slot: self._sent[data] for data in carried.relayed if data in self._sent}.items()
        )
        share = [
            (start, start + f.count)
            for start, f in arrived
            if start < layout.edges[window + 1] and start + f.count > low
        ]
        if self._combine == "none":
            ordinal = sum(min(stop, self._slot) - max(start, low) for start, stop in share if start < self._slot)
            value, what = int(block.energies[self._slot - block.first_slot]), "the reading itself"
        else:
            ordinal = sum(stop <= self._slot for _, stop in share)
            start, stop = next(pair for pair in share if pair[0] <= self._slot < pair[1])
            start, stop = max(start, low), min(stop, int(layout.edges[window + 1]))
            value = int(block.energies[start - block.first_slot : stop - block.first_slot].sum())
            what = "this frame's share"
        lane, lanes = self._lane(layout, window)
        yield hops.lane(layout.kind, lane, lanes, layout.plan.capacity, value, what, span)
        addend = ordinal * layout.meters + self._row if layout.kind == "demand" else ordinal
        place = self._place(layout)
        for packed in carried.absorbed.packed:
            mine = packed.place[:2] == place and packed.place[2:] in ((-1, -1), (window, self._row))
            if packed.kind == layout.kind and mine and addend in packed.addends:
                one = packed.ciphertexts[packed.addends.index(addend)]
                blob = self._scheme.dump(parties.aggregate_key, one)[0]
                self._joined.add(layout.kind)
                yield hops.ciphertext(layout.kind, one, blob)
                return
        yield hops.refused(f"{layout.kind} ciphertext", "none: its window is bound to be refused, or is closed")

    def _lane(self, layout: Layout, window: int) -> tuple[int, int]:
        bundle = layout.bundle(int(layout.closes[window]))
        lane = layout.lane(bundle, np.array([window]), np.array([self._row]))
        return int(lane[0]), layout.lanes(bundle)

    def _place(self, layout: Layout) -> tuple[int, int]:
        window = int(layout.window_of(np.array([self._slot]))[0])
        return int(layout.closes[window]), self._lane(layout, window)[0] // layout.plan.capacity

    def _span(self, layout: Layout, window: int) -> str:
        zone = ZoneInfo(self._plan.timezone)
        start, end = (datetime.fromtimestamp(int(edge), zone) for edge in layout.grid.edges[window : window + 2])
        return f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}"

    def of_release(self, decision: Decision, release: Release, records: Sequence[Record]) -> Iterator[Hop]:
        """The hops of a release that holds the reading's window."""
        if not self._arrived:
            return
        asked, moment = decision.aggregate, int(self._plan.axis.start_of(self._slot))
        holder = self._pseudonym if asked.kind == "billing" else self._plan.name
        for verdict, record in zip(release.verdicts, records, strict=True):
            if verdict.holder != holder or not verdict.start <= moment < verdict.end:
                continue
            if asked.kind in self._joined:
                blob = asked.ciphertexts[verdict.lane // asked.capacity]
                yield hops.total(asked.kind, self._added[asked.kind], blob)
            if not verdict.passes:
                yield hops.refused(f"{asked.kind} released", verdict.reason, {"reason": verdict.reason})
            elif asked.kind in self._joined:
                yield hops.released(verdict, release.energies[verdict.lane])
                yield hops.record(asked.kind, record)

    def of_report(self, report: Report) -> Iterator[Hop]:
        """The line of the bill that the reading's window is on."""
        if "billing" not in self._joined:
            return
        moment = int(self._plan.axis.start_of(self._slot))
        rows = report.household(self._pseudonym, self._plan.name)
        for bill in report.bills(self._pseudonym, self._plan.timezone, rows):
            priced = [row for row in rows if bill.start <= row.start < bill.end and row.energy is not None]
            window = next((place for place, row in enumerate(priced) if row.start <= moment < row.end), None)
            for line in bill.lines:
                if window in line.windows:
                    yield hops.billed(bill, line, priced[window].energy or 0)


def _row_of(meter: SourceMeter, plan: NeighbourhoodPlan, slot: int) -> tuple[int, int]:
    """The row of a reading in its source: its number, and its value in µW or µWh."""
    stamp = int(plan.axis.start_of(slot)) + (plan.axis.interval if meter.stamp_at == "end" else 0)
    if meter.clock == "local":
        stamp = int(WallClock(meter.timezone or plan.timezone).local(np.array([stamp]))[0])
    for rows in meter.rows(after=stamp, before=stamp + 1):
        found = np.flatnonzero(rows.stamps == stamp)
        if len(found):
            return int(rows.numbers[found[0]]), int(rows.values[found[0]])
    raise UsageError(f"{meter.origin}: the row of the reading cannot be found again.")
