"""A run's events folded into pictures: what is counted, logged and reckoned, and what a carrier publishes of a run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import (
    Counts,
    Event,
    Fault,
    Finished,
    Paused,
    Progress,
    Refused,
    Released,
    Resumed,
    Spent,
    Started,
    Tallied,
)
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder
from smarter.tui.carrier import NICE, Carrier
from smarter.tui.folding import LINES_KEPT, Folder
from smarter.tui.picture import Picture

START = 1_451_606_400
METER = "a3f9c2d10b44e871"
PATIENCE = 60.0


def folded(*events: Event, at: float = 1.0) -> Picture:
    """The picture after these events."""
    folder = Folder()
    for event in events:
        folder.fold(event, at)
    return folder.picture(at)


def carried(readings: int, frames: int = 0, windows: int = 0) -> list[Event]:
    """A hold's events."""
    return [Progress("read", readings, 1_000), Tallied(frames, released={"demand": windows})]


class TestFolding:
    def test_progress_of_keys_leaves_the_count_of_readings_alone(self) -> None:
        picture = folded(Started("lane", 6, 1_000, 250), Progress("keys", 3, 11))
        assert (picture.scenario, picture.meters) == ("lane", 6)
        assert (picture.done, picture.total) == (250, 1_000)
        assert (picture.stage, picture.step) == ("keys", (3, 11))
        assert picture.left is None

    def test_what_is_counted_is_the_latest_of_each_party(self) -> None:
        picture = folded(
            Counts("pes", {"readings": 1}),
            Counts("mdms", {"opened": 5}),
            Counts("pes", {"readings": 2}),
            Spent({"encrypt": 1.5}, {"encrypt": 700}),
            Tallied(frames=3, released={"demand": 4}),
        )
        assert picture.views == {"pes": {"readings": 2}, "mdms": {"opened": 5}}
        assert (picture.spent, picture.bytes) == ({"encrypt": 1.5}, {"encrypt": 700})
        assert picture.tallied.released == {"demand": 4}

    def test_each_window_fault_and_warning_is_a_line(self) -> None:
        picture = folded(
            Started("lane", 6, 1_000, 0, ("small keys protect nothing.",)),
            Released("demand", "lane", START, START + 900, 60, 90, 4_211_000, "lane"),
            Refused("billing", METER, START, START + 10_800, "only 61 of 180 readings", "lane"),
            Fault("pes", "frame", "authentication failed", "lane", START),
            Fault("pes", "worker", "a worker process was ended from outside"),
        )
        assert [line.what for line in picture.lines] == ["warning", "released", "refused", "dropped", "failed"]
        warning, released, refused, dropped, failed = picture.lines
        assert warning.text == "small keys protect nothing."
        assert (released.energy, released.readings, released.start) == (4_211_000, (60, 90), START)
        assert (refused.holder, refused.neighbourhood, refused.text) == (METER, "lane", "only 61 of 180 readings")
        assert (dropped.kind, dropped.holder, dropped.start) == ("frame", "pes", START)
        assert (failed.kind, failed.start) == ("worker", None)

    def test_the_newest_lines_are_kept_and_all_are_counted(self) -> None:
        folder = Folder()
        for number in range(LINES_KEPT + 10):
            folder.fold(Fault("pes", "frame", str(number)), 1.0)
        picture = folder.picture(1.0)
        assert len(picture.lines) == LINES_KEPT
        assert picture.logged == LINES_KEPT + 10
        assert picture.lines[0].text == "10"

    def test_a_picture_does_not_change_afterwards(self) -> None:
        folder = Folder()
        folder.fold(Counts("pes", {"readings": 1}), 1.0)
        before = folder.picture(1.0)
        folder.fold(Counts("pes", {"readings": 2}), 2.0)
        folder.fold(Fault("pes", "frame", "no frame"), 2.0)
        assert before.views == {"pes": {"readings": 1}}
        assert before.lines == ()

    def test_runs_are_told_apart(self) -> None:
        assert folded().run != folded().run


