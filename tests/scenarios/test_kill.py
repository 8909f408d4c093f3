"""``kill -9`` at any moment: the same command goes on, and nothing is lost, doubled or different."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smarter.protocols.audit_reading import check_audit, default_heads, read_audit
from smarter.scenario import load_scenario
from smarter.state import StateFolder
from smarter.state.folder import anchor_folder

pytestmark = pytest.mark.slow

AGAIN, ONCE = 8, 12
"""Kills of one run one after the other; runs that are killed once."""

FAULTS = """\
grace: 4h
faults:
  # On their way for hours, in which the run is killed again and again.
  - {kind: delay, neighbourhood: lane, meter: home1, at: '2016-03-01 02:10', by: 210min}
  - {kind: delay, neighbourhood: lane, meter: home2, at: '2016-03-01 05:00', by: 3h}
  - {kind: delay, neighbourhood: lane, meter: home2, at: '2016-03-01 07:00', by: 4h}
  - {kind: duplicate, neighbourhood: lane, meter: home3, at: '2016-03-01 05:00'}
  - {kind: replay, neighbourhood: lane, meter: home4, at: '2016-03-01 06:00', after: 4h}
  - {kind: tamper, neighbourhood: lane, meter: home5, at: '2016-03-01 10:00'}
  - {kind: drop, neighbourhood: lane, meter: home6, at: '2016-03-01 08:00', until: '2016-03-01 09:15'}
"""


@pytest.fixture(scope="module")
def lanes(street: Callable[..., Path]) -> dict[str, Path]:
    """Six homes and half a day: a second's work, most of it in writing each hold down; with and without faults."""
    given = {"meters": 6, "end": "2016-03-01 12:00", "frame": 3, "hold": "30min", "demand": "15min"}
    return {"quiet": street(**given), "faulty": street(**given, more=FAULTS)}


def _arguments(lane: Path, state: Path, out: Path) -> list[str]:
    paths = ["--state", str(state), "--out", str(out)]
    return ["run", str(lane), *paths, "--verify", "--reveal-meters", "--quiet"]


def _command(lane: Path, state: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "smarter", *_arguments(lane, state, out)]


def _started(command: list[str], state: Path) -> subprocess.Popen[str]:
    """Start a run and wait for its first sign of life: the state's folder made, or something in it changed."""
    signs = [state, state / "keys", state / "journal.sqlite", state / "journal.sqlite-wal"]

    def seen() -> list[int]:
        return [sign.stat().st_mtime_ns if sign.exists() else 0 for sign in signs]

    before = seen()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    while seen() == before and process.poll() is None:
        time.sleep(0.002)
    return process


def _kill(command: list[str], state: Path, after: float) -> bool:
    """Kill a run so many seconds after its first sign of life; whether it was still going."""
    process = _started(command, state)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
    _, err = process.communicate()
    assert process.returncode in (0, -signal.SIGKILL), err
    return process.returncode != 0


def _moments(lane: Path, folder: Path, seed: int, share: float = 1) -> Iterator[float]:
    """Random seconds from the first sign of life on, over a share of what an undisturbed run takes."""
    process = _started(_command(lane, folder / "timed", folder / "timed-out"), folder / "timed")
    alive = time.monotonic()
    _, err = process.communicate()
    assert process.returncode == 0, err
    whole = time.monotonic() - alive
    chosen = random.Random(seed)
    while True:
        yield chosen.uniform(0, share * whole)


def _check(files: Any, expected: Any, lane: Path, state: Path) -> None:
    assert files.numbers == expected.numbers
    assert files.result["counts"]["windows"] == expected.result["counts"]["windows"]
    assert files.result["counts"]["readings"] == expected.result["counts"]["readings"]
    with load_scenario(str(lane)).store.create().open(state / "store") as store:
        keys = Counter(
            (record.kind, record.holder, record.start)
            for kind in ("billing", "demand")
            for record in store.records(kind)
        )
    assert set(keys.values()) == {1}
    assert len(keys) == len(files.billing) + len(files.demand)
    _check_log(StateFolder(state, anchor_folder()), files)


def _check_log(folder: StateFolder, files: Any) -> None:
    """The audit log is whole, and has each release and refusal just once."""
    check_audit(folder, default_heads(folder))
    noted = Counter(
        (entry.action, entry.subject, entry.detail["kind"], entry.detail["start"])
        for entry in read_audit(folder).entries
        if entry.action in ("release", "refusal")
    )
    assert set(noted.values()) == {1}
    statuses = Counter(row["status"] for row in (*files.billing, *files.demand))
    counts = Counter(action for action, *_ in noted)
    assert (counts["release"], counts["refusal"]) == (
        statuses["complete"] + statuses["incomplete"],
        statuses["refused"] + statuses["withheld"] + statuses["held"],
    )


@pytest.mark.parametrize("way", ["quiet", "faulty"])
def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(
    way: str,
    lanes: dict[str, Path],
    tmp_path: Path,
    smarter: Callable[..., Any],
    files_in: Callable[[Path], Any],
) -> None:
    lane, state, out = lanes[way], tmp_path / "state", tmp_path / "out"
    moments = _moments(lane, tmp_path, seed=1, share=0.2)
    killed = sum(_kill(_command(lane, state, out), state, next(moments)) for _ in range(AGAIN))
    assert killed >= AGAIN // 2
    assert smarter(*_arguments(lane, state, out)).code == 0
    _check(files_in(out), files_in(tmp_path / "timed-out"), lane, state)


def test_a_run_killed_at_any_moment_ends_as_an_undisturbed_one(
    lanes: dict[str, Path], tmp_path: Path, smarter: Callable[..., Any], files_in: Callable[[Path], Any]
) -> None:
    lane = lanes["faulty"]
    moments = _moments(lane, tmp_path, seed=2)
    for number in range(ONCE):
        state, out = tmp_path / f"state-{number}", tmp_path / f"out-{number}"
        _kill(_command(lane, state, out), state, next(moments))
        assert smarter(*_arguments(lane, state, out)).code == 0
        _check(files_in(out), files_in(tmp_path / "timed-out"), lane, state)


def _children(process: int) -> list[int]:
    """The processes that ``process`` has started."""
    stats = (entry / "stat" for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    fields = [[*stat.read_text().rpartition(")")[2].split(), stat.parent.name] for stat in stats if stat.exists()]
    return [int(field[-1]) for field in fields if int(field[1]) == process]


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_killed_run_leaves_no_worker_behind_and_goes_on(
    lanes: dict[str, Path], tmp_path: Path, files_in: Callable[[Path], Any], carry: Callable[..., Any]
) -> None:
    lane, state, out = lanes["faulty"], tmp_path / "state", tmp_path / "out"
    settings = ("crypto.aggregate.key_bits=2048", "pes.combine=none", "pes.lanes=1")  # workers are worth their start
    command = [*_command(lane, state, out), *(part for setting in settings for part in ("--set", setting))]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers: list[int] = []
    while process.poll() is None and not workers:
        time.sleep(0.02)
        workers = _children(process.pid)
    if not workers:
        pytest.skip("a run on one core starts no workers")
    time.sleep(0.5)
    process.kill()
    process.wait()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]
    subprocess.run(command, check=True)
    assert files_in(out).numbers == carry(lane).numbers
