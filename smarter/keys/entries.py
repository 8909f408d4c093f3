"""One key in a keystore: what anybody may list of it, and its private part.

Keystores hold these; ``smarter keys`` lists the public half without unlocking.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from smarter.keys.naming import short

_PURPOSE = re.compile(r"[a-z0-9][a-z0-9._:/-]{0,127}")
_FINGERPRINT = re.compile(r"[0-9a-f]{8,64}")
_PLUGIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def now() -> str:
    """This second as a keystore writes it: ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class PublicEntry:
    """What a keystore shows of a key while it is locked.

    Attributes:
        purpose: what the key is for: ``aggregate``, ``deliver``, ``sign``, ``sign/PSEUDONYM``, …
        fingerprint: its name, 8 to 64 lower-case hexadecimal digits.
        plugin: the scheme or keywrap that it belongs to, or ``ed25519``.
        created: ISO 8601, UTC.
        current: whether it is the one in use for its purpose; earlier ones are kept to open old records.
        public: byte form of the public key; empty for a secret without one.

    Raises:
        ValueError: a field that is not of its form.
    """

    purpose: str
    fingerprint: str
    plugin: str
    created: str
    current: bool
    public: bytes

    def __post_init__(self) -> None:
        for form, name in ((_PURPOSE, "purpose"), (_FINGERPRINT, "fingerprint"), (_PLUGIN, "plugin")):
            if not form.fullmatch(getattr(self, name)):
                raise ValueError(f"a key's {name} cannot be {getattr(self, name)!r}")
        if datetime.fromisoformat(self.created).utcoffset() != timedelta(0):
            raise ValueError(f"a key's time of creation is not in UTC: {self.created!r}")

    def __str__(self) -> str:
        return f"{self.purpose} key {short(self.fingerprint)}"


@dataclass(frozen=True)
class KeyEntry(PublicEntry):
    """A key with its private part, as an unlocked keystore gives it out.

    Attributes:
        private: byte form of the private key or secret; never shown.
    """

    private: bytes = field(repr=False)

    @classmethod
    def fresh(cls, purpose: str, *, fingerprint: str, plugin: str, public: bytes = b"", private: bytes) -> KeyEntry:
        """A key made just now, to become the current one of its purpose."""
        return cls(purpose, fingerprint, plugin, now(), True, public, private)
