"""``--verify``: recompute every released number from the plaintext, and fail on a difference of one mWh.

It is the simulation's check on the whole way of a reading: no party could do it. It takes the meters' readings
as registered and adds them up per window, with no packing and no cryptography; readings that a declared fault loses
are left out, and those that their household lets nobody use. A window that the release rules pass must have been
released, and no other. One that was erased is passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from smarter.api import SourceMeter
from smarter.errors import VerificationFailed
from smarter.model.control import heed
from smarter.model.messages import Status
from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.readings import ReadingBlock
from smarter.model.results import ERASED, WindowRow
from smarter.model.windows import WindowGrid, WindowKind, iso
from smarter.parties.meter.step import in_step
from smarter.protocols.consent import timelines
from smarter.protocols.intake import Intake
from smarter.protocols.network import Network, PlannedFault
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.releasing.rules import ReleaseRules, refuse_billing, refuse_demand

Arriving = tuple[ReadingBlock, int | None]
"""Readings that reach the PES, and the slot from which they are there when that is later than their own."""


def verify_report(session: Session, report: Report) -> Iterator[tuple[int, int]]:
    """Compare every row of ``report`` with the plaintext, meter by meter.

    Yields:
        How many of how many meters have been recomputed.

    Raises:
        VerificationFailed: the first row that differs, with both values.
    """
    faults = session.faults()
    grace = session.scenario.grace
    done, total = 0, sum(plan.size for plan in session.plans)
    rules = ReleaseRules(session.scenario.release.min_meters, session.scenario.release.min_billing_window)
    noted = timelines(session)
    for plan in session.plans:
        demand, demand_counts = _zeros(plan.demand), np.zeros((plan.size, len(plan.demand)), np.int64)
        cuts = [int(plan.axis.first_slot_from(end)) for end in session.cuts[plan.name]]
        due = plan.demand.expected(plan.axis) * plan.size
        nominal = plan.billing.length
        # A state from before short windows were joined was released by nominal lengths alone.
        spans = plan.billing.spans.tolist() if plan.billing.least else [nominal] * len(plan.billing)
        rows = {kept.source: (row, kept.pseudonym) for row, kept in enumerate(session.roster[plan.name])}
        holds = list(plan.holds(None))
        for together in in_step(plan.meters):
            homes = [_Home(plan, meter, *rows[meter.name], faults, noted) for meter in together]
            for number, (first, end) in enumerate(holds):
                if not number or len(homes) * number // len(holds) != len(homes) * (number - 1) // len(holds):
                    yield done + len(homes) * number // len(holds), total
                for home in homes:
                    heed()
                    blocks = home.network.lose(home.row, home.intake.take(first, end))
                    arriving = [
                        a
                        for b in blocks
                        for a in _arriving(plan, session.scenario.frame, grace, home.faults, cuts, home.turns, b)
                    ]
                    _add(plan, plan.billing, home.used(arriving, "billing"), home.totals, home.counts, cuts)
                    _add(plan, plan.demand, home.used(arriving, "demand"), demand, demand_counts[home.row], cuts)
            for home in homes:
                due -= home.absent(cuts)
                refused = [
                    refuse_billing(rules, count, plan.axis.interval, nominal, span) is not None
                    for count, span in zip(home.counts.tolist(), spans, strict=True)
                ]
                billed = report.household(home.pseudonym.hex(), plan.name)
                expected = plan.billing.expected(plan.axis)
                _compare(billed, home.totals, home.counts, expected, refused, plan.timezone)
            done += len(homes)
        refused = [
            refuse_demand(rules, demand_counts[:, window], slots) is not None
            for window, slots in enumerate(plan.demand.expected(plan.axis).tolist())
        ]
        _compare(report.demand(plan.name), demand, demand_counts.sum(axis=0), due, refused, plan.timezone)
    yield done, total


class _Home:
    """A household whose readings are being added up."""

    def __init__(
        self,
        plan: NeighbourhoodPlan,
        meter: SourceMeter,
        row: int,
        pseudonym: bytes,
        faults: Sequence[PlannedFault],
        noted: Mapping[bytes, Sequence[tuple[int, Purposes]]],
    ) -> None:
        self._plan = plan
        self._spans = [(plan.first_slot, PURPOSES), *noted.get(pseudonym, ())]
        self.row, self.pseudonym = row, pseudonym
        self.turns = [*plan.periods, *(since for since, _ in self._spans)]
        self.intake = Intake(plan, meter)
        self.faults = [fault for fault in faults if (fault.neighbourhood, fault.meter) == (plan.name, row)]
        self.network = Network(self.faults)
        self.totals, self.counts = _zeros(plan.billing), _zeros(plan.billing)

    def used(self, arriving: Sequence[Arriving], kind: WindowKind) -> list[Arriving]:
        """Those readings that may join sums of a kind."""
        if len(self._spans) == 1:
            return list(arriving)
        return [
            (part, arrival)
            for block, arrival in arriving
            for low, high, purposes in self._parts()
            if kind in purposes and len(part := block.within(low, high))
        ]

    def absent(self, cuts: Sequence[int]) -> NDArray[np.int64]:
        """How many readings are not due in each window of demand, since the household is in none."""
        counts = _zeros(self._plan.demand)
        for low, high, purposes in self._parts():
            if "demand" not in purposes:
                nothing = ReadingBlock("", low, np.zeros(high - low, np.int64))
                _add(self._plan, self._plan.demand, [(nothing, None)], _zeros(self._plan.demand), counts, cuts)
        return counts

    def _parts(self) -> Iterator[tuple[int, int, Purposes]]:
        ends = [since for since, _ in self._spans[1:]] + [self._plan.end_slot]
        for (since, purposes), until in zip(self._spans, ends, strict=True):
            if since < min(until, self._plan.end_slot):
                yield since, min(until, self._plan.end_slot), purposes


def _zeros(grid: WindowGrid) -> NDArray[np.int64]:
    return np.zeros(len(grid), np.int64)


def _arriving(
    plan: NeighbourhoodPlan,
    frame: int,
    grace: int,
    faults: Sequence[PlannedFault],
    cuts: Sequence[int],
    turns: Sequence[int],
    block: ReadingBlock,
) -> list[Arriving]:
    """What of a block reaches the PES, and the slot from which it is there when that is later.

    A frame that is altered, or delayed beyond the grace, does not.
    """
    parts: list[Arriving] = []
    start = block.first_slot
    while start < block.end_slot:
        # An earlier end of the span had cut the frame short, and no frame reaches into the next key epoch.
        on_grid = plan.first_slot + ((start - plan.first_slot) // frame + 1) * frame
        end = min(on_grid, block.end_slot, *(cut for cut in (*cuts, *turns) if cut > start))
        part = block.within(start, end)
        concerned = [fault for fault in faults if start <= fault.slot < end]
        late = [_arrival(plan, fault, cuts) for fault in concerned if fault.kind == "delay"]
        arrival = min(late, default=None)
        in_time = arrival is None or (arrival < plan.end_slot and start >= arrival - -(-grace // plan.axis.interval))
        if in_time and not any(fault.kind == "tamper" for fault in concerned):
            parts.append((part, arrival))
        start = end
    return parts


def _arrival(plan: NeighbourhoodPlan, fault: PlannedFault, cuts: Sequence[int]) -> int:
    """The first slot of the hold with which a delayed frame reaches the PES; holds begin anew at an earlier end."""
    if fault.until >= plan.end_slot:
        return plan.end_slot
    on_grid = plan.first_slot + (fault.until - plan.first_slot) // plan.hold * plan.hold
    return max([on_grid, *(cut for cut in cuts if cut <= fault.until)])


def _add(
    plan: NeighbourhoodPlan,
    grid: WindowGrid,
    blocks: Sequence[Arriving],
    totals: NDArray[np.int64],
    counts: NDArray[np.int64],
    cuts: Sequence[int],
) -> None:
    """Add readings to their windows; what came after a window was cut off by an earlier end is in no release."""
    edges = grid.slots(plan.axis)
    for block, arrival in blocks:
        slots = np.arange(block.first_slot, block.end_slot)
        windows = grid.window_of(plan.axis.start_of(slots))
        there = slots if arrival is None else np.maximum(slots, arrival)
        counted = np.ones(len(slots), np.bool_)
        for end in cuts:
            counted &= ~((edges[windows] < end) & (there >= end))
        np.add.at(totals, windows[counted], block.energies[counted])
        np.add.at(counts, windows[counted], 1)


def _compare(
    rows: Iterable[WindowRow],
    totals: NDArray[np.int64],
    counts: NDArray[np.int64],
    expected: NDArray[np.int64],
    refused: Sequence[bool],
    timezone: str,
) -> None:
    for window, row in enumerate(rows):
        if row.status == ERASED:
            continue  # how many there are is among the result's warnings
        total, count, due = int(totals[window]), int(counts[window]), int(expected[window])
        status = Status.COMPLETE if count == due else Status.INCOMPLETE
        if not count or refused[window]:
            status = Status.REFUSED if count else Status.MISSING
        energy = total if status in (Status.COMPLETE, Status.INCOMPLETE) else None
        if (row.readings, row.expected, row.energy, row.status) != (count, due, energy, status.word):
            raise VerificationFailed(
                f"verification failed: {row.kind} of {row.holder} from {iso(row.start, timezone)} is {row.status} "
                f"with {row.energy} mWh from {row.readings} of {row.expected} readings, and should be {status.word}: "
                f"the plaintext has {total} mWh from {count} of {due}; please report this with the scenario."
            )
