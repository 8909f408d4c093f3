"""Households and neighbourhoods by what people call them: the first digits of a pseudonym, the id.

Commands that read what the MDMS knows look meters up here; no source's name is known to it.
"""

from __future__ import annotations

from smarter.errors import UsageError
from smarter.protocols.session import Session

METER_DIGITS = 4
"""The fewest digits of a pseudonym that name a meter."""


def found_households(session: Session, meter: str | None) -> list[tuple[str, str]]:
    """The household whose pseudonym begins with these digits, or all: pseudonym and neighbourhood.

    Raises:
        UsageError: none does, or more than one.
    """
    households = session.households
    if meter is None:
        return households
    wanted = meter.rstrip("…").lower()
    found = [pair for pair in households if pair[0].startswith(wanted)]
    if len(found) != 1 or len(wanted) < METER_DIGITS:
        raise UsageError(
            f"{meter!r} names {len(found)} meters; give at least {METER_DIGITS} digits of one of "
            f"{', '.join(pseudonym for pseudonym, _ in households[:5])}, …"
        )
    return found


def found_neighbourhoods(session: Session, neighbourhood: str | None) -> list[str]:
    """The neighbourhood of this id, or all, sorted; raises :class:`UsageError` when there is none."""
    there = sorted(session.roster)
    if neighbourhood is None:
        return there
    if neighbourhood not in there:
        raise UsageError(f"there is no neighbourhood {neighbourhood}; there are {', '.join(there)}.")
    return [neighbourhood]
