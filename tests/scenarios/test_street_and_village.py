"""Two neighbourhoods on two clocks under one deployment."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from smarter.api import SourceContext
from smarter.scenario import load_scenario


@pytest.fixture
def both(carry: Callable[..., Any], small_keys: tuple[str, ...]) -> Any:
    """The shipped scenario."""
    return carry("street-and-village", *small_keys)


def _meters(neighbourhood: str) -> set[str]:
    scenario = load_scenario("street-and-village")
    area = scenario.neighbourhoods[neighbourhood]
    context = SourceContext(neighbourhood, area.timezone, scenario.windows.reading, scenario.seed)
    return {meter.name for meter in area.source.create().meters(context)}


def test_each_has_its_own_sums_by_its_own_clock(both: Any) -> None:
    names = [row["neighbourhood"] for row in both.demand]
    assert names == sorted(names)
    first = {name: next(row for row in both.demand if row["neighbourhood"] == name) for name in ("street", "village")}
    assert first["street"]["window_start"] == "2016-01-01T00:00:00-05:00"
    assert first["village"]["window_start"] == "2016-01-01T00:00:00+01:00"
    for name, row in first.items():
        assert row["meters"] == str(len(_meters(name)))


def test_what_a_neighbourhood_used_is_what_its_homes_used(both: Any) -> None:
    for name in ("street", "village"):
        homes = sum(Decimal(row["energy_wh"]) for row in both.billing if row["meter"] in _meters(name))
        assert homes == sum(Decimal(row["energy_wh"]) for row in both.demand if row["neighbourhood"] == name)


def test_bills_begin_at_their_own_midnight(both: Any) -> None:
    begins = {row["meter"]: datetime.fromisoformat(row["period_start"]) for row in both.bills}
    street, village = begins[min(_meters("street"))], begins[min(_meters("village"))]
    assert (street - village).total_seconds() == 6 * 3600
    assert {row["currency"] for row in both.bills} == {"EUR"}


def test_a_home_that_both_count_is_refused_since_their_difference_would_single_it_out(
    tmp_path: Path, smarter: Callable[..., Any], street: Callable[..., Path]
) -> None:
    lane = street(meters=6)
    text = lane.read_text(encoding="utf-8")
    fewer = "  few: {timezone: Europe/Berlin, meters: 5, source: {plugin: umass, path: meters}}\ntime:"
    lane.write_text(text.replace("time:", fewer, 1), encoding="utf-8")
    ended = smarter("run", lane, "--state", tmp_path / "state")
    assert ended.code == 3
    assert "home1.csv: meter home1 is in both neighbourhoods lane and few" in ended.err
    assert not (tmp_path / "state").exists()
