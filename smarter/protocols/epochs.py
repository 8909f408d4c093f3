"""Beginning key epochs of meters, also for their customers: of all at every start, and of some in the middle of a run.

``run`` starts the meters before the first hold of every start, and begins an epoch of each with every billing period,
so that a period's keys can be destroyed by themselves. Announcements of earlier epochs are handed to the PES again for
as long as frames made in them may still be on their way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.views import acting
from smarter.protocols.areas import grace_slots
from smarter.protocols.consent import Consents
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.pes import PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.provision import Keyring
from smarter.protocols.session import Session
from smarter.state import BegunEpoch


def start_meters(
    session: Session, parties: PesDeployment, keyring: Keyring, snapshots: Mapping[str, bytes], consents: Consents
) -> None:
    """Restore the parties from their snapshots, if there are any, then begin a key epoch of every meter.

    What its readings may be used for is as ``consents`` say.
    """
    progress = session.journal.progress()
    at = {
        kept.pseudonym: progress.get(plan.name, plan.first_slot)
        for plan in session.plans
        for kept in session.roster[plan.name]
    }
    noted = {kept.pseudonym: kept.epoch for kepts in session.roster.values() for kept in kepts}
    # An announcement that is newer than the journal is of another day: no frame that the journal has is of its epoch.
    there = [each for each in session.wrapped.epochs() if each.epoch <= noted.get(each.pseudonym, 0)]
    since = {p: slot - grace_slots(session.scenario, plan) for plan, p, slot in _each(session, at)}
    needed, _ = _parted(there, at, since)
    parties.accept_epochs(each.announcement for each in needed if each.announcement)
    if snapshots:
        parties.restore(snapshots)
    begin_epochs(session, parties, keyring, at, consents.at_start(at))


def begin_epochs(
    session: Session,
    parties: PesDeployment,
    keyring: Keyring,
    at: Mapping[bytes, int],
    purposes: Mapping[bytes, Purposes],
) -> None:
    """Begin a key epoch of each meter in ``at``, from the slot on that is given with it; of others nothing changes.

    ``purposes``: what the meters' readings may be used for, of each in ``at``.

    Before the first frame of it is made, its number is in the journal, then its announcement and its customer's seal
    key are with the keys, and then its secret is in the meters' keystore, each durably. Epochs whose frames need not be
    kept any longer go: stopped before they are all gone, the next time has them go.
    """
    secrets, announcements = parties.begin_epochs(at, purposes)
    customers = CustomerKeys.of(session, keyring.stores["meters"])
    customers.seal_early(secrets, at)
    with acting(parties.views["meters"]):
        seal_keys = list(customers.wrap_new(secrets))
    # The journal first: an epoch that it knows is never begun again, whether or not a frame was made in it.
    noted = {pseudonym: epoch for pseudonym, (epoch, _) in secrets.items()}
    session.journal.begin_epochs(noted, {p: (at[p], purposes[p]) for p in noted}, PURPOSES)
    earlier = [each for each in session.wrapped.epochs() if each.pseudonym in at]
    begun = [
        BegunEpoch(pseudonym, epoch, at[pseudonym], announcements[pseudonym])
        for pseudonym, (epoch, _) in secrets.items()
    ]
    session.wrapped.begin(begun, seal_keys)
    places = list(_each(session, at))
    _, through = _parted(earlier, at, {p: slot - grace_slots(session.scenario, plan) for plan, p, slot in places})
    _, outdated = _parted(earlier, at, {p: slot - _kept_slots(session, plan) for plan, p, slot in places})
    forgotten = [(each.pseudonym, each.epoch) for each in outdated]
    keyring.keep_epochs(secrets, forgotten)
    session.wrapped.settle(each for each in through if each.announcement)
    session.wrapped.forget(forgotten)


def _each(session: Session, at: Mapping[bytes, int]) -> Iterator[tuple[NeighbourhoodPlan, bytes, int]]:
    for plan in session.plans:
        for kept in session.roster[plan.name]:
            if kept.pseudonym in at:
                yield plan, kept.pseudonym, at[kept.pseudonym]


def _parted(
    epochs: Sequence[BegunEpoch], now: Mapping[bytes, int], since: Mapping[bytes, int]
) -> tuple[list[BegunEpoch], list[BegunEpoch]]:
    """Epochs (by meter and number) that have frames which reach beyond slot ``since`` of their meter, and the others.

    An epoch ends where the next one of its meter begins, the last one at slot ``now``.
    """
    reaching: list[BegunEpoch] = []
    others: list[BegunEpoch] = []
    for pseudonym, group in groupby(epochs, lambda each: each.pseudonym):
        own = list(group)
        ends = [*(each.first_slot for each in own[1:]), now[pseudonym]]
        for each, end in zip(own, ends, strict=True):
            (reaching if each.first_slot < end and end > since[pseudonym] else others).append(each)
    return reaching, others


def _kept_slots(session: Session, plan: NeighbourhoodPlan) -> int:
    return session.scenario.accounts.keep_frames // plan.axis.interval
