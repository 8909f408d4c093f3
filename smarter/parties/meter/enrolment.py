"""A meter and its customer: it takes one public key, by a one-time code, and wraps its seal keys for that key alone.

``protocols.enrolment`` makes one per meter from what its keystore remembers, ``protocols.epochs`` when an epoch begins.
There is no way to ask it for the billing-MAC key, nor for a seal key under a key that is merely handed in.
"""

from __future__ import annotations

from dataclasses import replace

from smarter.api import Cipher, Keywrap, PublicKey
from smarter.errors import AuthenticationFailed, UsageError
from smarter.keys.derive import epoch_keys
from smarter.keys.invitation import Invitation, is_mac, mac_of
from smarter.keys.signing import public_of, sign
from smarter.model.messages.enrolment import SEAL_KEY_CONTEXT, EnrolmentAnswer, EnrolmentRequest, WrappedSealKey
from smarter.model.messages.wire import Signed
from smarter.parties.meter.meter import MeterIdentity


class CustomerLink:
    """What one meter knows of its customer.

    Attributes:
        customer: the one public key that has been enrolled; None before.
        verify_key: the Ed25519 public key that came with it, for what the customer states; empty before.
        after: the last key epoch that stays sealed to them; before an enrolment, to any customer.
        slot: no key epoch that begins before is theirs either; None: no such bound.
    """

    def __init__(
        self,
        identity: MeterIdentity,
        keywrap: Keywrap,
        cipher: Cipher,
        *,
        invitation: Invitation | None = None,
        customer: PublicKey | None = None,
        verify_key: bytes = b"",
        epoch: int = 0,
        after: int = 0,
        slot: int | None = None,
    ) -> None:
        self._identity = identity
        self._keywrap = keywrap
        self._cipher = cipher
        self._invitation = invitation
        self.customer = customer
        self.verify_key = verify_key
        self._epoch = epoch
        self.after = after
        self.slot = slot

    def enrol(self, data: bytes) -> bytes:
        """Take the public keys of a request that the code authenticates, once; returns the answer.

        From when on the customer reads is as the installer said in the invitation; the request cannot say it.

        Raises:
            AuthenticationFailed: the request was not made with the code that is open for this meter, or none is.
            MalformedMessage: it is no request.
            UsageError: the meter has a customer already.
            DamagedKeys: the public key cannot be read.
        """
        request = EnrolmentRequest.decode(data)
        invitation = self._invitation
        if invitation is None or not is_mac(invitation.request, request.authenticated(), request.mac):
            raise AuthenticationFailed("the code is not open for this meter: it was used, replaced, or is another's.")
        if (request.deployment, request.pseudonym) != (self._identity.deployment, self._identity.pseudonym):
            raise AuthenticationFailed("the request to enrol is for another meter.")
        if self.customer is not None:
            raise UsageError("this meter has a customer; they must move out before another can enrol.")
        public = self._keywrap.load_public(request.public_key)
        if public.fingerprint != request.fingerprint:
            raise AuthenticationFailed("the request to enrol names another key than the one it carries.")
        self.customer, self.verify_key, self._invitation = public, request.verify_key, None
        self.after = max(self.after, self._epoch if invitation.after is None else invitation.after)
        self.slot = max((slot for slot in (self.slot, invitation.slot) if slot is not None), default=None)
        verify_key = public_of(self._identity.signing_key)
        answer = EnrolmentAnswer(request.deployment, request.pseudonym, public.fingerprint, verify_key, self.after, b"")
        return replace(answer, mac=mac_of(invitation.answer, answer.authenticated())).encode()

    def wrap(self, epoch: int, secret: bytes) -> bytes:
        """The seal key of one of the meter's epochs, for its customer, signed.

        Raises:
            UsageError: the meter has no customer.
            ValueError: the epoch stays sealed to them.
        """
        if self.customer is None:
            raise UsageError("this meter has no customer to wrap a seal key for; invite one.")
        if epoch <= self.after:
            raise ValueError(f"key epoch {epoch} stays sealed to the meter's customer, who reads after {self.after}")
        deployment, pseudonym = self._identity.deployment, self._identity.pseudonym
        seal = epoch_keys(
            secret,
            deployment=deployment,
            pseudonym=pseudonym,
            epoch=epoch,
            cipher_key_bytes=self._cipher.key_bytes,
        ).seal
        receiver = self.customer.fingerprint
        context = WrappedSealKey.context(deployment, pseudonym, epoch, receiver)
        wrapped = self._keywrap.wrap(self.customer, seal, context=context)
        body = WrappedSealKey(deployment, pseudonym, epoch, self._cipher.name, receiver, wrapped).encode()
        return Signed(body, sign(self._identity.signing_key, body, SEAL_KEY_CONTEXT)).encode()
