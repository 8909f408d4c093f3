"""Between a meter and its customer: the request to enrol, the meter's answer, and seal keys wrapped for the customer.

The first two are authenticated by keys from the one-time code that the installer got with the meter, the last by the
meter's signature. ``parties.customer`` and ``parties.meter`` make and read them.
"""

from __future__ import annotations

from dataclasses import dataclass

from smarter.errors import MalformedMessage
from smarter.model.messages import wire
from smarter.model.messages.epoch import LAST_EPOCH
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES

SEAL_KEY_CONTEXT = b"smarter wrapped-seal-key 1"
"""What the meter's signature of a :class:`WrappedSealKey` is for."""
_MAC_BYTES = 32
_VERIFY_KEY_BYTES = 32


@dataclass(frozen=True)
class EnrolmentRequest:
    """A customer hands their public keys to their meter.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes.
        fingerprint: of the public key.
        public_key: its byte form.
        verify_key: the Ed25519 public key, 32 bytes, that verifies what the customer states.
        mac: HMAC-SHA256 over :meth:`authenticated` under a key from the code; 32 bytes.
    """

    deployment: bytes
    pseudonym: bytes
    fingerprint: str
    public_key: bytes
    verify_key: bytes
    mac: bytes

    def authenticated(self) -> bytes:
        """What the MAC covers."""
        fields = [self.deployment, self.pseudonym, self.fingerprint, self.public_key, self.verify_key]
        return wire.encode("enrol", fields)

    def encode(self) -> bytes:
        """The byte form."""
        return wire.encode("enrolment", [self.authenticated(), self.mac])

    @classmethod
    def decode(cls, data: bytes) -> EnrolmentRequest:
        """The reverse; raises :class:`MalformedMessage`. The MAC is the meter's to check."""
        body, mac = wire.decode("enrolment", data, [bytes, bytes])
        request = cls(*[*wire.decode("enrol", body, [bytes, bytes, str, bytes, bytes]), mac])
        _check_sizes(request.deployment, request.pseudonym)
        if (len(request.verify_key), len(mac)) != (_VERIFY_KEY_BYTES, _MAC_BYTES):
            raise MalformedMessage("an enrolment request has a key or a MAC that cannot be.")
        return request


@dataclass(frozen=True)
class EnrolmentAnswer:
    """The meter's signing key and the first readable key epoch, for the customer key that it has enrolled.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes.
        fingerprint: of the customer's public key.
        verify_key: the meter's Ed25519 public key, 32 bytes.
        after: the last key epoch that stays sealed to the customer; 0: none does.
        mac: HMAC-SHA256 over :meth:`authenticated` under another key from the code; 32 bytes.
    """

    deployment: bytes
    pseudonym: bytes
    fingerprint: str
    verify_key: bytes
    after: int
    mac: bytes

    def authenticated(self) -> bytes:
        """What the MAC covers."""
        fields = [self.deployment, self.pseudonym, self.fingerprint, self.verify_key, self.after]
        return wire.encode("enrolled", fields)

    def encode(self) -> bytes:
        """The byte form."""
        return wire.encode("enrolment-answer", [self.authenticated(), self.mac])

    @classmethod
    def decode(cls, data: bytes) -> EnrolmentAnswer:
        """The reverse; raises :class:`MalformedMessage`. The MAC is the customer's to check."""
        body, mac = wire.decode("enrolment-answer", data, [bytes, bytes])
        answer = cls(*[*wire.decode("enrolled", body, [bytes, bytes, str, bytes, int]), mac])
        _check_sizes(answer.deployment, answer.pseudonym)
        if (len(answer.verify_key), len(mac)) != (_VERIFY_KEY_BYTES, _MAC_BYTES):
            raise MalformedMessage("an enrolment answer has a key or a MAC that cannot be.")
        if not 0 <= answer.after <= LAST_EPOCH:
            raise MalformedMessage("an enrolment answer names an epoch that cannot be.")
        return answer


@dataclass(frozen=True)
class WrappedSealKey:
    """A meter's seal key of one key epoch, for its customer; it travels in a signed message.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes.
        epoch: whose frames the key opens.
        cipher: name of the cipher that it is a key of.
        receiver: fingerprint of the customer's key.
        wrapped: the seal key under that key, bound to :meth:`context`.
    """

    deployment: bytes
    pseudonym: bytes
    epoch: int
    cipher: str
    receiver: str
    wrapped: bytes

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        fields = [self.deployment, self.pseudonym, self.epoch, self.cipher, self.receiver, self.wrapped]
        return wire.encode("seal-key", fields)

    @classmethod
    def decode(cls, data: bytes) -> WrappedSealKey:
        """The reverse; raises :class:`MalformedMessage`."""
        message = cls(*wire.decode("seal-key", data, [bytes, bytes, int, str, str, bytes]))
        _check_sizes(message.deployment, message.pseudonym)
        if not 1 <= message.epoch <= LAST_EPOCH:
            raise MalformedMessage("a seal-key message names an epoch that cannot be.")
        return message

    @staticmethod
    def context(deployment: bytes, pseudonym: bytes, epoch: int, receiver: str) -> bytes:
        """What the wrapping is bound to, so that a key passes for no other meter's, epoch's or receiver's."""
        return b"smarter seal key " + deployment + pseudonym + epoch.to_bytes(4, "big") + receiver.encode()


def _check_sizes(deployment: bytes, pseudonym: bytes) -> None:
    if (len(deployment), len(pseudonym)) != (DEPLOYMENT_BYTES, PSEUDONYM_BYTES):
        raise MalformedMessage("a message between meter and customer names a deployment or meter that cannot be.")
