"""LocalTimeParameters: the rules that ESPI knows, for the clocks of real zones in real years."""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from smarter.export.daylight import NONE, LocalTime, local_time


def epoch(year: int, month: int = 1, day: int = 1) -> int:
    return int(datetime(year, month, day, tzinfo=UTC).timestamp())


def of_year(zone: str, year: int) -> LocalTime:
    return local_time(zone, epoch(year), epoch(year, 12, 31))


def decoded(rule: int, year: int) -> datetime:
    """When a rule takes effect in a year, by the clock before it: the bits as NAESB REQ.21 lists them."""
    seconds, hours, weekday = rule & 0xFFF, rule >> 12 & 0x1F, rule >> 17 & 0x7
    day, operator, month = rule >> 20 & 0x1F, rule >> 25 & 0x7, rule >> 28
    days = [datetime(year, month, each) for each in range(1, monthrange(year, month)[1] + 1)]
    alike = [each for each in days if each.isoweekday() == weekday]
    if operator == 0:
        found = days[day - 1]
    elif operator == 1:
        found = next(each for each in alike if each.day >= day)
    else:
        found = alike[-1] if operator == 7 else alike[operator - 2]
    return found + timedelta(hours=hours, seconds=seconds)


ZONES = [
    "America/New_York",
    "America/Los_Angeles",
    "America/Halifax",
    "America/St_Johns",
    "America/Havana",
    "America/Asuncion",
    "America/Santiago",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Dublin",
    "Europe/Lisbon",
    "Europe/Chisinau",
    "Australia/Sydney",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Pacific/Auckland",
    "Pacific/Chatham",
    "Asia/Jerusalem",
    "Asia/Beirut",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "America/Nuuk",
]


@pytest.mark.parametrize("zone", ZONES)
def test_a_clock_goes_by_the_rules_in_every_year(zone: str) -> None:
    with_rules = 0
    for year in range(2007, 2024):
        found = of_year(zone, year)
        if found.dst_start_rule == NONE:
            continue
        with_rules += 1
        here, shift = ZoneInfo(zone), timedelta(seconds=found.dst_offset)
        for rule, before, after in (
            (found.dst_start_rule, timedelta(), shift),
            (found.dst_end_rule, shift, timedelta()),
        ):
            standard = timedelta(seconds=found.tz_offset)
            instant = (decoded(rule, year) - standard - before).replace(tzinfo=UTC)
            assert instant.astimezone(here).utcoffset() == standard + after, (year, f"{rule:08X}")
            moment = instant - timedelta(seconds=1)
            assert moment.astimezone(here).utcoffset() == standard + before, (year, f"{rule:08X}")
    assert with_rules > 8


@pytest.mark.parametrize(
    ("zone", "year", "offsets", "start", "end"),
    [
        ("America/New_York", 2012, (-18_000, 3600), 0x360E2000, 0xB40E2000),  # as in the US files
        ("America/Los_Angeles", 2011, (-28_800, 3600), 0x360E2000, 0xB40E2000),
        ("America/New_York", 2006, (-18_000, 3600), 0x440E2000, 0xAE0E2000),  # first April, last October Sunday
        ("Europe/Berlin", 2016, (3600, 3600), 0x3E0E2000, 0xAE0E3000),  # last Sundays, 02:00 and 03:00
        ("Europe/London", 2015, (0, 3600), 0x3E0E1000, 0xAE0E2000),
        ("Australia/Lord_Howe", 2016, (37_800, 1800), 0xA40E2000, 0x440E2000),
        ("Asia/Jerusalem", 2019, (7200, 3600), 0x337A2000, 0xAE0E2000),  # a Friday on or after 23 March
        ("Asia/Kolkata", 2016, (19_800, 0), NONE, NONE),
        ("UTC", 1970, (0, 0), NONE, NONE),
        ("Europe/Moscow", 2012, (14_400, 0), NONE, NONE),
    ],
)
def test_known_clocks_have_the_plainest_rule_that_holds(
    zone: str, year: int, offsets: tuple[int, int], start: int, end: int
) -> None:
    assert of_year(zone, year) == LocalTime(*offsets, start, end)


def test_of_a_span_over_several_years_the_latest_counts() -> None:
    assert local_time("America/New_York", epoch(2006, 6), epoch(2007, 6)) == of_year("America/New_York", 2007)
    assert local_time("America/New_York", epoch(2006, 1, 2), epoch(2007, 1, 1)) == of_year("America/New_York", 2006)
    assert local_time("Europe/Moscow", epoch(2014, 2), epoch(2014, 3)).tz_offset == 14_400
    assert local_time("Europe/Moscow", epoch(2014, 2), epoch(2014, 12)).tz_offset == 10_800


def test_the_ends_of_time_are_no_bug() -> None:
    assert local_time("America/New_York", epoch(1970), epoch(1970, 1, 2)).tz_offset == -18_000
    assert local_time("America/New_York", epoch(9998), epoch(9998, 1, 2)).tz_offset == -18_000
