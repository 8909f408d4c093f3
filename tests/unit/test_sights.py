"""Who saw what, in words: the order of parties, what counts as different, sentences, files, short numbers."""

from __future__ import annotations

import pytest

from smarter.charts.views import (
    COLUMNS,
    FIELDS,
    Views,
    difference_sentence,
    differing,
    shortened,
    sight_lines,
    sights,
    views_sentence,
)

SEEN: Views = {
    "meters": {"readings": 100_800},
    "concentrator": {"frames": 1_680, "bytes_sealed": 591_360},
    "pes": {"frames": 1_680, "readings": 100_800, "peak_readings": 600, "reading_seconds": 307.8, "bytes_sealed": 1},
    "releaser": {"household_totals": 560, "neighbourhood_totals": 672, "decrypted": 224},
    "mdms": {"household_totals": 560, "neighbourhood_totals": 672},
    "simulation": {"readings": 0},
}


def changed(party: str, **counts: float) -> Views:
    """The same, with one party's counts changed."""
    return {**SEEN, party: {**SEEN.get(party, {}), **counts}}


def test_whoever_saw_most_comes_first_and_whose_own_they_are_last() -> None:
    assert [sight.party for sight in sights(SEEN)] == ["pes", "concentrator", "releaser", "mdms", "meters"]
    assert sights(changed("mdms", readings=100_801))[0].party == "mdms"
    assert sights(SEEN)[0].name == "PES"


def test_the_simulation_is_listed_only_when_it_looked() -> None:
    assert sights(changed("simulation", readings=1))[-1].party == "simulation"
    assert "the simulation looked at 1 itself" in views_sentence(changed("simulation", readings=1))


def test_a_part_of_a_kilobyte_counts_as_a_whole_one() -> None:
    kilobytes = next(column for column in COLUMNS if column.unit == 1000)
    shown = {sight.party: kilobytes.count(sight.view) for sight in sights(SEEN)}
    assert (shown["pes"], shown["concentrator"], shown["meters"]) == (1, 592, 0)


def test_a_file_has_every_count_as_it_is() -> None:
    lines = {line[0]: dict(zip(FIELDS, line, strict=True)) for line in sight_lines(SEEN)}
    assert lines["concentrator"]["bytes_sealed"] == 591_360
    assert lines["pes"]["reading_seconds"] == 307.8


def test_the_sentence_says_who_but_the_meters_saw_readings_and_who_saw_totals() -> None:
    assert views_sentence(SEEN) == (
        "Only the PES saw single readings besides the meters: at most 600 at a time, 308 reading-seconds in all; "
        "the releaser and the MDMS saw 560 household totals and 672 neighbourhood totals."
    )
    nobody = {party: counts for party, counts in SEEN.items() if party != "pes"}
    assert views_sentence(nobody).startswith("Nobody but the meters saw a single reading; ")
    both = views_sentence(changed("mdms", readings=7))
    assert both.startswith("The PES and the MDMS saw single readings besides the meters: the PES at most 600")
    assert "the MDMS 7 of them" in both


def test_withheld_totals_are_said() -> None:
    assert "; the releaser withheld 3 of those that it saw" in views_sentence(changed("releaser", withheld_totals=3))


def test_the_same_run_does_not_differ_from_itself() -> None:
    assert differing(SEEN, SEEN) == set()
    assert difference_sentence(SEEN, SEEN) == "In the clear, nothing differs from the kept run."


def test_counts_differ_when_they_are_not_equal_and_times_when_they_are_far_apart() -> None:
    assert differing(SEEN, changed("pes", peak_readings=601)) == {("pes", "peak_readings")}
    assert differing(SEEN, changed("pes", reading_seconds=400.0)) == set()
    assert differing(SEEN, changed("pes", reading_seconds=500.0)) == {("pes", "reading_seconds")}
    assert differing(SEEN, changed("pes", reading_seconds=0.0)) == {("pes", "reading_seconds")}


def test_a_party_that_only_one_of_them_has_differs_in_all() -> None:
    less = {party: counts for party, counts in SEEN.items() if party != "concentrator"}
    assert differing(SEEN, less) == {("concentrator", column.field) for column in COLUMNS}


def test_the_difference_is_told_of_what_was_in_the_clear() -> None:
    other = changed("pes", peak_readings=1_200, reading_seconds=611.0, frames=3)
    assert difference_sentence(SEEN, other) == (
        "Against the kept run, the PES: at most at once 600 → 1,200, reading-seconds 308 → 611."
    )
    assert "the MDMS: single readings 0 → 5" in difference_sentence(SEEN, changed("mdms", readings=5))


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (9_999, "9,999"),
        (10_000, "10.0k"),
        (123_456, "123k"),
        (1_500_000, "1.50M"),
        (2_345_000_000, "2.35G"),
        (0.5, "0.5"),
    ],
)
def test_large_counts_are_shortened_to_three_digits(count: float, said: str) -> None:
    assert shortened(count) == said
