"""Our ways for ``bench --against brief``: the real PES over frames that real meters sealed beforehand.

All ways share one deployment with its keys; each has parties of its own, and each repeat a PES that begins anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from smarter.api import KeyPair
from smarter.bench.lanes import lanes_filled
from smarter.bench.measured import Measured, require_equal
from smarter.errors import VerificationFailed
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.clock import DAY
from smarter.model.readings import ReadingBlock
from smarter.model.views import acting
from smarter.model.windows import spell
from smarter.parties.pes.pes import Blindings
from smarter.parties.releaser import Decision
from smarter.protocols.intake import Intake
from smarter.protocols.pes import END_OF_TIME, PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.protocols.provision import Keyring
from smarter.protocols.session import Session
from smarter.protocols.starting import begin
from smarter.scenario import Scenario
from smarter.state import StateFolder

FEWEST_HOLDS, MOST_HOLDS = 60, 240
"""Of one slot that are measured: half a billing window, so that its sums may be opened and checked, within these."""


@dataclass(frozen=True)
class Ground:
    """What all ways stand on: a deployment and its keys."""

    session: Session
    keyring: Keyring

    @classmethod
    def make(cls, scenario: Scenario, folder: Path) -> Ground:
        """Enrol every meter on a fresh state in ``folder``; the keys stay in memory."""
        state = StateFolder(folder)
        state.make()
        # Nothing is made ready for the key here: that is measured.
        starting = begin(scenario, state, plan_run(scenario), KeyFileUnlock(state.keys), lambda public: None)
        while True:
            try:
                next(starting)
            except StopIteration as stop:
                session, keyring = stop.value
                session.journal.close()
                return cls(session, keyring)

    @property
    def pair(self) -> KeyPair:
        """The scheme's key."""
        (pair,) = self.keyring.releaser(self.session.cryptography).aggregate.values()
        return pair


@dataclass(frozen=True)
class Way:
    """One way of ours.

    Attributes:
        name: what its rows are listed under.
        scenario: with the settings of this way.
        holds: how many of each neighbourhood's are measured, the first that have readings; None: all.
    """

    name: str
    scenario: Scenario
    holds: int | None = None


