"""Customers and their meters: inviting, enrolling, moving out.

``smarter customer`` and the app call it; what the meters remember of it is in ``customer_keys``.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass, field, replace

from smarter.errors import UsageError
from smarter.keys import signing
from smarter.keys.codes import read_code, spell_code
from smarter.keys.keystore import Keystore
from smarter.model.audit import LOCAL, Named, Note, customer, household
from smarter.model.messages.frame import PSEUDONYM_BYTES
from smarter.parties.customer import CustomerSecrets, Enrolling
from smarter.protocols.customer_keys import CustomerKeys
from smarter.protocols.holder import CUSTOMER, Holder, named_holder
from smarter.protocols.login import Login
from smarter.protocols.notice import Notice
from smarter.protocols.readable_from import ReadableFrom, from_next_epoch, measured, readable_from
from smarter.protocols.session import Session
from smarter.protocols.statements import agree
from smarter.state import Account, KeptMeter
from smarter.state.statements import Statements

METER_DIGITS = 4
"""The fewest digits of a pseudonym that name a meter."""


@dataclass(frozen=True)
class Enrolled:
    """A new customer.

    Attributes:
        account: theirs.
        recovery_code: nowhere kept.
        readable: from when on they read.
    """

    account: Account
    recovery_code: str = field(repr=False)
    readable: ReadableFrom


def find_meter(session: Session, wanted: str) -> KeptMeter:
    """The meter that is called so: the source's name for it, or the first digits of its pseudonym.

    Raises:
        UsageError: none is, or more than one.
    """
    kept = [meter for meters in session.roster.values() for meter in meters]
    digits = wanted.rstrip("…").lower()
    found = [meter for meter in kept if meter.source == wanted]
    if not found and METER_DIGITS <= len(digits) <= 2 * PSEUDONYM_BYTES:
        found = [meter for meter in kept if meter.pseudonym.hex().startswith(digits)]
    if len(found) != 1:
        raise UsageError(
            f"{wanted!r} names {len(found)} meters; give the source's name, or at least {METER_DIGITS} digits of the "
            f"pseudonym, of one of {', '.join(meter.source for meter in kept[:5])}, …"
        )
    return found[0]


def invite(
    session: Session, login: Login, store: Keystore, meter: KeptMeter, readable: ReadableFrom | None = None
) -> str:
    """A one-time code for the next customer of a meter, to be shown once.

    ``readable``: from when on they are to read; None: from the next key epoch after they enrol.

    Raises:
        UsageError: the meter has a customer.
    """
    keys = CustomerKeys.of(session, store)
    if account := login.accounts.of_meter(meter.pseudonym):
        raise UsageError(
            f"meter {meter.source} has a customer, {account.name}: they move out before another is invited, with "
            "`smarter customer move-out`."
        )
    readable = readable or from_next_epoch(session, meter)
    _note(login, LOCAL, meter.pseudonym, "invited", since=readable.noted)
    if keys.has_customer(meter.pseudonym):
        # A crash cut an enrolment in two, or the accounts are lost: the next customer is not to read what was before.
        keys.forget(meter.pseudonym, meter.epoch, measured(session, meter.pseudonym))
    return spell_code(keys.invite(meter.pseudonym, readable.after, readable.slot))


def enrol(
    session: Session,
    login: Login,
    store: Keystore,
    *,
    code: str,
    name: str,
    password: str,
    notice: Notice | None = None,
) -> Enrolled:
    """Open an account for the meter that ``code`` is for, with a key pair made now.

    ``notice``: what the customer has seen and agrees to, which is the first thing that they state; None: to nothing
    yet, so that their readings are used for nothing until they do.

    Raises:
        UsageError: the code has a typo, the name is taken, or the password will not do; the code stays open.
        WrongCredentials: no meter waits for the code.
        AuthenticationFailed: meter and customer do not come together.
    """
    secret = read_code(code)
    keys = CustomerKeys.of(session, store)
    pseudonym = keys.invited_by(secret)
    name = login.check_new(name, password)
    keywrap = session.cryptography.keywrap
    pair = keywrap.generate()
    public_key = keywrap.dump_public(pair.public)
    secrets = CustomerSecrets(keywrap.dump_private(pair.private), signing.generate()[1])
    enrolling = Enrolling(
        secret, session.deployment, pseudonym, pair.public.fingerprint, public_key, secrets.verify_key
    )
    link = keys.link(pseudonym)
    answer = enrolling.accept(link.enrol(enrolling.request()))
    readable = readable_from(session, pseudonym, answer.after, keys.last_epoch(pseudonym))
    since = readable.slot if link.slot is None else max(readable.slot, link.slot)
    secrets = replace(secrets, since=since)
    _note(login, customer(name), pseudonym, "enrolled", since=readable.noted)
    keys.remember(pseudonym, link, since)
    session.wrapped.keep_seal_keys(pseudonym, keys.wrapped(pseudonym, link))
    recovery_code = login.add(
        name,
        password,
        CUSTOMER,
        secrets.encode(),
        meter=pseudonym,
        verify_key=answer.verify_key,
        public_key=public_key,
    )
    account = login.accounts.of_meter(pseudonym)
    if account is None:
        raise ValueError("an account that was just made is gone")
    if notice is not None:
        with closing(Statements(login.accounts.path)) as statements:
            agree(session, statements, Holder(account, secrets.encode(), b""), notice, witness=login.witness)
    return Enrolled(account, recovery_code, readable)


def since_of(holder: Holder) -> int | None:
    """The first slot that a customer reads, by their own account; None: one from before that was kept."""
    return CustomerSecrets.decode(holder.private).since


def move_out(session: Session, login: Login, store: Keystore, account: Account, *, by: Named | None = None) -> None:
    """Close a customer's account: the meter forgets their key before its next start, which begins a new key epoch.

    ``by``: who says so, for the audit log; by default the customer.
    """
    kept = next(meter for meters in session.roster.values() for meter in meters if meter.pseudonym == account.meter)
    _note(login, by or named_holder(account), account.meter, "moved out")
    # The meter first: stopped after it, no later seal key is wrapped for whoever is gone.
    CustomerKeys.of(session, store).forget(account.meter, kept.epoch, measured(session, account.meter))
    session.wrapped.keep_seal_keys(account.meter, {})
    login.accounts.close_account(account)


def _note(login: Login, actor: Named, pseudonym: bytes, what: str, **details: str) -> None:
    login.witness(Note("enrolment", actor, household(pseudonym.hex()), {"what": what, **details}))
