"""Billing periods by the local clock: a billing window belongs to the one that it starts in.

The MDMS makes a bill of each; meters begin a key epoch with each, and the MDMS a data key of each household, so that
a period of a household can be erased by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

import numpy as np

from smarter.model.clock import zone
from smarter.model.windows import WindowGrid

Period = Literal["month", "week", "run"]
WHOLE_RUN = "run"
"""The name of the one period where a bill covers the whole run."""


def period_of(start: int, timezone: str, period: Period) -> str:
    """The name of the period in which an instant (epoch seconds) lies: its first local day, ISO 8601, or ``run``.

    It does not depend on the span of a run: a later end changes the name of no period.
    """
    if period == "run":
        return WHOLE_RUN
    day: date = datetime.fromtimestamp(start, zone(timezone)).date()
    return (day.replace(day=1) if period == "month" else day - timedelta(days=day.weekday())).isoformat()


def period_edges(billing: WindowGrid, period: Period) -> tuple[int, ...]:
    """Where periods begin inside a grid of billing windows, epoch seconds: at the first window that starts in each.

    The grid's own start is not among them.
    """
    if period == "run" or len(billing) < 2:
        return ()
    starts = billing.starts.tolist()
    names = np.array([period_of(start, billing.timezone, period) for start in starts])
    changes = np.flatnonzero(names[1:] != names[:-1]) + 1
    return tuple(starts[change] for change in changes.tolist())


@dataclass(frozen=True)
class Periods:
    """The billing periods of a deployment's households.

    Attributes:
        period: how long one is.
        timezones: IANA names of the households' clocks, by pseudonym in hexadecimal.
    """

    period: Period
    timezones: Mapping[str, str]

    def of(self, household: str, start: int) -> str:
        """The name of the period of a household's billing window that starts then (epoch seconds).

        Raises:
            KeyError: there is no such household.
        """
        if self.period == "run":
            return WHOLE_RUN
        return period_of(start, self.timezones[household], self.period)
