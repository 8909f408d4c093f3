"""One home's file under several names is refused, however the copy is made; equal homes may be admitted."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smarter.scenario import load_scenario

HOMES = "  lane:\n    timezone: Europe/Berlin\n    source: {plugin: umass, path: meters}\n"


@pytest.fixture
def refused(tmp_path: Path, smarter: Callable[..., Any]) -> Callable[[Path], str]:
    """``refused(scenario)``: run it, see that it is refused before there is a state, and give the error."""

    def run(scenario: Path) -> str:
        ended = smarter("run", scenario, "--state", tmp_path / "state", "--quiet")
        assert ended.code == 3, ended
        assert ended.err.count("\n") == 1, "one sentence"
        assert not (tmp_path / "state").exists()
        return str(ended.err)

    return run


def _rewrite(scenario: Path, written: str, instead: str) -> None:
    text = scenario.read_text(encoding="utf-8")
    assert text.count(written) == 1
    scenario.write_text(text.replace(written, instead), encoding="utf-8")


def _home(scenario: Path, number: int) -> Path:
    return scenario.parent / "meters" / f"home{number}.csv"


def _rows(path: Path) -> list[tuple[datetime, str]]:
    lines = (line.split(",") for line in path.read_text(encoding="utf-8").splitlines())
    return [(datetime.fromisoformat(stamp), value) for stamp, value in lines]


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_one_file_under_five_names_is_no_five_homes(
    link: Callable[[Path, Path], None], street: Callable[..., Path], refused: Callable[[Path], str]
) -> None:
    lane = street(meters=1)
    for number in range(2, 6):
        link(_home(lane, 1), _home(lane, number))
    assert "home2.csv: meter home2 of lane is meter home1 of lane" in refused(lane)


def test_a_file_under_another_name_is_no_home_of_another_neighbourhood(
    street: Callable[..., Path], refused: Callable[[Path], str]
) -> None:
    lane, other = street(meters=5), street(meters=5, name="other").parent / "meters"
    for number in range(1, 6):
        (other / f"home{number}.csv").rename(other / f"villa{number}.csv")
    (other / "villa1.csv").unlink()
    os.link(_home(lane, 3), other / "villa1.csv")
    _rewrite(lane, HOMES, HOMES + HOMES.replace("lane", "other").replace("meters}", f"{other}}}"))
    assert "villa1.csv: meter villa1 of other is meter home3 of lane" in refused(lane)


def test_a_copy_is_refused_and_no_state_is_made(street: Callable[..., Path], refused: Callable[[Path], str]) -> None:
    lane = street(meters=5)
    _home(lane, 5).write_bytes(_home(lane, 2).read_bytes())
    error = refused(lane)
    assert "meters home2 of lane" in error
    assert "home5 of lane" in error
    assert "same_readings: allow" in error


def test_a_copy_with_other_line_endings_a_header_and_more_decimals_is_refused(
    street: Callable[..., Path], refused: Callable[[Path], str]
) -> None:
    lane = street(meters=5)
    lines = [f"{stamp:%Y-%m-%dT%H:%M:%S},{value}00\r\n" for stamp, value in _rows(_home(lane, 1))]
    _home(lane, 4).write_bytes(("time,kW\r\n" + "".join(lines)).encode())
    assert "home4 of lane" in refused(lane)


@pytest.mark.parametrize("timezone", ["Europe/Berlin", "America/New_York"])
def test_a_copy_in_other_units_columns_and_stamps_is_refused_across_neighbourhoods_and_clocks(
    timezone: str, street: Callable[..., Path], refused: Callable[[Path], str]
) -> None:
    lane = street(meters=5)
    others = street(meters=4, name="others").parent / "meters"
    for number in range(1, 5):
        rows = _rows(others / f"home{number}.csv")[::-1]
        values = [value for _, value in rows]
        turned = [(stamp, value) for (stamp, _), value in zip(rows[::-1], values, strict=True)]
        (others / f"home{number}.csv").write_text(_in_watts(turned), encoding="utf-8")
    (others / "villa.csv").write_text(_in_watts(_rows(_home(lane, 2))), encoding="utf-8")
    options = 'stamp: 2, value: 1, unit: W, delimiter: ";", stamp_format: "%d.%m.%Y %H:%M"'
    other = f"  other:\n    timezone: {timezone}\n    source: {{plugin: csv, path: {others}, {options}}}\n"
    _rewrite(lane, HOMES, HOMES + other)
    error = refused(lane)
    assert "home2 of lane" in error
    assert "villa of other" in error


def _in_watts(rows: list[tuple[datetime, str]]) -> str:
    return "".join(f"{float(value) * 1000:.1f};{stamp:%d.%m.%Y %H:%M}\n" for stamp, value in rows)


def test_two_empty_homes_and_two_of_one_constant_power_are_homes(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(meters=7)
    for number, power in ((1, "0"), (2, "0.000"), (3, "0.001"), (4, "0.001")):
        _home(lane, number).write_text("".join(f"{stamp},{power}\n" for stamp, _ in _rows(_home(lane, number))))
    assert carry(lane).result["verified"] is True


def test_homes_that_differ_in_their_last_reading_only_are_homes(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street(meters=5)
    rows = _rows(_home(lane, 1))
    rows[-1] = (rows[-1][0], "0.5000")
    _home(lane, 2).write_text("".join(f"{stamp},{value}\n" for stamp, value in rows), encoding="utf-8")
    assert carry(lane).result["verified"] is True


def test_equal_homes_are_run_warned_about_and_noted_where_the_scenario_allows_it(
    tmp_path: Path, street: Callable[..., Path], smarter: Callable[..., Any]
) -> None:
    lane = street(meters=5, more="same_readings: allow")
    _home(lane, 5).write_bytes(_home(lane, 2).read_bytes())
    state, out = tmp_path / "state", tmp_path / "out"
    ended = smarter("run", lane, "--state", state, "--out", out)
    assert ended.code == 0
    assert "same_readings: allow admits 2 meters with the same readings: home2 of lane" in ended.err
    warnings = json.loads((out / "result.json").read_text(encoding="utf-8"))["warnings"]
    assert [warning for warning in warnings if "same_readings" in warning]
    shown = smarter("audit", "show", lane, "--state", state, "--action", "same-readings").out
    notes = [line for line in shown.splitlines() if "same-readings" in line]
    assert len(notes) == 2
    assert all("home" not in note.replace("household", "") for note in notes)


def test_a_link_is_refused_even_where_equal_homes_are_allowed(
    street: Callable[..., Path], refused: Callable[[Path], str]
) -> None:
    lane = street(meters=4, more="same_readings: allow")
    _home(lane, 5).symlink_to(_home(lane, 1))
    assert "meter home5 of lane is meter home1 of lane" in refused(lane)


def test_what_begins_to_be_equal_after_the_first_end_is_refused_when_the_run_is_taken_further(
    tmp_path: Path, street: Callable[..., Path], smarter: Callable[..., Any]
) -> None:
    lane = street(meters=5, until="2016-03-01 16:00")
    noon = datetime(2016, 3, 1, 8)
    rows = [(stamp, "0.0" if stamp < noon else value) for stamp, value in _rows(_home(lane, 1))]
    for number in (1, 2):
        _home(lane, number).write_text("".join(f"{stamp},{value}\n" for stamp, value in rows), encoding="utf-8")
    run = ("run", lane, "--state", tmp_path / "state", "--quiet")
    assert smarter(*run).code == 0
    later = smarter(*run, "--set", "time.end=2016-03-01 16:00")
    assert later.code == 3
    assert "home2 of lane" in later.err
    assert smarter(*run, "--set", "time.end=2016-03-01 16:00", "--set", "same_readings=allow").code == 0


def test_the_permission_does_not_make_another_state(street: Callable[..., Path]) -> None:
    plain, allowing = street(), street(more="same_readings: allow")
    _rewrite(allowing, "path: meters", f"path: {plain.parent / 'meters'}")
    assert load_scenario(plain).digest == load_scenario(allowing).digest
