"""What a third party does: fetches what was delivered for its key, and opens and checks it.

``smarter grants read`` calls it. Whoever keeps the mailbox hands out nothing under a grant that was revoked or has
expired, and notes each access in the audit log first, for the customer to see.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smarter.api import PrivateKey
from smarter.errors import AuthenticationFailed, DataError
from smarter.keys.keystore import public_entries
from smarter.keys.received import ReceivedFile
from smarter.model.audit import grantee, household
from smarter.model.messages.granted import GrantHeader, WindowSums
from smarter.model.views import View, acting
from smarter.parties.grantee import Grantee, Source
from smarter.parties.meter.grants import why_not
from smarter.protocols.customer_keys import STATES
from smarter.protocols.grant_document import GrantDocument
from smarter.protocols.session import Session
from smarter.protocols.statements import standing_of
from smarter.state import Deliveries, Sent, StateFolder
from smarter.state.audit.log import AuditLog
from smarter.state.statements import Statements

ENDED = "it has ended"
"""What a grantee is told when a customer has moved out, which is no business of theirs."""


@dataclass(frozen=True)
class Granted:
    """All that was delivered under one grant, opened.

    Attributes:
        header: of the last delivery.
        deliveries: how many there were.
        gone: how many before them were taken out of the mailbox, as when the household's readings were erased.
        sums: of all windows, in order of time.
        verify_key: the meter's, by which they were checked.
        vouched: how it is known: by a grant ``document``, from ``before``, or from the deployment's ``list``.
    """

    header: GrantHeader
    deliveries: int
    gone: int
    sums: WindowSums
    verify_key: bytes
    vouched: str


@dataclass(frozen=True)
class HandedOut:
    """What was here under one grant: its deliveries, and the number of the last one before them that is gone."""

    messages: list[bytes]
    gone: int


@dataclass(frozen=True)
class _Bar:
    """Why nothing is handed out under a grant, and whether that stays so."""

    why: str
    for_good: bool


class MailboxKeeper:
    """Hands deliveries out. ``clock`` is what grants expire by, epoch seconds."""

    def __init__(self, session: Session, state: StateFolder, clock: Callable[[], float] = time.time) -> None:
        self._session = session
        self._state = state
        self._clock = clock

    def waiting(self, receiver: str) -> dict[str, Sent]:
        """The grants under which something is here for a key, each with its last delivery.

        What is over for good is taken out.

        Raises:
            DataError: nothing is, and why.
            AuthenticationFailed: a customer's statements are not whole, so that nobody knows what may be handed out.
        """
        if not self._state.deliveries.exists():
            raise DataError(f"nothing was ever delivered for the key {receiver[:8]}…, nor for any other.")
        mailbox = Deliveries(self._state.deliveries)
        try:
            mailbox.expire(int(self._clock()))
            sent = mailbox.to(receiver)
            last = {each.grant: each for each in sent}
            gone = {}
            for grant, each in last.items():
                if (bar := self._bar(each)) is not None:
                    gone[grant] = bar.why
                    if bar.for_good:
                        mailbox.empty(grant, each.meter)
            emptied = last.keys() - mailbox.waiting(receiver) - gone.keys()
            gone |= dict.fromkeys(emptied, "it was revoked or erased, or had expired")
        finally:
            mailbox.close()
        there = {grant: each for grant, each in last.items() if grant not in gone}
        if not sent:
            raise DataError(
                f"nothing was delivered for the key {receiver[:8]}… yet: windows come when they are over, by the next "
                "run or `smarter grants deliver`."
            )
        if not there:
            raise _nothing_here(receiver, gone)
        return there

    def hand_out(self, there: Iterable[Sent], receiver: str, log: AuditLog) -> dict[str, HandedOut]:
        """What is here under each grant; noted first, and from now on counted as fetched.

        Each is handed out by what its customer has stated at that moment, which may be long after the look: whoever
        fetches may have been asked for a passphrase in between.

        Raises:
            DataError: nothing is here any more, and why.
            AuthenticationFailed: a customer's statements are not whole.
        """
        there = list(there)
        for each in there:
            log.note("read", grantee(receiver), household(each.meter.hex()), what="granted windows", grant=each.grant)
        log.commit()
        out: dict[str, HandedOut] = {}
        gone: dict[str, str] = {}
        mailbox = Deliveries(self._state.deliveries)
        try:
            for each in there:
                handed = self._fetch(mailbox, each)
                if handed.messages:
                    out[each.grant] = handed
                else:
                    bar = self._bar(each)
                    gone[each.grant] = bar.why if bar else "it was taken out just now"
        finally:
            mailbox.close()
        if not out:
            raise _nothing_here(receiver, gone)
        return out

    def _fetch(self, mailbox: Deliveries, sent: Sent) -> HandedOut:
        return HandedOut(*mailbox.fetch(sent.grant, int(self._clock()), lambda: self._bar(sent) is None))

    def _bar(self, sent: Sent) -> _Bar | None:
        """What is in the way of handing out under a grant, by its customer's statements as they are now."""
        customers = {
            entry.purpose: entry.public for entry in public_entries(self._state.keys, "meters") if entry.current
        }
        verify_key = customers.get(f"{STATES}/{sent.meter.hex()}")
        if verify_key is None:
            return _Bar(ENDED, True)
        statements = Statements(self._state.accounts)
        try:
            standing = standing_of(self._session, statements, sent.meter, verify_key)
        finally:
            statements.close()
        grant, now = standing.grants.get(sent.grant), self._clock()
        if grant is None:
            return _Bar(ENDED, True)
        why = why_not(grant, standing, now)
        if why is None:
            return None
        return _Bar("it rests", False) if grant.live(now) else _Bar(why, True)


