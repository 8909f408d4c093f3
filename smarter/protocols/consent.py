"""What each meter's readings may be used for, by what its customer states, and from which slot on.

``run`` asks it at every start and where a billing window begins. A household takes part in whole billing windows: were
it in the demand of a part of one, the difference between demand and bills would show its use in that part alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from smarter.errors import IntegrityError
from smarter.keys.keystore import Keystore
from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.windows import iso
from smarter.parties.meter.statements import Standing
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.notice import SUFFICES_FROM
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.session import Session
from smarter.protocols.statements import standing_of
from smarter.state import KeptMeter
from smarter.state.statements import Statements

NOTHING: Purposes = ()
BILLS_ONLY: Purposes = ("billing",)


def purposes_of(standing: Standing | None, consent: Literal["required", "assumed"]) -> Purposes:
    """What readings may be used for; ``standing``: of the meter's customer, None where there is none.

    What a customer has stated counts either way; ``assumed`` is said of meters without one.
    """
    if standing is None:
        return PURPOSES if consent == "assumed" else NOTHING
    if standing.notice is None or standing.notice < SUFFICES_FROM:
        return NOTHING
    return PURPOSES if standing.statistics else BILLS_ONLY


class Consents:
    """Those of one deployment, with its meters' opened keystore, for as long as a run goes on.

    Attributes:
        consent: ``required`` or ``assumed``, as the scenario says, or by whether there has ever been a customer.
        problems: why statements of a customer do not count, a sentence each; whoever tells them takes them out.
    """

    def __init__(self, session: Session, store: Keystore, accounts: Path) -> None:
        self._session = session
        self._keys = CustomerKeys.of(session, store)
        self._accounts = accounts
        self._statements: Statements | None = None
        self._wanted: dict[bytes, Purposes] | None = None
        self.consent = consent_of(session, store)
        self.problems: list[str] = []
        self._told: set[str] = set()
        self._changed: dict[str, tuple[int, frozenset[bytes]]] = {}
        self._now = {pseudonym: spans[-1][1] for pseudonym, spans in timelines(session).items()}

    def close(self) -> None:
        """Give the file of the accounts back."""
        if self._statements is not None:
            self._statements.close()
            self._statements = None

    def at_start(self, at: Mapping[bytes, int]) -> dict[bytes, Purposes]:
        """What each meter's readings may be used for from where a start takes it up; ``at``: that slot, by meter."""
        before = timelines(self._session)
        wanted = self._look()
        for plan in self._session.plans:
            for kept in self._session.roster[plan.name]:
                slot = at[kept.pseudonym]
                noted = [purposes for since, purposes in before.get(kept.pseudonym, ()) if since < slot]
                going_on = noted[-1] if noted else PURPOSES
                turns = self._edge(plan, slot, slot + 1) is not None
                self._now[kept.pseudonym] = wanted[kept.pseudonym] if turns else going_on
        return {pseudonym: self._now[pseudonym] for pseudonym in at}

    def turn(self, plan: NeighbourhoodPlan, first: int, end: int) -> int | None:
        """The slot of a hold from which on meters take part otherwise than so far; None: there is none.

        From then on :meth:`now` says how.
        """
        slot = self._edge(plan, first, end)
        if slot is None:
            return None
        wanted = self._look()
        pseudonyms = [kept.pseudonym for kept in self._session.roster[plan.name]]
        changed = {pseudonym: wanted[pseudonym] for pseudonym in pseudonyms if wanted[pseudonym] != self.now(pseudonym)}
        self._now.update(changed)
        self._changed[plan.name] = (slot, frozenset(changed))
        return slot if changed else None

    def changed_at(self, plan: NeighbourhoodPlan, slot: int) -> frozenset[bytes]:
        """The meters that take part otherwise from a slot on, by the last :meth:`turn`."""
        at, changed = self._changed.get(plan.name, (-1, frozenset()))
        return changed if at == slot else frozenset()

    def now(self, pseudonym: bytes) -> Purposes:
        """What a meter's readings may be used for, as far as has been decided."""
        return self._now.get(pseudonym, PURPOSES)

    def left_out(self) -> str | None:
        """How many meters take part in less than everything from now on, as a sentence; None: none does."""
        now = [self.now(kept.pseudonym) for kepts in self._session.roster.values() for kept in kepts]
        return told(self.consent, now) if any(each != PURPOSES for each in now) else None

    def _edge(self, plan: NeighbourhoodPlan, first: int, end: int) -> int | None:
        """The first slot of a hold at which a billing window begins, or all began anew after an earlier end.

        At the span's own start, too, though it be in the middle of a window: nothing of that was measured before.
        """
        edges = plan.billing.slots(plan.axis)
        place = int(edges.searchsorted(first))
        cuts = [int(plan.axis.first_slot_from(cut)) for cut in self._session.cuts[plan.name]]
        found = [slot for slot in (plan.first_slot, *edges[place : place + 1].tolist(), *cuts) if first <= slot < end]
        return min(found, default=None)

    def _look(self) -> dict[bytes, Purposes]:
        """What each meter's readings may be used for by the statements that there are; read again when some are new."""
        if self._statements is None and self._accounts.exists():
            self._statements = Statements(self._accounts)
            self._wanted = None
        changed = self._statements is not None and self._statements.changed()
        if self._wanted is None or changed:
            kepts = [kept for kepts in self._session.roster.values() for kept in kepts]
            self._wanted = {kept.pseudonym: purposes_of(self._standing(kept), self.consent) for kept in kepts}
        return self._wanted

    def _standing(self, kept: KeptMeter) -> Standing | None:
        verify_key = self._keys.verify_key(kept.pseudonym)
        if verify_key is None:
            # One from before customers made statements has agreed to nothing.
            return Standing() if self._keys.has_customer(kept.pseudonym) else None
        try:
            return standing_of(self._session, self._statements, kept.pseudonym, verify_key)
        except IntegrityError as error:
            problem = f"meter {kept.pseudonym.hex()[:8]} sends nothing: {str(error).rstrip('.')}."
            if problem not in self._told:
                self._told.add(problem)
                self.problems.append(problem)
            return Standing()


