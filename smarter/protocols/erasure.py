"""Erasing a household by destroying its keys: what it measured opens no more, in no copy; bare bills stay.

``smarter customer erase`` and the app call it, for the customer or for the operator of the meters, between runs.
Every step is durable before the next, and can be done again: stopped at any moment and repeated it ends the same.

Some of the neighbourhood's demand goes along, since demand less the bills of all others is the erased bill. It goes
before the household's windows: so there is no moment in which these are gone and can be computed. The ledger notes
what was erased last. Until then an erasure that is repeated finds the ledger as it was and withdraws the same demand,
and an audit of releases counts as readable what may be gone, never the reverse.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smarter.api import OpenStore
from smarter.errors import DamagedStore
from smarter.keys.data_key import DataKey
from smarter.keys.entries import KeyEntry
from smarter.keys.keystore import Keystore, public_entries
from smarter.keys.unlock import Unlock
from smarter.model.audit import Named, Note, household
from smarter.model.bills import Bill
from smarter.model.control import heed
from smarter.model.results import ERASED as ERASED_STATUS
from smarter.model.views import View, acting
from smarter.model.windows import iso
from smarter.parties.mdms import MDMS
from smarter.protocols.auditing import open_audit
from smarter.protocols.demand_keys import KeptDemandKeys
from smarter.protocols.granting import empty_mailbox
from smarter.protocols.mdms_keys import BILLS, data_keys, data_purpose, demand_keys, mdms_keys
from smarter.protocols.pes_state import PesState
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.portion import portion
from smarter.protocols.provision import ERASED
from smarter.protocols.receipt import KeptTotal, Receipt, SignedReceipt
from smarter.protocols.released_tables import released_windows
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.releasing.withdrawal import withdraw
from smarter.state import DemandKeyFile, KeptMeter, StateFolder

COPIES_DAYS = 30
"""For so many days at most a copy of the keystores should be kept: until then it opens what was erased meanwhile."""


@dataclass(frozen=True)
class _Along:
    """What of a neighbourhood's demand goes along with an erasure.

    Attributes:
        billing: starts of the household's billing windows that the ledger knows of and that are erased.
        demand: starts of the demand windows that go.
        among: how many demand windows were released in those billing windows.
        unkeyed: of how many billing windows demand stays that gives the erased bill: it has no key of its own.
    """

    billing: tuple[int, ...]
    demand: tuple[int, ...]
    among: int
    unkeyed: int


def erase(
    session: Session,
    state: StateFolder,
    unlock: Unlock,
    kept: KeptMeter,
    *,
    by: Named,
    since: int | None = None,
    clock: Callable[[], float] = time.time,
) -> SignedReceipt:
    """Erase what a meter's household has measured so far. The caller holds the state's lock.

    ``since``: the first slot that the customer reads who asks for it; totals of bills from before are not in their
    receipt. None: all are.

    Raises:
        DamagedKeys, WrongPassphrase: a keystore of meters, PES, MDMS or audit log does not open; nothing is done then.
        DamagedStore: what the MDMS keeps does not read back.
    """
    meters, pes, mdms = (Keystore.open(state.keys, party, unlock) for party in ("meters", "pes", "mdms"))
    pseudonym, plan = kept.pseudonym, next(plan for plan in session.plans if plan.name == kept.neighbourhood)
    with open_audit(state, unlock) as audit:
        audit.put(Note("erasure", by, household(pseudonym.hex()), {"what": "readings, billing windows and their keys"}))
    at = int(clock())
    with session.scenario.store.create().open(state.store) as records, acting(View()):
        bills, periods, open_from = _keep_totals(session, state, mdms, records, kept, plan)
    own_keys = demand_keys(mdms, session.deployment, DemandKeyFile(state.demand_keys))
    along = _taken_along(session, own_keys, kept, plan, periods)
    own_keys.destroy(plan.name, along.demand)
    destroyed: dict[str, int] = {"demand_keys": len(along.demand)}
    keys: dict[str, tuple[str, ...]] = {}
    keys["epochs"] = _forget_epochs(meters, kept)
    destroyed["announcements"], destroyed["seal_keys"] = session.wrapped.erase(pseudonym)
    keys["data"] = _destroy_data_keys(mdms, pseudonym.hex(), periods)
    destroyed["frames"], keys["pes_state"] = _renew_pes_state(session, pes, pseudonym, at)
    destroyed["deliveries"] = empty_mailbox(state, pseudonym)
    destroyed |= {"epoch_secrets": len(keys["epochs"]), "data_keys": len(keys["data"])}
    session.journal.mark_erased(
        [("billing", pseudonym.hex(), start) for start in along.billing]
        + [("demand", plan.name, start) for start in along.demand]
    )
    receipt = Receipt(
        pseudonym.hex(),
        iso(at, plan.timezone),
        destroyed,
        keys,
        tuple(_total(bill, plan, since) for bill in bills),
        iso(open_from, plan.timezone) if open_from is not None else "",
        _stays(open_from is not None, along),
    )
    return SignedReceipt.of(receipt, meters.current(f"sign/{pseudonym.hex()}").private)


def _keep_totals(
    session: Session,
    state: StateFolder,
    store: Keystore,
    records: OpenStore,
    kept: KeptMeter,
    plan: NeighbourhoodPlan,
) -> tuple[list[Bill], list[str], int | None]:
    """Have the MDMS make the bills that stand, and keep their totals, durably.

    Returns:
        Those bills, the periods that they are of, and where the first window begins that stays, if one does.
    """
    if not any(store.entries(BILLS)):
        store.add(DataKey.fresh().entry(BILLS))
        store.save()
    name, zone = kept.pseudonym.hex(), plan.timezone
    data = data_keys(store, session.deployment, session.periods, DemandKeyFile(state.demand_keys))
    signers = [entry for entry in public_entries(state.keys, "releaser") if entry.purpose == "sign"]
    keys = mdms_keys(store, signers, session.cryptography.keywrap, data)
    report = session.report(MDMS(session.deployment, keys, session.cryptography.keywrap), records)
    closed, left = _closed(report, records, session, name, plan)
    bills = report.bills(name, zone, report.household(name, plan.name))
    standing = [bill for bill in bills if session.periods.of(name, bill.start) in closed]
    kept_now = {bill.start: data.seal_bill(bill) for bill in standing if bill.status != ERASED_STATUS}
    session.journal.keep_bills(kept.pseudonym, kept_now)
    return standing, closed, left


def _closed(
    report: Report, records: OpenStore, session: Session, name: str, plan: NeighbourhoodPlan
) -> tuple[list[str], int | None]:
    """The periods of which every window has been delivered, so that their bills stand; and the start of the rest."""
    there = {record.start for record in records.records("billing", holder=name)}
    periods: dict[str, list[int]] = {}
    for start in plan.billing.starts.tolist():
        periods.setdefault(session.periods.of(name, start), []).append(start)
    closed = [period for period, starts in periods.items() if session.finished or there.issuperset(starts)]
    return closed, next((starts[0] for period, starts in periods.items() if period not in closed), None)


def _taken_along(
    session: Session, keys: KeptDemandKeys, kept: KeptMeter, plan: NeighbourhoodPlan, periods: Sequence[str]
) -> _Along:
    """What has to go for the household's bills of some periods, by the ledger alone."""
    name = kept.pseudonym.hex()
    row = [each.pseudonym for each in session.roster[plan.name]].index(kept.pseudonym)
    billing: list[int] = []
    demand: list[int] = []
    among = unkeyed = 0
    for each in released_windows(session.journal.ledger(), session.plans, session.roster):
        heed()
        if each.neighbourhood != plan.name or session.periods.of(name, each.start) not in periods:
            continue
        billing.append(each.start)
        table, starts = each.as_left, each.edges[:-1].tolist()
        if not table.bills[row]:
            continue  # there is no bill of it that demand could give, or it was erased before
        possible = np.array([keys.of(plan.name, start) is not None for start in starts], np.bool_)
        again = bool((each.as_released.demand & ~table.demand).any())
        found = withdraw(table.without_bill(row), session.scenario.release.min_meters, possible, again=again)
        demand += [starts[column] for column in found.windows]
        among += int(table.demand.sum())
        unkeyed += found.exposed
    return _Along(tuple(billing), tuple(demand), among, unkeyed)


