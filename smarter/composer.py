"""The composer: carries hold after hold from the meters to the MDMS, and makes each step durable before the next.

:func:`smarter.run.run` opens what it needs and hands over to it. After each hold it commits the parties' snapshots and
their outgoing messages in one transaction, and delivers those, a few holds' together; so a crash at any moment neither
loses nor doubles anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from smarter.api import OpenStore
from smarter.model.control import heed
from smarter.model.events import (
    Counts,
    Event,
    Fault,
    Finished,
    Progress,
    Spent,
    Tallied,
    Warned,
)
from smarter.model.readings import ReadingBlock
from smarter.model.views import View, acting
from smarter.protocols.auditing import ReleaseNotes
from smarter.protocols.blinding import Blindings
from smarter.protocols.consent import Consents
from smarter.protocols.counting import count_carried, count_windows, told
from smarter.protocols.epochs import begin_epochs, start_meters
from smarter.protocols.intake import Intake
from smarter.protocols.kept_ledger import row_of
from smarter.protocols.pes import PesDeployment
from smarter.protocols.pes_state import PesState
from smarter.protocols.plan import NeighbourhoodPlan, holds_in_order
from smarter.protocols.provision import Keyring
from smarter.protocols.run_grants import RunGrants
from smarter.protocols.session import Session
from smarter.protocols.summary import summarise
from smarter.protocols.trail import Trace, Trail
from smarter.state import StateFolder, Tally
from smarter.verify import verify_report

PATIENCE = 0.5
"""Seconds that a message waits in the outbox for others: what comes quickly is opened, sealed and stored together."""
TOGETHER = 256
"""So many wait for no others, however quickly they came; nor do so many windows: they are in memory together."""
WINDOWS_TOGETHER = 4096


class Composer:
    """One start of a run: its parties, what was counted so far, and what waits to be delivered."""

    def __init__(
        self,
        session: Session,
        keyring: Keyring,
        store: OpenStore,
        consents: Consents,
        grants: RunGrants,
        notes: ReleaseNotes,
        blindings: Blindings,
        began: float,
        trace: Trace | None,
        workers: int,
    ) -> None:
        """See :func:`smarter.run.run`; ``began``: when this start did, as :func:`time.perf_counter` counts."""
        self._session = session
        self._waiting = self._windows = self._holds = 0
        self._journal = session.journal
        self._keyring = keyring
        self._store = store
        self._consents = consents
        self._grants = grants
        self._notes = notes
        self._pes_state = PesState.of(session, keyring.stores["pes"])
        self._since = session.journal.progress()
        self._renewed: set[int] = set()
        self._blindings = blindings
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
            # When all is delivered nothing is decided any more.
            () if session.finished else session.journal.ledger(),
            session.faults(),
            outbox=(message for _, message in self._pes_state.outbox(session.journal)),
            lost={plan.name: session.journal.lost_until(plan.name) for plan in session.plans},
            threads=workers,
        )
        for party, counts in self._tally.views.items():
            self._parties.views[party].absorb(View.from_dict(counts))
        stages = self._parties.stages
        stages.seconds.update(self._tally.stage_seconds)
        stages.bytes.update(self._tally.stage_bytes)
        self._trail = Trail(trace, session) if trace else None

    def run(self, state: StateFolder, verify: bool, due: Sequence[str]) -> Iterator[Event]:
        """From where it was left to its result; ``due``: what is said of old keys."""
        finished = self._session.finished
        yield from self._deliver()
        if not self._session.finished:
            snapshots = self._pes_state.snapshots(self._journal)
            start_meters(self._session, self._parties, self._keyring, snapshots, self._consents)
            yield from self._left_out()
            yield from self._supply()
            yield from self._carry_all()
        yield from self._grant(last=True)
        if not finished:
            if self._trail:
                self._trail.open_kept(self._keyring, self._parties)
            self._journal.note(self._current_tally())
        yield from self._finish(state, verify, due)

    def _supply(self) -> Iterator[Event]:
        """Let the PES have blindings that were made ahead, on the disk or by workers."""
        blindings = self._blindings
        if self._session.cryptography.scheme.precompute:
            keeping = blindings.keep(self._keyring.precompute_key(), self._tally.blindings)
            for done, total in self._parties.stages.awaited("encrypt", keeping):
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
        holds = sum(1 for _ in holds_in_order(self._session.plans, progress))
        blindings, failure = self._blindings, None
        # Nothing is opened before a hold's worth is there: it would be in the clear while the workers start.
        readying = blindings.readying(-(-blindings.expected // max(holds, 1)))
        for made, wanted in self._parties.stages.awaited("encrypt", readying):
            yield Progress("ahead", made, wanted)
        self._holds = holds
        done, total = self._session.done, self._session.expected
        for plan, first, end in holds_in_order(self._session.plans, progress):
            self._holds -= 1
            yield from self._hold(plan, intakes[plan.name], first, end)
            done += (end - first) * plan.size
            yield Progress("read", done, total, self._parties.stages.bytes["read"])
            if blindings.failure != failure:
                failure = blindings.failure or ""
                self._tally.warnings.append(f"{failure}.")
                yield Fault("pes", "worker", failure)
            yield from (Counts(party, view.as_dict()) for party, view in self._parties.views.items())
            yield Spent(dict(self._parties.stages.seconds), dict(self._parties.stages.bytes))
            yield self._tallied()
        yield from self._repeated([intake for each in intakes.values() for intake in each])
        yield from self._deliver()
        yield self._tallied()

    def _repeated(self, intakes: list[Intake]) -> Iterator[Warned]:
        """Say which meters repeat rows, which count once."""
        for warning in filter(None, (intake.repeats() for intake in intakes)):
            if warning not in self._tally.warnings:
                self._tally.warnings.append(warning)
                yield Warned(warning)

    def _hold(self, plan: NeighbourhoodPlan, intakes: list[Intake], first: int, end: int) -> Iterator[Event]:
        stages = self._parties.stages
        with stages.timed("read"):
            readings = []
            for intake in intakes:
                heed()
                readings.append(intake.take(first, end))
        if self._session.scenario.gaps == "fail":
            for intake, blocks in zip(intakes, readings, strict=True):
                intake.require_all(blocks, first, end)
        turn = self._consents.turn(plan, first, end)
        turns = () if turn is None else (turn,)
        carried = self._parties.carry(plan.name, readings, first, end, turns, self._begin)
        if turn is not None or self._consents.problems:
            yield from self._left_out()
        stages.bytes["read"] += _plain_bytes(readings)
        count_carried(self._tally, carried)
        for party, reasons in carried.dropped.items():
            start = plan.axis.start_of(first)
            yield from (Fault(party, "frame", reason, plan.name, start) for reason in reasons)
        if self._trail:
            yield from self._trail.of_hold(plan, readings, carried, self._parties, first, end)
        roster = self._session.roster[plan.name]
        # A scheme may have to blind the sums before it gives their bytes out: that is no work of the journal's.
        with stages.timed("add"):
            snapshots = self._parties.snapshots()
        frames = [(roster[frame.meter].pseudonym, frame.first_slot, frame.data) for frame in carried.sealed]
        with stages.timed("store"):
            self._journal.commit_hold(
                plan.name,
                end,
                snapshots=self._pes_state.sealed(snapshots),
                outbox=self._pes_state.sealed_outbox(carried.aggregates),
                frames=frames,
                keep_from=end - self._session.scenario.accounts.keep_frames // plan.axis.interval,
                tally=self._current_tally(),
            )
        self._grants.take(frames)
        yield from self._grant()
        self._waiting += len(carried.aggregates)
        self._windows += plan.windows_ended(end) - plan.windows_ended(first)
        many = self._waiting >= TOGETHER or self._windows >= WINDOWS_TOGETHER
        if self._waiting and (many or time.perf_counter() - self._delivered >= PATIENCE):
            yield from self._deliver()

    def _grant(self, *, last: bool = False) -> Iterator[Warned]:
        """Let the meters deliver what their customers have granted, and say what they do not carry out."""
        with self._parties.stages.timed("deliver"):
            problems = self._grants.deliver(self._parties.views["meters"], last=last)
        self._tally.warnings += [f"{problem}." for problem in problems]
        yield from (Warned(f"{problem}.") for problem in problems)

    def _left_out(self) -> Iterator[Warned]:
        """Say how many meters take part in less than everything, and whose statements do not count."""
        problems, self._consents.problems = self._consents.problems, []
        self._tally.warnings += [problem for problem in problems if problem not in self._tally.warnings]
        yield from map(Warned, problems)
        now = self._consents.left_out()
        if now is not None:
            yield Warned(now)

    def _begin(self, plan: NeighbourhoodPlan, slot: int) -> None:
        """Meters begin to take part otherwise, or a billing period begins: then with a new key for the PES's state."""
        period = slot in plan.periods
        begun = slot <= self._since.get(plan.name, plan.first_slot)  # this start has just begun their epochs
        changed = self._consents.changed_at(plan, slot)
        pseudonyms = (kept.pseudonym for kept in self._session.roster[plan.name])
        at = {each: slot for each in pseudonyms if (period and not begun) or each in changed}
        if at:
            purposes = {pseudonym: self._consents.now(pseudonym) for pseudonym in at}
            begin_epochs(self._session, self._parties, self._keyring, at, purposes)
        if not period:
            return
        if (moment := int(plan.axis.start_of(slot))) not in self._renewed:
            self._renewed.add(moment)
            self._pes_state.renew()

    def _deliver(self) -> Iterator[Event]:
        """Everything in the outbox: decide, write that into ledger and audit log, open, store, acknowledge."""
        pending = self._pes_state.outbox(self._journal)
        self._waiting = self._windows = 0
        self._delivered = time.perf_counter()
        if not pending:
            self._pes_state.settle(self._journal)
            return
        stages = self._parties.stages
        decisions = self._parties.decide([message for _, message in pending])
        with stages.timed("store"):
            self._journal.enter(row_of(entry) for decision in decisions for entry in decision.entries)
            self._notes.note(decisions)
        released = self._parties.release(decisions)
        with stages.timed("store"):
            self._keyring.keep_data_keys(self._parties.mdms.data)
            self._store.put_many([record for _, records in released for record in records])
            stages.bytes["store"] += sum(len(record.body) for _, records in released for record in records)
            count_windows(self._tally, (release for release, _ in released))
            self._journal.acknowledge([number for number, _ in pending], self._current_tally())
            self._parties.releaser.settle()
            self._pes_state.settle(self._journal)
        for decision, (release, records) in zip(decisions, released, strict=True):
            yield from told(decision.aggregate.neighbourhood, release)
            if self._trail:
                yield from self._trail.of_release(decision, release, records, self._parties)

    def _tallied(self) -> Tallied:
        tally = self._tally
        return Tallied(
            tally.frames,
            tally.ciphertexts,
            dict(tally.released),
            dict(tally.refused),
            {party: sum(reasons.values()) for party, reasons in tally.dropped.items()},
            self._holds,
            self._blindings.ready if self._blindings.ahead else None,
            self._parties.pes.open_sums,
            self._waiting,
        )

    def _current_tally(self) -> Tally:
        self._tally.seconds = time.perf_counter() - self._began
        self._tally.blindings = max(self._tally.blindings, self._blindings.mark)
        self._tally.views = {party: view.as_dict() for party, view in self._parties.views.items()}
        self._tally.stage_seconds = self._parties.stages.seconds
        self._tally.stage_bytes = self._parties.stages.bytes
        return self._tally

    def _finish(self, state: StateFolder, verify: bool, due: Sequence[str]) -> Iterator[Event]:
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
            result = summarise(self._session, report, tally, state, keys=keys, due=due, verified=verify or None)
            hops = list(self._trail.of_report(report)) if self._trail else []
        yield from hops
        mdms = View.from_dict(result.views["mdms"])
        mdms.absorb(view)
        if verify:
            # After the report, whose view would else be short of the keys that the check had unwrapped.
            for done, total in verify_report(self._session, report):
                yield Progress("verify", done, total)
        yield Finished(result.model_copy(update={"views": {**result.views, "mdms": mdms.as_dict()}}))


def _plain_bytes(readings: list[list[ReadingBlock]]) -> int:
    return sum(block.energies.nbytes for blocks in readings for block in blocks)
