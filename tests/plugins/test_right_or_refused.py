"""Energy in files is right or refused: order, falls, intervals, fields, headings, ends of intervals, clocks, stamps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from smarter.api import DataError, RegisterRules, Rows, SourceContext, SourceMeter
from smarter.api.testing.sources import ZONES
from smarter.model.windows import Axis
from smarter.parties.meter.differences import Differences
from smarter.parties.meter.register import Register
from smarter.parties.meter.survey import survey
from smarter_plugins.sources.columns import Columns, CsvOptions
from smarter_plugins.sources.umass import Umass, UmassOptions

BERLIN = "Europe/Berlin"
DAY = 1_704_063_600
"""2024-01-01 00:00 in Berlin."""
HOUR = 3600


def csv_meter(path: Path, text: str, interval: int = HOUR, timezone: str = BERLIN, **options: Any) -> SourceMeter:
    path.write_text(text, encoding="utf-8")
    source = Columns(CsvOptions.model_validate({"path": path, "unit": "kWh", **options}))
    (meter,) = source.meters(SourceContext("street", timezone, interval, 7))
    return meter


def hourly(values: Sequence[object], first: str = "2024-01-01 00:00") -> str:
    start = datetime.fromisoformat(first)
    return "".join(f"{start + timedelta(hours=hour):%Y-%m-%d %H:%M},{value}\n" for hour, value in enumerate(values))


def taken(
    meter: SourceMeter, interval: int = HOUR, timezone: str = BERLIN, block: int = 65_536, phase: int = 0
) -> dict[int, int]:
    """The readings of a run (mWh) by their starts, over some days around all rows."""
    at = [int(rows.stamps[0]) for rows in meter.rows(block=1)]
    register = Register(
        name=meter.name,
        origin=meter.origin,
        quantity=meter.quantity,
        clock=meter.clock,
        timezone=meter.timezone or timezone,
        stamp_at=meter.stamp_at,
        axis=Axis(interval, phase),
        start=min(at) - 3 * 86_400,
        end=max(at) + 3 * 86_400,
        rules=meter.register,
    )
    blocks = register.readings(meter.rows(block=block))
    return {
        Axis(interval, phase).start_of(found.first_slot + place): int(energy)
        for found in blocks
        for place, energy in enumerate(found.energies)
    }


def refused(meter: SourceMeter, *words: str, **how: Any) -> None:
    with pytest.raises(DataError) as caught:
        taken(meter, **how)
    assert all(word in str(caught.value) for word in words), str(caught.value)


# Registers that fall.

RESETS = [0, 0.5, 1, 1.5, 0, 0.5, 1]
GLITCH = [45, 45.5, 46, 0, 46.5, 47]


@pytest.mark.parametrize("block", [1, 2, 100])
def test_a_reset_is_missing_and_all_else_counts(tmp_path: Path, block: int) -> None:
    meter = csv_meter(tmp_path / "a.csv", hourly(RESETS), quantity="register", register={"falls": "reset"})
    assert taken(meter, block=block) == {DAY + HOUR * hour: 500_000 for hour in (0, 1, 2, 4, 5)}
    assert survey(meter, BERLIN, HOUR).total_mwh == 2_500_000
    assert survey(meter, BERLIN, HOUR).problems == ()


@pytest.mark.parametrize("block", [1, 2, 100])
def test_a_zero_between_is_no_reset(tmp_path: Path, block: int) -> None:
    meter = csv_meter(tmp_path / "a.csv", hourly(GLITCH), quantity="register", register={"falls": "reset"})
    assert taken(meter, block=block) == {DAY + HOUR * hour: 500_000 for hour in (0, 1, 4)}


@pytest.mark.parametrize("block", [1, 100])
@pytest.mark.parametrize(("values", "row"), [(RESETS, 5), (GLITCH, 4)])
def test_a_fall_that_no_option_settles_is_refused_and_listed(
    tmp_path: Path, values: list[float], row: int, block: int
) -> None:
    meter = csv_meter(tmp_path / "a.csv", hourly(values), quantity="register")
    refused(meter, f"a.csv, row {row}", "falls from", "falls: reset", "falls: rollover", "falls: export", block=block)
    (problem,) = survey(meter, BERLIN, HOUR).problems
    assert f"row {row}: the register falls from" in problem


def test_a_rollover_counts_over_its_last_digit_and_nothing_else_does(tmp_path: Path) -> None:
    rule = {"falls": "rollover", "digits": 3}
    meter = csv_meter(tmp_path / "a.csv", hourly([998.5, 999, 999.5, 0, 0.5]), quantity="register", register=rule)
    assert list(taken(meter).values()) == [500_000] * 4
    refused(csv_meter(tmp_path / "a.csv", hourly(GLITCH), quantity="register", register=rule), "row 4", "too far")
    long = csv_meter(tmp_path / "a.csv", hourly([999, 1000.5]), quantity="register", register=rule)
    refused(long, "row 2", "1000.5 kWh", "register.digits")


def test_a_register_that_counts_down_is_export_where_that_is_said(tmp_path: Path) -> None:
    meter = csv_meter(tmp_path / "a.csv", hourly([5, 5.5, 5.25, 5]), quantity="register", register={"falls": "export"})
    assert list(taken(meter).values()) == [500_000, -250_000, -250_000]


def test_differences_do_not_depend_on_blocks() -> None:
    chance = np.random.default_rng(7)
    values = chance.integers(0, 50, 400)
    for rules in (RegisterRules("reset"), RegisterRules("rollover", 1000), RegisterRules("export"), RegisterRules()):
        whole = Differences(rules).take(values)
        parts = Differences(rules)
        found = [parts.take(part) for part in np.array_split(values, 90)]
        for name in ("steps", "known", "falls", "refused"):
            np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in found]), getattr(whole, name))


def test_a_register_named_after_its_hour_is_read_at_the_end_of_it(tmp_path: Path) -> None:
    text = "start,sum\n" + hourly([100, 100.1, 100.3], "2023-12-31 23:00")
    options: dict[str, Any] = {"stamp": "start", "value": "sum", "quantity": "register"}
    meter = csv_meter(tmp_path / "a.csv", text, **options, register={"read_at": "end"})
    assert taken(meter) == {DAY: 100_000, DAY + HOUR: 200_000}
    found = survey(meter, BERLIN, HOUR)
    assert (found.first, found.last) == (DAY, DAY + 2 * HOUR)
    with pytest.raises(DataError, match=r"row 1: the column 'start' names intervals.*read_at: end"):
        csv_meter(tmp_path / "a.csv", text, **options)


# Order and intervals.


def test_the_survey_spans_from_the_earliest_row_and_a_run_refuses_the_order(tmp_path: Path) -> None:
    text = hourly([1] * 6, "2024-01-01 06:00") + hourly([1] * 6)
    for meter in (csv_meter(tmp_path / "a.csv", text), umass_meter(tmp_path / "b.csv", text)):
        found = survey(meter, BERLIN, HOUR)
        assert (found.first, found.last) == (DAY, DAY + 12 * HOUR)
        assert found.problems[0].startswith("row 7: ")
        refused(meter, "row 7", "runs back", "sort the rows")


def umass_meter(path: Path, text: str) -> SourceMeter:
    path.write_text(text)
    (meter,) = Umass(UmassOptions(path=path)).meters(SourceContext("street", BERLIN, HOUR, 7))
    return meter


def test_a_single_row_lasts_as_long_as_readings_do(tmp_path: Path) -> None:
    found = survey(csv_meter(tmp_path / "a.csv", hourly([0.5])), BERLIN, HOUR)
    assert (found.first, found.last, found.total_mwh, found.problems) == (DAY, DAY + HOUR, 500_000, ())
    ((problem),) = survey(csv_meter(tmp_path / "a.csv", hourly([0.5]), quantity="register"), BERLIN, HOUR).problems
    assert "a second says what it counted" in problem
    (problem,) = survey(csv_meter(tmp_path / "a.csv", "2024-01-01,1\n" * 4), BERLIN, HOUR).problems
    assert "all 4 rows have the one stamp 2024-01-01 00:00:00" in problem


@pytest.mark.parametrize("block", [1, 5, 100])
@pytest.mark.parametrize("before", [0, 8])
def test_hourly_energies_are_not_those_of_quarters(tmp_path: Path, before: int, block: int) -> None:
    start = datetime(2024, 1, 1, tzinfo=UTC)
    quarters = [start + timedelta(minutes=15 * place) for place in range(before)]
    hours = [start + timedelta(hours=2 + place) for place in range(6)]
    again = [hours[-1] + timedelta(minutes=15 * place) for place in range(1, 9)]
    text = "".join(f"{moment:%Y-%m-%dT%H:%M:%SZ},1\n" for moment in (*quarters, *hours, *again))
    meter = csv_meter(tmp_path / "a.csv", text, 900)
    first = max(before, 1)
    refused(meter, f"row {first + (before > 0)}: rows are 1h apart", "windows.reading=1h", interval=900, block=block)
    assert any("the interval changes" in problem for problem in survey(meter, BERLIN, 900).problems)


def test_missing_rows_are_no_other_interval(tmp_path: Path) -> None:
    chance = np.random.default_rng(3)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    kept = [place for place in range(3000) if chance.random() > 0.2]
    text = "".join(f"{start + timedelta(minutes=15 * place):%Y-%m-%dT%H:%M:%SZ},0.1\n" for place in kept)
    meter = csv_meter(tmp_path / "a.csv", text, 900)
    assert len(taken(meter, 900)) == len(kept)
    assert survey(meter, BERLIN, 900).problems == ()


# Fields and headings.


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("t,kWh,price\n2024-01-01 00:00,0,500,0.30\n", ("row 2", "4 fields", "heading (row 1) has 3")),
        ("t,kWh\n2024-01-01 00:00,0.5,\n2024-01-01 01:00,0.5,,x\n", ("row 3", "4 fields")),
        ('t,kWh,n\n2024-01-01 00:00,0.5,"a,b"\n2024-01-01 01:00,0,5,"a,b"\n', ("row 3", "4 fields")),
        ("2024-01-01 00:00,1\n2024-01-01 01:00,1,5\n", ("row 2", "first row has 2")),
        ("t,kWh\n2024-01-01 00:00,1\nt,kWh\n2024-01-01 01:00,1\n", ("row 3", "the heading again")),
    ],
)
def test_rows_with_more_fields_than_the_heading_are_refused(tmp_path: Path, text: str, words: tuple[str, ...]) -> None:
    refused(csv_meter(tmp_path / "a.csv", text), *words)


def test_a_row_outside_of_what_is_asked_for_is_not_looked_at(tmp_path: Path) -> None:
    meter = csv_meter(tmp_path / "a.csv", hourly([1, 1]) + "2024-01-09 00:00,0,5\n")
    assert sum(map(len, meter.rows(before=DAY + 86_400))) == 2


def test_umass_files_without_a_heading_have_two_columns(tmp_path: Path) -> None:
    refused(umass_meter(tmp_path / "a.csv", "2024-01-01 00:00:00,0,5\n"), "row 1", "3 fields", "layout has 2")


def test_columns_of_one_name_are_told_by_number(tmp_path: Path) -> None:
    text = "t,kWh,q,kWh\n2024-01-01 00:00,1,V,2\n"
    with pytest.raises(DataError, match=r"2 columns are called 'kWh': 2 and 4; give the number"):
        csv_meter(tmp_path / "a.csv", text, value="kWh")
    assert taken(csv_meter(tmp_path / "a.csv", text, value=4)) == {DAY: 2_000_000}


@pytest.mark.parametrize("pattern", ["%H:%M", "%d.%m. %H:%M", "%Y %H:%M", "%Y-%m-%d %I:%M", "%j %H:%M"])
def test_a_stamp_format_needs_a_whole_date(pattern: str) -> None:
    with pytest.raises(ValidationError, match=r"no whole date|without %p"):
        CsvOptions.model_validate({"path": "a.csv", "stamp_format": pattern})


@pytest.mark.parametrize("pattern", ["%Y-%j %H", "%G-W%V-%u", "%y%m%d", "%d %B %Y %I:%M %p", "%c", "%Y-%W-%w"])
def test_a_whole_date_is_written_in_many_ways(pattern: str) -> None:
    assert CsvOptions.model_validate({"path": "a.csv", "stamp_format": pattern}).stamp_format == pattern


def test_register_options_go_with_registers() -> None:
    for options in ({"register": {"falls": "reset"}}, {"quantity": "register", "register": {"falls": "rollover"}}):
        with pytest.raises(ValidationError, match=r"goes with quantity: register|needs digits"):
            CsvOptions.model_validate({"path": "a.csv", "unit": "kWh", **options})


def test_states_of_files_without_the_option_stay_as_they_are() -> None:
    plain = CsvOptions.model_validate({"path": "a.csv", "unit": "kWh", "quantity": "register"})
    assert plain.without_effect() == {"most_meters", "register"}
    settled = CsvOptions.model_validate({**plain.model_dump(), "register": {"falls": "reset"}})
    assert settled.without_effect() == {"most_meters"}


# Ends of intervals, and clocks that change.


def changes(timezone: str) -> Iterator[int]:
    zone, hour = ZoneInfo(timezone), 1800
    start = int(datetime(2024, 1, 1, tzinfo=UTC).timestamp())
    for moment in range(start, start + 366 * 86_400, hour):
        if datetime.fromtimestamp(moment, zone).utcoffset() != datetime.fromtimestamp(moment - 1, zone).utcoffset():
            yield moment


@pytest.mark.parametrize("timezone", ZONES)
@pytest.mark.parametrize("interval", [900, 1800, HOUR])
@pytest.mark.parametrize("plus", [False, True], ids=["as the clock shows ends", "starts plus the interval"])
def test_ends_of_intervals_are_told_apart_over_both_changes(
    tmp_path: Path, timezone: str, interval: int, plus: bool
) -> None:
    if interval == HOUR and timezone == "Australia/Lord_Howe":
        pytest.skip("its clock changes by less than an hour")
    zone = ZoneInfo(timezone)
    for change in changes(timezone):
        starts = [change + interval * place for place in range(-8 * HOUR // interval, 8 * HOUR // interval)]
        ends = [
            datetime.fromtimestamp(start, zone).replace(tzinfo=None) + timedelta(seconds=interval)
            if plus
            else datetime.fromtimestamp(start + interval, zone)
            for start in starts
        ]
        text = "".join(f"{end:%Y-%m-%d %H:%M:%S},0.{place:03}\n" for place, end in enumerate(ends, 100))
        meter = csv_meter(tmp_path / "a.csv", text, interval, timezone, stamp_at="end")
        expected = {start: place * 1000 for place, start in enumerate(starts, 100)}
        for block in (7, 65_536):
            assert taken(meter, interval, timezone, block, change % interval) == expected
        found = survey(meter, timezone, interval)
        assert (found.first, found.last, found.gaps) == (starts[0], starts[-1] + interval, ())
        assert found.total_mwh == Fraction(sum(expected.values()))
        assert found.problems == ()


def test_a_clock_that_is_never_put_forward_is_refused_with_the_zone_to_read_it_on(tmp_path: Path) -> None:
    text = hourly([1] * 24, "2024-03-31 00:00")
    meter = csv_meter(tmp_path / "a.csv", text)
    refused(meter, "row 3", "2024-03-31 02:00:00", "never shows", "timezone Etc/GMT-1")
    assert len(taken(meter, timezone="Etc/GMT-1")) == 24


def test_rows_are_numbered_in_the_files_order(tmp_path: Path) -> None:
    parts: list[Rows] = list(csv_meter(tmp_path / "a.csv", "t,kWh\n" + hourly([1, 2, 3])).rows())
    assert [number for rows in parts for number in rows.numbers.tolist()] == [2, 3, 4]