def _forget_epochs(store: Keystore, kept: KeptMeter) -> tuple[str, ...]:
    name = kept.pseudonym.hex()
    gone = tuple(entry.fingerprint for entry in store.entries(f"epoch/{name}"))
    before = [int(entry.fingerprint, 16) for entry in store.entries(f"{ERASED}/{name}")]
    last = max([kept.epoch, *(int(number, 16) for number in gone), *before])
    for purpose in (f"epoch/{name}", f"{ERASED}/{name}"):
        store.forget(purpose)
    # So that no later epoch is numbered like one of these, should the journal be brought back from a backup.
    store.add(KeyEntry.fresh(f"{ERASED}/{name}", fingerprint=f"{last:08x}", plugin="none", private=b""))
    store.save(overwrite=True)
    return gone


def _destroy_data_keys(store: Keystore, name: str, periods: Iterable[str]) -> tuple[str, ...]:
    gone = tuple(key for period in periods for key in store.destroy_private(data_purpose(name, period)))
    store.save(overwrite=True)
    return gone


def _renew_pes_state(session: Session, store: Keystore, pseudonym: bytes, at: int) -> tuple[int, tuple[str, ...]]:
    """Delete the kept frames, and seal what the PES keeps anew; how many frames, and which keys are destroyed."""
    state, journal = PesState.of(session, store), session.journal
    try:
        snapshots, outbox = state.snapshots(journal), state.outbox(journal)
    except DamagedStore:
        # A journal from a backup whose keys are gone: it opens no more already.
        return journal.erase(pseudonym, at, {}, []), ()
    state.renew()
    messages = state.sealed_outbox(message for _, message in outbox)
    numbered = zip((number for number, _ in outbox), messages, strict=True)
    frames = journal.erase(pseudonym, at, state.sealed(snapshots) if snapshots else {}, numbered)
    return frames, state.settle(journal)


