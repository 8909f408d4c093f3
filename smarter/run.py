"""Runs a scenario on a state, yields events while it goes on, and ends with a result.

The app and the command line are listeners of :func:`run`. It opens state, keys, log and store, and lets the composer
carry the readings.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing

from smarter.api import PublicKey
from smarter.composer import Composer
from smarter.keys.unlock import Unlock
from smarter.model.control import Control, heeding
from smarter.model.events import (
    Event,
    Finished,
    Paused,
    Resumed,
    Started,
)
from smarter.protocols.areas import expected_encryptions
from smarter.protocols.auditing import ReleaseNotes, audit_under, note_keys, require_untouched
from smarter.protocols.blinding import Blindings
from smarter.protocols.consent import Consents
from smarter.protocols.expiry import keys_due
from smarter.protocols.key_changes import adopt
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.protocols.provision import open_keys
from smarter.protocols.run_grants import RunGrants
from smarter.protocols.same_readings import Group, groups_alike, note_alike, refuse_alike, warnings_alike
from smarter.protocols.session import cryptography_of
from smarter.protocols.starting import begin, find
from smarter.protocols.summary import warnings_of
from smarter.protocols.trail import Trace
from smarter.scenario import Scenario
from smarter.state import StateFolder


def run(
    scenario: Scenario,
    state: StateFolder,
    *,
    unlock: Unlock,
    workers: int = 1,
    control: Control | None = None,
    trace: Trace | None = None,
    verify: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[Event]:
    """Run ``scenario`` on ``state``: from its beginning, from where it was left, or, when finished, to its result.

    Args:
        scenario: checked.
        state: where everything durable lies; locked while the run goes on.
        unlock: opens the parties' keystores, or makes the secret of new ones.
        workers: processes that make blindings ahead, and threads that decrypt; 1: none beside this one. The numbers do
            not depend on it. A script that asks for more must guard its own start with ``if __name__ == "__main__"``,
            as any that spawns.
        control: pauses, resumes, cancels.
        trace: follow one meter and moment; yields :class:`Traced` hops.
        verify: recompute every number from the plaintext at the end.
        clock: what tells the age of keys, in epoch seconds.

    Raises:
        SmarterError: of the class that says what is wrong; the state stays resumable.
    """
    control = control or Control()
    events = _events(scenario, state, unlock, workers, trace, verify, clock)
    try:
        while True:
            with heeding(control.heed):
                event = next(events)
            yield event
            if isinstance(event, Finished):
                return
            if control.paused:
                yield Paused()
                control.checkpoint()
                yield Resumed()
            control.heed()
    finally:
        events.close()


def _events(
    scenario: Scenario,
    state: StateFolder,
    unlock: Unlock,
    workers: int,
    trace: Trace | None,
    verify: bool,
    clock: Callable[[], float],
) -> Generator[Event, None, None]:
    began = time.perf_counter()
    # A new run looks at its data first: what cannot be run leaves no folder behind.
    planned = None if state.begun else plan_run(scenario)
    alike = _alike(scenario, planned) if planned else []
    state.make()
    with state.locked():
        require_untouched(state)
        session = find(scenario, state)
        plans = session.plans if session else planned or plan_run(scenario)
        if planned is None:
            alike = _alike(scenario, plans, finished=session is not None and session.finished)
        expected = sum(plan.expected for plan in plans)
        meters = sum(plan.size for plan in plans)
        notes = (f"{note}." for plan in plans for meter in plan.meters for note in meter.notes)
        due = tuple(keys_due(state.keys, clock())) if session else ()
        due = (*due, *warnings_alike(alike))
        warnings = (*warnings_of(scenario, plans), *due, *notes)
        yield Started(scenario.name, meters, expected, session.done if session else 0, warnings)
        scheme = session.cryptography.scheme if session else cryptography_of(scenario).scheme
        progress = session.journal.progress() if session else {}
        with Blindings(scheme, workers, state) as blindings:

            def encrypting(public: PublicKey) -> None:
                bits = scheme.plaintext_bits(public)
                blindings.begin(public, expected_encryptions(scenario, plans, progress, bits))

            if session is None:
                session, keyring = yield from begin(scenario, state, plans, unlock, encrypting)
            else:
                keyring = open_keys(state.keys, unlock)
                if not session.finished:
                    encrypting(keyring.aggregate_key(scheme))
            try:
                with (
                    audit_under(keyring.stores["audit"], state) as audit,
                    scenario.store.create().open(state.store) as store,
                    closing(Consents(session, keyring.stores["meters"], state.accounts)) as consents,
                    closing(RunGrants(session, keyring.stores["meters"], state, audit, clock)) as grants,
                ):
                    if session.later:  # only now that nothing is amiss anywhere: the end cannot be taken back
                        session.journal.put(**session.later)
                    adopt(state, keyring.stores, audit)
                    note_keys(audit, keyring)
                    if not session.finished:
                        note_alike(audit, session, alike)
                    composer = Composer(
                        session,
                        keyring,
                        store,
                        consents,
                        grants,
                        ReleaseNotes(audit, state, unsettled=bool(session.journal.outbox())),
                        blindings,
                        began,
                        trace,
                        workers,
                    )
                    yield from composer.run(state, verify, due)
            finally:
                session.journal.close()


def _alike(scenario: Scenario, plans: Sequence[NeighbourhoodPlan], *, finished: bool = False) -> list[Group]:
    """The meters with the same readings that the scenario admits.

    Raises:
        DataError: there are some, the scenario admits none, and the run is not finished.
    """
    if scenario.same_readings == "allow":
        return groups_alike(plans)
    if not finished:
        refuse_alike(plans)
    return []
