"""Wall clock and UTC, both ways, for whole columns of stamps at once.

Windows are cut with it, meters place their rows with it. The clock changes come from ``zoneinfo``, found
once per zone and year; everything else is numpy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import numpy as np
from numpy.typing import NDArray

from smarter.errors import ScenarioError

DAY = 86_400
NEVER = np.iinfo(np.int64).min
"""Stands for "no clock change" where an instant is expected."""


@lru_cache(maxsize=256)
def zone(timezone: str) -> ZoneInfo:
    """The zone of an IANA name.

    Raises:
        ScenarioError: there is no such zone; the message names those that come near.
    """
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        names = {name.lower(): name for name in available_timezones()}
        wanted = timezone.lower().replace(" ", "_")
        near = [name for lower, name in sorted(names.items()) if wanted and f"/{lower}".endswith(f"/{wanted}")]
        near = near or [names[lower] for lower in difflib.get_close_matches(wanted, names, n=3)]
        hint = " or ".join(near[:3])
        way_out = f"did you mean {hint}?" if hint else "use an IANA name such as Europe/Berlin."
        raise ScenarioError(f"timezone {timezone!r} is unknown; {way_out}") from None


@lru_cache(maxsize=4096)
def changes(timezone: str, year: int) -> tuple[tuple[int, int, int], ...]:
    """The clock changes of a year of UTC: (instant, offset before, offset after), in seconds.

    Sampled once a day and then bisected: two changes on one day that cancel out would be missed; no zone
    has had that.
    """
    tz = zone(timezone)

    def offset(instant: int) -> int:
        shift = datetime.fromtimestamp(instant, tz).utcoffset()
        assert shift is not None
        return int(shift.total_seconds())

    found = []
    here = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    before = offset(here)
    while here < end:
        there = min(here + DAY, end)
        if (after := offset(there)) == before:
            here = there
            continue
        same, other = here, there
        while other - same > 1:
            middle = (same + other) // 2
            if offset(middle) == before:
                same = middle
            else:
                other = middle
        here, after = other, offset(other)
        found.append((here, before, after))
        before = after
    return tuple(found)


@dataclass(frozen=True, eq=False)
class _Table:
    """Clock changes in order: ``offsets[i]`` holds before ``instants[i]``, ``offsets[-1]`` after the last.

    ``lows`` and ``highs`` bound, on the wall clock, what each change repeats or skips.
    """

    instants: NDArray[np.int64]
    offsets: NDArray[np.int64]
    lows: NDArray[np.int64]
    highs: NDArray[np.int64]


@lru_cache(maxsize=256)
def _table(timezone: str, first_year: int, last_year: int) -> _Table:
    found = [change for year in range(first_year, last_year + 1) for change in changes(timezone, year)]
    start = datetime(first_year, 1, 1, tzinfo=UTC).astimezone(zone(timezone)).utcoffset()
    assert start is not None
    first = found[0][1] if found else int(start.total_seconds())
    instants = np.array([change[0] for change in found], np.int64)
    offsets = np.array([first] + [change[2] for change in found], np.int64)
    ends = np.stack([instants + offsets[:-1], instants + offsets[1:]])
    return _Table(instants, offsets, ends.min(axis=0), ends.max(axis=0))


def _year(seconds: int) -> int:
    # a day or two off changes nothing, so the proleptic average will do; zoneinfo's own limits bound it
    return min(max(1970 + int(seconds // 31_556_952), 2), 9997)


class WallClock:
    """A wall clock of one time zone. Stamps are int64 seconds since 1970-01-01T00:00 of that clock.

    Raises:
        ScenarioError: there is no such zone.
    """

    def __init__(self, timezone: str) -> None:
        self.timezone = timezone
        zone(timezone)

    def _near(self, seconds: NDArray[np.int64]) -> _Table:
        if not len(seconds):
            return _table(self.timezone, 1970, 1970)
        margin = 3 * DAY
        first, last = _year(int(seconds.min()) - margin), _year(int(seconds.max()) + margin)
        return _table(self.timezone, first, last)

    def local(self, utc: NDArray[np.int64]) -> NDArray[np.int64]:
        """What the clock shows at each instant (epoch seconds)."""
        table = self._near(utc)
        return utc + table.offsets[np.searchsorted(table.instants, utc, "right")]

    def to_utc(self, local: NDArray[np.int64], fold: NDArray[np.int8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The instant at which the clock shows each stamp, and whether it ever does.

        ``fold`` 0 asks for the first, 1 for the second appearance; it matters only where there are two. A stamp
        that the clock skips is placed as if it had not been put forward yet (fold 0).
        """
        table = self._near(local)
        early = np.searchsorted(table.highs, local, "right")
        late = np.searchsorted(table.lows, local, "right")
        utc = local - table.offsets[np.where(fold == 0, early, late)]
        exists = (early == late) | (table.offsets[early] >= table.offsets[late])
        return utc, exists

    def turn_of(self, local: NDArray[np.int64]) -> NDArray[np.int64]:
        """The instant of the clock change that repeats or skips each stamp; :data:`NEVER` for an ordinary one."""
        table = self._near(local)
        early = np.searchsorted(table.highs, local, "right")
        late = np.searchsorted(table.lows, local, "right")
        if not len(table.instants):
            return np.full(len(local), NEVER, np.int64)
        return np.where(early == late, NEVER, table.instants[np.maximum(late, 1) - 1])

    def ambiguous(self, local: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the clock shows each stamp twice."""
        table = self._near(local)
        early = np.searchsorted(table.highs, local, "right")
        late = np.searchsorted(table.lows, local, "right")
        return table.offsets[early] > table.offsets[late]
