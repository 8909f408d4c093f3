"""The keys of an audit log: one that signs it, and one under which those it speaks of are identified.

``protocols`` makes them in a keystore of party ``audit`` and opens them; ``state.audit`` writes with them.
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from smarter.errors import AuthenticationFailed
from smarter.keys import signing
from smarter.keys.derive import joined
from smarter.keys.entries import KeyEntry
from smarter.keys.keystore import Keystore
from smarter.keys.naming import fingerprint

PARTY = "audit"
SIGN, IDENTIFY = "sign", "identify"
SIGNING_CONTEXT = b"smarter audit head, version 1"
VOUCHING_CONTEXT = b"smarter audit head vouched for, version 1"
_IDENTIFYING = b"smarter audit identifier, version 1"
_KEY_BYTES = 32
IDENTIFIER_DIGITS = 16


@dataclass(frozen=True)
class AuditKeys:
    """What whoever writes an audit log holds.

    Attributes:
        name: of the log: that of its deployment. It is bound into everything that is signed.
        public: the public half of the signing key in use.
    """

    name: str
    public: bytes
    _private: Mapping[bytes, bytes] = field(repr=False)
    _identify: bytes = field(repr=False)

    @classmethod
    def of(cls, store: Keystore, name: str) -> AuditKeys:
        """The keys in an opened keystore; raises :class:`~smarter.errors.DamagedKeys` when they are not there."""
        private = {entry.public: entry.private for entry in store.entries(SIGN) if entry.private}
        return cls(name, store.current(SIGN).public, private, store.current(IDENTIFY).private)

    @property
    def fingerprint(self) -> str:
        """Of the signing key in use."""
        return fingerprint(self.public)

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Sign a batch with the private half of ``public``.

        Raises:
            AuthenticationFailed: it is not here.
        """
        return signing.sign(self._private_of(public), message, SIGNING_CONTEXT)

    def vouch(self, public: bytes, message: bytes) -> bytes:
        """Sign what a head vouches for; raises as :meth:`sign`."""
        return signing.sign(self._private_of(public), message, VOUCHING_CONTEXT)

    def _private_of(self, public: bytes) -> bytes:
        if public not in self._private:
            raise AuthenticationFailed(
                f"the audit log goes on under the signing key {fingerprint(public)[:8]}…, which was not in its "
                "keystore; give the command again if it was replaced just now, or restore the keystore from a backup."
            )
        return self._private[public]

    def identifier(self, kind: str, name: str) -> str:
        """What the log calls somebody: HMAC-SHA256 of kind and name, its first 16 hexadecimal digits."""
        message = joined(_IDENTIFYING, self.name.encode(), kind.encode(), name.encode())
        return hmac.digest(self._identify, message, "sha256").hex()[:IDENTIFIER_DIGITS]


def verify(public: bytes, message: bytes, signature: bytes) -> None:
    """Return when ``signature`` is one of an audit log's; raises :class:`~smarter.errors.AuthenticationFailed`."""
    signing.verify(public, message, signature, SIGNING_CONTEXT)


def verify_vouched(public: bytes, message: bytes, signature: bytes) -> None:
    """Return when ``signature`` is of what a head vouches for; raises as :func:`verify`."""
    signing.verify(public, message, signature, VOUCHING_CONTEXT)


def fill(store: Keystore) -> None:
    """Give a new keystore of party ``audit`` its keys, and save it."""
    store.add(new_signing_key())
    store.add(
        KeyEntry.fresh(
            IDENTIFY,
            fingerprint=secrets.token_hex(16),
            plugin="hmac-sha256",
            private=secrets.token_bytes(_KEY_BYTES),
        )
    )
    store.save()


def new_signing_key() -> KeyEntry:
    """A fresh signing key."""
    public, private = signing.generate()
    return KeyEntry.fresh(SIGN, fingerprint=fingerprint(public), plugin=signing.PLUGIN, public=public, private=private)
