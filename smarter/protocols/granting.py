"""Carrying out customers' grants on the meters' side: opening kept frames, adding up, delivering into the mailbox.

``run_grants`` calls it as windows close, ``smarter grants deliver`` and ``smarter customer grant`` for what was
measured before. At each delivery it goes by the customers' statements as they are at that moment.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from smarter.errors import IntegrityError, MalformedMessage, UsageError
from smarter.keys.keystore import Keystore
from smarter.keys.unlock import Unlock
from smarter.model.audit import household, party
from smarter.model.messages import Frame
from smarter.model.views import View, acting
from smarter.parties.meter.grants import GrantedMeter, Windows, apart_from, on_another_grid, why_not, windows_of
from smarter.parties.meter.meter import MeterIdentity
from smarter.parties.meter.statements import Grant, Standing
from smarter.protocols.auditing import open_audit
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.readable_from import first_readable
from smarter.protocols.session import Session
from smarter.protocols.statements import standing_of
from smarter.state import Deliveries, Sent, StateFolder
from smarter.state.audit.lines import stamp
from smarter.state.audit.log import AuditLog
from smarter.state.statements import Statements

MOST_WINDOWS = 10_000
"""Of one delivery: what a grantee must hold in memory at once is bounded."""

_ANOTHERS = "another meter's grant has its number, which is drawn at random: give it anew"


@dataclass(frozen=True)
class Refusal:
    """What is not carried out, and why: a grant, all of a meter's (``grant`` empty), or all there are (both empty)."""

    meter: bytes
    grant: str
    why: str


@dataclass(frozen=True)
class Outcome:
    """What came of a look at all grants."""

    delivered: tuple[Sent, ...] = ()
    refused: tuple[Refusal, ...] = ()


