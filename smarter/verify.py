"""``--verify``: recompute every released number from the plaintext, and fail on a difference of one mWh.

It is the simulation's check on the whole way of a reading: no party could do it. It takes the meters' readings
as registered and adds them up per window, with no packing and no cryptography; readings that a declared fault loses
are left out, and those that their household lets nobody use. A window that the release rules pass must have been
released, and no other. One that was erased is passed over.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.api import SourceMeter
from smarter.errors import VerificationFailed
from smarter.model.cells import Cell
from smarter.model.clock import NEVER
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
from smarter.releasing.suppression import suppress
from smarter.releasing.table import Table

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
        cuts = [int(plan.axis.first_slot_from(end)) for end in session.cuts[plan.name]]
        street = _Street(plan)
        due = plan.demand.expected(plan.axis) * plan.size
        erased = {kept.pseudonym: session.journal.erased_slots(kept.pseudonym) for kept in session.roster[plan.name]}
        rows = {kept.source: (row, kept.pseudonym) for row, kept in enumerate(session.roster[plan.name])}
        holds = list(plan.holds(None))
        for together in in_step(plan.meters):
            homes = [_Home(plan, meter, *rows[meter.name], faults, noted, erased) for meter in together]
            for number, (first, end) in enumerate(holds):
                if not number or len(homes) * number // len(holds) != len(homes) * (number - 1) // len(holds):
                    yield done + len(homes) * number // len(holds), total
                for home in homes:
                    heed()
                    blocks = home.network.lose(home.row, home.intake.take(first, end))
                    arriving = [
                        a for b in blocks for a in _arriving(plan, session.scenario.frame, grace, home, cuts, b)
                    ]
                    street.add(home, arriving, first, end, cuts)
            for home in homes:
                due -= home.absent(cuts)
            done += len(homes)
        closed = _Closed.of(street, rules, cuts, session.journal.rule_4_since(plan.name), _lost(session, plan))
        expected = plan.billing.expected(plan.axis)
        for row, kept in enumerate(session.roster[plan.name]):
            billed = report.household(kept.pseudonym.hex(), plan.name)
            figures = street.billed[row], street.bill_counts[row]
            _compare(billed, *figures, expected, closed.bills[row], plan.timezone)
        counts = street.demand_counts.sum(axis=0)
        _compare(report.demand(plan.name), street.demand, counts, due, closed.demand, plan.timezone)
    yield done, total


class _Street:
    """The sums and counts of a neighbourhood as the plaintext has them, and in which sums each reading is.

    Attributes:
        demand: mWh of each demand window; ``demand_counts``: its readings, meters × windows.
        billed: mWh, meters × billing windows; ``bill_counts``: readings, of the same shape.
        cells: flags, meters × demand windows.
    """

    def __init__(self, plan: NeighbourhoodPlan) -> None:
        self.plan = plan
        self.demand = np.zeros(len(plan.demand), np.int64)
        self.demand_counts = np.zeros((plan.size, len(plan.demand)), np.int64)
        self.billed = np.zeros((plan.size, len(plan.billing)), np.int64)
        self.bill_counts = np.zeros_like(self.billed)
        self.cells = np.zeros((plan.size, len(plan.demand)), np.uint8)

    def columns_with_bills(self, window: int, cuts: Sequence[int]) -> range:
        """The demand windows inside a billing window that were there when it closed.

        An earlier end of the span inside the billing window had closed it.
        """
        start, end = (int(edge) for edge in self.plan.billing.slots(self.plan.axis)[window : window + 2])
        until = min([end, *(cut for cut in cuts if start < cut < end)])
        first, stop = self.plan.demand.slots(self.plan.axis)[:-1].searchsorted((start, until))
        return range(int(first), int(stop))

    def add(self, home: _Home, arriving: Sequence[Arriving], first: int, end: int, cuts: Sequence[int]) -> None:
        """Add what arrives of one hold of a household, slots ``first`` to ``end``."""
        plan, row = self.plan, home.row
        demand, billing = home.used(arriving, "demand"), home.used(arriving, "billing")
        joined = []
        for grid, used, totals, counts in (
            (plan.demand, demand, self.demand, self.demand_counts[row]),
            (plan.billing, billing, self.billed[row], self.bill_counts[row]),
        ):
            there = np.zeros(end - first, np.bool_)
            for slots in _add(plan, grid, used, totals, counts, cuts):
                there[slots - first] = True
            joined.append(there)
        in_demand, in_bill = joined
        windows = plan.demand.window_of(plan.axis.start_of(np.arange(first, end)))
        for flag, there in (
            (Cell.BOTH, in_demand & in_bill),
            (Cell.BILL_ONLY, in_bill & ~in_demand),
            (Cell.DEMAND_ONLY, in_demand & ~in_bill),
        ):
            self.cells[row, windows[there]] |= np.uint8(flag)


def _lost(session: Session, plan: NeighbourhoodPlan) -> dict[int, set[int]]:
    """Starts of the windows that were given up when the state was put back, by row; of demand under -1."""
    if session.journal.lost_until(plan.name) == NEVER:
        return {}
    rows = {kept.pseudonym.hex(): row for row, kept in enumerate(session.roster[plan.name])} | {plan.name: -1}
    lost: dict[int, set[int]] = {}
    for entry in session.journal.ledger():
        if entry.status == Status.LOST and entry.holder in rows:
            lost.setdefault(rows[entry.holder], set()).add(entry.start)
    return lost


@dataclass(frozen=True)
class _Closed:
    """What stays closed, and with which status: by window of demand, and by meter and window of billing; None: none."""

    demand: list[Status | None]
    bills: list[list[Status | None]]

    @classmethod
    def of(
        cls, street: _Street, rules: ReleaseRules, cuts: Sequence[int], since: int, lost: Mapping[int, Collection[int]]
    ) -> _Closed:
        """Judge by all the rules, a billing window at a time, as they closed.

        Args:
            street: with its sums and counts.
            rules: of release.
            cuts: slots of earlier ends of the span.
            since: the slot from which on there was rule 4.
            lost: starts of the windows that were given up when the state was put back, by row; of demand under -1.
        """
        plan, interval = street.plan, street.plan.axis.interval
        demand: list[Status | None] = [
            Status.REFUSED if refuse_demand(rules, street.demand_counts[:, window], slots) is not None else None
            for window, slots in enumerate(plan.demand.expected(plan.axis).tolist())
        ]
        nominal = plan.billing.length
        # A state from before short windows were joined was released by nominal lengths alone.
        spans = plan.billing.spans.tolist() if plan.billing.least else [nominal] * len(plan.billing)
        bills: list[list[Status | None]] = [
            [
                Status.REFUSED if refuse_billing(rules, count, interval, nominal, span) is not None else None
                for count, span in zip(counts, spans, strict=True)
            ]
            for counts in street.bill_counts.tolist()
        ]
        for row, starts in lost.items():
            grid, own = (plan.demand, demand) if row < 0 else (plan.billing, bills[row])
            for window in np.flatnonzero(np.isin(grid.starts, list(starts))).tolist():
                own[window] = Status.LOST
        edges = plan.billing.slots(plan.axis)
        for window in range(len(plan.billing)):
            heed()
            columns = street.columns_with_bills(window, cuts)
            if not len(columns) or edges[window] < since:
                continue
            passing = np.array([own[window] is None for own in bills]) & (street.bill_counts[:, window] > 0)
            opened = np.array([demand[column] is None for column in columns])
            table = Table(street.cells[:, columns.start : columns.stop], passing, opened)
            found = suppress(table, len(columns) - 1, rules.min_meters)
            if found.withheld:
                demand[columns[-1]] = Status.WITHHELD
            for row in found.held:
                bills[row][window] = Status.HELD
        return cls(demand, bills)


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
        erased: Mapping[bytes, Sequence[int]],
    ) -> None:
        self._plan = plan
        self.erased = erased[pseudonym]
        self._spans = [(plan.first_slot, PURPOSES), *noted.get(pseudonym, ())]
        self.row, self.pseudonym = row, pseudonym
        self.turns = [*plan.periods, *(since for since, _ in self._spans)]
        self.intake = Intake(plan, meter)
        self.faults = [fault for fault in faults if (fault.neighbourhood, fault.meter) == (plan.name, row)]
        self.network = Network(self.faults)

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
                added = _add(self._plan, self._plan.demand, [(nothing, None)], _zeros(self._plan.demand), counts, cuts)
                deque(added, 0)
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
    home: _Home,
    cuts: Sequence[int],
    block: ReadingBlock,
) -> list[Arriving]:
    """What of a block reaches the PES, and the slot from which it is there when that is later.

    A frame that is altered, or delayed beyond the grace, does not; nor one that was on its way at an erasure.
    """
    parts: list[Arriving] = []
    start = block.first_slot
    while start < block.end_slot:
        # An earlier end of the span had cut the frame short, and no frame reaches into the next key epoch.
        on_grid = plan.first_slot + ((start - plan.first_slot) // frame + 1) * frame
        end = min(on_grid, block.end_slot, *(cut for cut in (*cuts, *home.turns) if cut > start))
        part = block.within(start, end)
        concerned = [fault for fault in home.faults if start <= fault.slot < end]
        late = [_arrival(plan, fault, cuts) for fault in concerned if fault.kind == "delay"]
        arrival = min(late, default=None)
        in_time = arrival is None or (arrival < plan.end_slot and start >= arrival - -(-grace // plan.axis.interval))
        erased = arrival is not None and any(start < slot <= arrival for slot in home.erased)
        if in_time and not erased and not any(fault.kind == "tamper" for fault in concerned):
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
) -> Iterator[NDArray[np.int64]]:
    """Add readings to their windows; what came after a window was cut off by an earlier end is in no release.

    Yields the slots that were added.
    """
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
        yield slots[counted]


def _compare(
    rows: Iterable[WindowRow],
    totals: NDArray[np.int64],
    counts: NDArray[np.int64],
    expected: NDArray[np.int64],
    closed: Sequence[Status | None],
    timezone: str,
) -> None:
    for window, row in enumerate(rows):
        if row.status == ERASED:
            continue  # how many there are is among the result's warnings
        total, count, due = int(totals[window]), int(counts[window]), int(expected[window])
        status = Status.COMPLETE if count == due else Status.INCOMPLETE
        status = (closed[window] or status) if count else Status.MISSING
        energy = total if status.released else None
        if (row.readings, row.expected, row.energy, row.status) != (count, due, energy, status.word):
            raise VerificationFailed(
                f"verification failed: {row.kind} of {row.holder} from {iso(row.start, timezone)} is {row.status} "
                f"with {row.energy} mWh from {row.readings} of {row.expected} readings, and should be {status.word}: "
                f"the plaintext has {total} mWh from {count} of {due}; please report this with the scenario."
            )