def _nothing_here(receiver: str, gone: Mapping[str, str]) -> DataError:
    reasons = "; ".join(f"{grant[:8]}: {why}" for grant, why in sorted(gone.items()))
    return DataError(f"nothing is here for the key {receiver[:8]}… any more ({reasons}).")


def open_granted(
    session: Session,
    private: PrivateKey,
    handed: dict[str, HandedOut],
    sent: dict[str, Sent],
    documents: Sequence[GrantDocument],
    received: ReceivedFile,
) -> list[Granted]:
    """Open what was handed out, and check it against the grant documents and what was received before.

    Raises:
        AuthenticationFailed: something is altered, of another meter or grant, lost, repeated or swapped.
        MalformedMessage: or no delivery at all.
    """
    listed = {kept.pseudonym: kept.verify_key for kepts in session.roster.values() for kept in kepts}
    by_grant = {document.grant: document for document in documents}
    party = Grantee(private, session.cryptography.keywrap)
    opened = []
    for grant, out in handed.items():
        there, gone = out.messages, out.gone
        document, before = by_grant.get(grant), received.verify_key(grant)
        if document is not None:
            source, vouched = document.source, "document"
            if document.key != private.fingerprint or source.pseudonym != sent[grant].meter:
                raise AuthenticationFailed(f"the document of grant {grant[:8]} is about another key or meter.")
        else:
            known, vouched = (before, "before") if before else (listed.get(sent[grant].meter, b""), "list")
            source = Source(session.deployment, sent[grant].meter, grant, known)
        received.check(grant, source.verify_key, there, gone)
        with acting(View()):
            all_of_it = party.open(there, source, gone)
        received.remember(grant, source.verify_key, there, gone)
        sums = joined([one.sums for one in all_of_it])
        opened.append(Granted(all_of_it[-1].header, len(there), gone, sums, source.verify_key, vouched))
    received.save()
    return opened


def joined(parts: Sequence[WindowSums]) -> WindowSums:
    """The windows of several deliveries, in their order."""
    columns = ("starts", "ends", "readings", "expected", "energies")
    return WindowSums(*(np.concatenate([getattr(part, column) for part in parts]) for column in columns))
