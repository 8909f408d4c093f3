"""What never comes under a grant: times of which its grantee was sent windows of another length before.

The meters leave it out (``granting``); here it is told to the customer, by ``smarter customer`` and the app.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from smarter.model.clock import DAY
from smarter.parties.meter.grants import apart_from, on_another_grid, windows_of
from smarter.parties.meter.statements import Grant, Standing
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.state import Sent

LONGEST_MONTH = 31 * DAY


@dataclass(frozen=True)
class Withheld:
    """A time inside a grant's span, epoch seconds, of which windows were delivered under another grant, ``by``."""

    by: Grant
    start: int
    end: int


def withheld(grant: Grant, standing: Standing, sent: Iterable[Sent]) -> tuple[Withheld, ...]:
    """What never comes under a grant, by all that was delivered of its meter, in order of time."""
    others = {other.id: other for other in standing.grants.values() if on_another_grid(other, grant)}
    found: list[Withheld] = []
    for each in sorted(sent, key=lambda one: (one.start, one.end)):
        start, end = max(each.start, grant.start), min(each.end, grant.end)
        if each.grant not in others or start >= end:
            continue
        last = found[-1] if found else None
        if last is not None and last.by.id == each.grant and start <= last.end:
            found[-1] = replace(last, end=max(last.end, end))
        else:
            found.append(Withheld(others[each.grant], start, end))
    return tuple(found)


def is_anything_left(grant: Grant, plan: NeighbourhoodPlan, spans: tuple[Withheld, ...]) -> bool:
    """Whether a grant has a window that overlaps none of ``spans``."""
    if not spans:
        return True
    # Just as far as a whole window behind them reaches: nobody said how far the grant does.
    length = LONGEST_MONTH if grant.window == "month" else grant.window
    closed = max(each.end for each in spans) + 3 * length + DAY
    windows = windows_of(grant, plan.timezone, grant.start, closed, plan.start)
    return len(apart_from(windows, ((each.start, each.end) for each in spans))[0]) > 0
