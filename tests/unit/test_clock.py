"""The wall clock agrees with ``zoneinfo``, stamp by stamp, and says which stamps are twice or never shown."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.errors import ScenarioError
from smarter.model.clock import NEVER, WallClock

ZONES = ("America/New_York", "Australia/Lord_Howe", "America/Sao_Paulo", "Africa/Casablanca", "Pacific/Apia", "UTC")
BEGINNING = datetime(1970, 1, 1)
NEW_YORK = WallClock("America/New_York")


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, "M8[s]").astype(np.int64)


@given(
    zone=st.sampled_from(ZONES),
    local=st.lists(st.integers(0, 2_500_000_000), min_size=1, max_size=8),
    data=st.data(),
)
def test_stamps_are_placed_where_zoneinfo_places_them(zone: str, local: list[int], data: st.DataObject) -> None:
    folds = data.draw(st.lists(st.integers(0, 1), min_size=len(local), max_size=len(local)))
    utc, exists = WallClock(zone).to_utc(np.array(local, np.int64), np.array(folds, np.int8))
    aware = [
        (BEGINNING + timedelta(seconds=stamp)).replace(tzinfo=ZoneInfo(zone), fold=fold)
        for stamp, fold in zip(local, folds, strict=True)
    ]
    assert utc.tolist() == [int(moment.timestamp()) for moment in aware]
    there_and_back = [moment.astimezone(UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in aware]
    assert exists.tolist() == [
        back == moment.replace(tzinfo=None) for back, moment in zip(there_and_back, aware, strict=True)
    ]


@given(zone=st.sampled_from(ZONES), utc=st.lists(st.integers(0, 2_500_000_000), max_size=8))
def test_the_clock_shows_what_zoneinfo_shows(zone: str, utc: list[int]) -> None:
    shown = WallClock(zone).local(np.array(utc, np.int64))
    assert shown.tolist() == [
        (datetime.fromtimestamp(instant, ZoneInfo(zone)).replace(tzinfo=None) - BEGINNING) // timedelta(seconds=1)
        for instant in utc
    ]


def test_a_repeated_hour_is_ambiguous_from_its_first_second_to_its_last() -> None:
    local = stamps(
        "2015-11-01 00:59:59",
        "2015-11-01 01:00:00",
        "2015-11-01 01:59:59",
        "2015-11-01 02:00:00",
        "2015-03-08 02:30:00",
    )
    assert NEW_YORK.ambiguous(local).tolist() == [False, True, True, False, False]


def test_stamps_that_a_change_repeats_or_skips_name_that_change() -> None:
    back, forward = (
        int(datetime(2015, month, day, hour, tzinfo=UTC).timestamp()) for month, day, hour in ((11, 1, 6), (3, 8, 7))
    )
    local = stamps("2015-11-01 01:30:00", "2015-03-08 02:30:00", "2015-06-01 02:30:00")
    assert NEW_YORK.turn_of(local).tolist() == [back, forward, NEVER]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Europe/Berln", "'Europe/Berln' is unknown; did you mean Europe/Berlin"),
        ("new york", "did you mean America/New_York?"),
        ("", "use an IANA name"),
        ("../../etc/passwd", "is unknown"),
    ],
)
def test_an_unknown_zone_is_refused_with_names_that_come_near(name: str, words: str) -> None:
    with pytest.raises(ScenarioError) as refusal:
        WallClock(name)
    assert words in str(refusal.value)
