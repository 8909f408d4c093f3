"""A run that was stopped, a span that grew, a state that is not ours: what a second start on one state does."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smarter.keys.keystore import public_entries
from smarter.model.messages import Frame
from smarter.parties.meter.meter import Meter
from smarter.state import Journal


@pytest.fixture(scope="module")
def lane(street: Callable[..., Path]) -> Path:
    """Five homes, a day of readings, and a scenario over the first eight hours of it."""
    return street(until="2016-03-02")


@pytest.fixture(scope="module")
def whole_day(
    lane: Path, tmp_path_factory: pytest.TempPathFactory, smarter: Callable[..., Any], files_in: Callable[..., Any]
) -> Any:
    """The numbers of the whole day, run at once."""
    folder = tmp_path_factory.mktemp("whole")
    ended = smarter(*_run(lane, folder / "state", folder / "out"), "--set", "time.end=2016-03-02")
    assert ended.code == 0, ended.err
    return files_in(folder / "out").numbers


def _run(scenario: Path, state: Path, out: Path) -> tuple[object, ...]:
    return "run", scenario, "--state", state, "--out", out, "--verify", "--reveal-meters", "--quiet"


def _contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_later_end_goes_on_and_gives_what_one_long_run_gives(
    lane: Path, tmp_path: Path, whole_day: Any, carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    short = carry(lane, state=state)
    longer = carry(lane, "time.end=2016-03-01 16:00", state=state)
    whole = carry(lane, "time.end=2016-03-02", state=state)
    assert whole.numbers == whole_day
    assert whole.meters == longer.meters == short.meters  # the same pseudonyms
    assert short.demand == whole.demand[: len(short.demand)]


def test_a_window_cut_by_the_first_end_stays_as_it_was_released(
    lane: Path, tmp_path: Path, whole_day: Any, carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    cut = carry(lane, "time.end=2016-03-01 03:20", state=state)
    whole = carry(lane, "time.end=2016-03-02", state=state)
    before = {(row["meter"], row["window_start"]): row for row in cut.billing}
    at_once = {(row["meter"], row["window_start"]): row for row in whole_day[0]}
    for row in whole.billing:
        key = row["meter"], row["window_start"]
        assert row == before.get(key, at_once[key])
    assert {row["status"] for row in cut.billing if "T02:00" in row["window_start"]} == {"incomplete"}


def test_an_end_moved_on_before_the_run_was_through_cuts_nothing(
    lane: Path, tmp_path: Path, whole_day: Any, carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    _stop_after(lane, state, holds=2, settings=["time.end=2016-03-01 03:20"])
    assert carry(lane, "time.end=2016-03-02", state=state).numbers == whole_day


def test_late_frames_find_their_window_cut_when_the_end_came_first(
    street: Callable[..., Path], tmp_path: Path, carry: Callable[..., Any]
) -> None:
    late = "{kind: delay, neighbourhood: lane, meter: home3, at: '2016-03-01 07:10', by: 2h}"
    lane = street(until="2016-03-02", more=f"grace: 4h\nfaults: [{late}]")
    state = tmp_path / "state"
    carry(lane, state=state)
    longer = carry(lane, "time.end=2016-03-01 16:00", state=state)
    row = next(row for row in longer.billing if row["meter"] == "home3" and "T06:00" in row["window_start"])
    assert (row["readings"], row["expected"], row["status"]) == ("18", "24", "incomplete")


def test_a_late_frame_is_opened_though_its_meter_has_started_again_and_again(
    street: Callable[..., Path], tmp_path: Path, carry: Callable[..., Any]
) -> None:
    late = "{kind: delay, neighbourhood: lane, meter: home3, at: '2016-03-01 00:10', by: 5h}"
    lane = street(more=f"grace: 6h\nfaults: [{late}]")
    for _ in range(4):  # an hour each, and a key epoch
        _stop_after(lane, tmp_path / "state", holds=1)
    files = carry(lane, state=tmp_path / "state")
    assert {row["status"] for row in files.billing} == {"complete"}
    assert files.result["counts"]["dropped"].get("pes", {}) == {}


def test_an_earlier_end_is_refused(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    carry(lane, state=tmp_path / "state")
    ended = smarter(*_run(lane, tmp_path / "state", tmp_path / "out"), "--set", "time.end=2016-03-01 06:00")
    assert ended.code == 2
    assert "only a later end may differ" in ended.err
    assert "--fresh" in ended.err


@pytest.mark.parametrize(
    "setting", ["windows.demand=1h", "seed=4", "time.start=2016-03-01 02:00", "crypto.seal=chacha20-poly1305"]
)
def test_other_settings_are_of_another_scenario(
    setting: str, lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    files = carry(lane, state=tmp_path / "state")
    ended = smarter(*_run(lane, tmp_path / "state", tmp_path / "other"), "--set", setting)
    assert ended.code == 2
    assert "another scenario" in ended.err
    assert "--state" in ended.err
    assert not (tmp_path / "other").exists()
    assert carry(lane, state=tmp_path / "state").numbers == files.numbers


def test_another_description_is_the_same_scenario(lane: Path, tmp_path: Path, carry: Callable[..., Any]) -> None:
    files = carry(lane, state=tmp_path / "state")
    assert carry(lane, "description=With another word", state=tmp_path / "state").meters == files.meters


@pytest.mark.parametrize("what", ["changed", "gone", "new"])
def test_changed_input_is_refused_and_what_changed_is_named(
    what: str,
    street: Callable[..., Path],
    tmp_path: Path,
    smarter: Callable[..., Any],
    carry: Callable[..., Any],
) -> None:
    # Six homes, so that one can go without the street becoming too small.
    lane = street(meters=6, until="2016-03-02")
    files = carry(lane, state=tmp_path / "state")
    home, kept = lane.parent / "meters" / "home3.csv", lane.parent / "home3.csv"
    shutil.copy(home, kept)
    if what == "gone":
        home.unlink()
    elif what == "new":
        shutil.copy(home, home.with_name("home9.csv"))
    else:
        text = home.read_text(encoding="utf-8")
        home.write_text(text[:-3] + ("1" if text[-3] == "2" else "2") + text[-2:], encoding="utf-8")
    ended = smarter("run", lane, "--state", tmp_path / "state", "--set", "time.end=2016-03-01 16:00")
    if what == "gone":
        shutil.copy(kept, home)
    assert ended.code == 3
    assert {"changed": "home3", "gone": "home3", "new": "home9"}[what] in ended.err
    assert "--fresh" in ended.err
    if what == "gone":
        assert carry(lane, state=tmp_path / "state").numbers == files.numbers


def test_fresh_begins_anew_with_other_keys_and_pseudonyms(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    first = carry(lane, state=state)
    keys = smarter("keys", "list", lane, "--state", state, "--all").out
    second = carry(lane, "seed=5", "time.end=2016-03-01 06:00", state=state, options=["--fresh", "--verify"])
    assert not set(first.meters) & set(second.meters)
    assert second.demand == first.demand[: len(second.demand)]
    settings = ("--set", "seed=5", "--set", "time.end=2016-03-01 06:00")
    others = smarter("keys", "list", lane, *settings, "--state", state, "--all").out
    fingerprints = {word for word in keys.split() if len(word) == 16}
    assert fingerprints
    assert not fingerprints & set(others.split())


def test_fresh_that_is_killed_leaves_no_key_without_its_ledger(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", lane, "--state", tmp_path / "state", "--quiet")
    assert smarter(*run).code == 0
    unlink = Path.unlink

    def killed(path: Path, *given: Any, **more: Any) -> None:
        if path.name == "journal.sqlite":
            raise KeyboardInterrupt
        unlink(path, *given, **more)

    monkeypatch.setattr(Path, "unlink", killed)
    assert smarter(*run, "--fresh").code == 130
    assert (tmp_path / "state" / "journal.sqlite").stat().st_size > 0
    assert list((tmp_path / "state").rglob("*.keys")) == []


def test_a_finished_run_prints_the_same_files_again(lane: Path, tmp_path: Path, smarter: Callable[..., Any]) -> None:
    for out in ("first", "second"):
        assert smarter(*_run(lane, tmp_path / "state", tmp_path / out)).code == 0
    assert _contents(tmp_path / "second") == _contents(tmp_path / "first")


def test_two_runs_at_once_on_one_state_are_refused(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    steps = _events(lane, state)
    next(steps)
    for options in ((), ("--fresh",)):
        ended = smarter(*_run(lane, state, tmp_path / "out"), *options)
        assert ended.code == 6
        assert "another run is using the state" in ended.err
    steps.close()
    carry(lane, state=state)


def _events(lane: Path, state: Path, settings: Any = ()) -> Iterator[Any]:
    from smarter.keys.unlock import unlock_from
    from smarter.run import run
    from smarter.scenario import load_scenario
    from smarter.state import locate

    scenario = load_scenario(str(lane), settings)
    folder = locate(scenario.name, scenario.digest, state)
    return run(scenario, folder, unlock=unlock_from("auto", folder.keys, environ={}, ask=None))


def _stop_after(lane: Path, state: Path, holds: int, settings: Any = ()) -> None:
    """Leave a run after so many holds."""
    steps = _events(lane, state, settings)
    for event in steps:
        holds -= type(event).__name__ == "Progress" and event.stage == "read"
        if holds == 0:
            break
    steps.close()


@pytest.mark.parametrize(
    ("party", "purpose"),
    [("mdms", "unwrap"), ("pes", "unwrap"), ("pes", "sign"), ("releaser", "sign"), ("releaser", "aggregate")],
)
def test_after_a_key_is_rotated_old_records_are_read_and_new_ones_made(
    party: str,
    purpose: str,
    lane: Path,
    tmp_path: Path,
    whole_day: Any,
    smarter: Callable[..., Any],
    carry: Callable[..., Any],
) -> None:
    state = tmp_path / "state"
    carry(lane, state=state)
    rotated = smarter("keys", "rotate", lane, party, purpose, "--state", state)
    assert rotated.code == 0, rotated.err
    assert carry(lane, "time.end=2016-03-02", state=state).numbers == whole_day
    assert rotated.out.split()[-1][:16] in smarter("keys", "list", lane, "--state", state).out


def test_keys_are_not_rotated_while_windows_are_open(lane: Path, tmp_path: Path, smarter: Callable[..., Any]) -> None:
    _stop_after(lane, tmp_path / "state", holds=3)
    ended = smarter("keys", "rotate", lane, "releaser", "aggregate", "--state", tmp_path / "state")
    assert ended.code == 2
    assert "not finished" in ended.err


@pytest.mark.slow
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    # Some three seconds of work: a ciphertext a reading.
    lane = street(end="2016-03-04", frame=1, more="release: {min_billing_window: 2h}")
    settings = ["pes.combine=none", "pes.lanes=1"]
    state = tmp_path / "state"
    arguments = [*map(str, _run(lane, state, tmp_path / "out")), *(part for s in settings for part in ("--set", s))]
    process = subprocess.Popen(
        [sys.executable, "-m", "smarter", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=dict(os.environ),
    )
    journal = state / "journal.sqlite-wal"
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if journal.exists() and journal.stat().st_size > 400_000:
            process.send_signal(signal.SIGINT)
            break
        time.sleep(0.01)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert err.strip() == "smarter: interrupted; the same command takes the run up where it was."
    assert not (tmp_path / "out").exists()
    looked_at = smarter("bills", lane, "--state", state, *(part for s in settings for part in ("--set", s)))
    assert looked_at.code == 2
    assert "not finished" in looked_at.err
    files = carry(lane, *settings, state=state)
    assert files.numbers == carry(lane, *settings).numbers
    assert json.loads((files.folder / "result.json").read_text(encoding="utf-8"))["counts"]["readings"] == 5 * 3 * 288


@pytest.mark.parametrize("before", [True, False], ids=["before a hold is kept", "after it"])
def test_no_nonce_comes_twice_under_a_key_however_often_a_run_is_stopped(
    before: bool, lane: Path, tmp_path: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    seal, commit = Meter._seal_frame, Journal.commit_hold
    sealed: list[tuple[bytes, bytes]] = []

    def noting(meter: Meter, *given: Any) -> bytes:
        data = seal(meter, *given)
        header = Frame.decode(data).header
        sealed.append((header.pseudonym, header.nonce))
        return data

    def stopped(journal: Journal, *given: Any, **more: Any) -> None:
        if not before:
            commit(journal, *given, **more)
        raise KeyboardInterrupt

    monkeypatch.setattr(Meter, "_seal_frame", noting)
    for _ in range(3):
        with monkeypatch.context() as patch:
            patch.setattr(Journal, "commit_hold", stopped)
            assert smarter("run", lane, "--state", tmp_path / "state", "--quiet").code == 130
    assert smarter("run", lane, "--state", tmp_path / "state", "--quiet").code == 0
    assert {nonce[:4] for _, nonce in sealed} == {number.to_bytes(4, "big") for number in range(1, 5)}
    assert len(set(sealed)) == len(sealed)


def test_an_end_that_cannot_be_moved_everywhere_is_moved_nowhere(
    street: Callable[..., Path], tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    lane = street(until="2016-03-02", more="same_readings: allow")
    shutil.copytree(lane.parent / "meters", lane.parent / "others")
    other = "  other: {timezone: Europe/Berlin, source: {plugin: umass, path: others}}\ntime:"
    lane.write_text(lane.read_text(encoding="utf-8").replace("time:", other, 1), encoding="utf-8")
    state, home = tmp_path / "state", lane.parent / "others" / "home1.csv"
    files, rows = carry(lane, state=state), home.read_bytes()
    home.write_bytes(rows + b"\n")
    later = smarter(*_run(lane, state, tmp_path / "later"), "--set", "time.end=2016-03-02")
    assert (later.code, "has changed since the run began" in later.err) == (3, True)
    home.write_bytes(rows)
    assert carry(lane, state=state).numbers == files.numbers


@pytest.mark.parametrize(("party", "purpose"), [("releaser", "aggregate"), ("releaser", "sign"), ("pes", "sign")])
def test_a_replaced_key_is_gone_where_nothing_made_under_it_is_still_to_be_opened(
    party: str, purpose: str, lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    carry(lane, state=state)
    rotated = smarter("keys", "rotate", lane, party, purpose, "--state", state)
    assert rotated.code == 0, rotated.err
    kept = [entry.fingerprint for entry in public_entries(state / "keys", party) if entry.purpose == purpose]
    assert kept == [rotated.out.split()[-1]]


def test_a_fault_in_a_frame_that_an_earlier_end_had_cut_passes_the_check(
    street: Callable[..., Path], tmp_path: Path, carry: Callable[..., Any]
) -> None:
    fault = "{kind: tamper, neighbourhood: lane, meter: home3, at: '2016-03-01 03:05'}"
    lane = street(until="2016-03-02", frame=12, more=f"faults: [{fault}]")
    carry(lane, "time.end=2016-03-01 03:10", state=tmp_path / "state")  # ten minutes into a frame of an hour
    longer = carry(lane, "time.end=2016-03-01 16:00", state=tmp_path / "state")
    assert longer.result["counts"]["dropped"]["pes"] == {"authentication failed": 1}


def test_fresh_forgets_what_unlocked_the_keystores(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    carry(lane, state=state)
    before = {file.name: file.read_bytes() for file in (state / "keys").glob("*.key")}
    assert smarter("run", lane, "--state", state, "--fresh", "--quiet").code == 0
    after = {file.name: file.read_bytes() for file in (state / "keys").glob("*.key")}
    assert before.keys() == after.keys()
    assert not set(before.values()) & set(after.values())
