"""The one composer: runs a scenario on a state, yields events while it goes on, and ends with a result.

The app and the command line are listeners of :func:`run`. After each hold it commits the parties' snapshots and their
outgoing messages in one transaction, and delivers those, a few holds' together; so a crash at any moment neither loses
nor doubles anything.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from smarter.api import OpenStore, PublicKey
from smarter.errors import Interrupted
from smarter.keys.unlock import Unlock
from smarter.model.events import Counts, Event, Fault, Finished, Progress, Refused, Released, Spent, Started, Traced
from smarter.model.readings import ReadingBlock
from smarter.model.views import View, acting
from smarter.parties.releaser import Release
from smarter.protocols.blinding import Blindings
from smarter.protocols.epochs import start_meters
from smarter.protocols.intake import Intake
from smarter.protocols.pes import Carried, PesDeployment, expected_encryptions
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.protocols.provision import Keyring, open_keys
from smarter.protocols.session import Session, begin, cryptography_of, find
from smarter.protocols.summary import summarise, warnings_of
from smarter.protocols.trail import Trace, Trail
from smarter.scenario import Scenario
from smarter.state import StateFolder, Tally
from smarter.verify import verify_report

PATIENCE = 0.5
"""Seconds that a message waits in the outbox for others: what comes quickly is opened, sealed and stored together."""
TOGETHER = 256
"""So many wait for no others, however quickly they came."""


class Control:
    """How a listener pauses, resumes and cancels a run from another thread; it takes effect between two holds."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._cancelled = False

    def pause(self) -> None:
        """Stop after the hold that is being carried, and wait."""
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._going.set()

    def cancel(self) -> None:
        """End with :class:`Interrupted` after the hold that is being carried; the state can be resumed."""
        self._cancelled = True
        self._going.set()

    def checkpoint(self) -> None:
        """Called by the run between holds."""
        self._going.wait()
        if self._cancelled:
            raise Interrupted("the run was cancelled; the same command resumes it.")


