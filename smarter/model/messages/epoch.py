"""A meter's announcement of a key epoch to the PES: the epoch secret, wrapped for the PES alone, and what it is for."""

from __future__ import annotations

from dataclasses import dataclass

from smarter.errors import MalformedMessage
from smarter.model.messages import wire
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES
from smarter.model.windows import WindowKind

SIGNING_CONTEXT = b"smarter epoch-key 1"
LAST_EPOCH = (1 << 32) - 1
"""The last that a frame's nonce can name."""
Purposes = tuple[WindowKind, ...]
PURPOSES: Purposes = ("billing", "demand")
"""What readings can be used for: the sums of which kind they may join."""


@dataclass(frozen=True)
class EpochKey:
    """The body of the announcement; it travels in a :class:`~smarter.model.messages.wire.Signed`.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes.
        epoch: which key epoch of the meter begins.
        cipher: name of the cipher that its frames are sealed with.
        receiver: fingerprint of the PES key that ``wrapped`` is for; empty when the epoch is for nothing.
        wrapped: the epoch secret under that key, bound to :meth:`context`; likewise.
        since: the first slot whose reading is sealed in this epoch.
        purposes: what its readings may be used for, of :data:`PURPOSES` in that order; for nothing: none is sent.
    """

    deployment: bytes
    pseudonym: bytes
    epoch: int
    cipher: str
    receiver: str
    wrapped: bytes
    since: int = 0
    purposes: Purposes = PURPOSES

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        keys = [self.deployment, self.pseudonym, self.epoch, self.cipher, self.receiver, self.wrapped]
        return wire.encode("epoch-key", [*keys, self.since, list(self.purposes)])

    @classmethod
    def decode(cls, data: bytes) -> EpochKey:
        """The reverse; raises :class:`MalformedMessage`."""
        fields = wire.decode("epoch-key", data, [bytes, bytes, int, str, str, bytes, int, list])
        announced = cls(*[*fields[:-1], tuple(fields[-1])])
        sizes = (len(announced.deployment), len(announced.pseudonym))
        if sizes != (DEPLOYMENT_BYTES, PSEUDONYM_BYTES) or not 1 <= announced.epoch <= LAST_EPOCH:
            raise MalformedMessage("an epoch-key message names a deployment, meter or epoch that cannot be.")
        if announced.purposes != tuple(purpose for purpose in PURPOSES if purpose in announced.purposes):
            raise MalformedMessage("an epoch-key message names a purpose that there is not, or one twice.")
        if {bool(announced.purposes)} != {bool(announced.receiver), bool(announced.wrapped)}:
            raise MalformedMessage("an epoch-key message has a secret for nothing, or none for its purposes.")
        return announced

    @staticmethod
    def context(deployment: bytes, pseudonym: bytes, epoch: int) -> bytes:
        """What the wrapping is bound to, so that a secret cannot be passed off as another meter's."""
        return b"smarter epoch " + deployment + pseudonym + epoch.to_bytes(4, "big")
