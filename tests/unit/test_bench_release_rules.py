"""The simulation of release rule 4 counts what the rules themselves decide, alike for the same seed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from smarter.bench import release_rules as simulation
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Pace, Row
from smarter.bench.release_rules import (
    FRAMES,
    LEAKS,
    LEFT,
    LOST,
    RULES,
    SHARE,
    YEAR,
    Tally,
    drawn_windows,
    judged_window,
    release_rules,
    released_table,
)
from smarter.releasing.suppression import is_exposed

AT_ONCE = Pace(repeats=2, run_seconds=0.0)
"""A run is one check."""
SEEDED = (1, 0)


def received(homes: int, *lost: tuple[int, int]) -> NDArray[np.bool_]:
    """Frames of a billing window; ``lost``: homes and hours of those that did not arrive."""
    frames = np.ones((homes, FRAMES), np.bool_)
    for home, hour in lost:
        frames[home, hour] = False
    return frames


def report_of(events: Iterable[BenchEvent]) -> BenchReport:
    *_, last = events
    assert isinstance(last, BenchFinished)
    return last.report


def counted(report: BenchReport) -> list[Row]:
    """Rows that no clock has a part in."""
    return [row for row in report.rows if row.group != "check"]


def leaks_of(homes: int, loss: float, windows: int) -> int:
    kinds, counts = drawn_windows(homes, loss, windows, SEEDED)
    return sum(times * judged_window(kind).leaks for kind, times in zip(kinds, counts.tolist(), strict=True))


# One billing window.


def test_the_table_has_what_rules_1_and_2_pass() -> None:
    table = released_table(received(5, (0, 0), (0, 1)))
    assert table.demand.tolist() == [False] * 8 + [True] * 4
    assert table.bills.tolist() == [False, True, True, True, True]
    assert table.cells[0].tolist() == [0] * 8 + [1] * 4
    assert (table.cells[1:] == 1).all()


@pytest.mark.parametrize(
    ("frames", "found"),
    [
        (received(5), Tally(passed=12)),
        (received(114), Tally(passed=12)),
        # All bills and all windows are released: each window is joined by nine homes or more.
        (received(10, (0, 0)), Tally(passed=12)),
        # Demand less all other bills is the one hour of a home whose bill rule 2 refuses.
        (received(10, (0, 0), (0, 1)), Tally(leaks=1, passed=12, withheld=1)),
        (received(10, (0, 0), (0, 1), (0, 2)), Tally(passed=12)),
        # Five such homes hide each other.
        (received(10, *((home, hour) for home in range(5) for hour in (1, 2))), Tally(passed=12)),
        # Rule 1 refuses the first hour, and four homes are left to ground the others.
        (received(5, (0, 0)), Tally(leaks=1, passed=8, withheld=1)),
        # The last demand window is refused already, so a bill is held.
        (received(5, (0, 2)), Tally(leaks=1, passed=8, held=1)),
        (np.zeros((5, FRAMES), np.bool_), Tally()),
    ],
)
def test_a_billing_window_has_the_known_answer(frames: NDArray[np.bool_], found: Tally) -> None:
    assert judged_window(frames) == found


def test_the_share_is_of_the_demand_windows_that_were_passed() -> None:
    assert Tally(passed=8, withheld=1).share == 12.5
    assert Tally().plus(Tally(leaks=1, passed=8, withheld=1), 3) == Tally(leaks=3, passed=24, withheld=3)
    assert Tally().share == 0


@pytest.mark.parametrize(("homes", "loss"), [(5, 0.05), (5, 0.3), (10, 0.05), (10, 0.3), (30, 0.05)])
def test_before_is_what_the_check_says_and_after_is_always_0(homes: int, loss: float) -> None:
    kinds, _ = drawn_windows(homes, loss, 150, SEEDED)
    judged = [judged_window(kind) for kind in kinds]
    assert [tally.leaks for tally in judged] == [is_exposed(released_table(kind), RULES.min_meters) for kind in kinds]
    assert any(tally.leaks for tally in judged)
    assert not any(tally.left for tally in judged)


@pytest.mark.parametrize("homes", [10, 30])
def test_ten_homes_or_more_leak_where_one_to_four_kept_a_single_frame(homes: int) -> None:
    kinds, _ = drawn_windows(homes, 0.05, 300, SEEDED)
    single = [int((kind.sum(axis=1) == 1).sum()) for kind in kinds]
    assert [judged_window(kind).leaks for kind in kinds] == [int(1 <= count <= 4) for count in single]


def test_five_homes_that_lose_a_frame_in_500_leak_in_some_86_windows_a_year() -> None:
    assert leaks_of(5, 0.002, 20 * YEAR) / 20 == pytest.approx(86, rel=0.05)


# The draw.


def test_the_windows_that_are_drawn_are_as_many_as_asked_for_and_lose_as_many_frames() -> None:
    kinds, counts = drawn_windows(10, 0.05, 2000, SEEDED)
    assert counts.sum() == 2000
    assert len(kinds) < 200
    lost = ((~kinds).sum(axis=(1, 2)) * counts).sum()
    assert lost / (2000 * 10 * FRAMES) == pytest.approx(0.05, rel=0.05)


def test_the_last_hour_stays_the_last() -> None:
    kinds, counts = drawn_windows(10, 0.05, 4000, SEEDED)
    lost = ((~kinds).sum(axis=1) * counts[:, None]).sum(axis=0)
    assert lost[2] == pytest.approx(4000 * 10 * 0.05, rel=0.1)
    assert lost[0] > lost[1]


@pytest.mark.parametrize("other", [(2, 0), (1, 1)])
def test_another_seed_or_year_is_another_draw(other: tuple[int, int]) -> None:
    (kinds, counts), (same, times) = drawn_windows(5, 0.05, 500, SEEDED), drawn_windows(5, 0.05, 500, SEEDED)
    assert (kinds.tolist(), counts.tolist()) == (same.tolist(), times.tolist())
    _, different = drawn_windows(5, 0.05, 500, other)
    assert counts.tolist() != different.tolist()


# The report.


@pytest.fixture(scope="module")
def simulated() -> list[BenchEvent]:
    return list(release_rules((5, 10), (0.01, 0.05), years=2, windows=40, pace=AT_ONCE))


def test_each_rate_of_loss_has_its_counts_for_each_neighbourhood(simulated: list[BenchEvent]) -> None:
    rows = counted(report_of(simulated))
    assert list(dict.fromkeys(row.group for row in rows)) == ["1 % of frames lost", "5 % of frames lost"]
    assert len(rows) == 2 * 2 * 5
    assert {row.subject for row in rows} == {"5 homes", "10 homes"}
    assert {row.figure.runs for row in rows} == {2}
    assert {row.figure.high for row in rows if row.what == LEFT} == {0}
    assert any(row.figure.low > 0 for row in rows if row.what == LEAKS)
    assert {row.unit for row in rows if row.what == SHARE} == {"%"}


def test_the_same_seed_gives_the_same_counts(simulated: list[BenchEvent]) -> None:
    again = release_rules((5, 10), (0.01, 0.05), years=2, windows=40, pace=AT_ONCE)
    assert counted(report_of(again)) == counted(report_of(simulated))
    other = release_rules((5, 10), (0.01, 0.05), seed=2, years=2, windows=40, pace=AT_ONCE)
    assert counted(report_of(other)) != counted(report_of(simulated))


def test_the_check_is_timed_on_each_table_of_each_neighbourhood(simulated: list[BenchEvent]) -> None:
    rows = [row for row in report_of(simulated).rows if row.group == "check"]
    assert [(row.subject, row.what) for row in rows] == [(f"{n} homes", what) for n in (5, 10) for what in LOST]
    assert {(row.unit, row.figure.runs) for row in rows} == {("s", 2)}


def test_progress_ascends_below_its_total(simulated: list[BenchEvent]) -> None:
    notes = [event for event in simulated if isinstance(event, BenchProgress)]
    assert {event.total for event in notes} == {40 * (2 * 2 * 2 + 2)}
    assert [event.done for event in notes] == sorted({event.done for event in notes})
    assert notes[-1].done < notes[-1].total


def test_the_report_says_whether_any_window_still_leaks(
    simulated: list[BenchEvent], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert report_of(simulated).notes[0] == "with rule 4, no billing window leaks"
    monkeypatch.setattr(simulation, "judged_window", lambda _: Tally(leaks=1, left=1))
    found = report_of(release_rules((5,), (0.05,), windows=40, pace=AT_ONCE))
    assert found.notes[0] == "with rule 4, 40 billing windows still leak; please report this"
