"""Solar panels: export is negative all the way, and money back on the bill."""

from __future__ import annotations

import csv
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def day(carry: Callable[..., Any], small_keys: tuple[str, ...]) -> Any:
    """The shipped day in June."""
    return carry("net-metering", *small_keys)


def test_export_stays_negative_through_every_sum(day: Any) -> None:
    noon = [row for row in day.billing if "T12:00" in row["window_start"]]
    assert sum(row["energy_wh"].startswith("-") for row in noon) == 4
    street = next(row for row in day.demand if "T12:00" in row["window_start"])
    assert Decimal(street["energy_wh"]) < 0
    assert Decimal(street["mean_kw"]) == (Decimal(street["energy_wh"]) * 4 / 1000).quantize(Decimal("0.000001"))


def test_household_and_neighbourhood_totals_agree_to_the_last_milliwatt_hour(day: Any, checkout: Path) -> None:
    billed = sum(Decimal(row["energy_wh"]) for row in day.billing)
    assert billed == sum(Decimal(row["energy_wh"]) for row in day.demand)
    for meter in sorted(set(day.meters.values())):
        with (checkout / "data" / "net-metering" / f"{meter}.csv").open(encoding="utf-8", newline="") as file:
            exact = sum(Decimal(kilowatts) for _, kilowatts in csv.reader(file)) * 1000 / 60
        home = sum(Decimal(row["energy_wh"]) for row in day.billing if row["meter"] == meter)
        assert abs(home - exact) <= Decimal("0.001")


def test_who_exported_more_than_they_used_gets_money_back(day: Any) -> None:
    amounts = {row["meter"]: Decimal(row["amount"]) for row in day.bills}
    assert min(amounts.values()) < 0 < max(amounts.values())
    for row in day.bills:
        exact = Decimal(row["energy_wh"]) / 1000 * Decimal("0.18")
        assert Decimal(row["amount"]) == exact.quantize(Decimal("0.01"), ROUND_HALF_EVEN)