def _total(bill: Bill, plan: NeighbourhoodPlan, since: int | None) -> KeptTotal:
    if since is not None and bill.start < int(plan.axis.start_of(since)):
        bill = replace(bill, energy=None, amount=None)
    amount = None if bill.amount is None else f"{bill.amount:f}"
    start, end = (iso(moment, plan.timezone) for moment in (bill.start, bill.end))
    return KeptTotal(start, end, bill.energy, bill.currency, amount, bill.status)


def _stays(open_bill: bool, along: _Along) -> tuple[str, ...]:
    waiting = (
        "Billing windows whose bill does not stand yet, until it does: ask for it again when the run is finished.",
    )
    gone = ""
    if along.demand:
        gone = (
            f" Of the {along.among:,} demand windows beside the erased bills {len(along.demand):,} were taken along "
            f"({portion(len(along.demand), along.among)}): with the others' bills they would give these."
        )
    # Only an earlier version stored demand without keys of its own.
    unkeyed = (
        f"Demand of {along.unkeyed:,} billing windows that an earlier version stored without keys of its own: it "
        "cannot be destroyed. A reader of it who has the billing windows of all the others can compute this one's.",
    )
    return (
        *(waiting if open_bill else ()),
        "The totals of the bills, since billing law asks for them.",
        f"The rest of the neighbourhood's demand: sums over several households.{gone}",
        *(unkeyed if along.unkeyed else ()),
        "The account, and what its customer has agreed to or granted, with the signatures.",
        "The audit log: who did what and when, the household under a keyed identifier, and no reading and no total.",
        "What was exported, or delivered to somebody else: it is out of reach from here.",
        "Copies of the keystores, where somebody keeps some: they open what is erased here until they are destroyed, "
        f"within {COPIES_DAYS} days at the latest.",
    )