def consent_of(session: Session, store: Keystore) -> Literal["required", "assumed"]:
    """Whether meters without a customer take part: as the scenario says, or not once there has been a customer."""
    chosen = session.scenario.consent
    if chosen is not None:
        return chosen
    return "required" if CustomerKeys.of(session, store).any else "assumed"


def timelines(session: Session) -> dict[bytes, list[tuple[int, Purposes]]]:
    """From which slot on each meter's readings have been used for what; of one without an entry for everything."""
    return {
        pseudonym: [(since, tuple(each for each in PURPOSES if each in purposes)) for since, purposes in spans]
        for pseudonym, spans in session.journal.taking_part().items()
    }


def left_out(session: Session) -> Iterator[str]:
    """What a result says of meters whose readings were not used for everything, all the time: a sentence or none."""
    noted = timelines(session)
    for plan in session.plans:
        spans = [
            spans
            for kept in session.roster[plan.name]
            if (spans := [each for each in noted.get(kept.pseudonym, ()) if each[0] < plan.end_slot])
            and any(purposes != PURPOSES for _, purposes in spans)
        ]
        if not spans:
            continue
        since = iso(int(plan.axis.start_of(min(span[0] for meter in spans for span in meter))), plan.timezone)
        last = [meter[-1][1] for meter in spans]
        silent, billed = last.count(NOTHING), last.count(BILLS_ONLY)
        yield (
            f"consent: not all readings of {len(spans)} of the {plan.size} meters of {plan.name} were used, of the "
            f"first from {since} on; at the end {silent} sent nothing, and {billed} were billed and in no demand."
        )


def told(consent: str, now: Iterable[Purposes]) -> str:
    """How many meters take part in what."""
    meters = list(now)
    silent, billed = meters.count(NOTHING), meters.count(BILLS_ONLY)
    parts = []
    if silent:
        why = "without the agreement of a customer" if consent == "required" else "whose customers do not agree"
        parts.append(f"{silent} of {len(meters)} meters, {why}, send nothing: no bill and no demand has their readings")
    if billed:
        parts.append(f"{billed} of {len(meters)}, opted out of statistics, are billed and in no demand")
    return f"consent: {'; '.join(parts)}."
