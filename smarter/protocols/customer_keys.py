"""What meters remember of their customers, in their keystore: without its secret nobody can put a key there.

``enrolment`` writes it; ``epochs``, ``consent`` and grants ask it who a meter's customer is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from smarter.api import SYSTEM_RANDOMNESS, Cipher, Keywrap, Randomness
from smarter.errors import WrongCredentials
from smarter.keys import signing
from smarter.keys.codes import new_code
from smarter.keys.entries import KeyEntry
from smarter.keys.invitation import Invitation, invitation_name, slot_bytes, slot_of
from smarter.keys.keystore import Keystore
from smarter.keys.naming import fingerprint
from smarter.parties.meter.enrolment import CustomerLink
from smarter.parties.meter.meter import MeterIdentity
from smarter.protocols.holder import CUSTOMER
from smarter.protocols.provision import EPOCH_PURPOSES, MOVED_OUT, READS_AFTER
from smarter.protocols.session import Session

INVITATION = "invitation"
"""Purpose of what a one-time code gives, by meter."""
STATES = "customer-sign"
"""Purpose of the keys that verify what customers state, in the meters' keystore."""


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

    def invite(self, pseudonym: bytes, after: int | None, slot: int, random: Randomness = SYSTEM_RANDOMNESS) -> bytes:
        """A new one-time code for a meter, in place of an earlier one; only what it gives is kept.

        Args:
            pseudonym: the meter's.
            after: the last key epoch that stays sealed to its customer; None: the last one at their enrolment.
            slot: no key epoch that begins before is theirs either.
            random: where the code comes from.
        """
        code = new_code(random)
        invitation = Invitation.of(code, self._deployment, pseudonym, after, slot)
        purpose = f"{INVITATION}/{pseudonym.hex()}"
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
            if entry.fingerprint == name and entry.purpose.startswith(f"{INVITATION}/"):
                return bytes.fromhex(entry.purpose.removeprefix(f"{INVITATION}/"))
        raise WrongCredentials("no meter waits for this code: it was used or replaced, or is for another deployment.")

    def link(self, pseudonym: bytes) -> CustomerLink:
        """The meter's side, as it remembers."""
        invited, enrolled = (self._current(purpose, pseudonym) for purpose in (INVITATION, CUSTOMER))
        return CustomerLink(
            MeterIdentity(self._deployment, pseudonym, self.signing_key(pseudonym)),
            self._keywrap,
            self._cipher,
            invitation=Invitation.load(invited.fingerprint, invited.private) if invited else None,
            customer=self._keywrap.load_public(enrolled.public) if enrolled else None,
            verify_key=self.verify_key(pseudonym) or b"",
            epoch=self.last_epoch(pseudonym),
            after=self.sealed_to(pseudonym),
            slot=self._sealed_before(pseudonym),
        )

    def remember(self, pseudonym: bytes, link: CustomerLink, slot: int) -> None:
        """Keep a meter's new customer, and which key epochs stay sealed to them; the code is used up.

        ``slot``: no key epoch that begins before is theirs.
        """
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
        reads = _bound(f"{READS_AFTER}/{pseudonym.hex()}", link.after, slot)
        for kept in (entry, states, reads):
            self._store.forget(kept.purpose)
            self._store.add(kept)
        self._store.forget(f"{INVITATION}/{pseudonym.hex()}")
        self._store.save()

    def forget(self, pseudonym: bytes, epoch: int, slot: int) -> None:
        """Forget a meter's customer, who sees no key epoch after ``epoch``; nor does the next one up to it.

        ``slot``: how far the meter has measured. The next customer sees no key epoch that begins before.

        An epoch that only the keystore knows of counts, too: the journal may have been put back to an earlier day.
        """
        last, before = max(epoch, self.last_epoch(pseudonym)), self._sealed_before(pseudonym)
        for forgotten in (MOVED_OUT, READS_AFTER, CUSTOMER, STATES, INVITATION):
            self._store.forget(f"{forgotten}/{pseudonym.hex()}")
        self._store.add(_bound(f"{MOVED_OUT}/{pseudonym.hex()}", last, slot if before is None else max(slot, before)))
        self._store.save()

    def last_epoch(self, pseudonym: bytes) -> int:
        """A meter's last key epoch by its keystore, also one of which the secret is gone; 0: there is none yet."""
        purposes = [f"{purpose}/{pseudonym.hex()}" for purpose in EPOCH_PURPOSES]
        numbers = [int(entry.fingerprint, 16) for purpose in purposes for entry in self._store.entries(purpose)]
        return max(numbers, default=0)

    def sealed_to(self, pseudonym: bytes) -> int:
        """The last key epoch that is sealed to a meter's customer, or would be to the next one; 0: none is.

        A customer from before invitations said from when on has no number of their own, and keeps what they have.
        """
        return max((int(entry.fingerprint, 16) for entry in self._bounds(pseudonym)), default=0)

    def _sealed_before(self, pseudonym: bytes) -> int | None:
        return max((slot_of(entry.private) for entry in self._bounds(pseudonym) if entry.private), default=None)

    def _bounds(self, pseudonym: bytes) -> list[KeyEntry]:
        found = [self._current(purpose, pseudonym) for purpose in (MOVED_OUT, READS_AFTER)]
        return [entry for entry in found if entry]

    def seal_early(self, begun: Mapping[bytes, tuple[int, bytes]], at: Mapping[bytes, int]) -> None:
        """Seal key epochs that begin before the slot from which their meter's customer, or the next one, reads.

        So it is when the journal was put back to an earlier day: the meter then takes readings of that time again.
        The caller saves the keystore with the secrets of these epochs.

        Args:
            begun: epoch and secret by pseudonym.
            at: the slot at which each begins.
        """
        for entry in self._store.entries():
            kind, _, name = entry.purpose.partition("/")
            if kind not in (MOVED_OUT, READS_AFTER, INVITATION) or (pseudonym := bytes.fromhex(name)) not in begun:
                continue
            sealed = _sealed_up_to(entry, begun[pseudonym][0], at[pseudonym])
            if sealed is not None:
                self._store.forget(entry.purpose)
                self._store.add(sealed)

    def wrapped(self, pseudonym: bytes, link: CustomerLink) -> dict[int, bytes]:
        """The seal keys of the key epochs so far that a customer may read, wrapped for them."""
        return {epoch: link.wrap(epoch, secret) for epoch, secret in self.readable(pseudonym).items()}

    def readable(self, pseudonym: bytes) -> dict[int, bytes]:
        """The secrets of the key epochs that a meter's present customer may read, by epoch."""
        sealed = self.sealed_to(pseudonym)
        entries = self._store.entries(f"epoch/{pseudonym.hex()}")
        epochs = {int(entry.fingerprint, 16): entry.private for entry in entries}
        return {epoch: secret for epoch, secret in epochs.items() if epoch > sealed}

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
                if epoch > self.sealed_to(pseudonym):
                    yield pseudonym, epoch, self.link(pseudonym).wrap(epoch, secret)

    def _current(self, purpose: str, pseudonym: bytes) -> KeyEntry | None:
        return next(self._store.entries(f"{purpose}/{pseudonym.hex()}"), None)


def _sealed_up_to(entry: KeyEntry, epoch: int, first_slot: int) -> KeyEntry | None:
    """A bound or an invitation after an epoch has begun at ``first_slot``; None: it stays as it is."""
    if entry.purpose.startswith(f"{INVITATION}/"):
        invitation = Invitation.load(entry.fingerprint, entry.private)
        if invitation.slot is None or invitation.after is None or first_slot >= invitation.slot:
            return None
        return replace(entry, private=replace(invitation, after=epoch).dump())
    if not entry.private or first_slot >= (slot := slot_of(entry.private)):
        return None
    return _bound(entry.purpose, epoch, slot)


def _bound(purpose: str, epoch: int, slot: int) -> KeyEntry:
    """An entry that remembers the last key epoch that stays sealed, and a slot; it holds no key."""
    return KeyEntry.fresh(purpose, fingerprint=f"{epoch:08x}", plugin="none", private=slot_bytes(slot))
