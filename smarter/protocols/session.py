"""A deployment on a state as its journal knows it: how far it has come, and, when it is finished, its answers.

Whoever asks about a deployment comes here; a run that is to carry readings starts by way of ``starting``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from smarter.api import OpenStore
from smarter.errors import DamagedStore, StateMismatch, UsageError
from smarter.keys.keystore import Keystore, public_entries
from smarter.keys.unlock import Unlock
from smarter.model.audit import Note, key, party
from smarter.model.periods import Periods
from smarter.model.windows import Axis
from smarter.parties.mdms import MDMS
from smarter.protocols.auditing import READS_ALL, open_audit, require_untouched
from smarter.protocols.mdms_keys import data_keys, mdms_keys
from smarter.protocols.network import PlannedFault
from smarter.protocols.plan import NeighbourhoodPlan, cut_plan, periods_of
from smarter.protocols.provision import Cryptography
from smarter.protocols.report import Report
from smarter.scenario import Scenario
from smarter.scenario.moments import epoch
from smarter.state import DemandKeyFile, Journal, KeptMeter, StateFolder, WrappedKeys


@dataclass(frozen=True)
class Session:
    """An opened deployment.

    Attributes:
        roster: the meters of each neighbourhood in lane order, which is that of the random pseudonyms.
        cuts: by neighbourhood, earlier ends of the span (epoch seconds); windows open then were released as they were.
        wrapped: key epochs as announced to the PES and wrapped for customers.
        later: what a later end of the span changes in the journal, which a run keeps when it has its keys and log.
    """

    scenario: Scenario
    plans: tuple[NeighbourhoodPlan, ...]
    journal: Journal
    deployment: bytes
    roster: Mapping[str, Sequence[KeptMeter]]
    cryptography: Cryptography
    cuts: Mapping[str, Sequence[int]]
    wrapped: WrappedKeys
    later: Mapping[str, object] = field(default_factory=dict)

    @property
    def finished(self) -> bool:
        """Whether every slot of the span has been carried and everything delivered."""
        progress = self.journal.progress()
        carried = all(progress.get(plan.name, plan.first_slot) >= plan.end_slot for plan in self.plans)
        return carried and not self.journal.outbox()

    @property
    def done(self) -> int:
        """How many of the expected readings lie behind."""
        progress = self.journal.progress()
        return sum(
            (min(progress.get(plan.name, plan.first_slot), plan.end_slot) - plan.first_slot) * plan.size
            for plan in self.plans
        )

    @property
    def expected(self) -> int:
        """How many readings the span could have."""
        return sum(plan.expected for plan in self.plans)

    @property
    def households(self) -> list[tuple[str, str]]:
        """Each household's pseudonym in hexadecimal and its neighbourhood, sorted."""
        return sorted((kept.pseudonym.hex(), name) for name, kepts in self.roster.items() for kept in kepts)

    def report(self, mdms: MDMS, store: OpenStore) -> Report:
        """The MDMS's answers."""
        meters = [kept for kepts in self.roster.values() for kept in kepts]
        kept_bills = {pseudonym.hex(): bills for pseudonym, bills in self.journal.kept_bills().items()}
        return Report(mdms, store, self.plans, meters, self.scenario.tariff.create(), kept_bills)

    @property
    def periods(self) -> Periods:
        """The billing periods of its households."""
        return periods_of(self.scenario, self.roster)

    def faults(self) -> list[PlannedFault]:
        """The scenario's faults in the terms of the wires."""
        planned = []
        plans = {plan.name: plan for plan in self.plans}
        for fault in self.scenario.faults:
            plan, kepts = plans[fault.neighbourhood], self.roster[fault.neighbourhood]
            row = next(row for row, kept in enumerate(kepts) if kept.source == fault.meter)
            slot = plan.axis.slot_at(epoch(fault.at, plan.timezone))
            if fault.until is not None:
                until = plan.axis.first_slot_from(epoch(fault.until, plan.timezone))
            elif fault.kind == "drop":
                slot -= (slot - plan.first_slot) % self.scenario.frame
                until = slot + self.scenario.frame
            else:
                until = slot + -(-(fault.after or fault.by or 0) // plan.axis.interval)
            planned.append(PlannedFault(fault.kind, plan.name, row, slot, until))
        return planned


def cryptography_of(scenario: Scenario) -> Cryptography:
    """The scenario's scheme and keywrap."""
    return Cryptography(scenario.crypto.aggregate.create(), scenario.crypto.deliver.create())


def joins(journal: Journal) -> bool:
    """Whether a deployment's short billing windows are joined; those of earlier versions are not."""
    return journal.get("joined") is not None


def recall(scenario: Scenario, state: StateFolder) -> Session | None:
    """The deployment on ``state`` as the journal knows it, without a look at the data; None when there is none yet.

    Raises:
        StateMismatch: the state is of another scenario.
    """
    if not state.begun:
        return None
    journal = Journal(state.journal)
    deployment = journal.get("deployment")
    if deployment is None:
        journal.close()
        # Records come after the deployment is in the journal, so that a journal with records and none is a lost one.
        if state.store.is_dir() and any(state.store.iterdir()):
            raise DamagedStore(
                f"{state.journal} is empty, and {state.store} holds records; restore it from a backup, or start "
                "again with --fresh."
            )
        return None
    if journal.get("scenario") != scenario.digest:
        name = journal.get("name")
        journal.close()
        raise StateMismatch(
            f"the state in {state.path} is of another scenario ({name}, or other settings); choose "
            "another folder with --state, or destroy what is there with --fresh."
        )
    roster: dict[str, list[KeptMeter]] = {name: [] for name in scenario.neighbourhoods}
    for kept in journal.meters():
        roster[kept.neighbourhood].append(kept)
    plans = tuple(
        cut_plan(
            scenario,
            name,
            Axis(scenario.windows.reading, journal.get(f"phase {name}")),
            journal.get(f"start {name}"),
            journal.get(f"end {name}"),
            len(kept_meters),
            join=joins(journal),
        )
        for name, kept_meters in roster.items()
    )
    cuts = {name: json.loads(journal.get(f"cuts {name}")) for name in roster}
    wrapped = WrappedKeys(state.wrapped_keys)
    found = Session(scenario, plans, journal, bytes(deployment), roster, cryptography_of(scenario), cuts, wrapped)
    if not journal.is_current:
        if not found.finished:
            journal.close()
            raise StateMismatch(
                f"the run in {state.path} was begun by an earlier version of Smarter and is not finished: that version "
                "did not keep what release rule 4 needs of open windows. Finish it with that version, or start again "
                "with --fresh."
            )
        require_untouched(state)
        journal.migrate()
    return found


def recalled(scenario: Scenario, state: StateFolder) -> Session:
    """As :func:`recall`, for whoever asks about what is there.

    Raises:
        StateMismatch: the state is of another scenario.
        UsageError: the run was stopped at its very beginning.
    """
    session = recall(scenario, state)
    if session is None:
        raise UsageError(f"the run in {state.path} was stopped at its very beginning; run it again.")
    return session


@dataclass(frozen=True)
class Standing:
    """How far the run on a state has come: ``done`` of ``expected`` readings."""

    done: int
    expected: int
    finished: bool


def standing(scenario: Scenario, state: StateFolder) -> Standing | None:
    """How far the run on ``state`` has come, without a look at the data; None when there is none yet.

    Raises:
        StateMismatch: the state is of another scenario.
    """
    session = recall(scenario, state)
    if session is None:
        return None
    try:
        return Standing(session.done, session.expected, session.finished)
    finally:
        session.journal.close()


@contextmanager
def reporting(session: Session, state: StateFolder, unlock: Unlock, *notes: Note) -> Iterator[Report]:
    """Let the MDMS answer from a finished state: only its own keystore and that of the audit log are unlocked.

    ``notes``: who is about to read what, for the audit log; by default somebody on this machine, everything.

    Raises:
        UsageError: the run is not finished.
    """
    if not session.finished:
        raise UsageError(
            f"the run of {session.scenario.name} in {state.path} is not finished ({session.done:,} of "
            f"{session.expected:,} readings); `smarter run` with the same arguments takes it up."
        )
    store = Keystore.open(state.keys, "mdms", unlock)
    keys = mdms_keys(
        store,
        [entry for entry in public_entries(state.keys, "releaser") if entry.purpose == "sign"],
        session.cryptography.keywrap,
        data_keys(store, session.deployment, session.periods, DemandKeyFile(state.demand_keys)),
    )
    with open_audit(state, unlock) as audit:
        audit.note("key-use", party("mdms"), key(store.current("unwrap").fingerprint), purpose="unwrap")
        for note in notes or (READS_ALL,):
            audit.put(note)
    with session.scenario.store.create().open(state.store) as records:
        yield session.report(MDMS(session.deployment, keys, session.cryptography.keywrap), records)
