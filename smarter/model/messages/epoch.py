"""A meter's announcement of a key epoch to the PES: the epoch secret, wrapped for the PES alone."""

from __future__ import annotations

from dataclasses import dataclass

from smarter.errors import MalformedMessage
from smarter.model.messages import wire
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES

SIGNING_CONTEXT = b"smarter epoch-key 1"
LAST_EPOCH = (1 << 32) - 1
"""The last that a frame's nonce can name."""


@dataclass(frozen=True)
class EpochKey:
    """The body of the announcement; it travels in a :class:`~smarter.model.messages.wire.Signed`.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes.
        epoch: which key epoch of the meter begins.
        cipher: name of the cipher that its frames are sealed with.
        receiver: fingerprint of the PES key that ``wrapped`` is for.
        wrapped: the epoch secret under that key, bound to :meth:`context`.
    """

    deployment: bytes
    pseudonym: bytes
    epoch: int
    cipher: str
    receiver: str
    wrapped: bytes

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        return wire.encode(
            "epoch-key",
            [self.deployment, self.pseudonym, self.epoch, self.cipher, self.receiver, self.wrapped],
        )

    @classmethod
    def decode(cls, data: bytes) -> EpochKey:
        """The reverse; raises :class:`MalformedMessage`."""
        announced = cls(*wire.decode("epoch-key", data, [bytes, bytes, int, str, str, bytes]))
        sizes = (len(announced.deployment), len(announced.pseudonym))
        if sizes != (DEPLOYMENT_BYTES, PSEUDONYM_BYTES) or not 1 <= announced.epoch <= LAST_EPOCH:
            raise MalformedMessage("an epoch-key message names a deployment, meter or epoch that cannot be.")
        return announced

    @staticmethod
    def context(deployment: bytes, pseudonym: bytes, epoch: int) -> bytes:
        """What the wrapping is bound to, so that a secret cannot be passed off as another meter's."""
        return b"smarter epoch " + deployment + pseudonym + epoch.to_bytes(4, "big")
