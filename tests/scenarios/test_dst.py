"""The weeks in which clocks change: windows by the wall clock, no reading lost or counted twice."""

from __future__ import annotations

import contextlib
import csv
import sqlite3
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from smarter.releasing.rules import refuse_billing


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


# Two-hour windows on a day on which New York's clocks skip the hour from two to three.

FORWARD = "2016-03-13"
FLAT = 'tariff: {plugin: flat, currency: USD, period: run, rate: "0.15"}'


def priced(cheap: str) -> str:
    """A tariff with another price in the hours ``cheap``."""
    return (
        f'tariff: {{plugin: time-of-use, period: run, rates: {{day: "0.2", night: "0.1"}}, night: {{hours: {cheap}}}}}'
    )


@pytest.fixture
def forward(street: Callable[..., Path]) -> Callable[[str], Path]:
    """``forward(tariff)``: five homes over the day, and a tariff."""

    def make(tariff: str) -> Path:
        lane = street(
            start=FORWARD, end="2016-03-14", timezone="America/New_York", demand="1h", frame=12,
            leave_out=lambda meter, stamp: stamp.hour == 2,
        )  # fmt: skip
        lane.write_text(lane.read_text(encoding="utf-8").replace(FLAT, tariff), encoding="utf-8")
        assert tariff in lane.read_text(encoding="utf-8")
        return lane

    return make


EARLY = {
    "before": [("00:00:00", 3, "complete"), ("04:00:00", 2, "complete")],
    "after": [("00:00:00", 2, "complete"), ("03:00:00", 3, "complete")],
    "nowhere": [("00:00:00", 2, "complete"), ("03:00:00", 1, "refused"), ("04:00:00", 2, "complete")],
}


@pytest.mark.parametrize(
    ("tariff", "joins"),
    [
        (FLAT, "before"),
        ('tariff: {plugin: tiered, period: run, blocks: [{up_to_kwh: 1, rate: "0.1"}, {rate: "0.2"}]}', "before"),
        (priced('["00:00-02:00"]'), "after"),
        (priced('["02:00-04:00"]'), "nowhere"),
        (priced('["04:00-06:00"]'), "before"),
    ],
)
def test_an_hour_left_of_a_window_joins_a_neighbour_of_the_same_price(
    tariff: str, joins: str, forward: Callable[[str], Path], carry: Callable[..., Any]
) -> None:
    files = carry(forward(tariff))
    for home in range(1, 6):
        rows = [row for row in files.billing if row["meter"] == f"home{home}"]
        early = [row for row in rows if row["window_start"][11:13] < "06"]
        assert [(row["window_start"][11:19], _hours(row), row["status"]) for row in early] == EARLY[joins]
        assert all(row["expected"] == str(12 * _hours(row)) for row in rows)
        assert [_hours(row) for row in rows[len(early) :]] == [2] * 9
    reasons = [window["reason"] for window in files.result["refusals"]]
    assert reasons == ["a window of 3600 s is shorter than the least of 7200 s"] * (5 if joins == "nowhere" else 0)
    assert len(files.demand) == 23
    billed, demand = (sum(Decimal(row["energy_wh"] or 0) for row in rows) for rows in (files.billing, files.demand))
    assert (billed == demand) is (joins != "nowhere")


@pytest.mark.parametrize(("period", "hours"), [("run", [2, 3, 2]), ("month", [2, 2, 3])])
def test_a_window_does_not_join_one_in_another_bill(
    period: str, hours: list[int], street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    """In Damascus the first hour of April was skipped."""
    lane = street(
        start="2005-03-31 20:00", end="2005-04-01 06:00", timezone="Asia/Damascus", demand="1h", frame=12,
        leave_out=lambda meter, stamp: stamp.day == 1 and stamp.hour == 0,
    )  # fmt: skip
    files = carry(lane, f"tariff.period={period}")
    rows = [row for row in files.billing if row["meter"] == "home1"]
    assert [_hours(row) for row in rows[:3]] == hours
    assert {row["status"] for row in rows} == {"complete"}
    bills = [bill["period_start"][:10] for bill in files.bills if bill["meter"] == "home1"]
    assert bills == {"run": ["2005-03-31"], "month": ["2005-03-31", "2005-04-01"]}[period]


def test_a_joined_window_that_is_full_to_the_rating_fits_its_lane(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    """Eleven and twelve hours, more than a change of clocks alone can make of twelve."""
    lane = street(
        start="2016-03-12 12:00", end="2016-03-13 12:00", timezone="America/New_York", demand="1h", billing="12h",
        frame=12, leave_out=lambda meter, stamp: stamp.day == 13 and stamp.hour == 2,
    )  # fmt: skip
    for file in (lane.parent / "meters").iterdir():
        stamps = [line.split(",")[0] for line in file.read_text(encoding="utf-8").splitlines()]
        file.write_text("".join(f"{stamp},12\n" for stamp in stamps), encoding="utf-8")
    files = carry(lane, "neighbourhoods.lane.rating_kw=12", "release.min_billing_window=12h")
    assert [(_hours(row), row["energy_wh"]) for row in files.billing] == [(23, f"{12_000 * 23}.000")] * 5


def test_a_later_end_gives_the_joined_windows_of_one_span(
    forward: Callable[[str], Path], carry: Callable[..., Any], tmp_path: Path
) -> None:
    lane = forward(priced('["00:00-02:00"]'))
    first = carry(lane, f"time.end={FORWARD} 06:00", state=tmp_path / "state")
    assert {row["status"] for row in first.billing} == {"complete"}
    assert carry(lane, state=tmp_path / "state").numbers == carry(lane).numbers


def test_a_finished_state_of_an_earlier_version_shows_the_rows_that_it_has(
    forward: Callable[[str], Path], carry: Callable[..., Any], tmp_path: Path
) -> None:
    lane, state = forward(FLAT), tmp_path / "state"

    def by_nominal_length(rules: Any, count: int, interval: int, length: int, span: int) -> str | None:
        return refuse_billing(rules, count, interval, length, length)

    with pytest.MonkeyPatch.context() as earlier:
        earlier.setattr("smarter.protocols.plan._joined", lambda grid, least, separate: grid)
        for room in ("pes.sums", "releaser.decision"):
            earlier.setattr(f"smarter.parties.{room}.refuse_billing", by_nominal_length)
        shown = carry(lane, state=state, options=()).numbers
    with contextlib.closing(sqlite3.connect(state / "journal.sqlite")) as journal, journal:
        assert journal.execute("DELETE FROM meta WHERE name = 'joined'").rowcount == 1
    again = carry(lane, state=state)
    assert again.numbers == shown
    rows = [row for row in again.billing if row["meter"] == "home1"]
    assert [(_hours(row), row["status"]) for row in rows[:3]] == [(2, "complete"), (1, "complete"), (2, "complete")]
