"""What keys and parties are called: fingerprints for people, names that are safe as file names.

The other modules of this room call it, and every screen that names a key.
"""

from __future__ import annotations

import hashlib
import re

from smarter.errors import UsageError

FINGERPRINT_DIGITS = 32
SHORT_DIGITS = 8
_PARTY = re.compile(r"[a-z][a-z0-9-]{0,31}")


def fingerprint(public: bytes) -> str:
    """Name a public key by its byte form: hexadecimal SHA-256, first 32 digits."""
    return hashlib.sha256(public).hexdigest()[:FINGERPRINT_DIGITS]


def short(name: str) -> str:
    """A fingerprint or pseudonym as people see it: its first digits, and the mark that there are more."""
    return name if len(name) <= SHORT_DIGITS else f"{name[:SHORT_DIGITS]}…"


def party_name(party: str) -> str:
    """Return ``party`` if it can be a file name.

    Raises:
        UsageError: it is not lower-case letters, digits and hyphens, at most 32.
    """
    if not _PARTY.fullmatch(party):
        raise UsageError(f"{party!r} is no party: its name is lower-case letters, digits and hyphens.")
    return party