def run(
    scenario: Scenario,
    state: StateFolder,
    *,
    unlock: Unlock,
    workers: int = 1,
    control: Control | None = None,
    trace: Trace | None = None,
    verify: bool = False,
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

    Raises:
        SmarterError: of the class that says what is wrong; the state stays resumable.
    """
    began = time.perf_counter()
    # A new run looks at its data first: what cannot be run leaves no folder behind.
    planned = None if state.begun else plan_run(scenario)
    state.make()
    with state.locked():
        session = find(scenario, state)
        plans = session.plans if session else planned or plan_run(scenario)
        expected = sum(plan.expected for plan in plans)
        meters = sum(plan.size for plan in plans)
        warnings = tuple(warnings_of(scenario, plans))
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
                with scenario.store.create().open(state.store) as store:
                    composer = _Composer(
                        session,
                        keyring,
                        store,
                        blindings,
                        began,
                        control or Control(),
                        trace,
                        workers,
                    )
                    yield from composer.run(state, verify)
            finally:
                session.journal.close()


class _Composer:
    def __init__(
        self,
        session: Session,
        keyring: Keyring,
        store: OpenStore,
        blindings: Blindings,
        began: float,
        control: Control,
        trace: Trace | None,
        workers: int,
    ) -> None:
        self._session = session
        self._waiting = 0
        self._journal = session.journal
        self._keyring = keyring
        self._store = store
        self._blindings = blindings
        self._control = control
        self._tally = session.journal.tally()
        # As if all starts had followed on each other.
        self._began = began - self._tally.seconds
        self._parties = PesDeployment(
            session.scenario,
            session.plans,
            session.roster,
            session.deployment,
            keyring,
            session.cryptography,
            session.journal.ledger(),
            session.faults(),
            threads=workers,
        )
        for party, counts in self._tally.views.items():
            self._parties.views[party].absorb(View.from_dict(counts))
        stages = self._parties.stages
        stages.seconds.update(self._tally.stage_seconds)
        stages.bytes.update(self._tally.stage_bytes)
        self._trail = Trail(trace, session) if trace else None

    def run(self, state: StateFolder, verify: bool) -> Iterator[Event]:
        finished = self._session.finished
        yield from self._deliver()
        if not self._session.finished:
            start_meters(self._session, self._parties, self._keyring)
            yield from self._supply()
            yield from self._carry_all()
        if not finished:
            self._journal.note(self._current_tally())
        yield from self._finish(state, verify)

    def _supply(self) -> Iterator[Event]:
        """Let the PES have blindings that were made ahead, on the disk or by workers."""
        blindings = self._blindings
        if self._session.cryptography.scheme.precompute:
            for done, total in blindings.keep(self._keyring.precompute_key(), self._tally.blindings):
                yield Progress("precompute", done, total)
        if blindings.ahead:
            self._parties.pes.blindings = blindings

    def _carry_all(self) -> Iterator[Event]:
        """All holds of all neighbourhoods, in order of time."""
        progress = self._journal.progress()
        intakes = {
            plan.name: [
                Intake(plan, next(meter for meter in plan.meters if meter.name == kept.source))
                for kept in self._session.roster[plan.name]
            ]
            for plan in self._session.plans
        }
        holds = [
            (plan.axis.start_of(end), plan, first, end)
            for plan in self._session.plans
            for first, end in plan.holds(progress.get(plan.name))
        ]
        blindings, failure = self._blindings, None
        # Nothing is opened before a hold's worth is there: it would be in the clear while the workers start.
        blindings.await_ready(-(-blindings.expected // max(len(holds), 1)))
        done, total = self._session.done, self._session.expected
        for _, plan, first, end in sorted(holds, key=lambda hold: (hold[0], hold[1].name)):
            self._control.checkpoint()
            yield from self._hold(plan, intakes[plan.name], first, end)
            done += (end - first) * plan.size
            yield Progress("read", done, total, self._parties.stages.bytes["read"])
            if blindings.failure != failure:
                failure = blindings.failure
                yield Fault("pes", "worker", failure or "")
            yield from (Counts(party, view.as_dict()) for party, view in self._parties.views.items())
            yield Spent(dict(self._parties.stages.seconds), dict(self._parties.stages.bytes))
        yield from self._deliver()

    def _hold(self, plan: NeighbourhoodPlan, intakes: list[Intake], first: int, end: int) -> Iterator[Event]:
        stages = self._parties.stages
        with stages.timed("read"):
            readings = [intake.take(first, end) for intake in intakes]
        if self._session.scenario.gaps == "fail":
            for intake, blocks in zip(intakes, readings, strict=True):
                intake.require_all(blocks, first, end)
        carried = self._parties.carry(plan.name, readings, first, end)
        stages.bytes["read"] += _plain_bytes(readings)
        self._count(carried)
        for party, reasons in carried.dropped.items():
            yield from (Fault(party, "frame", reason) for reason in reasons)
        if self._trail:
            hops = self._trail.of_hold(plan, readings, carried, self._parties, first, end)
            yield from (Traced(hop) for hop in hops)
        roster = self._session.roster[plan.name]
        # A scheme may have to blind the sums before it gives their bytes out: that is no work of the journal's.
        with stages.timed("add"):
            snapshots = self._parties.snapshots()
        with stages.timed("store"):
            self._journal.commit_hold(
                plan.name,
                end,
                snapshots=snapshots,
                outbox=carried.aggregates,
                frames=((roster[frame.meter].pseudonym, frame.first_slot, frame.data) for frame in carried.sent),
                tally=self._current_tally(),
            )
        self._waiting += len(carried.aggregates)
        if self._waiting >= TOGETHER or (self._waiting and time.perf_counter() - self._delivered >= PATIENCE):
            yield from self._deliver()

    def _count(self, carried: Carried) -> None:
        self._tally.frames += len(carried.sent)
        self._tally.readings += carried.absorbed.readings
        self._tally.ciphertexts += carried.absorbed.encrypted
        for party, reasons in carried.dropped.items():
            counts = self._tally.dropped.setdefault(party, {})
            for reason in reasons:
                counts[reason] = counts.get(reason, 0) + 1

    def _deliver(self) -> Iterator[Event]:
        """Everything in the outbox: decide, write that down, open, store, acknowledge."""
        pending = self._journal.outbox()
        self._waiting = 0
        self._delivered = time.perf_counter()
        if not pending:
            return
        stages = self._parties.stages
        decisions = [self._parties.decide(message) for _, message in pending]
        with stages.timed("store"):
            self._journal.enter(
                (entry.kind, entry.holder, entry.start, entry.end, b"".join(entry.meters), entry.digest)
                for decision in decisions
                for entry in decision.entries
            )
        released = self._parties.release(decisions)
        with stages.timed("store"):
            self._store.put_many([record for _, records in released for record in records])
            stages.bytes["store"] += sum(len(record.body) for _, records in released for record in records)
            self._journal.acknowledge([number for number, _ in pending], self._current_tally())
            self._parties.releaser.settle()
        for decision, (release, records) in zip(decisions, released, strict=True):
            yield from _told(release)
            if self._trail:
                yield from (Traced(hop) for hop in self._trail.of_release(decision, release, records))

    def _current_tally(self) -> Tally:
        self._tally.seconds = time.perf_counter() - self._began
        self._tally.blindings = max(self._tally.blindings, self._blindings.mark)
        self._tally.views = {party: view.as_dict() for party, view in self._parties.views.items()}
        self._tally.stage_seconds = self._parties.stages.seconds
        self._tally.stage_bytes = self._parties.stages.bytes
        return self._tally

    def _finish(self, state: StateFolder, verify: bool) -> Iterator[Event]:
        report = self._session.report(self._parties.mdms, self._store)
        # Looking at a finished run again adds nothing to what it took.
        tally = self._journal.tally()
        keys = {
            "aggregate": self._keyring.stores["releaser"].current("aggregate").fingerprint,
            "deliver": self._keyring.stores["mdms"].current("unwrap").fingerprint,
        }
        # What the MDMS opens to report is counted once per result, however often the result is asked for.
        view = View()
        with acting(view):
            result = summarise(self._session, report, tally, state, keys=keys, verified=verify or None)
            hops = list(self._trail.of_report(report)) if self._trail else []
        yield from (Traced(hop) for hop in hops)
        mdms = View.from_dict(result.views["mdms"])
        mdms.absorb(view)
        if verify:
            # After the report, whose view would else be short of the keys that the check had unwrapped.
            verify_report(self._session, report)
        yield Finished(result.model_copy(update={"views": {**result.views, "mdms": mdms.as_dict()}}))


def _plain_bytes(readings: list[list[ReadingBlock]]) -> int:
    return sum(block.energies.nbytes for blocks in readings for block in blocks)


def _told(release: Release) -> Iterator[Event]:
    """What became of each window of a release; one without readings is not worth an event."""
    for verdict in release.verdicts:
        window = (verdict.kind, verdict.holder, verdict.start, verdict.end)
        if verdict.passes:
            yield Released(*window, verdict.readings, verdict.expected, release.energies[verdict.lane])
        elif verdict.reason:
            yield Refused(*window, verdict.reason)
