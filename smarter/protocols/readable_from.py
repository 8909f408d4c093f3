"""From when on a customer reads their meter: the last key epoch that stays sealed, and the slot after it.

An invitation carries it, enrolment puts it into force, and no later step moves it back. Key epochs are the unit, since
each has one seal key: a moment inside an epoch means the next one.
"""

from __future__ import annotations

from dataclasses import dataclass

from smarter.errors import MalformedMessage, UsageError
from smarter.keys.keystore import Keystore
from smarter.model.messages import Frame
from smarter.model.windows import iso
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.session import Session
from smarter.state import KeptMeter

NEXT_EPOCH = "next key epoch"
"""What the audit log says of an invitation without a word about earlier readings."""


@dataclass(frozen=True)
class ReadableFrom:
    """From when on an invited customer reads.

    Attributes:
        after: the last key epoch that stays sealed to them; None: the last one that there is when they enrol.
        slot: where the readable ones begin, or how far the meter has measured where none has begun yet.
        since: the same as ISO 8601; empty: none has begun yet.
    """

    after: int | None
    slot: int
    since: str = ""

    @property
    def noted(self) -> str:
        """What the audit log says of it."""
        return self.since or NEXT_EPOCH


def from_next_epoch(session: Session, meter: KeptMeter) -> ReadableFrom:
    """Nothing that was measured before the customer enrols."""
    return ReadableFrom(None, measured(session, meter.pseudonym))


def from_start(session: Session, store: Keystore, meter: KeptMeter) -> ReadableFrom:
    """All that the meter has measured since its last customer moved out, or since it began."""
    return _from(session, store, meter, 0)


def from_moment(session: Session, store: Keystore, meter: KeptMeter, moment: int) -> ReadableFrom:
    """The key epochs that begin at ``moment`` (epoch seconds) or later, and none from before.

    Raises:
        UsageError: the meter has not measured that far.
    """
    plan = plan_of(session, meter.pseudonym)
    slot = int(plan.axis.first_slot_from(moment))
    reached = measured(session, meter.pseudonym)
    if slot > reached:
        raise UsageError(
            f"meter {meter.source} has measured up to {iso(int(plan.axis.start_of(reached)), plan.timezone)}, and not "
            f"to {iso(moment, plan.timezone)}. Leave --since out: the customer then reads from the next key epoch on."
        )
    begun = [each for each in session.wrapped.epochs() if each.pseudonym == meter.pseudonym]
    earlier = [each.epoch for each in begun if each.first_slot < slot]
    # The frames say so, too: an edited file of key epochs alone does not let an earlier one pass.
    for data in session.journal.frames(meter.pseudonym):
        try:
            header = Frame.decode(data).header
        except MalformedMessage:
            continue
        if header.first_slot < slot:
            earlier.append(header.epoch)
    return _from(session, store, meter, max(earlier, default=0))


def first_readable(session: Session, pseudonym: bytes, after: int) -> int:
    """The first slot that a customer reads to whom the key epochs up to ``after`` stay sealed.

    Where no later key epoch has begun, it is the slot at which the next one will.
    """
    plan = plan_of(session, pseudonym)
    if not after:
        return plan.first_slot
    begun = session.wrapped.first_slot(pseudonym, after)
    return measured(session, pseudonym) if begun is None else begun


def measured(session: Session, pseudonym: bytes) -> int:
    """The slot up to which a meter has measured."""
    plan = plan_of(session, pseudonym)
    return session.journal.progress().get(plan.name, plan.first_slot)


def plan_of(session: Session, pseudonym: bytes) -> NeighbourhoodPlan:
    """The neighbourhood of a meter."""
    return next(
        plan for plan in session.plans if any(kept.pseudonym == pseudonym for kept in session.roster[plan.name])
    )


def readable_from(session: Session, pseudonym: bytes, after: int, last: int) -> ReadableFrom:
    """Where the key epochs behind ``after`` begin; ``last``: the number of the last that has begun."""
    slot = first_readable(session, pseudonym, after)
    if after >= last:
        return ReadableFrom(after, slot)
    plan = plan_of(session, pseudonym)
    return ReadableFrom(after, slot, iso(int(plan.axis.start_of(slot)), plan.timezone))


def _from(session: Session, store: Keystore, meter: KeptMeter, after: int) -> ReadableFrom:
    keys, pseudonym = CustomerKeys.of(session, store), meter.pseudonym
    last = max(meter.epoch, keys.last_epoch(pseudonym))
    # Of a customer whose account is lost it is not known whose the readings are: inviting another seals them.
    after = max(after, last if keys.has_customer(pseudonym) else keys.sealed_to(pseudonym))
    return readable_from(session, pseudonym, after, last)
