"""The pipeline benchmark: a scenario's own figures, per run and per stage, and nothing left behind."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

from smarter.bench.figures import BenchFinished, BenchProgress, BenchReport
from smarter.bench.pipeline import BUT_BIG_INTEGERS, NO_BIG_INTEGERS, pipeline
from smarter.model.stages import STAGES
from smarter.scenario import Scenario, parse_scenario

READINGS = 6 * 360


@pytest.fixture(scope="module")
def scenario(small_scenario: str, checkout: Path) -> Scenario:
    return parse_scenario(small_scenario, source="small", base=checkout)


@pytest.fixture(scope="module")
def events(scenario: Scenario) -> list[object]:
    return list(pipeline(scenario, workers=1, repeats=2))


@pytest.fixture(scope="module")
def report(events: list[object]) -> BenchReport:
    last = events[-1]
    assert isinstance(last, BenchFinished)
    return last.report


def median(report: BenchReport, subject: str, what: str) -> float:
    (row,) = (row for row in report.rows if (row.subject, row.what) == (subject, what))
    return row.figure.median


def test_every_figure_states_its_runs_and_what_it_was_measured_with(report: BenchReport) -> None:
    assert {row.figure.runs for row in report.rows} == {2}
    assert {(row.key_bits, row.frame, row.workers) for row in report.rows} == {(512, 60, 1)}
    # Six meters' three hours close together: six lanes of the sixteen that fit.
    assert {row.lanes for row in report.rows} == {6}


def test_there_is_a_row_for_every_stage_of_the_run(report: BenchReport) -> None:
    assert [row.subject for row in report.rows if row.group == "stage" and row.unit == "s"][:-1] == list(STAGES)


def test_what_is_no_big_integer_is_the_sum_of_its_stages(scenario: Scenario) -> None:
    (*_, last) = pipeline(scenario, workers=1, repeats=1)
    assert isinstance(last, BenchFinished)
    parts = [median(last.report, stage, "per reading") for stage in NO_BIG_INTEGERS]
    assert median(last.report, BUT_BIG_INTEGERS, "per reading") == pytest.approx(sum(parts))
    assert min(parts) > 0


def test_keys_set_up_stages_and_result_are_nearly_the_whole_run(report: BenchReport) -> None:
    whole = median(report, "end to end", "wall clock")
    parts = [median(report, subject, "wall clock") for subject in ("keys", "set-up", *STAGES, "result")]
    assert min(parts) >= 0
    assert 0.8 * whole < sum(parts) < 1.2 * whole, "medians of each, and so not to the dot"


def test_it_tells_what_the_pes_had_in_the_clear(report: BenchReport) -> None:
    assert median(report, "PES", "readings") == READINGS
    assert median(report, "PES", "at most at once") == 6 * 60
    assert median(report, "PES", "in all") > 0


def test_progress_counts_readings_over_all_runs(events: list[object]) -> None:
    progress = [event for event in events if isinstance(event, BenchProgress)]
    assert {event.total for event in progress} == {2 * READINGS}
    assert [event.done for event in progress] == sorted(event.done for event in progress)
    assert progress[-1].done == 2 * READINGS


def test_who_stops_listening_leaves_no_state_behind(
    scenario: Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    going = pipeline(scenario, workers=1)
    assert isinstance(going, Generator)
    next(going)
    assert list(tmp_path.iterdir())
    going.close()
    assert not list(tmp_path.iterdir())
