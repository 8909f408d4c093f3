"""The weeks in which clocks change: windows by the wall clock, no reading lost or counted twice."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest


def _hours(row: dict[str, str]) -> int:
    span = datetime.fromisoformat(row["window_end"]) - datetime.fromisoformat(row["window_start"])
    return span // timedelta(hours=1)


@pytest.fixture
def week(carry: Callable[..., Any], small_keys: tuple[str, ...]) -> Any:
    """The shipped week in which New York's clocks go back."""
    return carry("dst", *small_keys)


def test_the_window_over_the_repeated_hour_has_four_hours(week: Any) -> None:
    day = [row for row in week.billing if row["meter"] == "apt1" and row["window_start"].startswith("2016-11-06")]
    assert [(row["window_start"][11:], row["readings"], row["expected"], _hours(row)) for row in day] == [
        ("00:00:00-04:00", "16", "16", 4),
        *[(f"{hour:02}:00:00-05:00", "12", "12", 3) for hour in range(3, 24, 3)],
    ]


def test_the_repeated_hour_has_two_demand_windows(week: Any) -> None:
    starts = [row["window_start"] for row in week.demand if row["window_start"].startswith("2016-11-06T01")]
    assert starts == ["2016-11-06T01:00:00-04:00", "2016-11-06T01:00:00-05:00"]
    assert len(week.demand) == 7 * 24 + 1


def test_nothing_is_lost_over_the_change(week: Any, checkout: Path) -> None:
    rows = [row for row in week.billing if row["meter"] == "apt3"]
    with (checkout / "data" / "dst-week" / "apt3.csv").open(encoding="utf-8", newline="") as file:
        power = [Decimal(kilowatts) for _, kilowatts in csv.reader(file)]
    assert len(power) == sum(int(row["readings"]) for row in rows) == (7 * 24 + 1) * 4
    exact = sum(power) * 1000 / 4
    assert abs(sum(Decimal(row["energy_wh"]) for row in rows) - exact) <= Decimal("0.001")


def test_bills_of_a_week_begin_on_monday_whatever_the_clock_did(week: Any) -> None:
    periods = [(row["period_start"], row["period_end"]) for row in week.bills if row["meter"] == "apt1"]
    assert periods == [
        ("2016-11-02T00:00:00-04:00", "2016-11-07T00:00:00-05:00"),
        ("2016-11-07T00:00:00-05:00", "2016-11-09T00:00:00-05:00"),
    ]


@pytest.mark.parametrize(
    ("timezone", "day", "skipped"), [("Europe/Berlin", "2016-03-27", 2), ("America/New_York", "2016-03-13", 2)]
)
def test_a_day_without_one_of_its_hours_has_a_shorter_window(
    timezone: str, day: str, skipped: int, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    def shown(meter: int, stamp: datetime) -> bool:
        return not (stamp.date().isoformat() == day and stamp.hour == skipped)

    end = datetime.fromisoformat(day) + timedelta(days=1)
    lane = street(
        start=day, end=f"{end:%Y-%m-%d}", timezone=timezone, billing="3h", demand="1h", frame=12,
        leave_out=lambda meter, stamp: not shown(meter, stamp),
    )  # fmt: skip
    files = carry(lane)
    rows = [row for row in files.billing if row["meter"] == "home1"]
    assert [_hours(row) for row in rows] == [2, *[3] * 7]
    assert {row["status"] for row in rows} == {"complete"}
    assert len(files.demand) == 23
    instants = [datetime.fromisoformat(row["window_start"]) for row in files.demand]
    assert instants[0] == datetime.fromisoformat(day).replace(tzinfo=ZoneInfo(timezone))
    assert {after - before for before, after in pairwise(instants)} == {timedelta(hours=1)}
