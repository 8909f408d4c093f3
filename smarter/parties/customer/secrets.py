"""What is locked in a customer's account: two private keys, and from when on the meter is theirs to read.

``protocols.enrolment`` makes both, ``customer_desk`` and ``protocols.statements`` read them from whoever is logged in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from smarter.errors import DamagedKeys, MalformedMessage
from smarter.keys.signing import KEY_BYTES, public_of, sign
from smarter.model.messages import wire
from smarter.model.messages.statement import SIGNING_CONTEXT, Statement
from smarter.model.messages.wire import Signed


@dataclass(frozen=True)
class CustomerSecrets:
    """A customer's private keys.

    Attributes:
        private: byte form of the keywrap's private key, for seal keys.
        signing: Ed25519 private key, 32 bytes, for statements.
        since: the first slot that they read; None in an account from before that was kept.
    """

    private: bytes = field(repr=False)
    signing: bytes = field(repr=False)
    since: int | None = None

    def encode(self) -> bytes:
        """The byte form, which is locked."""
        since = [] if self.since is None else [self.since]
        return wire.encode("customer-secrets", [self.private, self.signing, *since])

    @classmethod
    def decode(cls, data: bytes) -> CustomerSecrets:
        """The reverse; raises :class:`DamagedKeys`."""
        try:
            private, signing, *since = _fields(data)
        except MalformedMessage as error:
            raise DamagedKeys(
                "the account holds no keys of this version of Smarter: let it be closed with `smarter customer "
                "move-out --meter`, and enrol again."
            ) from error
        if len(signing) != KEY_BYTES:
            raise DamagedKeys("the account's signing key does not read back: restore accounts.sqlite from a backup.")
        return cls(private, signing, *since)

    @property
    def verify_key(self) -> bytes:
        """The public half of the signing key, 32 bytes."""
        return public_of(self.signing)

    def sign(self, statement: Statement) -> bytes:
        """A statement, signed, as it is kept."""
        body = statement.encode()
        return Signed(body, sign(self.signing, body, SIGNING_CONTEXT)).encode()


def _fields(data: bytes) -> list[Any]:
    try:
        return wire.decode("customer-secrets", data, [bytes, bytes, int])
    except MalformedMessage:  # an account from before it was kept from when on its customer reads
        return wire.decode("customer-secrets", data, [bytes, bytes])
