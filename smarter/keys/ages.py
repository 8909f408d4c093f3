"""How old keys are, and when they are due to be replaced; ``smarter keys list`` and every start of a run look.

No key stops working: what is due is said. NIST SP 800-57 Part 1 (section 5.3.6) has private keys for signing or key
transport replaced after one to three years.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

from smarter.keys.entries import PublicEntry

LIFETIME = timedelta(days=730)
NOTICE = timedelta(days=30)
EXPIRING = ("unwrap", "aggregate", "sign")
"""Purposes whose keys are due one day. A meter's own change with each start, or with the meter."""


def age(entry: PublicEntry, at: float) -> timedelta:
    """Of a key, at a time in epoch seconds."""
    return datetime.fromtimestamp(at, UTC) - datetime.fromisoformat(entry.created)


def due(entry: PublicEntry, at: float, lifetime: timedelta = LIFETIME) -> Literal["", "soon", "over"]:
    """Whether a key in use is past its lifetime, or will be in :data:`NOTICE` (or a tenth of it); others never are."""
    if not entry.current or entry.purpose not in EXPIRING:
        return ""
    left = lifetime - age(entry, at)
    if left <= timedelta(0):
        return "over"
    return "soon" if left <= min(NOTICE, lifetime / 10) else ""
