"""Customers and their meters: inviting, enrolling, moving out; wrapping seal keys when key epochs begin.

What the meters remember of it is in their keystore, where nobody without its secret can put a key; ``smarter customer``
and the app call the functions, ``epochs`` the class.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from smarter.api import SYSTEM_RANDOMNESS, Cipher, Keywrap, Randomness
from smarter.errors import UsageError, WrongCredentials
from smarter.keys.codes import new_code, read_code, spell_code
from smarter.keys.entries import KeyEntry
from smarter.keys.invitation import Invitation, invitation_name
from smarter.keys.keystore import Keystore
from smarter.model.audit import LOCAL, Named, Note, customer, household
from smarter.model.messages.frame import PSEUDONYM_BYTES
from smarter.parties.customer import Enrolling
from smarter.parties.meter.enrolment import CustomerLink
from smarter.parties.meter.meter import MeterIdentity
from smarter.protocols.login import CUSTOMER, Login, named_holder
from smarter.protocols.session import Session
from smarter.state import Account, KeptMeter

METER_DIGITS = 4
"""The fewest digits of a pseudonym that name a meter."""


@dataclass(frozen=True)
class Enrolled:
    """A new customer: their account, and the recovery code, which is nowhere kept."""

    account: Account
    recovery_code: str = field(repr=False)


class CustomerKeys:
    """What a deployment's meters remember of their customers, in their opened keystore."""

    def __init__(self, store: Keystore, deployment: bytes, keywrap: Keywrap, cipher: Cipher) -> None:
        self._store = store
        self._deployment = deployment
        self._keywrap = keywrap
        self._cipher = cipher

    @classmethod
    def of(cls, session: Session, store: Keystore) -> CustomerKeys:
        """Those of an opened deployment."""
        return cls(store, session.deployment, session.cryptography.keywrap, session.scenario.crypto.seal.create())

    def invite(self, pseudonym: bytes, random: Randomness = SYSTEM_RANDOMNESS) -> bytes:
        """A new one-time code for a meter, in place of an earlier one; only what it gives is kept."""
        code = new_code(random)
        invitation = Invitation.of(code, self._deployment, pseudonym)
        purpose = f"invitation/{pseudonym.hex()}"
        self._store.forget(purpose)
        entry = KeyEntry.fresh(purpose, fingerprint=invitation.name, plugin="hmac-sha256", private=invitation.dump())
        self._store.add(entry)
        self._store.save()
        return code

    def has_customer(self, pseudonym: bytes) -> bool:
        """Whether a key is enrolled with a meter."""
        return self._current(CUSTOMER, pseudonym) is not None

    def invited_by(self, code: bytes) -> bytes:
        """The meter for which a code is open.

        Raises:
            WrongCredentials: none.
        """
        name = invitation_name(code, self._deployment)
        for entry in self._store.entries():
            if entry.fingerprint == name and entry.purpose.startswith("invitation/"):
                return bytes.fromhex(entry.purpose.removeprefix("invitation/"))
        raise WrongCredentials("no meter waits for this code: it was used or replaced, or is for another deployment.")

    def link(self, pseudonym: bytes) -> CustomerLink:
        """The meter's side, as it remembers."""
        invited, enrolled = (self._current(purpose, pseudonym) for purpose in ("invitation", CUSTOMER))
        signing_key = self._store.current(f"sign/{pseudonym.hex()}").private
        return CustomerLink(
            MeterIdentity(self._deployment, pseudonym, signing_key),
            self._keywrap,
            self._cipher,
            invitation=Invitation.load(invited.fingerprint, invited.private) if invited else None,
            customer=self._keywrap.load_public(enrolled.public) if enrolled else None,
        )

    def remember(self, pseudonym: bytes, link: CustomerLink) -> None:
        """Keep a meter's new customer; the code is used up."""
        public = link.customer
        if public is None:
            raise ValueError("this meter has no customer")
        entry = KeyEntry.fresh(
            f"{CUSTOMER}/{pseudonym.hex()}",
            fingerprint=public.fingerprint,
            plugin=self._keywrap.name,
            public=self._keywrap.dump_public(public),
            private=b"",
        )
        self._store.forget(f"invitation/{pseudonym.hex()}")
        self._store.forget(entry.purpose)
        self._store.add(entry)
        self._store.save()

    def forget(self, pseudonym: bytes, epoch: int) -> None:
        """Forget a meter's customer, who sees no key epoch after ``epoch``; nor does the next one up to it."""
        purpose = f"moved-out/{pseudonym.hex()}"
        for forgotten in (purpose, f"{CUSTOMER}/{pseudonym.hex()}", f"invitation/{pseudonym.hex()}"):
            self._store.forget(forgotten)
        self._store.add(KeyEntry.fresh(purpose, fingerprint=f"{epoch:08x}", plugin="none", private=b""))
        self._store.save()

    def wrapped(self, pseudonym: bytes, link: CustomerLink) -> dict[int, bytes]:
        """The seal keys of all of a customer's key epochs that there have been, wrapped for them."""
        moved_out = self._current("moved-out", pseudonym)
        since = int(moved_out.fingerprint, 16) if moved_out else 0
        entries = self._store.entries(f"epoch/{pseudonym.hex()}")
        epochs = {int(entry.fingerprint, 16): entry.private for entry in entries}
        return {epoch: link.wrap(epoch, secret) for epoch, secret in epochs.items() if epoch > since}

    def wrap_new(self, begun: Mapping[bytes, tuple[int, bytes]]) -> Iterator[tuple[bytes, int, bytes]]:
        """Wrap the seal keys of key epochs that begin (epoch and secret by pseudonym), of meters with a customer."""
        prefix = f"{CUSTOMER}/"
        for purpose in {entry.purpose for entry in self._store.entries() if entry.purpose.startswith(prefix)}:
            pseudonym = bytes.fromhex(purpose.removeprefix(prefix))
            if pseudonym in begun:
                epoch, secret = begun[pseudonym]
                yield pseudonym, epoch, self.link(pseudonym).wrap(epoch, secret)

    def _current(self, purpose: str, pseudonym: bytes) -> KeyEntry | None:
        return next(self._store.entries(f"{purpose}/{pseudonym.hex()}"), None)


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
            f"{wanted} names {len(found)} meters; give the source's name, or at least {METER_DIGITS} digits of the "
            f"pseudonym, of one of {', '.join(meter.source for meter in kept[:5])}, …"
        )
    return found[0]


