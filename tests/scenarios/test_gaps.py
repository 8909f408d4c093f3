"""Readings that are not there: flagged or fatal, as the scenario says; too few of them give nothing away."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any


def _gap(meter: int, first: str, end: str) -> Callable[[int, datetime], bool]:
    low, high = datetime.fromisoformat(first), datetime.fromisoformat(end)
    return lambda who, stamp: who == meter and low <= stamp < high


def _energy(lane: Path, meter: str, start: str, end: str) -> int:
    """mWh of a meter between two stamps, from its file."""
    total = shown = before = 0
    for line in (lane.parent / "meters" / f"{meter}.csv").read_text(encoding="utf-8").splitlines():
        stamp, kilowatts = line.split(",")
        total += round(float(kilowatts) * 10_000)
        energy = (total * 100_000 * 300 * 2 + 3_600_000) // (2 * 3_600_000)
        if start <= stamp < end:
            shown += energy - before
        before = energy
    return shown


def test_a_gap_is_flagged_and_the_rest_is_billed(street: Callable[..., Path], carry: Callable[..., Any]) -> None:
    lane = street(meters=6, leave_out=_gap(2, "2016-03-01 02:30", "2016-03-01 03:00"))
    files = carry(lane)
    row = next(row for row in files.billing if row["meter"] == "home2" and "T02:00" in row["window_start"])
    assert (row["readings"], row["expected"], row["status"]) == ("18", "24", "incomplete")
    energy = _energy(lane, "home2", "2016-03-01 02:00:00", "2016-03-01 04:00:00")
    assert row["energy_wh"] == f"{energy / 1000:.3f}"
    window = next(row for row in files.demand if "T02:30" in row["window_start"])
    assert (window["meters"], window["readings"], window["expected"], window["status"]) == (
        "5",
        "30",
        "36",
        "incomplete",
    )
    bill = next(row for row in files.bills if row["meter"] == "home2")
    assert bill["status"] == "incomplete"


def test_the_mean_of_an_incomplete_window_is_over_what_was_measured(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(meters=6, leave_out=_gap(2, "2016-03-01 02:30", "2016-03-01 03:00"))
    window = next(row for row in carry(lane).demand if "T02:30" in row["window_start"])
    measured_hours = 0.5 * 30 / 36
    assert float(window["mean_kw"]) == round(float(window["energy_wh"]) / 1000 / measured_hours, 6)


def test_gaps_fail_names_file_meter_and_stamp(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    lane = street(leave_out=_gap(4, "2016-03-01 05:10", "2016-03-01 05:15"))
    ended = smarter("run", lane, "--set", "gaps=fail", "--state", tmp_path / "state", "--quiet")
    assert ended.code == 3
    assert "home4.csv: meter home4 has no reading for 2016-03-01T05:10:00+01:00" in ended.err


def test_gaps_fail_lets_a_whole_span_through(street: Callable[..., Path], carry: Callable[..., Any]) -> None:
    assert {row["status"] for row in carry(street(), "gaps=fail").billing} == {"complete"}


def test_a_home_with_three_readings_in_a_window_is_refused_and_its_energy_is_nowhere(
    street: Callable[..., Path], carry: Callable[..., Any], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    lane = street(meters=6, leave_out=_gap(3, "2016-03-01 02:15", "2016-03-01 04:00"))
    state = tmp_path / "state"
    files = carry(lane, state=state)
    row = next(row for row in files.billing if row["meter"] == "home3" and "T02:00" in row["window_start"])
    assert (row["readings"], row["energy_wh"], row["status"]) == ("3", "", "refused")
    withheld, refusal = files.result["refusals"]
    assert (withheld["kind"], withheld["status"]) == ("demand", "withheld"), "else it was demand less the other bills"
    assert refusal["reason"] == "only 3 of 24 readings"
    energy = _energy(lane, "home3", "2016-03-01 02:00:00", "2016-03-01 04:00:00")
    assert energy
    shown = smarter("run", lane, "--state", state, "--quiet").out
    assert "only 3 of 24 readings" in " ".join(shown.split())
    written = [file.read_text(encoding="utf-8") for file in files.folder.iterdir()]
    for spelt in (f"{energy / 1000:.3f}", str(energy), f"{energy / 1_000_000:.6f}"):
        assert not any(spelt in text for text in [*written, shown])
    # Nor can it be had by subtraction: what the home is billed for leaves it out.
    bill = next(row for row in files.bills if row["meter"] == "home3")
    rows = [row for row in files.billing if row["meter"] == "home3" and row["energy_wh"]]
    assert round(float(bill["energy_wh"]) * 1000) == sum(round(float(row["energy_wh"]) * 1000) for row in rows)
    # And the releaser saw neither: both lanes were empty.
    assert files.result["views"]["releaser"]["withheld_totals"] <= 2


def test_a_demand_window_of_too_few_homes_is_refused(street: Callable[..., Path], carry: Callable[..., Any]) -> None:
    files = carry(street(meters=5, leave_out=_gap(1, "2016-03-01 04:00", "2016-03-01 04:20")))
    window = next(row for row in files.demand if "T04:00" in row["window_start"])
    assert (window["meters"], window["energy_wh"], window["mean_kw"], window["status"]) == ("4", "", "", "refused")
    (refusal,) = files.result["refusals"]
    assert refusal["reason"] == "only 4 of at least 5 meters cover half the window"


def test_a_home_without_any_reading_is_missing_and_the_others_are_billed(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    files = carry(street(meters=6, until="2016-03-02", leave_out=_gap(5, "2016-03-01", "2016-03-01 08:00")))
    assert {row["status"] for row in files.billing if row["meter"] == "home5"} == {"missing"}
    assert {row["status"] for row in files.billing if row["meter"] != "home5"} == {"complete"}
    bill = next(row for row in files.bills if row["meter"] == "home5")
    assert (bill["energy_wh"], bill["amount"], bill["status"]) == ("", "", "missing")


def test_a_span_that_ends_inside_a_window_has_a_row_that_says_so(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    lane = street(end="2016-03-01 07:10")
    ended = smarter("run", lane, "--state", tmp_path / "state")
    assert ended.code == 0
    assert "time.end 2016-03-01 07:10 lies inside the billing window" in ended.err
    files = carry(lane)
    last = [row for row in files.billing if "T06:00" in row["window_start"]]
    assert {(row["window_end"], row["readings"], row["expected"], row["status"]) for row in last} == {
        ("2016-03-01T08:00:00+01:00", "14", "24", "incomplete")
    }
    assert [(row["readings"], row["expected"], row["status"]) for row in files.demand[-1:]] == [("10", "30", "refused")]


def test_a_span_that_begins_inside_a_window_has_a_row_that_says_so(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    files = carry(street(), "time.start=2016-03-01 00:40")
    first = files.billing[0]
    assert (first["window_start"], first["readings"], first["expected"], first["status"]) == (
        "2016-03-01T00:00:00+01:00",
        "16",
        "24",
        "incomplete",
    )


def test_a_span_with_no_reading_at_all_is_refused_before_keys_are_made(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    settings = ("--set", "time.start=2017-03-01", "--set", "time.end=2017-03-02")
    ended = smarter("run", street(), *settings, "--state", tmp_path / "state", "--quiet")
    assert ended.code == 3
    assert "no meter has a reading from 2017-03-01" in ended.err
    assert not list((tmp_path / "state").glob("keys/*"))
