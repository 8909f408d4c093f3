"""What goes wrong on the way is dropped by the party whose work that is, counted, and flagged in the rows."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.coalitions import gains
from tests.support.released import tables


@pytest.fixture(scope="module")
def shown(
    tmp_path_factory: pytest.TempPathFactory,
    smarter: Callable[..., Any],
    files_in: Callable[[Path], Any],
    small_keys: tuple[str, ...],
) -> tuple[Any, Any]:
    """The shipped scenario, and the same day on which all went well; both verified."""
    both = []
    for faults in ((), ("--set", "faults=[]")):
        folder = tmp_path_factory.mktemp("lossy")
        settings = [part for setting in small_keys for part in ("--set", setting)]
        paths = ("--state", folder / "state", "--out", folder / "out", "--reveal-meters", "--quiet")
        ended = smarter("run", "lossy", *settings, *faults, "--verify", *paths)
        assert ended.code == 0, ended.err
        both.append(files_in(folder / "out"))
    return both[0], both[1]


def _changed(lossy: Any, fine: Any) -> dict[tuple[str, str], tuple[str, str]]:
    """Billing rows that differ: by meter and hour, the readings and the status."""
    return {
        (row["meter"], row["window_start"][11:13]): (row["readings"], row["status"])
        for row, other in zip(lossy.billing, fine.billing, strict=True)
        if row != other
    }


def test_every_drop_is_counted_with_its_party(shown: tuple[Any, Any]) -> None:
    lossy, fine = shown
    assert lossy.result["counts"]["dropped"]["concentrator"] == {"repeat": 1}
    dropped = lossy.result["counts"]["dropped"]["pes"]
    assert dropped.pop("authentication failed") == 1
    assert list(dropped.values()) == [1]  # the replay
    assert not any(fine.result["counts"]["dropped"].values())


def test_only_what_was_lost_is_missing(shown: tuple[Any, Any]) -> None:
    lossy, fine = shown
    assert lossy.result["verified"] is fine.result["verified"] is True
    assert _changed(lossy, fine) == {
        ("apt2", "03"): ("120", "incomplete"),  # an hour lost
        ("apt3", "06"): ("60", "refused"),  # six hours lost: a third of a window is left, then nothing, then two
        ("apt3", "09"): ("0", "missing"),
        ("apt3", "12"): ("120", "incomplete"),
        ("apt6", "15"): ("120", "incomplete"),  # the tampered frame
    }


def test_windows_that_were_not_released_show_no_energy(shown: tuple[Any, Any]) -> None:
    lossy, _ = shown
    for row in lossy.billing + lossy.demand:
        assert (row["energy_wh"] == "") == (row["status"] in ("missing", "refused", "withheld"))
    withheld, refusal = lossy.result["refusals"]
    assert (refusal["kind"], lossy.meters[refusal["holder"]]) == ("billing", "apt3")
    assert refusal["reason"] == "only 60 of 180 readings"
    # Else the demand of the other eleven windows, less nine bills, would be apt3's hour from 06:00 to 07:00.
    assert (withheld["kind"], withheld["status"], withheld["start"][11:16]) == ("demand", "withheld", "08:45")
    assert withheld["reason"] == "with the bills it would show the use of fewer than 5 meters"


def test_what_was_released_shows_no_few_homes(shown: tuple[Any, Any]) -> None:
    lossy, _ = shown
    day = datetime(2016, 1, 1, tzinfo=ZoneInfo("America/New_York"))
    spans = {"apt2": (4, 5), "apt3": (7, 13), "apt6": (15, 16)}
    lost = {home: [(day + timedelta(hours=a), day + timedelta(hours=b))] for home, (a, b) in spans.items()}
    for start, table in tables(lossy.billing, lossy.demand, lost):
        assert gains(table, 5) == [], start


def test_demand_counts_who_was_measured(shown: tuple[Any, Any]) -> None:
    lossy, fine = shown
    by_start = {row["window_start"][11:16]: row for row in lossy.demand}
    assert (by_start["04:15"]["meters"], by_start["04:15"]["readings"]) == ("9", "135")
    assert (by_start["08:15"]["meters"], by_start["08:15"]["status"]) == ("9", "incomplete")
    assert by_start["18:15"] == {row["window_start"][11:16]: row for row in fine.demand}["18:15"]  # late, and in time


@pytest.mark.parametrize(
    ("grace", "by", "status"),
    [("0s", "10min", "complete"), ("0s", "1h", "incomplete"), ("1h", "1h", "complete"), ("1h", "2h", "incomplete")],
)
def test_a_late_frame_counts_if_it_comes_within_the_grace(
    grace: str, by: str, status: str, street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    late = f"{{kind: delay, neighbourhood: lane, meter: home3, at: '2016-03-01 03:05', by: {by}}}"
    files = carry(street(more=f"grace: {grace}\nfaults: [{late}]"))
    rows = {row["window_start"][11:13]: row["status"] for row in files.billing if row["meter"] == "home3"}
    assert rows == {"00": "complete", "02": status, "04": "complete", "06": "complete"}
    assert sum(files.result["counts"]["dropped"].get("pes", {}).values()) == (status == "incomplete")


def test_a_frame_that_is_late_until_after_the_end_is_not_waited_for(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    late = "{kind: delay, neighbourhood: lane, meter: home3, at: '2016-03-01 07:35', by: 1h}"
    files = carry(street(meters=8, more=f"grace: 6h\nfaults: [{late}]"))
    row = next(row for row in files.billing if row["meter"] == "home3" and "T06:00" in row["window_start"])
    assert (row["readings"], row["status"]) == ("18", "incomplete")


def test_a_fault_of_a_meter_that_is_not_there_is_refused_with_those_that_are(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any]
) -> None:
    lane = street(more="faults: [{kind: drop, neighbourhood: lane, meter: home33, at: '2016-03-01 07:35'}]")
    ended = smarter("run", lane, "--state", tmp_path / "state", "--quiet")
    assert ended.code == 2
    assert "no meter home33" in ended.err
    assert "home1, home2" in ended.err
    assert not (tmp_path / "state" / "journal.sqlite").exists()