def invite(session: Session, login: Login, store: Keystore, meter: KeptMeter) -> str:
    """A one-time code for whoever is to become a meter's customer, to be shown once.

    Raises:
        UsageError: the meter has a customer.
    """
    keys = CustomerKeys.of(session, store)
    if account := login.accounts.of_meter(meter.pseudonym):
        raise UsageError(
            f"meter {meter.source} has a customer, {account.name}: they move out before another is invited, with "
            "`smarter customer move-out`."
        )
    _note(login, LOCAL, meter.pseudonym, "invited")
    if keys.has_customer(meter.pseudonym):
        # A crash cut an enrolment in two, or the accounts are lost: whoever comes now is not to read what was before.
        keys.forget(meter.pseudonym, meter.epoch)
    return spell_code(keys.invite(meter.pseudonym))


def enrol(session: Session, login: Login, store: Keystore, *, code: str, name: str, password: str) -> Enrolled:
    """Open an account for the meter that ``code`` is for, with a key pair made now.

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
    enrolling = Enrolling(secret, session.deployment, pseudonym, pair.public.fingerprint, public_key)
    link = keys.link(pseudonym)
    verify_key = enrolling.accept(link.enrol(enrolling.request()))
    _note(login, customer(name), pseudonym, "enrolled")
    keys.remember(pseudonym, link)
    session.journal.keep_seal_keys(pseudonym, keys.wrapped(pseudonym, link))
    recovery_code = login.add(
        name,
        password,
        CUSTOMER,
        keywrap.dump_private(pair.private),
        meter=pseudonym,
        verify_key=verify_key,
        public_key=public_key,
    )
    account = login.accounts.of_meter(pseudonym)
    if account is None:
        raise ValueError("an account that was just made is gone")
    return Enrolled(account, recovery_code)


def move_out(session: Session, login: Login, store: Keystore, account: Account, *, by: Named | None = None) -> None:
    """Close a customer's account: the meter forgets their key before its next start, which begins a new key epoch.

    ``by``: who says so, for the audit log; by default the customer.
    """
    kept = next(meter for meters in session.roster.values() for meter in meters if meter.pseudonym == account.meter)
    _note(login, by or named_holder(account), account.meter, "moved out")
    # The meter first: stopped after it, no later seal key is wrapped for whoever is gone.
    CustomerKeys.of(session, store).forget(account.meter, kept.epoch)
    session.journal.keep_seal_keys(account.meter, {})
    login.accounts.close_account(account)


def _note(login: Login, actor: Named, pseudonym: bytes, what: str) -> None:
    login.witness(Note("enrolment", actor, household(pseudonym.hex()), {"what": what}))
