"""Which window lengths work for a scenario, so that a refusal can name some."""

from __future__ import annotations

from collections.abc import Callable

from smarter.errors import ScenarioError
from smarter.model.clock import DAY
from smarter.model.windows import check_length, spell

_ROUND = (
    [1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30]
    + [60 * minutes for minutes in (1, 2, 3, 4, 5, 6, 10, 12, 15, 20, 30)]
    + [3_600 * hours for hours in (1, 2, 3, 4, 6, 8, 12)]
    + [DAY, 2 * DAY, 7 * DAY]
)
_DIVISORS = [length for length in range(1, DAY + 1) if DAY % length == 0]
_NAMED = 6


def length_problem(length: int, reading: int) -> str | None:
    """Why windows of ``length`` seconds cannot be cut for readings ``reading`` seconds apart; None when they can."""
    try:
        check_length(length, reading)
    except ScenarioError as error:
        return str(error)
    return None


def lengths_that_work(test: Callable[[int], bool], near: int) -> str:
    """Up to six lengths that pass ``test``, the nearest to ``near`` seconds, in words; round ones if there are any."""
    working = [length for length in _ROUND if test(length)] or [length for length in _DIVISORS if test(length)]
    if not working:
        return "no length works here"
    nearest = sorted(working, key=lambda length: max(length / near, near / length))[:_NAMED]
    return "use " + " or ".join(spell(length) for length in sorted(nearest))


def crosses_price_change(length: int, changes: tuple[int, ...]) -> int | None:
    """A second of the day at which prices may change inside some window of ``length``; None when all are edges.

    A window of several days holds midnights, so any change at all falls inside it.
    """
    for change in sorted(changes):
        if change % length if length <= DAY else True:
            return change % DAY
    return None


def crosses_period(length: int, period: str) -> bool:
    """Whether some window of ``length`` lies in two bills: months begin on any day, weeks on Monday."""
    days = length // DAY
    if period == "month":
        return days > 1
    return period == "week" and days > 1 and days != 7
