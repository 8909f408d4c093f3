"""Neighbourhoods as the PES knows them: how their windows lie in plaintexts, and about how many encryptions those take.

``pes`` wires a deployment with it; the estimate of a run, the run itself and ``bench`` reckon with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from smarter.errors import OutOfBounds, UsageError
from smarter.model.windows import WindowGrid, WindowKind
from smarter.parties.pes import Area, Layout, lay_out
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.scenario import Scenario
from smarter.state import KeptMeter


def area_of(scenario: Scenario, plan: NeighbourhoodPlan, roster: Sequence[KeptMeter], plaintext_bits: int) -> Area:
    """A neighbourhood as the PES knows it: by pseudonyms, windows and bounds."""
    return Area(
        plan.name,
        plan.axis,
        tuple(kept.pseudonym for kept in roster),
        tuple(kept.verify_key for kept in roster),
        plan.largest,
        grace_slots(scenario, plan),
        layouts_of(scenario, plan, plaintext_bits),
    )


def layouts_of(scenario: Scenario, plan: NeighbourhoodPlan, plaintext_bits: int) -> tuple[Layout, Layout]:
    """How a neighbourhood's demand and billing windows lie in plaintexts of so many bits.

    Raises:
        UsageError: a total does not fit a plaintext, or any at all; the message names the field.
    """
    most = None if scenario.pes.lanes == "auto" else scenario.pes.lanes

    def layout(kind: WindowKind, grid: WindowGrid) -> Layout:
        try:
            return lay_out(
                kind,
                grid,
                plan.axis,
                first_slot=plan.first_slot,
                hold=plan.hold,
                grace=grace_slots(scenario, plan),
                meters=plan.size,
                largest=plan.largest,
                plaintext_bits=plaintext_bits,
                most_lanes=most,
            )
        except OutOfBounds as error:
            # 64 bits hold all totals that are counted at all; else it is the rating that asks for too much.
            field = "crypto.aggregate" if plaintext_bits < 64 else f"neighbourhoods.{plan.name}.rating_kw"
            scheme = scenario.crypto.aggregate.plugin
            raise UsageError(
                f"{field}: {kind} totals of {plan.name} cannot be added by scheme {scheme!r}: {error}"
            ) from error

    return layout("demand", plan.demand), layout("billing", plan.billing)


def grace_slots(scenario: Scenario, plan: NeighbourhoodPlan) -> int:
    """How many slots a frame may be late and still be let in."""
    return -(-scenario.grace // plan.axis.interval)


def expected_encryptions(
    scenario: Scenario, plans: Iterable[NeighbourhoodPlan], progress: Mapping[str, int], plaintext_bits: int
) -> int:
    """About how many encryptions the PES has to make from where each neighbourhood is."""
    together = scenario.frame if scenario.pes.combine == "frame" else 1
    expected = 0
    for plan in plans:
        slots = [end - first for first, end in plan.holds(progress.get(plan.name))]
        layouts = layouts_of(scenario, plan, plaintext_bits)
        # One more a hold re-randomises what closes.
        expected += len(slots) * sum(layout.addends(max(slots, default=0), together) + 1 for layout in layouts)
    return expected
