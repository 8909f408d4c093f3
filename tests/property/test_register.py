"""The register against a naive one in fractions, over any chopping, gaps, repeats and repeated hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.api import DataError, RegisterRules, Rows, ScenarioError
from smarter.model.windows import Axis
from smarter.parties.meter.register import Register

NEW_YORK = "America/New_York"
RATING = 100 * 10**9  # µW


def epoch(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def register(axis: Axis, start: int, end: int, **but: Any) -> Register:
    settings: dict[str, Any] = {
        "name": "meter",
        "origin": "apt1.csv",
        "quantity": "power",
        "clock": "utc",
        "timezone": NEW_YORK,
        "stamp_at": "start",
        "axis": axis,
        "start": start,
        "end": end,
    }
    return Register(**settings | but)


def blocks(stamps: Sequence[int], values: Sequence[int], sizes: Sequence[int] = ()) -> Iterator[Rows]:
    """Rows as a source gives them, chopped into blocks of ``sizes``, the rest in one; row numbers from 1."""
    first = 0
    for size in (*sizes, len(stamps)):
        part = slice(first, first + size)
        numbers = np.arange(first + 1, first + 1 + len(stamps[part]), dtype=np.int64)
        yield Rows(np.array(stamps[part], np.int64), np.array(values[part], np.int64), numbers)
        first += size


def read(meter: Register, rows: Iterator[Rows]) -> dict[int, int]:
    """Slot → mWh, having checked that blocks are in order and do not overlap."""
    found: dict[int, int] = {}
    end = None
    for block in meter.readings(rows):
        assert len(block)
        assert end is None or block.first_slot >= end
        end = block.end_slot
        assert max(abs(block.energies)) <= meter.largest_reading
        found.update(zip(range(block.first_slot, end), block.energies.tolist(), strict=True))
    return found


def shown_locally(utc: int, zone: str = NEW_YORK) -> int:
    shift = datetime.fromtimestamp(utc, ZoneInfo(zone)).utcoffset()
    assert shift is not None
    return utc + int(shift.total_seconds())


chops = st.lists(st.integers(0, 9), max_size=12)


def gaps(*steps: int) -> st.SearchStrategy[list[int]]:
    """Steps between rows, never three of them over a gap: these would be another interval."""
    listed = st.lists(st.sampled_from(steps), min_size=1, max_size=40)
    return listed.map(lambda found: [step if place % 3 else 1 for place, step in enumerate(found, 1)])


powers = st.one_of(
    st.integers(-RATING, RATING),
    st.sampled_from([RATING, -RATING, 0, 30_000, 90_000]),  # 30 000 µW over a minute are an exact half of a mWh
)


@given(
    interval=st.sampled_from([1, 7, 60, 900, 3600, 86_399]),
    phase=st.integers(0, 899),
    steps=gaps(1, 1, 1, 1, 2, 5),
    data=st.data(),
    sizes=chops,
    stamp_at=st.sampled_from(["start", "end"]),
)
def test_power_becomes_the_readings_of_a_register_in_fractions_however_it_is_chopped(
    interval: int, phase: int, steps: list[int], data: st.DataObject, sizes: list[int], stamp_at: str
) -> None:
    values = data.draw(st.lists(powers, min_size=len(steps), max_size=len(steps)))
    axis = Axis(interval, phase % interval)
    slots = (1000 + np.cumsum(steps)).tolist()
    shift = interval if stamp_at == "end" else 0
    stamps = [axis.start_of(slot) + shift for slot in slots]
    found = read(register(axis, 0, axis.start_of(9999), stamp_at=stamp_at), blocks(stamps, values, sizes))

    exact, before, expected = Fraction(0), 0, {}
    for slot, value in zip(slots, values, strict=True):
        exact += Fraction(value * interval, 3_600_000)
        expected[slot] = floor(exact + Fraction(1, 2)) - before
        before += expected[slot]
    assert found == expected
    assert abs(sum(found.values()) - exact) <= Fraction(1, 2)


@given(values=st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=40), sizes=chops)
def test_energies_round_to_the_total(values: list[int], sizes: list[int]) -> None:
    axis = Axis(900)
    rows = blocks([900 * slot for slot in range(len(values))], values, sizes)
    found = read(register(axis, 0, 10**6, quantity="energy", rating_kw=10_000), rows)
    totals = np.cumsum([found[slot] for slot in range(len(values))]).tolist()
    assert totals == [floor(Fraction(sum(values[: n + 1]), 1000) + Fraction(1, 2)) for n in range(len(values))]


@given(
    steps=gaps(1, 1, 1, 2, 5),
    rises=st.data(),
    sizes=chops,
)
def test_a_register_gives_its_differences_and_nothing_over_a_gap(
    steps: list[int], rises: st.DataObject, sizes: list[int]
) -> None:
    rise = st.integers(-25 * 10**9, 25 * 10**9)
    values = np.cumsum(rises.draw(st.lists(rise, min_size=len(steps), max_size=len(steps)))).tolist()
    slots = np.cumsum(steps).tolist()
    meter = register(Axis(900), 0, 10**6, quantity="register", rules=RegisterRules("export"))
    found = read(meter, blocks([900 * s for s in slots], values, sizes))
    shown = {slot: floor(Fraction(value, 1000) + Fraction(1, 2)) for slot, value in zip(slots, values, strict=True)}
    assert found == {slot: shown[slot + 1] - shown[slot] for slot in slots if slot + 1 in shown}


def test_the_last_reading_of_a_register_comes_from_the_row_at_the_end_of_the_span() -> None:
    values = [1000 * n for n in range(8)]
    meter = register(Axis(900), 900, 3600, quantity="register")
    assert read(meter, blocks([900 * n for n in range(8)], values)) == {1: 1, 2: 1, 3: 1}


def test_a_long_run_at_the_rating_does_not_drift_or_overflow() -> None:
    count = 140_000
    meter = register(Axis(86_399), 0, 86_399 * count, rating_kw=10_000)
    rows = blocks(range(0, 86_399 * count, 86_399), np.full(count, 10_000 * 10**9).tolist(), [65_536] * 2)
    total = sum(int(block.energies.sum()) for block in meter.readings(rows))
    assert abs(total - Fraction(10_000 * 10**9 * 86_399 * count, 3_600_000)) <= Fraction(1, 2)


Order = Literal["interleaved", "twice"]


@given(
    order=st.sampled_from(["interleaved", "twice"]),
    interval=st.sampled_from([300, 900]),
    start=st.sampled_from([epoch(2015, 11, 1), epoch(2015, 11, 1, 5, 30), epoch(2015, 11, 1, 6, 15)]),
    stamp_at=st.sampled_from(["start", "end"]),
    sizes=chops,
)
def test_the_repeated_hour_is_told_apart_interleaved_or_run_twice(
    order: Order, interval: int, start: int, stamp_at: str, sizes: list[int]
) -> None:
    instants = range(epoch(2015, 11, 1, 3), epoch(2015, 11, 1, 9), interval)
    shift = interval if stamp_at == "end" else 0
    rows = [(shown_locally(instant + shift), 60_000 * (n + 1)) for n, instant in enumerate(instants)]
    if order == "interleaved":
        rows.sort(key=lambda row: row[0])
    meter = register(Axis(interval), start, epoch(2015, 11, 1, 8), clock="local", stamp_at=stamp_at)
    found = read(meter, blocks([row[0] for row in rows], [row[1] for row in rows], sizes))
    unit = Fraction(60_000 * interval, 3_600_000)
    wanted = {
        instant // interval: n + 1 for n, instant in enumerate(instants) if start <= instant < epoch(2015, 11, 1, 8)
    }
    assert {slot: Fraction(energy) for slot, energy in found.items()} == {slot: unit * n for slot, n in wanted.items()}
    assert meter.rows == len(rows)
    assert meter.outside == len(rows) - len(wanted)


AMBIGUOUS = shown_locally(epoch(2015, 11, 1, 5))
"""01:00 local, which the clock shows twice."""


@pytest.mark.parametrize("sizes", [(), (1, 1, 1, 1), (3,)])
def test_a_third_appearance_with_a_value_of_the_first_two_is_dropped(sizes: tuple[int, ...]) -> None:
    stamps = [AMBIGUOUS, AMBIGUOUS, AMBIGUOUS + 900, AMBIGUOUS, AMBIGUOUS, AMBIGUOUS + 900]
    values = [4_000_000, 8_000_000, 12_000_000, 4_000_000, 8_000_000, 16_000_000]
    meter = register(Axis(900), epoch(2015, 11, 1), epoch(2015, 11, 2), clock="local")
    first = epoch(2015, 11, 1, 5) // 900
    assert read(meter, blocks(stamps, values, sizes)) == {
        first: 1000,
        first + 1: 3000,
        first + 4: 2000,
        first + 5: 4000,
    }
    assert meter.repeated == 2


def test_ordinary_repeats_are_dropped_and_counted_and_stamps_that_never_were_are_refused() -> None:
    spring = shown_locally(epoch(2015, 3, 8, 6, 45))
    meter = register(Axis(900), epoch(2015, 3, 8), epoch(2015, 3, 9), clock="local")
    found = read(meter, blocks([spring, spring, spring + 4500], [4_000_000, 4_000_000, 8_000_000], (1,)))
    assert list(found.values()) == [1000, 2000]
    assert list(found) == [epoch(2015, 3, 8, 6, 45) // 900, epoch(2015, 3, 8, 7) // 900]
    assert (meter.rows, meter.repeated, meter.outside) == (3, 1, 0)
    never = blocks([spring, spring + 900, spring + 1800, spring + 4500], [1, 1, 2, 3], (1,))
    with pytest.raises(DataError, match=r"row 2: stamp 2015-03-08 02:00:00 .* never shows.* timezone Etc/GMT.5"):
        read(meter, never)


@pytest.mark.parametrize(
    ("stamps", "values", "but", "words"),
    [
        (
            [900, 1800, 900],
            [1, 2, 1],
            {},
            "row 3: stamp 1970-01-01 00:15:00 runs back behind 1970-01-01 00:30:00 of row 2",
        ),
        ([900, 900], [1, 2 * 10**9], {}, "row 2: .* repeats row 1 with 2 kW instead of 0.000000001 kW"),
        (
            [0, 60, 120, 180],
            [1, 1, 1, 1],
            {},
            "row 2: .* off the grid of 15min readings; rows around it are 1min apart",
        ),
        ([900, 1800, 2000, 2700], [1, 1, 1, 1], {}, "row 3: stamp 1970-01-01 00:33:20 is off the grid"),
        ([900], [RATING + 1], {}, "row 1: 100 kW at .* beyond the meter's rating of 100 kW"),
        ([900], [-RATING - 10**9], {}, "row 1: -101 kW at"),
        ([900], [26 * 10**9], {"quantity": "energy"}, "row 1: 104 kW at"),
        (
            [900, 1800],
            [0, -26 * 10**9],
            {"quantity": "register", "rules": RegisterRules("export")},
            "row 2: -104 kW at",
        ),
        ([900], [-(2**63)], {"quantity": "register"}, "more than any meter shows"),
        ([900], [-(2**63)], {}, "beyond the meter's rating"),
        (
            [AMBIGUOUS, AMBIGUOUS, AMBIGUOUS],
            [1, 2, 3],
            {"clock": "local"},
            "row 3: stamp 2015-11-01 01:00:00 repeats row 2",
        ),
        (
            [AMBIGUOUS + 900, AMBIGUOUS + 900, AMBIGUOUS, AMBIGUOUS],
            [1, 2, 3, 4],
            {"clock": "local"},
            "row 3: stamp 2015-11-01 01:00:00 runs back behind 2015-11-01 01:15:00 of row 1",
        ),
        ([AMBIGUOUS, AMBIGUOUS + 3600, AMBIGUOUS], [1, 2, 3], {"clock": "local"}, "row 3: .* runs back"),
    ],
)
@pytest.mark.parametrize("sizes", [(), (1, 1, 1)])
def test_what_cannot_be_right_is_refused_with_file_and_row(
    stamps: list[int], values: list[int], but: dict[str, Any], words: str, sizes: tuple[int, ...]
) -> None:
    meter = register(Axis(900), 0, epoch(2016, 1, 1), **but)
    if sizes and "around" in words:
        words = "row 2: .* is off the grid"  # the rows around it are not at hand
    with pytest.raises(DataError, match="^apt1.csv, .*" + words):
        list(meter.readings(blocks(stamps, values, sizes)))


@given(clock=st.sampled_from(["local", "utc"]), stamp_at=st.sampled_from(["start", "end"]))
def test_rows_outside_the_span_are_not_checked(clock: str, stamp_at: str) -> None:
    start, end = epoch(2015, 11, 2, 5), epoch(2015, 11, 3, 5)
    meter = register(Axis(900), start, end, clock=clock, stamp_at=stamp_at)
    local = shown_locally(start) if clock == "local" else start
    shift = 900 if stamp_at == "end" else 0
    before = [local - 7, local - 86_000, local - 86_000, local - 10**7]
    after = [local + 86_400 + 901, local + 2 * 86_400 + 7, local + 10**7]
    stamps = [*before, *(local + shift + 900 * n for n in range(96)), *after]
    found = read(meter, blocks(stamps, [2**60] * len(before) + [4_000_000] * 96 + [-(2**60)] * len(after)))
    assert found == dict.fromkeys(range(start // 900, end // 900), 1000)
    assert meter.outside == len(before) + len(after)


def test_the_stamps_asked_of_a_source_take_in_all_that_the_span_needs() -> None:
    meter = register(Axis(900), epoch(2015, 11, 1, 6, 30), epoch(2015, 11, 2), clock="local", stamp_at="end")
    after, before = meter.stamps_wanted
    assert after <= AMBIGUOUS
    assert before > shown_locally(epoch(2015, 11, 2))


def test_a_rating_too_large_for_64_bits_is_refused_before_any_row() -> None:
    with pytest.raises(ScenarioError, match="lower the rating"):
        register(Axis(86_399), 0, 10, rating_kw=10**9)


def test_a_real_year_is_read_through_its_clock_changes_up_to_where_its_interval_changes(shared_data: Path) -> None:
    lines = (shared_data / "umass-2015-messy" / "Apt1_2015.csv").read_text().splitlines()[1:]
    stamps = np.array([line.split(",")[0] for line in lines], "M8[s]").astype(np.int64).tolist()
    values = [round(Fraction(line.split(",")[1]) * 10**9) for line in lines]
    start, end = epoch(2015, 1, 1, 5), epoch(2015, 12, 16, 2, 13)
    found = read(register(Axis(900), start, end, clock="local"), blocks(stamps, values, [1000] * 60))
    assert sorted(found) == list(range(start // 900, end // 900 + 1))
    assert abs(sum(found.values()) - Fraction(sum(values[: len(found)]), 4000)) <= Fraction(1, 2)
    with pytest.raises(DataError, match=r"row 33494: stamp 2015-12-15 21:13:00 is off the grid .* 1min apart"):
        read(register(Axis(900), start, end + 900, clock="local"), blocks(stamps, values))
