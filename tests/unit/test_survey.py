"""A survey tells what is in a file: runs of one interval, gaps, totals, and what a run would refuse."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from smarter.api import DataError, RegisterRules, Rows, SourceMeter
from smarter.parties.meter.survey import Run, survey, surveys

KW = 10**9


class Listed(SourceMeter):
    """A meter whose rows are given, in blocks of ``size``."""

    name, origin = "apt1", "apt1.csv"

    def __init__(
        self,
        stamps: list[int],
        values: list[int],
        *,
        size: int = 4,
        quantity: Literal["power", "energy", "register"] = "power",
        clock: Literal["local", "utc"] = "utc",
        stamp_at: Literal["start", "end"] = "start",
    ) -> None:
        self.quantity, self.clock, self.stamp_at = quantity, clock, stamp_at
        self._stamps, self._values, self._size = stamps, values, size

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        stamps, values = np.array(self._stamps, np.int64), np.array(self._values, np.int64)
        numbers = np.arange(1, len(stamps) + 1)
        for first in range(0, len(stamps), self._size):
            part = slice(first, first + self._size)
            yield Rows(stamps[part], values[part], numbers[part])

    def digest(self) -> str:
        return ""


SIZES = pytest.mark.parametrize("size", [1, 2, 5, 1000])


@SIZES
def test_clean_power_is_one_run_and_its_total_is_exact(size: int) -> None:
    found = survey(Listed([60 * n for n in range(100)], list(range(1, 101)), size=size), "UTC")
    assert (found.rows, found.first, found.last) == (100, 0, 6000)
    assert found.intervals == (Run(60, 0, 6000, 100),)
    assert found.total_mwh == Fraction(5050, 60_000)
    assert (found.gaps, found.problems) == ((), ())
    assert (found.min_kw, found.max_kw) == (1e-9, 1e-7)


@SIZES
def test_a_file_that_changes_its_interval_has_two_runs_and_says_where(size: int) -> None:
    stamps = [900 * n for n in range(10)] + [8100 + 780 + 60 * n for n in range(30)]
    found = survey(Listed(stamps, [KW] * 40, size=size), "UTC")
    assert found.intervals == (Run(900, 0, 9000, 10), Run(60, 8880, 8880 + 1800, 30))
    assert found.total_mwh == 10 * 250_000 + 30 * Fraction(10**6, 60)
    assert found.problems == (
        "row 11: the interval changes from 15min to 1min at 1970-01-01 02:28:00; a run takes a span of one interval",
    )
    assert found.gaps == ()


@SIZES
def test_missing_rows_are_gaps_and_not_another_interval(size: int) -> None:
    stamps = [900 * n for n in (0, 2, 3, 4, 5, 7, 9, 11, 12, 16)]
    found = survey(Listed(stamps, [KW] * 10, size=size), "UTC")
    assert found.intervals == (Run(900, 0, 17 * 900, 10),)
    assert found.gaps == tuple((900 * a, 900 * b) for a, b in ((1, 2), (6, 7), (8, 9), (10, 11), (13, 16)))
    assert found.total_mwh == 2_500_000
    assert found.problems == ()


@SIZES
def test_stamps_at_the_end_shift_span_and_gaps_by_an_interval(size: int) -> None:
    stamps = [900 * n for n in (1, 2, 3, 4, 7, 8)]
    found = survey(Listed(stamps, [KW, 2 * KW, KW, KW, KW, 3 * KW], size=size, stamp_at="end"), "UTC")
    assert found.intervals == (Run(900, 0, 8 * 900, 6),)
    assert found.gaps == ((4 * 900, 6 * 900),)
    assert found.total_mwh == 9 * 250_000
    assert (found.min_kw, found.max_kw) == (1.0, 3.0)


@SIZES
def test_a_register_totals_its_rises_but_not_those_over_a_gap(size: int) -> None:
    stamps = [900 * n for n in (0, 1, 2, 3, 6, 7)]
    meter = Listed(stamps, [0, KW, KW, 2 * KW, 9 * KW, 8 * KW], size=size, quantity="register")
    meter.register = RegisterRules("export")
    found = survey(meter, "UTC")
    assert (found.first, found.last) == (0, 7 * 900)
    assert found.total_mwh == 10**6
    assert (found.min_kw, found.max_kw) == (-4.0, 4.0)


def test_energies_are_told_as_power_by_their_interval() -> None:
    found = survey(Listed([1800 * n for n in range(5)], [KW] * 5, quantity="energy"), "UTC")
    assert found.total_mwh == 5 * 10**6
    assert found.max_kw == 2.0


@SIZES
def test_what_is_out_of_order_is_listed_and_read_over(size: int) -> None:
    stamps = [900 * n for n in (0, 1, 2, 2, 3, 1, 4, 4, 5)] + [5 * 900 + 70, 6 * 900, 7 * 900, 8 * 900]
    values = [KW] * 7 + [2 * KW] + [KW] * 5
    found = survey(Listed(stamps, values, size=size), "UTC")
    assert found.repeated == 1
    assert found.total_mwh == 10 * 250_000
    assert {problem.split(": ")[0] for problem in found.problems} == {"row 6", "row 8", "row 9", "row 10"}
    assert [len(runs) for runs in (found.intervals, found.gaps)] == [1, 0]


def test_many_problems_of_one_kind_are_counted_after_the_first_three() -> None:
    stamps = [900 * n for n in range(20, 40)] + [900 * n for n in range(10)]
    found = survey(Listed(stamps, [KW] * 30), "UTC")
    assert [problem.split(":")[0] for problem in found.problems] == [
        "row 21",
        "row 22",
        "row 23",
        "and 7 more stamps that run back",
    ]


def test_stamps_that_the_clock_skips_are_counted_and_the_repeated_hour_is_whole() -> None:
    spring = [int(np.datetime64(f"2015-03-08T0{hour}:00:00", "s").astype(np.int64)) for hour in range(6)]
    found = survey(Listed(spring, [KW] * 6, clock="local"), "America/New_York")
    assert found.nonexistent == 1
    assert "row 3: stamp 2015-03-08 02:00:00 is one that this clock never shows" in found.problems
    assert found.gaps == ()
    fall = [int(np.datetime64(f"2015-11-01T0{hour}:00:00", "s").astype(np.int64)) for hour in (0, 1, 1, 2, 3)]
    found = survey(Listed(fall, [KW] * 5, clock="local", size=2), "America/New_York")
    assert (found.last - found.first, found.repeated, found.problems) == (5 * 3600, 0, ())


def test_a_single_row_has_no_interval_and_no_rows_are_refused() -> None:
    found = survey(Listed([900], [KW]), "UTC")
    assert not found.intervals
    assert (found.total_mwh, found.first, found.last) == (Fraction(0), 900, 900)
    assert "no interval" in found.problems[0]
    with pytest.raises(DataError, match=r"apt1\.csv has no rows"):
        survey(Listed([], []), "UTC")


def test_the_messy_real_year_is_told_in_two_runs(shared_data: Path) -> None:
    lines = (shared_data / "umass-2015-messy" / "Apt1_2015.csv").read_text().splitlines()[1:]
    stamps = np.array([line.split(",")[0] for line in lines], "M8[s]").astype(np.int64).tolist()
    values = [round(Fraction(line.split(",")[1]) * KW) for line in lines]
    found = survey(Listed(stamps, values, size=10_000, clock="local"), "America/New_York")
    assert [(run.interval_s, run.rows) for run in found.intervals] == [(900, 33_493), (60, 23_207)]
    assert datetime.fromtimestamp(found.first, UTC) == datetime(2015, 1, 1, 5, tzinfo=UTC)
    assert datetime.fromtimestamp(found.last, UTC) == datetime(2016, 1, 1, 5, tzinfo=UTC)
    assert found.total_mwh == Fraction(sum(values[:33_493]), 4000) + Fraction(sum(values[33_493:]), 60_000)
    assert (found.gaps, found.repeated, found.nonexistent) == ((), 0, 0)
    assert len(found.problems) == 1


class Told(Listed):
    """Tells what it is asked for; the meters of one ``origin`` are in one file."""

    def __init__(self, name: str, origin: str, first: int, taken: list[tuple[str, int]]) -> None:
        super().__init__([first + 60 * n for n in range(12)], [KW] * 12)
        self.name, self.origin = name, origin
        self.before: list[int | None] = []
        self._taken = taken

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        self.before.append(before)
        for rows in super().rows():
            self._taken.append((self.name, int(rows.stamps[0])))
            yield rows


def test_meters_of_one_file_are_surveyed_in_step_and_others_one_by_one() -> None:
    taken: list[tuple[str, int]] = []
    meters = [Told("a", "x.csv", 0, taken), Told("b", "y.csv", 0, taken), Told("c", "x.csv", 60, taken)]
    assert [found.name for found in surveys(meters, "UTC")] == ["a", "b", "c"]
    together = [("a", 0), ("c", 60), ("a", 240), ("c", 300), ("a", 480), ("c", 540)]
    assert taken == [*together, ("b", 0), ("b", 240), ("b", 480)]


def test_a_survey_that_needs_rows_until_an_instant_only_says_so_and_leaves_out_who_has_none() -> None:
    taken: list[tuple[str, int]] = []
    home = Told("a", "x.csv", 0, taken)
    meters = [home, Listed([], [])]
    assert [found.name for found in surveys(meters, "UTC", until=600)] == ["a"]
    home.clock = "local"
    surveys(meters, "America/New_York", until=600)
    assert home.before == [600, 600 - 5 * 3600 + 86_400]
