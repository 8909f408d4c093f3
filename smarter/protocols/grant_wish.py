"""What a customer wishes to grant: to whom, what, for what, until when; and whether that can be.

``grants`` checks it before it becomes a signed statement; commands and the app read it from what was typed.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

from smarter.api import Keywrap
from smarter.errors import DamagedKeys, DataError, UsageError
from smarter.keys.public import PublicHalf
from smarter.model.clock import DAY
from smarter.model.messages.statement import LONGEST_NAME, LONGEST_PURPOSE, MONTH
from smarter.model.windows import check_length, cut, iso, months, spell
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.scenario.durations import parse_duration

LIFETIME = 90 * DAY
"""Seconds after which a grant expires, unless something else is asked for."""
LONGEST_LIFETIME = 5 * 366 * DAY

Window = int | Literal["month"]


@dataclass(frozen=True)
class Wish:
    """What a customer wants to grant: to whom, what, for what, until when.

    Attributes:
        grantee: their name.
        key: their public key.
        window: over what readings are added up, seconds or ``month``.
        start: epoch seconds of the span; ``end`` likewise.
        expires: when the grant ends by itself, epoch seconds.
        purpose: what for.
    """

    grantee: str
    key: PublicHalf
    window: Window
    start: int
    end: int
    expires: int
    purpose: str


def check_wish(wish: Wish, plan: NeighbourhoodPlan, now: int) -> None:
    """Return when a grant can be as wished at ``now`` (epoch seconds), as far as its meter's neighbourhood says.

    Raises:
        UsageError: a window that cannot be cut, a span without one, an expiry that is over or far away, no name or
            purpose.
    """
    for name, text, most in (("name", wish.grantee, LONGEST_NAME), ("purpose", wish.purpose, LONGEST_PURPOSE)):
        if not text.strip() or len(text) > most or not text.isprintable():
            raise UsageError(f"the {name} of a grant has 1 to {most} printable characters in one line: say --{name}.")
    if wish.window != "month":
        check_length(wish.window, plan.axis.interval)
    if not now < wish.expires <= now + LONGEST_LIFETIME:
        raise UsageError(
            f"a grant expires by the real clock, after today ({iso(now, plan.timezone)[:10]}) and within five "
            f"years, not on {iso(wish.expires, plan.timezone)[:10]}: set --expires."
        )
    if wish.start < 0:
        raise UsageError("a grant reaches back to 1970 at most: set --from.")
    if wish.start >= wish.end or not _holds_a_window(wish, plan.timezone):
        span = f"{iso(wish.start, plan.timezone)} to {iso(wish.end, plan.timezone)}"
        raise UsageError(
            f"no whole window of {spell_window(wish.window)} lies in {span}: set --from, --until or --window."
        )


def check_key(key: PublicHalf, keywrap: Keywrap) -> None:
    """Return when something can be encrypted for a key; raises :class:`DataError`."""
    if key.kind != "rsa":
        raise DataError("the grantee's key is for signing, and nothing can be encrypted for it: ask for an RSA key.")
    try:
        keywrap.wrap(keywrap.load_public(key.pem().encode()), secrets.token_bytes(32), context=b"smarter trial 1")
    except DamagedKeys as error:
        raise DataError(f"nothing can be encrypted for the grantee's key by {keywrap.name}: {error}") from error


def parse_window(text: str) -> Window:
    """A window's length as a command has it: ``15min``, ``1h``, ``1d`` or ``month``; raises :class:`UsageError`."""
    if text.strip().lower() == MONTH:
        return "month"
    try:
        return parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--window: {error}, or month.") from error


def spell_window(window: Window) -> str:
    """The reverse."""
    return window if window == "month" else spell(window)


def _holds_a_window(wish: Wish, timezone: str) -> bool:
    if wish.window == "month":
        edges = months(timezone, wish.start, wish.end)
    else:
        edges = cut(timezone, wish.window, wish.start, min(wish.end, wish.start + 3 * wish.window + DAY)).edges
    return bool(((edges[:-1] >= wish.start) & (edges[1:] <= wish.end)).any())
