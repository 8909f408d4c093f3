"""Pausing, resuming and cancelling a run, as the app does it from another thread."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from queue import SimpleQueue

import pytest

from smarter.errors import Interrupted
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.control import Control, attended, awaited, heed, heeding, paced
from smarter.model.events import Finished, Progress, Started
from smarter.protocols.intake import Intake
from smarter.run import run
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


def test_it_can_be_cancelled_in_the_middle_of_a_hold_which_is_carried_again(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state, control = StateFolder(tmp_path / "state"), Control()
    taken = 0
    take = Intake.take

    def cancelled_at_the_ninth(intake: Intake, first: int, end: int) -> object:
        nonlocal taken
        taken += 1
        if taken == 9:  # of six meters, in the second hold
            control.cancel()
        return take(intake, first, end)

    monkeypatch.setattr(Intake, "take", cancelled_at_the_ninth)
    with pytest.raises(Interrupted):
        list(run(scenario, state, unlock=KeyFileUnlock(state.keys), control=control))
    assert taken == 9
    started, *_, last = run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True)
    assert isinstance(started, Started)
    assert started.done == READINGS
    assert isinstance(last, Finished)
    assert last.result.verified


def test_a_check_that_is_cancelled_leaves_a_finished_run(scenario: Scenario, tmp_path: Path) -> None:
    state, control = StateFolder(tmp_path / "state"), Control()
    checked = []

    def cancelled_while_it_is_checked() -> None:
        for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), control=control, verify=True):
            if isinstance(event, Progress) and event.stage == "verify":
                checked.append((event.done, event.total))
                if event.done == 2:
                    control.cancel()

    with pytest.raises(Interrupted):
        cancelled_while_it_is_checked()
    assert checked == [(0, 6), (1, 6), (2, 6)]
    started, *_, last = run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True)
    assert isinstance(started, Started)
    assert started.done == started.total
    assert isinstance(last, Finished)


def test_a_pause_is_told_and_so_is_its_end(scenario: Scenario, tmp_path: Path) -> None:
    state, control = StateFolder(tmp_path / "state"), Control()
    told: list[str] = []
    for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), control=control):
        told.append(event.stage if isinstance(event, Progress) else type(event).__name__)
        if told[-1] == "read" and "Paused" not in told:
            control.pause()
        elif told[-1] == "Paused":
            control.resume()
    place = told.index("Paused")
    assert told[place - 1 : place + 2] == ["read", "Paused", "Resumed"]
    assert told.count("Paused") == 1
    assert told[-1] == "Finished"


class TestHeeding:
    class Cancelled(Exception):
        pass

    def cancel(self) -> None:
        raise self.Cancelled

    def test_where_nobody_cancels_work_is_done_in_one_go(self) -> None:
        assert list(paced(10_000)) == [slice(0, 10_000)]
        heed()

    def test_work_is_cut_into_parts_that_are_short_and_make_the_whole(self) -> None:
        asked = []
        with heeding(lambda: asked.append(1)):
            parts = list(paced(10_000))
        assert [number for part in parts for number in range(10_000)[part]] == list(range(10_000))
        assert len(parts) == len(asked) < 10
        with heeding(lambda: None):
            sizes = []
            for part in paced(100):
                sizes.append(len(range(100)[part]))
                time.sleep(0.05 if len(sizes) < 3 else 0)
        assert max(sizes[:3]) <= 32

    def test_it_ends_between_two_parts(self) -> None:
        cancelled = False

        def ask() -> None:
            if cancelled:
                self.cancel()

        with heeding(ask):
            parts = paced(1_000)
            next(parts)
            cancelled = True
            with pytest.raises(self.Cancelled):
                next(parts)

    def test_who_waits_heeds(self) -> None:
        queue: SimpleQueue[int] = SimpleQueue()
        with heeding(self.cancel), pytest.raises(self.Cancelled):
            awaited(queue)
        queue.put(7)
        with heeding(self.cancel):
            assert awaited(queue) == 7  # it is there: nobody waits

    def test_work_that_cannot_heed_is_left_alone(self) -> None:
        going_on = threading.Event()
        with heeding(self.cancel), pytest.raises(self.Cancelled):
            attended(lambda: going_on.wait(60) and None)
        going_on.set()
        with heeding(lambda: None), pytest.raises(ZeroDivisionError):
            attended(lambda: print(1 // 0))
