"""``--verify``: recompute every released number from the plaintext, and fail on a difference of one mWh.

It is the simulation's check on the whole way of a reading: no party could do it. It takes the meters' readings
as registered and adds them up per window, with no packing and no cryptography; readings that a declared fault loses
are left out.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from smarter.errors import VerificationFailed
from smarter.model.readings import ReadingBlock
from smarter.model.results import WindowRow
from smarter.model.windows import WindowGrid, iso
from smarter.protocols.intake import Intake
from smarter.protocols.network import Network, PlannedFault
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session


def verify_report(session: Session, report: Report) -> None:
    """Compare every row of ``report`` with the plaintext.

    Raises:
        VerificationFailed: the first row that differs, with both values.
    """
    faults = session.faults()
    grace = session.scenario.grace
    for plan in session.plans:
        demand, demand_counts = _zeros(plan.demand), _zeros(plan.demand)
        for row, kept in enumerate(session.roster[plan.name]):
            meter = next(meter for meter in plan.meters if meter.name == kept.source)
            intake = Intake(plan, meter)
            mine = [fault for fault in faults if (fault.neighbourhood, fault.meter) == (plan.name, row)]
            network = Network(mine)
            totals, counts = _zeros(plan.billing), _zeros(plan.billing)
            for first, end in plan.holds(None):
                blocks = network.lose(row, intake.take(first, end))
                blocks = [b for b in blocks for b in _arriving(plan, session.scenario.frame, grace, mine, b)]
                cuts = session.cuts[plan.name]
                _add(plan, plan.billing, blocks, totals, counts, cuts)
                _add(plan, plan.demand, blocks, demand, demand_counts, cuts)
            pseudonym = kept.pseudonym.hex()
            _compare(report.household(pseudonym, plan.name), totals, counts, plan.timezone)
        _compare(report.demand(plan.name), demand, demand_counts, plan.timezone)


def _zeros(grid: WindowGrid) -> NDArray[np.int64]:
    return np.zeros(len(grid), np.int64)


def _arriving(
    plan: NeighbourhoodPlan, frame: int, grace: int, faults: Sequence[PlannedFault], block: ReadingBlock
) -> list[ReadingBlock]:
    """What of a block reaches the PES: a frame that is altered, or delayed beyond the grace, does not."""
    parts = []
    start = block.first_slot
    while start < block.end_slot:
        end = min(plan.first_slot + ((start - plan.first_slot) // frame + 1) * frame, block.end_slot)
        part = ReadingBlock(block.meter, start, block.energies[start - block.first_slot : end - block.first_slot])
        if not any(_loses(plan, grace, fault, start, end) for fault in faults):
            parts.append(part)
        start = end
    return parts


def _loses(plan: NeighbourhoodPlan, grace: int, fault: PlannedFault, start: int, end: int) -> bool:
    if not start <= fault.slot < end:
        return False
    if fault.kind == "delay":
        if fault.until >= plan.end_slot:
            return True
        arrival = plan.first_slot + (fault.until - plan.first_slot) // plan.hold * plan.hold
        return start < arrival - -(-grace // plan.axis.interval)
    return fault.kind == "tamper"


def _add(
    plan: NeighbourhoodPlan,
    grid: WindowGrid,
    blocks: Sequence[ReadingBlock],
    totals: NDArray[np.int64],
    counts: NDArray[np.int64],
    cuts: Sequence[int],
) -> None:
    """Add readings to their windows; what came after a window was cut off by an earlier end is in no release."""
    for block in blocks:
        starts = plan.axis.start_of(np.arange(block.first_slot, block.end_slot))
        windows = grid.window_of(starts)
        counted = np.ones(len(starts), np.bool_)
        for end in cuts:
            counted &= ~((grid.edges[windows] < end) & (starts >= end))
        np.add.at(totals, windows[counted], block.energies[counted])
        np.add.at(counts, windows[counted], 1)


def _compare(rows: Sequence[WindowRow], totals: NDArray[np.int64], counts: NDArray[np.int64], timezone: str) -> None:
    for window, row in enumerate(rows):
        total, count = int(totals[window]), int(counts[window])
        if row.readings != count or (row.energy is not None and row.energy != total):
            raise VerificationFailed(
                f"verification failed: {row.kind} of {row.holder} from {iso(row.start, timezone)} has "
                f"{row.energy} mWh from {row.readings} readings, the plaintext {total} mWh from {count}; "
                "please report this with the scenario."
            )
