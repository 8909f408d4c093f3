"""A third party to whom a customer has granted something: opens what their meter delivers, and trusts nothing unsigned.

It stands outside of the deployment. ``protocols.grantee`` hands it what lies in the mailbox for its key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from smarter.api import Keywrap, PrivateKey
from smarter.errors import AuthenticationFailed, MalformedMessage
from smarter.keys.signing import verify
from smarter.model.messages.granted import NONCE, SIGNING_CONTEXT, GrantDelivery, GrantHeader, WindowSums
from smarter.model.messages.wire import Signed


@dataclass(frozen=True)
class Source:
    """Whose deliveries are expected.

    Attributes:
        deployment: 16 bytes.
        pseudonym: of the meter.
        grant: 32 hexadecimal digits.
        verify_key: the meter's Ed25519 public key, 32 bytes.
    """

    deployment: bytes
    pseudonym: bytes
    grant: str
    verify_key: bytes


@dataclass(frozen=True)
class Received:
    """One delivery, opened."""

    header: GrantHeader
    sums: WindowSums


class Grantee:
    """One key pair of a third party."""

    def __init__(self, private: PrivateKey, keywrap: Keywrap) -> None:
        self._private = private
        self._keywrap = keywrap

    def open(self, messages: Iterable[bytes], source: Source, gone: int = 0) -> list[Received]:
        """Open all deliveries under one grant, from the first on that is there.

        Args:
            messages: the deliveries, in order.
            source: whose they are to be.
            gone: how many the first ones were, that whoever keeps the mailbox says to have taken out.

        Raises:
            AuthenticationFailed: one is altered, of another meter, grant or receiver, or lost, repeated or swapped.
            MalformedMessage: one is no delivery.
        """
        received: list[Received] = []
        for message in messages:
            one = self._open(message, source)
            if one.header.number != (due := gone + len(received) + 1):
                raise AuthenticationFailed(
                    f"the deliveries under grant {source.grant[:8]} are not whole: number {due} is missing or out of "
                    f"order (there is {one.header.number}); ask whoever runs the meters."
                )
            if received and received[-1].header.end > one.header.start:
                raise AuthenticationFailed(f"delivery {one.header.number} brings a window that was delivered before.")
            received.append(one)
        return received

    def _open(self, message: bytes, source: Source) -> Received:
        signed = Signed.decode(message)
        verify(source.verify_key, signed.body, signed.signature, SIGNING_CONTEXT)
        delivery = GrantDelivery.decode(signed.body)
        header = GrantHeader.decode(delivery.header)
        if (header.deployment, header.pseudonym, header.grant) != (source.deployment, source.pseudonym, source.grant):
            raise AuthenticationFailed("a delivery is of another meter, or under another grant.")
        if header.receiver != self._private.fingerprint:
            raise AuthenticationFailed("a delivery is for another key.")
        cipher = self._keywrap.opener(self._private, delivery.wrapped, context=delivery.header)
        sums = WindowSums.decode(cipher.open(NONCE, delivery.sealed, delivery.header))
        if (int(sums.starts[0]), int(sums.ends[-1])) != (header.start, header.end):
            raise MalformedMessage("a delivery holds other windows than it says.")
        return Received(header, sums)
