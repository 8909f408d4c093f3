"""The key under which it is written who is an operator, and in which role, so that nobody edits that in the accounts.

It lies in a keystore of party ``operators``, made with the first administrator; ``protocols.roster`` opens it.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field

from smarter.keys.derive import joined
from smarter.keys.entries import KeyEntry
from smarter.keys.keystore import Keystore

PARTY = "operators"
PURPOSE = "roster"
MAC_BYTES = 32
_KEY_BYTES = 32


@dataclass(frozen=True)
class RosterKey:
    """Authenticates what is written of operators."""

    _key: bytes = field(repr=False)

    @classmethod
    def of(cls, store: Keystore) -> RosterKey:
        """The one in an opened keystore; raises :class:`~smarter.errors.DamagedKeys` when it is not there."""
        return cls(store.current(PURPOSE).private)

    def mac(self, *parts: bytes) -> bytes:
        """HMAC-SHA256 over these parts."""
        return hmac.digest(self._key, joined(b"smarter operator, version 1", *parts), "sha256")

    def is_mac(self, mac: bytes, *parts: bytes) -> bool:
        """Whether ``mac`` is theirs."""
        return hmac.compare_digest(mac, self.mac(*parts))


def fill(store: Keystore) -> None:
    """Give a new keystore of party ``operators`` its key, and save it."""
    fingerprint, private = secrets.token_hex(16), secrets.token_bytes(_KEY_BYTES)
    store.add(KeyEntry.fresh(PURPOSE, fingerprint=fingerprint, plugin="hmac-sha256", private=private))
    store.save()
