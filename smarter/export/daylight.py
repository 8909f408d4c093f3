"""The clock of a time zone as ESPI's LocalTimeParameters write it: an offset, and when summer time begins and ends.

``green_button`` puts it into its files. The rules are the bit fields of NAESB REQ.21 (DstRuleType).
"""

from __future__ import annotations

import calendar
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from smarter.model.clock import changes, zone

NONE = 0xFFFF_FFFF
"""The rule of a clock without summer time."""
_ON_DATE, _ON_OR_AFTER, _FIRST, _LAST = 0, 1, 2, 7
_LATEST = 9998  # zoneinfo ends with the year after
_NEAR = 5
"""Years before and after, by which one of several rules for a year's change is found to be the one that is meant."""


@dataclass(frozen=True)
class LocalTime:
    """LocalTimeParameters: seconds, and rules as 32-bit numbers."""

    tz_offset: int
    dst_offset: int
    dst_start_rule: int
    dst_end_rule: int


@dataclass(frozen=True)
class _Rule:
    """When a clock changes: ``weekday`` from Monday = 1, 0 where it does not matter; ``day`` likewise."""

    month: int
    operator: int
    day: int
    weekday: int
    hour: int
    second: int

    @property
    def number(self) -> int:
        return (
            self.month << 28 | self.operator << 25 | self.day << 20 | self.weekday << 17 | self.hour << 12 | self.second
        )

    def moment(self, year: int) -> datetime | None:
        """When it takes effect in a year, by the clock before the change; None when that year has no such day."""
        days = calendar.monthrange(year, self.month)[1]
        if self.operator == _LAST:
            first = days - 6
        elif self.operator >= _FIRST:
            first = 1 + 7 * (self.operator - _FIRST)
        else:
            first = self.day
        if first > days:
            return None
        found = date(year, self.month, first)
        if self.operator != _ON_DATE:
            found += timedelta(days=(self.weekday - found.isoweekday()) % 7)
        if found.month != self.month:
            return None
        midnight = datetime(found.year, found.month, found.day)  # noqa: DTZ001 - of a wall clock
        return midnight + timedelta(hours=self.hour, seconds=self.second)


def local_time(timezone: str, start: int, end: int) -> LocalTime:
    """The clock of a zone over [start, end), epoch seconds.

    Where its rules changed meanwhile, those of the latest year count; where that year's cannot be told as the standard
    has them (no or a single change, or more than two), there is no summer time, and the offset is that of the end.
    Nothing hangs on it but how a reader shows the readings: they are in UTC.
    """
    tz = zone(timezone)
    year, since = (min(datetime.fromtimestamp(moment, tz).year, _LATEST) for moment in (max(start, end - 1), start))
    near = {each: _halves(timezone, each) for each in range(min(since, year - _NEAR), min(year + _NEAR, _LATEST) + 1)}
    halves = near[year]
    if halves is None:
        offset = datetime.fromtimestamp(max(start, end - 1), tz).utcoffset() or timedelta()
        return LocalTime(int(offset.total_seconds()), 0, NONE, NONE)
    (begins, standard, summer), (ends, _, _) = halves
    rules = []
    for place, moment in enumerate((begins, ends)):
        others = {each: pair[place][0] for each, pair in near.items() if pair is not None}
        within = {each: other for each, other in others.items() if each >= since and each <= year}
        rules.append(max(_rules(moment), key=lambda rule: (_fits(rule, within), _fits(rule, others))))
    return LocalTime(standard, summer - standard, rules[0].number, rules[1].number)


_Change = tuple[datetime, int, int]


def _halves(timezone: str, year: int) -> tuple[_Change, _Change] | None:
    """The changes to and from summer time in a year: wall clock before it, and the lesser and greater offset."""
    told = [
        (datetime.fromtimestamp(instant + before, UTC).replace(tzinfo=None), before, after)
        for instant, before, after in changes(timezone, year)
    ]
    if len(told) != 2 or told[0][1:] != told[1][:0:-1]:
        return None
    to, back = sorted(told, key=lambda change: change[1] > change[2])
    return to, back


def _rules(moment: datetime) -> Iterator[_Rule]:
    """All rules that give this moment, the plainest first."""
    time = (moment.hour, moment.minute * 60 + moment.second)
    weekday, days = moment.isoweekday(), calendar.monthrange(moment.year, moment.month)[1]
    if moment.day > days - 7:
        yield _Rule(moment.month, _LAST, 0, weekday, *time)
    yield _Rule(moment.month, _FIRST + (moment.day - 1) // 7, 0, weekday, *time)
    for day in range(max(moment.day - 6, 1), moment.day + 1):
        yield _Rule(moment.month, _ON_OR_AFTER, day, weekday, *time)
    yield _Rule(moment.month, _ON_DATE, moment.day, 0, *time)


def _fits(rule: _Rule, moments: dict[int, datetime]) -> int:
    return sum(rule.moment(year) == moment for year, moment in moments.items())
