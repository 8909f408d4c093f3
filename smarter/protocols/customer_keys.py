"""What meters remember of their customers, in their keystore: without its secret nobody can put a key there.

``enrolment`` writes it; ``epochs``, ``consent`` and grants ask it who a meter's customer is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from smarter.api import SYSTEM_RANDOMNESS, Cipher, Keywrap, Randomness
from smarter.errors import WrongCredentials
from smarter.keys import signing
from smarter.keys.codes import new_code
from smarter.keys.entries import KeyEntry
from smarter.keys.invitation import Invitation, invitation_name
from smarter.keys.keystore import Keystore
from smarter.keys.naming import fingerprint
from smarter.parties.meter.enrolment import CustomerLink
from smarter.parties.meter.meter import MeterIdentity
from smarter.protocols.holder import CUSTOMER
from smarter.protocols.session import Session

STATES = "customer-sign"
"""Purpose of the keys that verify what customers state, in the meters' keystore."""
MOVED_OUT = "moved-out"


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

    def verify_key(self, pseudonym: bytes) -> bytes | None:
        """The Ed25519 public key that verifies what a meter's customer states; None: it has no customer."""
        entry = self._current(STATES, pseudonym)
        return entry.public if entry else None

    @property
    def any(self) -> bool:
        """Whether a meter has a customer, or ever had one."""
        return any(entry.purpose.partition("/")[0] in (CUSTOMER, MOVED_OUT) for entry in self._store.entries())

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
        return CustomerLink(
            MeterIdentity(self._deployment, pseudonym, self.signing_key(pseudonym)),
            self._keywrap,
            self._cipher,
            invitation=Invitation.load(invited.fingerprint, invited.private) if invited else None,
            customer=self._keywrap.load_public(enrolled.public) if enrolled else None,
            verify_key=self.verify_key(pseudonym) or b"",
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
        states = KeyEntry.fresh(
            f"{STATES}/{pseudonym.hex()}",
            fingerprint=fingerprint(link.verify_key),
            plugin=signing.PLUGIN,
            public=link.verify_key,
            private=b"",
        )
        for kept in (entry, states):
            self._store.forget(kept.purpose)
            self._store.add(kept)
        self._store.forget(f"invitation/{pseudonym.hex()}")
        self._store.save()

    def forget(self, pseudonym: bytes, epoch: int) -> None:
        """Forget a meter's customer, who sees no key epoch after ``epoch``; nor does the next one up to it."""
        purpose = f"{MOVED_OUT}/{pseudonym.hex()}"
        for forgotten in (MOVED_OUT, CUSTOMER, STATES, "invitation"):
            self._store.forget(f"{forgotten}/{pseudonym.hex()}")
        self._store.add(KeyEntry.fresh(purpose, fingerprint=f"{epoch:08x}", plugin="none", private=b""))
        self._store.save()

    def wrapped(self, pseudonym: bytes, link: CustomerLink) -> dict[int, bytes]:
        """The seal keys of all of a customer's key epochs that there have been, wrapped for them."""
        return {epoch: link.wrap(epoch, secret) for epoch, secret in self.readable(pseudonym).items()}

    def readable(self, pseudonym: bytes) -> dict[int, bytes]:
        """The secrets of the key epochs that a meter's present customer may read, by epoch: none from before them."""
        moved_out = self._current(MOVED_OUT, pseudonym)
        since = int(moved_out.fingerprint, 16) if moved_out else 0
        entries = self._store.entries(f"epoch/{pseudonym.hex()}")
        epochs = {int(entry.fingerprint, 16): entry.private for entry in entries}
        return {epoch: secret for epoch, secret in epochs.items() if epoch > since}

    def signing_key(self, pseudonym: bytes) -> bytes:
        """A meter's Ed25519 private key."""
        return self._store.current(f"sign/{pseudonym.hex()}").private

    def customers(self) -> dict[bytes, bytes]:
        """The Ed25519 public keys that verify what customers state, by meter."""
        prefix = f"{STATES}/"
        entries = [entry for entry in self._store.entries() if entry.purpose.startswith(prefix)]
        return {bytes.fromhex(entry.purpose.removeprefix(prefix)): entry.public for entry in entries}

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