class Granting:
    """The meters of a deployment in the service of their customers' grants.

    Args:
        session: the deployment.
        meters: the opened keystore of the meters, which may get new key epochs meanwhile.
        state: where accounts and mailbox lie.
        log: the opened audit log, which is told of a delivery before it is made.
        clock: by which grants expire, epoch seconds.
    """

    def __init__(
        self,
        session: Session,
        meters: Keystore,
        state: StateFolder,
        log: AuditLog,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._session = session
        self._state = state
        self._log = log
        self._view = View()
        self._clock = clock
        self._keys = CustomerKeys.of(session, meters)
        self._plans = {kept.pseudonym: plan for plan in session.plans for kept in session.roster[plan.name]}
        self._cipher = session.scenario.crypto.seal.create()
        self._statements = Statements(state.accounts)
        self._mailbox: Deliveries | None = None
        self._standings: dict[bytes, Standing] | None = None
        self._broken: tuple[Refusal, ...] = ()
        self._kept: dict[bytes, list[Frame]] = {}
        self._kept_from: dict[bytes, int] = {}
        self._erased: dict[bytes, int | None] = {}

    def close(self) -> None:
        """Give the files back."""
        self._statements.close()
        if self._mailbox is not None:
            self._mailbox.close()

    def take(self, frames: Iterable[tuple[bytes, int, bytes]]) -> None:
        """Frames that have just been kept, each with its meter and first slot; those that are not needed are not."""
        if self._kept:
            for meter, _, data in frames:
                if meter in self._kept:
                    self._kept[meter] += self._decoded([data])

    def deliver(self, *, only: bytes | None = None, view: View | None = None) -> Outcome:
        """Deliver every granted window that is over and was not delivered yet, all in one batch.

        ``only``: the one meter whose grants are looked at; ``view``: the meters'. Nothing is delivered to anybody
        where a statement comes in between; the next look finds it.
        """
        self._view = view or self._view
        now = int(self._clock())
        standings = {meter: each for meter, each in self._look().items() if only in (None, meter)}
        refused = [each for each in self._broken if only in (None, each.meter)]
        batch: list[tuple[Sent, bytes]] = []
        if not any(standing.grants for standing in standings.values()):
            return Outcome((), tuple(refused))
        self._deliveries.expire(now)
        progress = self._session.journal.progress()
        claimed: dict[str, bytes] = {}
        self._erased.clear()
        for meter, standing in standings.items():
            plan = self._plans[meter]
            closed = int(plan.axis.start_of(progress.get(plan.name, plan.first_slot)))
            needed: list[int] = []
            for grant in standing.grants.values():
                if why := why_not(grant, standing, now):
                    if grant.live(now):
                        refused.append(Refusal(meter, grant.id, why))
                    continue
                try:
                    if claimed.setdefault(grant.id, meter) != meter:
                        raise UsageError(_ANOTHERS)
                    due = list(self._due(plan, meter, standing, grant, closed, now))
                except (UsageError, IntegrityError) as error:
                    refused.append(Refusal(meter, grant.id, str(error).rstrip(".")))
                    continue
                batch += due
                if closed < grant.end and meter in self._kept:
                    needed.append(due[-1][0].end if due else self._reached(meter, grant)[1])
            self._let_go(meter, min(needed, default=None))
        if not batch:
            return Outcome((), tuple(refused))
        for each, _ in batch:
            self._log.note(
                "delivery",
                party("meters"),
                household(each.meter.hex()),
                grant=each.grant,
                number=each.number,
                windows=each.windows,
                start=stamp(each.start),
                end=stamp(each.end),
            )
        self._log.commit()
        if not self._deliveries.put(batch, self._as_they_were):
            return Outcome((), tuple(refused))
        return Outcome(tuple(each for each, _ in batch), tuple(refused))

    @property
    def _deliveries(self) -> Deliveries:
        if self._mailbox is None:
            self._mailbox = Deliveries(self._state.deliveries)
        return self._mailbox

    def _look(self) -> dict[bytes, Standing]:
        """Where customers stand now: their statements are read anew when the file has changed."""
        if not self._unchanged() or self._standings is None:
            standings, broken = {}, []
            for meter, verify_key in self._keys.customers().items():
                try:
                    standings[meter] = standing_of(self._session, self._statements, meter, verify_key)
                except IntegrityError as error:
                    broken.append(Refusal(meter, "", str(error).rstrip(".")))
            self._standings, self._broken = standings, tuple(broken)
            if self._state.deliveries.exists():
                # Whoever revoked may have been stopped before they emptied it.
                for meter, standing in standings.items():
                    for grant in standing.grants.values():
                        if grant.revoked is not None:
                            self._deliveries.empty(grant.id, meter)
        return self._standings

    def _unchanged(self) -> bool:
        if self._statements.changed():
            self._standings = None
        return self._standings is not None

    def _as_they_were(self) -> bool:
        """Whether nothing was stated, and no frames erased, since they were looked at."""
        erased = self._session.journal.erased
        return self._unchanged() and all(erased(meter) == at for meter, at in self._erased.items())

    def _due(
        self,
        plan: NeighbourhoodPlan,
        meter: bytes,
        standing: Standing,
        grant: Grant,
        closed: int,
        now: int,
    ) -> Iterator[tuple[Sent, bytes]]:
        number, since = self._reached(meter, grant)
        readable = first_readable(self._session, meter, self._keys.sealed_to(meter))
        # No farther back than the customer reads, whatever span they granted.
        kept = max(closed - self._session.scenario.accounts.keep_frames, int(plan.axis.start_of(readable)))
        windows = windows_of(grant, plan.timezone, since, closed, plan.start, kept if kept > plan.start else None)
        for other in standing.grants.values():
            if len(windows[0]) and on_another_grid(other, grant):
                windows = apart_from(
                    windows, ((each.start, each.end) for each in self._deliveries.under(other.id, since))
                )
        for at in range(0, len(windows[0]), MOST_WINDOWS):
            number += 1
            part = windows[0][at : at + MOST_WINDOWS], windows[1][at : at + MOST_WINDOWS]
            yield self._made(plan, meter, grant, number, part, now)

    def _reached(self, meter: bytes, grant: Grant) -> tuple[int, int]:
        """The number of a grant's last delivery, and where its last window ended."""
        last = self._deliveries.last(grant.id)
        if last is not None and last.meter != meter:
            raise UsageError(_ANOTHERS)
        return (last.number, last.end) if last else (0, grant.start)

    def _made(
        self, plan: NeighbourhoodPlan, meter: bytes, grant: Grant, number: int, windows: Windows, now: int
    ) -> tuple[Sent, bytes]:
        identity = MeterIdentity(self._session.deployment, meter, self._keys.signing_key(meter))
        keywrap = self._session.cryptography.keywrap
        granted = GrantedMeter(identity, keywrap, self._cipher, plan.axis, plan.timezone)
        receiver = granted.receiver(grant).fingerprint
        self._erased.setdefault(meter, self._session.journal.erased(meter))
        first = max(int(plan.axis.first_slot_from(int(windows[0][0]))), plan.first_slot)
        if first < self._kept_from.get(meter, plan.end_slot):
            self._kept[meter] = self._decoded(self._session.journal.frames(meter))
            self._kept_from[meter] = plan.first_slot
        with acting(self._view):
            sums = granted.sums(windows, self._kept[meter], self._keys.readable(meter))
        span = int(windows[0][0]), int(windows[1][-1])
        sent = Sent(grant.id, number, meter, receiver, *span, len(sums), grant.expires, now)
        return sent, granted.deliver(grant, number, windows, sums)

    def _decoded(self, frames: Iterable[bytes]) -> list[Frame]:
        decoded = []
        with acting(self._view):
            for data in frames:
                try:
                    decoded.append(Frame.decode(data))
                except MalformedMessage:
                    continue  # what it held counts as not measured
        return decoded

    def _let_go(self, meter: bytes, needed: int | None) -> None:
        """Frames from before ``needed`` (epoch seconds) are not at hand any more; None: no frames of the meter.

        Who needs them again, such as for another grant, takes them from the journal.
        """
        if needed is None:
            self._kept.pop(meter, None)
            self._kept_from.pop(meter, None)
            return
        slot = int(self._plans[meter].axis.first_slot_from(needed))
        if slot > self._kept_from[meter]:
            self._kept_from[meter] = slot
            self._kept[meter] = [
                frame for frame in self._kept[meter] if frame.header.first_slot + frame.header.count > slot
            ]


def deliver_now(
    session: Session,
    state: StateFolder,
    unlock: Unlock,
    *,
    only: bytes | None = None,
    clock: Callable[[], float] = time.time,
) -> Outcome:
    """Deliver what is due on a state, of all meters or of ``only`` one; a run may go on there.

    Raises:
        WrongPassphrase: the keystores of meters or audit log do not open.
        DamagedKeys: or do not read back.
    """
    meters = Keystore.open(state.keys, "meters", unlock)
    with open_audit(state, unlock, clock) as log:
        granting = Granting(session, meters, state, log, clock=clock)
        try:
            return granting.deliver(only=only)
        finally:
            granting.close()


def empty_mailbox(state: StateFolder, meter: bytes) -> int:
    """Take out what was delivered of a meter; returns how many deliveries nobody had fetched."""
    if not state.deliveries.exists():
        return 0
    mailbox = Deliveries(state.deliveries)
    try:
        return mailbox.empty_meter(meter)
    finally:
        mailbox.close()
