"""A customer's own use: gathered by the wall clock, priced so that it adds up to the bill, compared with before."""

from __future__ import annotations

from datetime import datetime
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smarter.model.windows import Axis, cut
from smarter.parties.customer import By, OwnReadings, compared, edges_by, gathered, usage_of
from smarter.parties.mdms import bills_of
from smarter.protocols.own_costs import Rates
from smarter.registry import registry

BERLIN = "Europe/Berlin"
QUARTER = Axis(900)


def at(text: str, timezone: str = BERLIN) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp())


def readings(start: str, end: str, *, gap: tuple[str, str] | None = None, low: int = -400) -> OwnReadings:
    """Made-up readings of a quarter of an hour, some of them export."""
    slots = np.arange(at(start) // 900, at(end) // 900, dtype=np.int64)
    energies = (slots * 7919 % 1013 + low) * 1000
    if gap:
        there = (slots * 900 < at(gap[0])) | (slots * 900 >= at(gap[1]))
        slots, energies = slots[there], energies[there]
    return OwnReadings(QUARTER, BERLIN, slots, energies, (), 0, "ab" * 8)


def tariff(name: str, **options: Any) -> Any:
    plugin = registry().get("tariff", name)
    return plugin(plugin.Options.model_validate({"currency": "EUR", "period": "month", **options}))


BLOCKS = [{"up_to_kwh": 20, "rate": "0.10"}, {"up_to_kwh": 21, "rate": "0.20"}, {"rate": "0.33"}]
TARIFFS = {
    "flat": ("flat", {"rate": "0.25"}),
    "flat with export": ("flat", {"rate": "0.25", "export_rate": "0.08"}),
    "time of use": (
        "time-of-use",
        {"rates": {"off-peak": "0.09", "peak": "0.24"}, "peak": {"days": "mon-fri", "hours": ["15:00-21:00"]}},
    ),
    "tiered": ("tiered", {"blocks": BLOCKS}),
    "tiered with export": ("tiered", {"blocks": BLOCKS, "export_rate": "0.08"}),
}


@pytest.mark.parametrize(("name", "options"), TARIFFS.values(), ids=TARIFFS)
@pytest.mark.parametrize("low", [0, -400, -700])
def test_what_readings_cost_adds_up_to_the_exact_bills(name: str, options: dict[str, Any], low: int) -> None:
    # Over a change of the clock, over the end of a month, and with a gap.
    own = readings("2016-03-20", "2016-04-10", gap=("2016-03-22 01:00", "2016-03-23 07:15"), low=low)
    priced = tariff(name, **options)
    rows = own.windows(cut(BERLIN, 10_800, *own.span).edges)
    exact = sum((Fraction(line.amount) for bill in bills_of(rows, priced, BERLIN) for line in bill.lines), Fraction(0))
    rates = Rates(rows, priced, BERLIN)
    for by in ("minute", "hour", "day", "month"):
        edges = edges_by(by, own.axis, BERLIN, *own.span)
        assert sum(rates.costs(own, edges)) == exact


def test_a_reading_costs_its_energy_at_the_rate_of_its_window() -> None:
    own = readings("2016-03-21", "2016-03-22", low=1)
    priced = tariff(*TARIFFS["time of use"][:1], **TARIFFS["time of use"][1])
    rates = Rates(own.windows(cut(BERLIN, 10_800, *own.span).edges), priced, BERLIN)
    costs = rates.costs(own, edges_by("minute", own.axis, BERLIN, *own.span))
    for slot, energy, cost in zip(own.slots.tolist(), own.energies.tolist(), costs, strict=True):
        hour = datetime.fromtimestamp(slot * 900, ZoneInfo(BERLIN)).hour
        assert cost == energy * Fraction("0.24" if 15 <= hour < 21 else "0.09") / 1_000_000


def test_nothing_costs_nothing() -> None:
    own = readings("2016-03-21", "2016-03-22").within(0, 1)
    rates = Rates(
        own.windows(cut(BERLIN, 10_800, at("2016-03-21"), at("2016-03-22")).edges), tariff("flat", rate="1"), BERLIN
    )
    assert rates.costs(own, np.array([0, 900, 1800], np.int64)) == [0, 0]


@pytest.mark.parametrize(
    ("by", "start", "end", "count"),
    [
        ("hour", "2016-03-27", "2016-03-28", 23),
        ("hour", "2016-10-30", "2016-10-31", 25),
        ("day", "2016-03-20", "2016-04-03", 14),
        ("month", "2016-11-05", "2017-02-03", 4),
        ("minute", "2016-10-30", "2016-10-31", 100),
    ],
)
def test_windows_follow_the_wall_clock(by: By, start: str, end: str, count: int) -> None:
    own = readings(start, end)
    rows = gathered(own, by, at(start), at(end))
    assert len(rows) == count
    assert (rows[0].start, rows[-1].end) == (at(start), at(end))
    assert all(one.end == other.start for one, other in pairwise(rows))
    assert {row.status for row in rows} == {"complete"}
    assert sum(row.energy or 0 for row in rows) == int(own.energies.sum())


def test_a_gap_is_missing_and_not_zero() -> None:
    own = readings("2016-03-21", "2016-03-22", gap=("2016-03-21 01:30", "2016-03-21 04:00"))
    rows = gathered(own, "hour", at("2016-03-21"), at("2016-03-21 05:00"))
    assert [(row.status, row.readings) for row in rows] == [
        ("complete", 4),
        ("incomplete", 2),
        ("missing", 0),
        ("missing", 0),
        ("complete", 4),
    ]
    assert rows[2].energy is None
    first, second = own.blocks()
    assert (first.end_slot * 900, second.first_slot * 900) == (at("2016-03-21 01:30"), at("2016-03-21 04:00"))
    assert np.concatenate([first.energies, second.energies]).tolist() == own.energies.tolist()


def test_what_is_asked_for_in_the_middle_of_an_hour_is_cut_there() -> None:
    own = readings("2016-03-21", "2016-03-22")
    rows = gathered(own, "hour", at("2016-03-21 10:30"), at("2016-03-21 12:15"))
    assert [(row.readings, row.expected) for row in rows] == [(2, 2), (4, 4), (1, 1)]


def test_figures_are_those_of_the_readings() -> None:
    own = readings("2016-03-21", "2016-03-22", low=5)
    usage = usage_of(own, *own.span)
    assert usage is not None
    power = [energy * 4 / 1e6 for energy in own.energies.tolist()]
    assert usage.energy == usage.imported == int(own.energies.sum())
    assert usage.mean_kw == pytest.approx(sum(power) / len(power))
    assert usage.peak_kw == max(power)
    assert usage.peak_start == int(own.slots[power.index(max(power))]) * 900
    assert usage.base_kw is not None
    assert sum(one < usage.base_kw for one in power) == 5  # of 96
    assert (usage.exported, usage.export_peak_kw, usage.export_peak_start) == (0, None, None)
    assert (usage.readings, usage.expected) == (96, 96)
    assert usage_of(own, 0, 900) is None


def test_a_home_that_exports_has_an_export_peak_no_base_load_and_no_change_in_percent() -> None:
    own = readings("2016-03-26", "2016-03-29")
    found = compared(own, at("2016-03-28"), at("2016-03-29"))
    assert found is not None
    usage, energies = found.now, own.within(at("2016-03-28"), at("2016-03-29")).energies.tolist()
    assert usage.imported == sum(one for one in energies if one > 0)
    assert usage.exported == -sum(one for one in energies if one < 0) > 0
    assert usage.energy == usage.imported - usage.exported
    assert usage.export_peak_kw == pytest.approx(-min(energies) * 4 / 1e6)
    assert (usage.base_kw, found.change) == (None, None)
    only = readings("2016-03-26", "2016-03-27", low=-2000)
    exported = usage_of(only, *only.span)
    assert exported is not None
    assert (exported.peak_kw, exported.peak_start, exported.imported) == (None, None, 0)


def test_a_day_is_compared_with_the_whole_day_before_also_when_the_clock_changed() -> None:
    own = readings("2016-03-26", "2016-03-29", low=5)
    for day, before, hours in (("2016-03-27", "2016-03-26", 24), ("2016-03-28", "2016-03-27", 23)):
        found = compared(own, at(day), at(day) + (23 if hours == 24 else 24) * 3600)
        assert found is not None
        assert (found.before.start, found.before.end) == (at(before), at(day))
        assert found.before.readings == 4 * hours
        assert found.change == pytest.approx(found.now.mean_kw / found.before.mean_kw - 1)
    assert compared(own, at("2016-03-26"), at("2016-03-27")) is None
