"""What the app and the command line show of a run: whose a counter is, and how times, bytes and rates are written."""

from __future__ import annotations

import pytest

from smarter.charts.parties import BYTES_OF, RATES_OF, STAGES_OF, counter_rows, exposures, stations
from smarter.charts.stages import clock, sized, span_of, sparkline
from smarter.model.events import Tallied
from smarter.model.stages import STAGES

VIEWS = {
    "meters": {"readings": 120},
    "concentrator": {"frames": 3},
    "pes": {"readings": 100, "peak_readings": 60, "reading_seconds": 0.5},
}


def test_every_stage_is_somebodys() -> None:
    assert [stage for stages in STAGES_OF.values() for stage in stages] == list(STAGES)
    assert set(BYTES_OF.values()) <= set(STAGES)
    assert set(RATES_OF) == set(BYTES_OF) == set(STAGES_OF) - {"customer"}


def test_parties_come_in_the_order_of_a_readings_way() -> None:
    found = stations(VIEWS, {"encrypt": 3.0, "store": 1.0}, {"seal": 10}, {"readings": 5.0}, Tallied(frames=2))
    assert [station.name for station in found] == ["Meters", "Concentrator", "PES", "Releaser", "MDMS", "Customer"]
    by_party = {station.party: station for station in found}
    assert dict(by_party["pes"].shares) == {"open": 0, "pack": 0, "encrypt": 75, "add": 0}
    assert (by_party["meters"].bytes, by_party["meters"].rate) == (10, 5.0)
    assert [(counter.count, counter.kind) for counter in by_party["meters"].seen] == [(120, "clear"), (2, "sealed")]


def test_what_was_dropped_or_refused_is_seen_where_it_was() -> None:
    tallied = Tallied(released={"demand": 2}, refused={"billing": 1}, dropped={"concentrator": 4})
    rows = list(counter_rows(stations({}, {}, {}, {}, tallied)))
    assert ("concentrator", "dropped", 4, "") in rows
    assert ("releaser", "refused", 1, "") in rows
    assert ("mdms", "windows", 2, "") in rows
    assert not [row for row in rows if row[0] == "pes" and row[1] == "dropped"]


def test_what_waits_is_told_until_nothing_does() -> None:
    waiting = Tallied(holds=2, blindings=64, sums=1, aggregates=3)
    rows = {row[1]: row[2] for row in counter_rows(stations({}, {}, {}, {}, waiting))}
    assert rows["holds to come"] == 2
    assert rows["blindings ready"] == 64
    assert rows["sums wait"] == 3
    over = {row[1] for row in counter_rows(stations({}, {}, {}, {}, Tallied(blindings=64)))}
    assert not over & {"holds to come", "blindings ready", "sums open", "sums wait"}


def test_whose_own_readings_they_are_is_not_exposed_to_them() -> None:
    (pes,) = exposures(VIEWS)
    assert (pes.party, pes.peak, pes.seconds, pes.reading_seconds) == ("pes", 60, 0.005, 0.5)
    assert exposures({"meters": {"readings": 120}, "pes": {"readings": 0}}) == []


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0:00"), (59.9, "0:59"), (61, "1:01"), (3_599, "59:59"), (90_061, "25:01:01")]
)
def test_a_clock_counts_hours_where_there_are_some(seconds: float, words: str) -> None:
    assert clock(seconds) == words


@pytest.mark.parametrize(("seconds", "words"), [(1.25, "1.2 s"), (0.0034, "3.4 ms"), (0.000_837, "837 µs")])
def test_short_spans_have_the_unit_that_fits(seconds: float, words: str) -> None:
    assert span_of(seconds) == words


@pytest.mark.parametrize(
    ("count", "words"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 kB"), (99_940, "99.9 kB"), (99_960, "100 kB"), (999_600, "1.0 MB")],
)
def test_bytes_have_the_unit_that_fits(count: int, words: str) -> None:
    assert sized(count) == words


def test_the_highest_column_is_full_and_the_last_ones_are_shown() -> None:
    assert sparkline([9, 0, 1, 2, 4, 8], 5) == "▁▂▃▅█"
    assert sparkline([0, 0], 5) == "  "
    assert sparkline([], 5) == ""
