"""Pausing, resuming and cancelling a run, as the app does it from another thread."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from smarter.errors import Interrupted
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished, Progress, Started
from smarter.run import Control, run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder

HOLDS = 6
READINGS = 6 * 60
"""Of a hold."""


@pytest.fixture(scope="module")
def scenario(small_scenario: str, checkout: Path) -> Scenario:
    return parse_scenario(small_scenario, source="small", base=checkout)


def test_a_cancelled_run_ends_after_its_hold_and_is_taken_up_there(scenario: Scenario, tmp_path: Path) -> None:
    state, control = StateFolder(tmp_path / "state"), Control()
    carried = []

    def cancelled_at_once() -> None:
        for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), control=control):
            if isinstance(event, Progress) and event.stage == "read":
                carried.append(event.done)
                control.cancel()

    with pytest.raises(Interrupted, match="the same command resumes it"):
        cancelled_at_once()
    started, *_, last = run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True)
    assert isinstance(started, Started)
    assert isinstance(last, Finished)
    assert [started.done] == carried == [READINGS]
    assert last.result.verified


def test_a_paused_run_waits_until_it_is_resumed(scenario: Scenario, tmp_path: Path) -> None:
    state, control = StateFolder(tmp_path / "state"), Control()
    carried, finished = threading.Event(), threading.Event()

    def pausing_after_every_hold() -> None:
        for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), control=control):
            if isinstance(event, Progress) and event.stage == "read":
                control.pause()
                carried.set()
            if isinstance(event, Finished):
                finished.set()

    threading.Thread(target=pausing_after_every_hold, daemon=True).start()
    for _ in range(HOLDS):
        assert carried.wait(60)
        carried.clear()
        assert not carried.wait(0.1), "a paused run went on"
        control.resume()
    assert finished.wait(60)
