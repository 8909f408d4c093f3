"""Tariffs against naive ones in fractions, minute by minute, over any hours, blocks and energies."""

from __future__ import annotations

from contextlib import nullcontext
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from smarter.api import BillLine, MeteredWindow
from smarter_plugins.tariffs.flat import Flat
from smarter_plugins.tariffs.tiered import Tiered
from smarter_plugins.tariffs.time_of_use import TimeOfUse

KWH = 1_000_000
ZONE = ZoneInfo("Europe/Berlin")
MONDAY = datetime(2016, 2, 22, tzinfo=ZONE)
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

energies = st.integers(-(10**12), 10**12)
rates = st.decimals(0, 10_000, places=8)


def windows(energies: list[int]) -> list[MeteredWindow]:
    starts = [MONDAY + timedelta(hours=hour) for hour in range(len(energies) + 1)]
    return [MeteredWindow(start, end, energy) for start, end, energy in zip(starts, starts[1:], energies, strict=False)]


def cost(lines: Any) -> Fraction:
    return sum((Fraction(line.amount) for line in lines), Fraction(0))


@given(st.lists(energies, max_size=40), rates, st.integers(0, 4))
def test_a_flat_bill_is_its_energy_at_its_rate_rounded_half_to_even(
    used: list[int], rate: Decimal, decimals: int
) -> None:
    priced = Flat(Flat.Options.model_validate({"rate": str(rate), "decimals": decimals}))
    exact = Fraction(sum(used)) * Fraction(rate) / KWH
    lines = priced.lines(windows(used))
    assert cost(lines) == exact
    amount = priced.amount(lines)
    assert Fraction(amount) == Fraction(round(exact * 10**decimals), 10**decimals)
    assert not (amount == 0 and amount.is_signed())


@given(st.lists(energies, max_size=40), rates, rates)
def test_with_an_export_rate_imports_and_exports_are_priced_apart(
    used: list[int], rate: Decimal, export_rate: Decimal
) -> None:
    for priced in (
        Flat(Flat.Options.model_validate({"rate": rate, "export_rate": export_rate})),
        TimeOfUse(TimeOfUse.Options.model_validate({"rates": {"all": rate}, "export_rate": export_rate})),
        Tiered(Tiered.Options.model_validate({"blocks": [{"rate": rate}], "export_rate": export_rate})),
    ):
        imports = sum(energy for energy in used if energy > 0)
        exports = sum(energy for energy in used if energy < 0)
        lines = priced.lines(windows(used))
        assert cost(lines) == (imports * Fraction(rate) + exports * Fraction(export_rate)) / KWH


@given(st.decimals(-1_000, 1_000, places=6))
def test_an_amount_of_lines_is_rounded_as_the_standard_library_rounds_fractions(amount: Decimal) -> None:
    priced = Flat(Flat.Options.model_validate({"rate": 1}))
    half = Decimal("0.005")
    for exact in (amount, amount.quantize(Decimal("0.01")) + half):
        lines = [BillLine("energy", Decimal(1), 0, exact, ())]
        assert Fraction(priced.amount(lines)) == Fraction(round(Fraction(exact) * 100), 100)


