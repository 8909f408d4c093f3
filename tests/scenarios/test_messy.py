"""A real file that changes its interval in December and has the repeated hour of a clock change interleaved."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

DAYS = ("time.start=2015-10-30", "time.end=2015-11-03")


@pytest.fixture
def messy(shared_data: Path, street: Callable[..., Path]) -> tuple[Path, str]:
    """A scenario over the file, whole, and the setting that names the file."""
    given = {"reading": "15min", "demand": "1h", "billing": "3h", "frame": 4, "hold": "3h"}
    lane = street(timezone="America/New_York", **given, more="release: {min_meters: 1}")
    text = lane.read_text(encoding="utf-8").splitlines(keepends=True)
    lane.write_text("".join(line for line in text if not line.startswith("time:")), encoding="utf-8")
    file = shared_data / "umass-2015-messy" / "Apt1_2015.csv"
    return lane, f"neighbourhoods.lane.source.path={file}"


def test_the_whole_file_is_refused_at_the_row_where_its_interval_changes(
    messy: tuple[Path, str], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    lane, source = messy
    # A long run before the row is reached: everything before it is fine.
    start = "time.start=2015-12-10"
    ended = smarter("run", lane, "--set", source, "--set", start, "--state", tmp_path / "state", "--quiet")
    assert ended.code == 3
    assert "Apt1_2015.csv, row 33495" in ended.err
    assert "1min apart" in ended.err
    assert len(ended.err.strip().splitlines()) == 1


def test_the_minutes_alone_run_and_the_whole_year_as_minutes_does_not(
    messy: tuple[Path, str], tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    lane, source = messy
    minutes = (source, "windows.reading=1min", "frame=60", "pes.hold=3h")
    ended = smarter(
        *("run", lane, "--state", tmp_path / "state", "--quiet"),
        *(part for setting in minutes for part in ("--set", setting)),
    )
    assert ended.code == 3
    assert "Apt1_2015.csv" in ended.err
    assert "windows.reading=15min" in ended.err
    files = carry(lane, *minutes, "time.start=2015-12-20", "time.end=2015-12-21")
    assert {row["readings"] for row in files.billing} == {"180"}


def test_the_survey_reports_both_intervals_and_what_a_run_would_refuse(
    messy: tuple[Path, str], smarter: Callable[..., Any]
) -> None:
    lane, source = messy
    ended = smarter("readings", lane, "--set", source)
    assert ended.code == 0
    assert "15min, 1min" in ended.out
    assert "row 33495" in ended.out


def test_a_span_of_one_interval_runs_over_the_interleaved_hour(
    messy: tuple[Path, str], carry: Callable[..., Any], shared_data: Path
) -> None:
    lane, source = messy
    files = carry(lane, source, *DAYS)
    night = {row["window_start"]: row for row in files.demand if row["window_start"].startswith("2015-11-01T01")}
    assert list(night) == ["2015-11-01T01:00:00-04:00", "2015-11-01T01:00:00-05:00"]
    lines = (shared_data / "umass-2015-messy" / "Apt1_2015.csv").read_text(encoding="utf-8").splitlines()
    hour = [Decimal(line.split(",")[1]) for line in lines if line.startswith("2015-11-01 01")]
    for first, row in enumerate(night.values()):  # of two rows with one stamp the first is the earlier
        assert abs(Decimal(row["energy_wh"]) - sum(hour[first::2]) * 250) <= Decimal("0.001")
    long = next(row for row in files.billing if "2015-11-01T00:00" in row["window_start"])
    assert (long["readings"], long["expected"], long["status"]) == ("16", "16", "complete")