class TestRates:
    def test_they_are_of_the_last_moments_and_tell_what_is_left(self) -> None:
        folder = Folder()
        folder.fold(Started("lane", 6, 1_000, 0), 0.0)
        for second in range(5):
            for event in carried(100 * second, 10 * second, second):
                folder.fold(event, float(second))
        picture = folder.picture(4.5)
        assert picture.speeds == {"readings": 100, "frames": 10, "ciphertexts": 0, "windows": 1}
        assert picture.rate == 100
        assert picture.left == 6

    def test_one_moment_is_no_rate(self) -> None:
        picture = folded(Started("lane", 6, 1_000, 0), *carried(100), *carried(200))
        assert picture.rates == ()
        assert picture.left is None

    def test_a_pause_is_no_work(self) -> None:
        folder = Folder()
        folder.fold(Started("lane", 6, 1_000, 0), 0.0)
        for second, readings in ((0, 0), (1, 100)):
            for event in carried(readings):
                folder.fold(event, float(second))
        folder.turn("pausing")
        folder.fold(Paused(), 1.0)
        assert folder.picture(50.0).rates == ()
        folder.turn("running")
        folder.fold(Resumed(), 100.0)
        for second, readings in ((101, 200), (102, 300)):
            for event in carried(readings):
                folder.fold(event, float(second))
        assert folder.picture(102.0).rate == 100


class TestTurns:
    def test_a_pause_is_one_when_the_run_says_so(self) -> None:
        folder = Folder()
        folder.turn("pausing")
        assert folder.picture(1.0).condition == "pausing"
        folder.fold(Paused(), 2.0)
        assert folder.picture(2.0).condition == "paused"

    def test_a_pause_that_was_taken_back_is_none(self) -> None:
        folder = Folder()
        folder.turn("pausing")
        folder.turn("running")
        folder.fold(Paused(), 2.0)
        assert folder.picture(2.0).condition == "running"

    def test_what_had_finished_before_shows_its_result(self, finished_run: object) -> None:
        result = finished_run.result  # type: ignore[attr-defined] # of tests/conftest.py
        picture = folded(Started("small", 6, 2_160, 2_160), Finished(result))
        assert picture.condition == "finished"
        assert not picture.goes_on
        assert picture.tallied.frames == result.counts.frames
        assert picture.tallied.released == {"demand": 24, "billing": 12}
        assert picture.spent["encrypt"] == result.stages["encrypt"].seconds
        assert picture.views == result.views


class TestCarrier:
    @pytest.fixture
    def carry(self, small_scenario: str, checkout: Path, tmp_path: Path) -> Callable[[], tuple[Carrier, list[Picture]]]:
        """Makes carriers of the small scenario on one state, each with the list of what it publishes."""
        scenario: Scenario = parse_scenario(small_scenario, source="small", base=checkout)
        state = StateFolder(tmp_path / "state")

        def make() -> tuple[Carrier, list[Picture]]:
            pictures: list[Picture] = []
            carrier = Carrier(scenario, state, KeyFileUnlock(state.keys), pictures.append, workers=1)
            return carrier, pictures

        return make

    @staticmethod
    def until(holds: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.01)

    def test_a_run_is_paused_goes_on_is_cancelled_and_is_taken_up(
        self, carry: Callable[[], tuple[Carrier, list[Picture]]]
    ) -> None:
        carrier, pictures = carry()
        carrier.pause()  # nothing runs yet: it begins paused
        carrier.start()
        self.until(lambda: pictures and pictures[-1].condition == "paused")
        assert pictures[-1].done == 0
        carrier.resume()
        carrier.pause()
        self.until(lambda: pictures[-1].condition == "paused")
        carrier.cancel()
        assert carrier.join(PATIENCE)
        assert pictures[-1].condition == "cancelled"
        again, pictures = carry()
        again.start()
        assert again.join(PATIENCE)
        assert pictures[-1].condition == "finished"
        assert pictures[-1].result is not None
        assert pictures[-1].result.counts.readings == 2_160

    def test_it_publishes_until_the_end_and_no_longer(self, carry: Callable[[], tuple[Carrier, list[Picture]]]) -> None:
        carrier, pictures = carry()
        carrier.start()
        assert carrier.join(PATIENCE)
        self.until(lambda: not any(thread.name == "run-told" for thread in threading.enumerate()))
        assert pictures[-1].condition == "finished"

    @pytest.mark.skipif(sys.platform != "linux", reason="here a process has one priority")
    def test_what_it_starts_gives_way_to_the_thread_that_draws(
        self, carry: Callable[[], tuple[Carrier, list[Picture]]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        own = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        seen = []

        def run(*_: object, **__: object) -> Iterator[Event]:
            command = [sys.executable, "-c", "import os; print(os.getpriority(os.PRIO_PROCESS, 0))"]
            seen.append(int(subprocess.run(command, capture_output=True, check=True).stdout))
            yield Started("small", 6, 2_160, 2_160)

        monkeypatch.setattr("smarter.tui.carrier.run", run)
        carrier, _ = carry()
        carrier.start()
        assert carrier.join(PATIENCE)
        assert seen == [min(own + NICE, 19)]
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == own
