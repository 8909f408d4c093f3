"""Following readings hop by hop: what exists of each at each party, and who can read that with which key.

Only a simulation can do this, since it plays all parties; what it looks at is counted as its own view. ``run`` asks it
after each hold and release, ``smarter follow`` and the app show what it says; ``way`` goes one reading's way, and
``hops`` has the words.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from smarter.api import Record, SourceMeter
from smarter.errors import UsageError
from smarter.model.clock import WallClock
from smarter.model.events import Hop, Traced
from smarter.model.readings import ReadingBlock
from smarter.model.views import acting
from smarter.model.windows import iso
from smarter.parties.pes import Layout
from smarter.parties.releaser import Decision, Release
from smarter.protocols.own_minutes import OwnMinutes, seal_keys
from smarter.protocols.pes import Carried, PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.provision import Keyring
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.protocols.way import Followed, Way


@dataclass(frozen=True)
class Trace:
    """Which reading to follow: a source's meter name, and a moment in epoch seconds.

    Attributes:
        beside: so many readings before and after it are followed along, as far as there are any.
    """

    neighbourhood: str
    meter: str
    moment: int
    beside: int = 0


class Trail:
    """Makes the hops of readings as their holds are carried and their windows are released."""

    def __init__(self, trace: Trace, session: Session) -> None:
        plans = {plan.name: plan for plan in session.plans}
        self._plan = plan = plans[trace.neighbourhood]
        self._session = session
        rows = [row for row, kept in enumerate(session.roster[plan.name]) if kept.source == trace.meter]
        if not rows:
            names = ", ".join(meter.name for meter in plan.meters)
            raise UsageError(f"neighbourhood {plan.name} has no meter {trace.meter}; it has {names}.")
        self._asked = slot = int(plan.axis.slot_at(trace.moment))
        if not plan.first_slot <= slot < plan.end_slot:
            span = f"{iso(plan.start, plan.timezone)} to {iso(plan.end, plan.timezone)}"
            raise UsageError(f"{iso(trace.moment, plan.timezone)} is not in the span of {span}.")
        self._meter = Followed(
            plan,
            rows[0],
            session.roster[plan.name][rows[0]],
            session.scenario.pes.combine,
            session.cryptography.scheme,
        )
        first, last = max(plan.first_slot, slot - trace.beside), min(plan.end_slot - 1, slot + trace.beside)
        self._ways = [Way(self._meter, slot) for slot in range(first, last + 1)]
        self._own: OwnMinutes | None = None

    def of_hold(
        self,
        plan: NeighbourhoodPlan,
        readings: Sequence[Sequence[ReadingBlock]],
        carried: Carried,
        parties: PesDeployment,
        first: int,
        end: int,
    ) -> Iterator[Traced]:
        """The hops within a hold that holds readings which are followed; in others it counts what joins their sums."""
        if plan is not self._plan:
            return
        layouts: dict[str, Layout] = {layout.kind: layout for layout in parties.pes.layouts(plan.name)}
        self._meter.note(carried)
        for way in self._ways:
            if first <= way.slot < end:
                parties.views["simulation"].readings += 1
                yield from self._begin(way, readings[self._meter.row])
            for hop in way.of_hold(carried, parties, layouts, first, end):
                yield Traced(hop, way.start)

    def _begin(self, way: Way, blocks: Sequence[ReadingBlock]) -> Iterator[Traced]:
        plan, source = self._plan, self._meter.kept.source
        block = next((block for block in blocks if block.first_slot <= way.slot < block.end_slot), None)
        meter = next(meter for meter in plan.meters if meter.name == source)
        row = _row_of(meter, plan, way.slot) if block is not None else None
        if block is not None and row is not None:
            yield from (Traced(hop, way.start) for hop in way.begin(block, meter, *row))
        elif way.slot == self._asked:
            stamp = iso(way.start, plan.timezone)
            raise UsageError(f"meter {source} has no reading at {stamp}; choose another minute.")

    def of_release(
        self, decision: Decision, release: Release, records: Sequence[Record], parties: PesDeployment
    ) -> Iterator[Traced]:
        """The hops of a release that holds a window of theirs."""
        delivered = [parties.mdms.data.open(record) for record in records]
        for way in self._ways:
            yield from (Traced(hop, way.start) for hop in way.of_release(decision, release, records, delivered))

    def open_kept(self, keyring: Keyring, parties: PesDeployment) -> None:
        """Open what the meter keeps for its customer as they would, with the seal key: the days of these readings."""
        journal, pseudonym = self._session.journal, self._meter.kept.pseudonym
        cipher = self._session.scenario.crypto.seal.create()
        keys = seal_keys(keyring, pseudonym, self._session.deployment, cipher)
        slots = [way.slot for way in self._ways if way.begun]
        with acting(parties.views["simulation"]):
            self._own = OwnMinutes.read(journal.frames(pseudonym), keys, self._plan, slots)

    def of_report(self, report: Report) -> Iterator[Traced]:
        """The line of the bill that a reading's window is on, and the reading in the customer's own chart."""
        bills: list[tuple[int, Hop]] = []
        if any(way.billed for way in self._ways):
            pseudonym = self._meter.kept.pseudonym.hex()
            rows = list(report.household(pseudonym, self._plan.name))
            priced = report.bills(pseudonym, self._plan.timezone, rows)
            bills = [(way.start, hop) for way in self._ways for hop in way.of_bills(priced, rows)]
        yield from (Traced(hop, start) for start, hop in bills)
        for way in self._ways:
            if self._own is not None and way.begun and (own := self._own.around(way.slot)) is not None:
                yield Traced(own, way.start)


def _row_of(meter: SourceMeter, plan: NeighbourhoodPlan, slot: int) -> tuple[int, int] | None:
    """The row of a reading in its source: its number, and its value in µW or µWh; None if it is not found again."""
    stamp = int(plan.axis.start_of(slot)) + (plan.axis.interval if meter.stamp_at == "end" else 0)
    if meter.clock == "local":
        stamp = int(WallClock(meter.timezone or plan.timezone).local(np.array([stamp]))[0])
    for rows in meter.rows(after=stamp, before=stamp + 1):
        found = np.flatnonzero(rows.stamps == stamp)
        if len(found):
            return int(rows.numbers[found[0]]), int(rows.values[found[0]])
    return None
