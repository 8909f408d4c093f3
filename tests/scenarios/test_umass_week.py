"""A week of seven real homes: the files equal what a few lines of plain Python make of the XLSX sheets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

pytestmark = pytest.mark.slow

CLOCK = ZoneInfo("America/New_York")
START, END = datetime(2016, 1, 1, tzinfo=CLOCK), datetime(2016, 1, 8, tzinfo=CLOCK)
MINUTE = timedelta(minutes=1)
HOMES = 7

Readings = dict[datetime, int]
"""mWh by the instant at which the minute begins."""


def register(path: Path) -> Readings:
    """One home's readings by the rule of the cumulative register."""
    openpyxl = pytest.importorskip("openpyxl")
    sheet = openpyxl.load_workbook(path, read_only=True).active
    total = Fraction(0)
    shown = 0
    readings = {}
    for stamp, kilowatts, *_ in sheet.iter_rows(values_only=True):
        rounded = (stamp + timedelta(milliseconds=500)).replace(microsecond=0)  # a day's fraction is a float in XLSX
        microwatts = (Decimal(repr(kilowatts)) * 10**9).quantize(Decimal(1), ROUND_HALF_EVEN)
        total += Fraction(microwatts) * 60 / 3_600_000
        readings[rounded.replace(tzinfo=CLOCK)] = floor(total + Fraction(1, 2)) - shown
        shown = floor(total + Fraction(1, 2))
    return readings


def windows(length: timedelta) -> Iterator[tuple[datetime, datetime]]:
    """Windows over the week, in which no clock changes."""
    start = START
    while start < END:
        yield start, start + length
        start += length


def within(readings: Readings, start: datetime, end: datetime) -> list[int]:
    """The readings from ``start`` to ``end``."""
    return [readings[start + k * MINUTE] for k in range((end - start) // MINUTE) if start + k * MINUTE in readings]


def watt_hours(energy: int) -> str:
    """mWh as Wh, exact."""
    return f"{Decimal(energy) / 1000:.3f}"


def price_per_kwh(start: datetime) -> Decimal:
    """The scenario's tariff: peak from 15:00 to 21:00, Monday to Friday."""
    return Decimal("0.24") if start.weekday() < 5 and 15 <= start.hour < 21 else Decimal("0.09")


@pytest.fixture(scope="module")
def homes(shared_data: Path) -> dict[str, Readings]:
    """All readings, by file name."""
    files = sorted((shared_data / "umass-2016-week").glob("*.xlsx"))
    assert len(files) == HOMES
    return {file.stem: register(file) for file in files}


@pytest.fixture(scope="module")
def week(
    shared_data: Path,
    tmp_path_factory: pytest.TempPathFactory,
    smarter: Callable[..., Any],
    files_in: Callable[..., Any],
) -> Any:
    """The files of the run that the issue asks for, under keys of full size."""
    folder = tmp_path_factory.mktemp("week")
    source = f"neighbourhoods.umass.source.path={shared_data / 'umass-2016-week'}"
    ended = smarter(
        *("run", "umass-week", "--set", source, "--set", f"neighbourhoods.umass.meters={HOMES}"),
        *("--verify", "--reveal-meters", "--state", folder / "state", "--out", folder / "out"),
    )
    assert ended.code == 0, ended.err
    return files_in(folder / "out")


def test_the_readings_are_a_whole_week_of_plausible_energies(homes: dict[str, Readings]) -> None:
    for readings in homes.values():
        assert len(readings) == 7 * 24 * 60
        assert min(readings) == START.astimezone(UTC)
        assert 10_000_000 < sum(readings.values()) < 1_000_000_000  # 10 kWh to 1 MWh in a week: kW was divided by 60


def test_every_billing_row_is_the_sum_of_its_readings(homes: dict[str, Readings], week: Any) -> None:
    expected = []
    for name in sorted(homes):
        for start, end in windows(timedelta(hours=3)):
            readings = within(homes[name], start, end)
            row = {"meter": name, "window_start": start.isoformat(), "window_end": end.isoformat()}
            row |= {"readings": str(len(readings)), "expected": "180", "energy_wh": watt_hours(sum(readings))}
            expected.append(row | {"status": "complete", "reason": ""})
    assert week.billing == expected


def test_billing_rows_are_sorted_by_pseudonym_and_then_time(week: Any) -> None:
    lines = (week.folder / "billing.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "meter,window_start,window_end,readings,expected,energy_wh,status,reason"
    keys = [line.split(",")[:2] for line in lines[1:]]
    assert keys == sorted(keys)
    assert len({meter for meter, _ in keys}) == HOMES
    assert all(len(bytes.fromhex(meter)) == 8 for meter, _ in keys)


def test_every_demand_row_is_the_sum_over_the_homes(homes: dict[str, Readings], week: Any) -> None:
    expected = []
    for start, end in windows(timedelta(minutes=15)):
        readings = [reading for home in homes.values() for reading in within(home, start, end)]
        kilowatts = Fraction(sum(readings), 1_000_000) / Fraction(15, 60)
        row = {"neighbourhood": "umass", "window_start": start.isoformat(), "window_end": end.isoformat()}
        row |= {"meters": str(HOMES), "readings": str(len(readings)), "expected": str(15 * HOMES)}
        row |= {"energy_wh": watt_hours(sum(readings))}
        row |= {"mean_kw": str(Decimal(round(kilowatts * 1_000_000)).scaleb(-6).quantize(Decimal("0.000001")))}
        expected.append(row | {"status": "complete", "reason": ""})
    assert week.demand == expected


def test_every_bill_is_its_windows_at_their_prices_rounded_once(homes: dict[str, Readings], week: Any) -> None:
    expected = []
    for name in sorted(homes):
        energies = {start: sum(within(homes[name], start, end)) for start, end in windows(timedelta(hours=3))}
        amount = sum(Decimal(energy) / 1_000_000 * price_per_kwh(start) for start, energy in energies.items())
        row = {"meter": name, "period_start": START.isoformat(), "period_end": END.isoformat()}
        row |= {"energy_wh": watt_hours(sum(energies.values())), "currency": "USD"}
        row |= {"amount": str(Decimal(amount).quantize(Decimal("0.01"), ROUND_HALF_EVEN)), "status": "complete"}
        expected.append(row)
    assert week.bills == expected


def test_the_result_says_that_it_was_verified_and_what_went_through(homes: dict[str, Readings], week: Any) -> None:
    counts = week.result["counts"]
    assert week.result["verified"] is True
    assert counts["readings"] == counts["expected"] == HOMES * 7 * 24 * 60
    assert week.result["views"]["concentrator"]["readings"] == week.result["views"]["mdms"]["readings"] == 0
    assert week.result["refusals"] == []