@st.composite
def rules(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Rules of one label, with days and quarter-hours, over midnight or not."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        days = draw(st.lists(st.sampled_from(DAYS), min_size=1, max_size=4, unique=True))
        start = draw(st.integers(0, 95))
        end = draw(st.integers(0, 96).filter(lambda quarter, start=start: quarter != start))
        found.append({"days": ",".join(days), "hours": [f"{_clock(start)}-{_clock(end)}"]})
    return found


def _clock(quarter: int) -> str:
    return f"{quarter // 4:02}:{quarter % 4 * 15:02}"


def _minutes(rule: dict[str, Any]) -> set[int]:
    """The minutes of the week in which a rule holds, one by one."""
    first, last = rule["hours"][0].split("-")
    held: set[int] = set()
    for day in rule["days"].split(","):
        minute = DAYS.index(day) * 1440 + int(first[:2]) * 60 + int(first[3:])
        until = DAYS.index(day) * 1440 + int(last[:2]) * 60 + int(last[3:])
        until += 1440 if until < minute else 0
        held |= {quarter % 10_080 for quarter in range(minute, until, 15)}
    return held


@given(rules())
def test_a_label_holds_in_just_the_quarter_hours_of_its_rules_and_changes_where_said(
    peak: list[dict[str, Any]],
) -> None:
    priced = TimeOfUse(TimeOfUse.Options.model_validate({"rates": {"off-peak": 1, "peak": 2}, "peak": peak}))
    held = set().union(*map(_minutes, peak))
    changes = set(priced.changes())
    before = None
    for minute in range(0, 10_080, 15):
        start = MONDAY + timedelta(minutes=minute)
        (line,) = priced.lines([MeteredWindow(start, start + timedelta(minutes=15), KWH)])
        assert (line.label == "peak") == (minute in held), start
        assert before in (None, line.label) or minute % 1440 * 60 in changes
        before = line.label


@given(rules(), rules())
def test_two_labels_are_refused_exactly_when_some_minute_has_both(
    peak: list[dict[str, Any]], night: list[dict[str, Any]]
) -> None:
    both = set().union(*map(_minutes, peak)) & set().union(*map(_minutes, night))
    options = {"rates": {"day": 1, "peak": 2, "night": 3}, "peak": peak, "night": night}
    with pytest.raises(ValidationError, match="both hold on") if both else nullcontext():
        TimeOfUse.Options.model_validate(options)


@st.composite
def blocks(draw: st.DrawFn) -> list[dict[str, Any]]:
    ends = sorted(draw(st.sets(st.integers(1, 10**10), max_size=4)))
    return [
        *({"up_to_kwh": Decimal(end) / KWH, "rate": draw(rates)} for end in ends),
        {"rate": draw(rates)},
    ]


def _cost_of(total: int, blocks: list[dict[str, Any]]) -> Fraction:
    """What ``total`` mWh cost in blocks, straight from the definition."""
    cost, below = Fraction(0), 0
    for block in blocks:
        end = int(block["up_to_kwh"] * KWH) if "up_to_kwh" in block else None
        top = total if end is None else min(total, end)
        if top > below or below == 0:
            cost += (top - below) * Fraction(block["rate"]) / KWH
        if end is None or total <= end:
            return cost
        below = end
    raise AssertionError("the last block has no end")


@given(blocks(), st.lists(st.integers(-(10**10), 10**10), max_size=20))
def test_a_tiered_bill_costs_what_its_net_energy_costs(blocks: list[dict[str, Any]], used: list[int]) -> None:
    priced = Tiered(Tiered.Options.model_validate({"blocks": blocks}))
    lines = priced.lines(windows(used))
    assert cost(lines) == _cost_of(sum(used), blocks)
    assert sum(line.energy for line in lines) == sum(used)
    assert {index for line in lines for index in line.windows} == set(range(len(used)))


@given(blocks(), st.lists(st.integers(0, 10**10), max_size=20))
def test_no_block_gets_more_than_it_holds_and_none_is_skipped(blocks: list[dict[str, Any]], used: list[int]) -> None:
    priced = Tiered(Tiered.Options.model_validate({"blocks": blocks}))
    lines = [line for line in priced.lines(windows(used)) if line.energy]
    ends = [int(block["up_to_kwh"] * KWH) for block in blocks if "up_to_kwh" in block]
    sizes = [end - start for start, end in zip([0, *ends], ends, strict=False)]
    for line, size in zip(lines[:-1], sizes, strict=False):
        assert line.energy == size
    if lines and len(lines) <= len(sizes):
        assert 0 < lines[-1].energy <= sizes[len(lines) - 1]
