"""Durations and local moments, as scenarios write them."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.model.windows import spell
from smarter.scenario.durations import parse_duration
from smarter.scenario.moments import epoch, moment_text, parse_moment


@given(st.integers(0, 400 * 86_400))
def test_a_duration_survives_being_written_and_read(seconds: int) -> None:
    assert parse_duration(spell(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"), [("3 hours", 10_800), ("15 min", 900), ("1d", 86_400), ("0s", 0), ("90Min", 5_400)]
)
def test_a_duration_may_be_spelt_out_where_it_is_unambiguous(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("value", [15, 1.5, "15", "5m", "1.5h", "-1h", "h", "", None, True, ["1h"], "1h 30min"])
def test_anything_else_is_no_duration(value: object) -> None:
    with pytest.raises(ValueError, match=r"write"):
        parse_duration(value)


def test_a_date_is_its_local_midnight() -> None:
    assert parse_moment("2016-01-01") == parse_moment(date(2016, 1, 1)) == datetime(2016, 1, 1)
    assert epoch(parse_moment("2016-01-01"), "America/New_York") == datetime(2016, 1, 1, 5, tzinfo=UTC).timestamp()


def test_a_time_that_occurs_twice_is_the_first_and_one_that_is_skipped_follows_the_skip() -> None:
    twice, skipped = parse_moment("2016-11-06 01:30"), parse_moment("2016-03-13 02:30")
    assert epoch(twice, "America/New_York") == datetime(2016, 11, 6, 5, 30, tzinfo=UTC).timestamp()
    assert epoch(skipped, "America/New_York") == datetime(2016, 3, 13, 7, 30, tzinfo=UTC).timestamp()


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)))
def test_a_moment_survives_being_written_and_read(moment: datetime) -> None:
    moment = moment.replace(microsecond=0, fold=0)
    assert parse_moment(moment_text(moment)) == moment


@pytest.mark.parametrize(
    "value", ["2016-13-01", "yesterday", "2016-01-01T00:00Z", "2016-01-01T00:00+01:00", 2016, None]
)
def test_anything_else_is_no_moment(value: object) -> None:
    with pytest.raises(ValueError, match=r"write"):
        parse_moment(value)