def ways_of(scenario: Scenario) -> tuple[Way, ...]:
    """The ways that are compared: long holds, the scenario's own settings, and a hold of one slot."""

    def way(name: str, combine: Literal["none", "frame"]) -> Way:
        options = scenario.pes.model_copy(update={"combine": combine, "hold": DAY, "lanes": "auto"})
        return Way(name, scenario.model_copy(update={"pes": options}))

    own, reading = scenario.pes, scenario.windows.reading
    single = scenario.pes.model_copy(update={"combine": "none", "hold": reading, "lanes": "auto"})
    holds = min(max(FEWEST_HOLDS, -(-scenario.windows.billing // (2 * reading))), MOST_HOLDS)
    return (
        way("combine none, hold 1d", "none"),
        way("combine frame, hold 1d", "frame"),
        Way(f"as given: combine {own.combine}, hold {spell(own.hold)}", scenario),
        # Combining has nothing to add there: frames of one reading.
        Way("hold of one slot, frame 1", scenario.model_copy(update={"pes": single, "frame": 1}), holds),
    )


@dataclass(frozen=True)
class _Hold:
    """One hold's frames as the PES gets them; ``close``: the slot up to which windows close after it."""

    neighbourhood: str
    frames: list[bytes]
    first: int
    end: int
    close: int


class OurWay:
    """A way with its frames, sealed on entry by meters of its own."""

    def __init__(self, ground: Ground, way: Way) -> None:
        self.name = way.name
        self.scenario = way.scenario
        self._most_holds = way.holds
        self._ground = ground
        slots = way.scenario.pes.hold // way.scenario.windows.reading
        self._plans = tuple(replace(plan, hold=slots) for plan in ground.session.plans)
        self._plain: dict[tuple[str, str, int], int] = {}
        parties = self._deployment()
        _, self._announcements = parties.begin_epochs()
        self._holds = [hold for plan in self._plans for hold in self._seal(parties, plan)]
        self.readings = parties.views["meters"].readings

    def _deployment(self) -> PesDeployment:
        session = self._ground.session
        return PesDeployment(
            self.scenario,
            self._plans,
            session.roster,
            session.deployment,
            self._ground.keyring,
            session.cryptography,
            ledger=(),
            faults=(),
        )

    def _seal(self, parties: PesDeployment, plan: NeighbourhoodPlan) -> Iterator[_Hold]:
        roster = self._ground.session.roster[plan.name]
        sources = {meter.name: meter for meter in plan.meters}
        intakes = [Intake(plan, sources[kept.source]) for kept in roster]
        taken = 0
        for first, end in plan.holds(None):
            frames: list[bytes] = []
            with acting(parties.views["meters"]):
                for meter, kept, intake in zip(parties.meters[plan.name], roster, intakes, strict=True):
                    for block in intake.take(first, end):
                        frames += [data for _, _, data in meter.seal(block, plan.first_slot)]
                        self._add_up(plan, kept.pseudonym.hex(), block)
            taken += bool(taken or frames)
            if taken:
                yield _Hold(plan.name, frames, first, end, END_OF_TIME if end >= plan.end_slot else end)
            if taken == self._most_holds:
                return

    def _add_up(self, plan: NeighbourhoodPlan, pseudonym: str, block: ReadingBlock) -> None:
        starts = plan.axis.start_of(np.arange(block.first_slot, block.end_slot))
        for kind, holder, grid in (("demand", plan.name, plan.demand), ("billing", pseudonym, plan.billing)):
            windows = grid.window_of(starts)
            first = np.flatnonzero(np.diff(windows, prepend=-1))
            totals = np.add.reduceat(block.energies, first)
            for window, total in zip(windows[first].tolist(), totals.tolist(), strict=True):
                at = kind, holder, int(grid.starts[window])
                self._plain[at] = self._plain.get(at, 0) + total

    def measure(self, blindings: Blindings | None) -> Measured:
        """Carry all holds through a fresh PES, then have the releaser open what it may, and check that.

        Args:
            blindings: from workers; None: this process makes them.

        Raises:
            VerificationFailed: frames were dropped, or a sum differs from the plaintext's.
        """
        parties = self._deployment()
        parties.accept_epochs(self._announcements.values())
        pes, view = parties.pes, parties.views["pes"]
        pes.blindings = blindings
        readings = ciphertexts = dropped = 0
        messages: list[bytes] = []
        began = time.perf_counter()
        with acting(view):
            for hold in self._holds:
                absorbed = pes.absorb(hold.neighbourhood, hold.frames, hold.first, hold.end)
                messages += pes.close(hold.neighbourhood, hold.close)
                readings += absorbed.readings
                ciphertexts += absorbed.encrypted
                dropped += len(absorbed.dropped)
        seconds = time.perf_counter() - began
        if dropped or readings != self.readings:
            raise VerificationFailed(
                f"the benchmark's PES took {readings} of {self.readings} readings and dropped {dropped} frames; "
                "please report this."
            )
        decisions = parties.decide(messages)
        closed = sum(bool(blob) for decision in decisions for blob in decision.aggregate.ciphertexts)
        # What a sample of holds leaves open is closed for the check alone.
        pes.blindings = None
        for plan in self._plans:
            decisions += parties.decide(pes.close(plan.name, END_OF_TIME))
        lanes = lanes_filled(layout for plan in self._plans for layout in pes.layouts(plan.name))
        sums = self._check(parties, decisions)
        return Measured(seconds, readings, ciphertexts, ciphertexts + closed, lanes, view, sums)

    def _check(self, parties: PesDeployment, decisions: Sequence[Decision]) -> int:
        """Compare every sum that the release rules let be opened; returns how many there were."""
        sums = 0
        for decision, release in zip(decisions, parties.releaser.open(decisions), strict=True):
            for verdict in (verdict for verdict in decision.verdicts if verdict.passes):
                expected = self._plain[verdict.kind, verdict.holder, verdict.start]
                what = f"{verdict.kind} of {verdict.holder} from {verdict.start}"
                require_equal(self.name, what, release.energies[verdict.lane], expected)
                sums += 1
        return sums
