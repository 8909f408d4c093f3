"""What keys and parties are called: fingerprints for people, names that are safe as file names.

The other modules of this room call it, and every screen that names a key.
"""

from __future__ import annotations

import hashlib
import re

from smarter.errors import UsageError
from smarter.keys.derive import derive

FINGERPRINT_DIGITS = 32
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_FINGERPRINT_INFO = b"smarter fingerprint of a secret, version 1"


def fingerprint(public: bytes) -> str:
    """Name a public key by its byte form: hexadecimal SHA-256, first 32 digits."""
    return hashlib.sha256(public).hexdigest()[:FINGERPRINT_DIGITS]


def secret_fingerprint(secret: bytes) -> str:
    """Name a secret (32 random bytes or more) without telling anything about the keys drawn from it."""
    return derive(secret, info=_FINGERPRINT_INFO, length=FINGERPRINT_DIGITS // 2).hex()


def short(name: str, digits: int = 8) -> str:
    """A fingerprint as people see it: its first ``digits``, and the mark that there are more."""
    return name if len(name) <= digits else f"{name[:digits]}…"


def party_name(party: str) -> str:
    """Return ``party`` if it can be a file name.

    Raises:
        UsageError: it is not lower-case letters, digits and hyphens, at most 32.
    """
    if not _PARTY.fullmatch(party):
        raise UsageError(f"{party!r} is no party: its name is lower-case letters, digits and hyphens.")
    return party
