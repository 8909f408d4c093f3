"""``smarter readings --tile`` as a script and a person meet it: what it writes, what it refuses, what Ctrl-C leaves."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Call = Callable[..., Any]


def refused(called: Any, code: int, *said: str) -> None:
    """One sentence on standard error, and nothing else."""
    assert (called.code, called.out, called.err.count("\n")) == (code, "", 1), called
    assert called.err.startswith("smarter: ")
    assert all(words in called.err for words in said), called.err


def test_homes_are_written_and_a_run_takes_them(call: Call, lane: Any, tmp_path: Path) -> None:
    out = tmp_path / "larger"
    called = call("readings", lane.scenario, "--tile", "7x3", "--out", out)
    assert (called.code, called.out) == (0, "")
    assert called.err == f"wrote 7 homes of 3 days into {out} (0.1 MB)\n"
    paths = ("--set", f"neighbourhoods.lane.source.path={out}", "--set", "time.end=2016-01-04")
    ended = call("run", lane.scenario, *paths, "--state", tmp_path / "state", "--verify", "--json", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    assert '"verified": true' in ended.out
    assert f'"readings": {7 * 3 * 96}' in ended.out


@pytest.mark.parametrize("tile", ["114", "114x", "x365", "0x3", "3x0", "-1x3", "1.5x2", "3 x 4", "100000x1", "٣x3", ""])
def test_what_is_no_tile_is_a_slip_of_usage_that_names_it(call: Call, lane: Any, tmp_path: Path, tile: str) -> None:
    called = call("readings", lane.scenario, f"--tile={tile}", "--out", tmp_path / "out")
    refused(called, 2, f"'--tile': {tile!r} is not HOMESxDAYS", "such as 114x365", "see `smarter readings --help`.")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--tile", "2x2"), "--tile and --out go together"),
        (("--out", "out"), "--tile and --out go together"),
        (("--tile", "2x2", "--out", "out", "--json"), "--tile writes files and prints no --json"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    call: Call, lane: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(call("readings", lane.scenario, *options), 2, said)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_files_and_a_file_are_no_place_for_it(call: Call, lane: Any) -> None:
    before = sorted(lane.homes.iterdir())
    refused(
        call("readings", lane.scenario, "--tile", "2x2", "--out", lane.homes), 2, "home1.csv in it is not of a tile"
    )
    assert sorted(lane.homes.iterdir()) == before
    refused(call("readings", lane.scenario, "--tile", "2x2", "--out", lane.home(1)), 6, str(lane.home(1)), "--out.")


def test_two_neighbourhoods_are_no_tile(call: Call, tmp_path: Path) -> None:
    called = call("readings", "street-and-village", "--tile", "2x2", "--out", tmp_path / "out")
    refused(called, 2, "has the neighbourhoods street, village and a tile is made of one")


def test_bad_data_are_named_and_nothing_is_written(call: Call, lane: Any, tmp_path: Path) -> None:
    lane.row(50, "2016-01-01 12:07:00,1.5", home=3)
    called = call("readings", lane.scenario, "--tile", "6x2", "--out", tmp_path / "out")
    refused(called, 3, "home3.csv, row 50", "off the grid")
    assert not (tmp_path / "out").exists()


def test_too_little_room_is_said_before_anything_is_written(
    call: Call, lane: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=1_000_000))
    called = call("readings", lane.scenario, "--tile", "5x365", "--out", tmp_path / "out")
    refused(called, 6, f"{tmp_path / 'out'}: the files need 5 MB and there are 1 MB free; make room")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_ctrl_c_leaves_whole_files_and_the_same_command_begins_again(call: Call, tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "smarter", "readings", "quickstart", "--tile", "100x365", "--out", str(out)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 60
        while len(list(out.glob("home-*.csv"))) < 2 and time.monotonic() < until:
            assert process.poll() is None, "the tile was over before it could be stopped"
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        printed, said = process.communicate(timeout=60)
    assert (process.returncode, printed) == (130, ""), said
    assert said.endswith("smarter: interrupted; give the same command again.\n")
    left = list(out.glob("*.csv"))
    assert len({path.read_bytes().count(b"\n") for path in left}) == 1
    assert {path.name for path in out.iterdir()} == {"tile.json", *(path.name for path in left)}
    assert call("readings", "quickstart", "--tile", "2x1", "--out", out).code == 0
    assert {path.name for path in out.iterdir()} == {"tile.json", "home-001.csv", "home-002.csv"}
