"""Billing periods: where they begin is where a bill begins, on any clock and for any span."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smarter.model.bills import Bill
from smarter.model.periods import period_edges, period_of
from smarter.model.results import ERASED, WindowRow
from smarter.model.windows import WindowGrid, cut
from smarter.parties.mdms import bills_of
from smarter.registry import registry

HOUR, DAY = 3600, 86_400
CLOCKS = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC")


@st.composite
def grids(draw: Any) -> WindowGrid:
    clock = draw(st.sampled_from(CLOCKS))
    start = draw(st.integers(1_262_304_000, 1_577_836_800))
    length = draw(st.sampled_from((HOUR, 3 * HOUR, 12 * HOUR, DAY)))
    return cut(clock, length, start, start + draw(st.integers(1, 80 * DAY)))


def rows_of(grid: WindowGrid, statuses: list[str] | None = None) -> list[WindowRow]:
    spans = zip(grid.starts.tolist(), grid.ends.tolist(), statuses or ["complete"] * len(grid), strict=True)
    return [
        WindowRow("billing", "a", start, end, 1, 1, 1, None if status == ERASED else 1_000, status, "")
        for start, end, status in spans
    ]


def tariff(period: str) -> Any:
    plugin = registry().get("tariff", "flat")
    return plugin(plugin.Options(rate="0.25", period=period))


@given(grids(), st.sampled_from(("month", "week", "run")))
def test_a_bill_begins_where_a_period_does(grid: WindowGrid, period: Any) -> None:
    bills = list(bills_of(rows_of(grid), tariff(period), grid.timezone))
    assert [bill.start for bill in bills] == [int(grid.edges[0]), *period_edges(grid, period)]
    assert sum(bill.energy or 0 for bill in bills) == 1_000 * len(grid)


@given(grids(), st.sampled_from(("month", "week")), st.integers(1, 40))
def test_a_later_end_changes_no_period(grid: WindowGrid, period: Any, days: int) -> None:
    longer = cut(grid.timezone, grid.length, int(grid.edges[0]), int(grid.edges[-1]) + days * DAY)
    edges = period_edges(grid, period)
    assert period_edges(longer, period)[: len(edges)] == edges
    names = [period_of(start, grid.timezone, period) for start in grid.starts.tolist()]
    assert names == sorted(names)


@given(grids(), st.sampled_from(("month", "week", "run")), st.data())
def test_a_kept_bill_stands_in_for_its_windows_and_for_no_others(grid: WindowGrid, period: Any, data: Any) -> None:
    erased = data.draw(st.integers(0, len(grid)), label="erased")
    before = list(bills_of(rows_of(grid)[:erased], tariff(period), grid.timezone))
    kept = [Bill(b.meter, b.start, b.end, b.energy, b.currency, b.amount, b.status, ()) for b in before]
    statuses = [ERASED] * erased + ["complete"] * (len(grid) - erased)
    bills = list(bills_of(rows_of(grid, statuses), tariff(period), grid.timezone, kept))
    assert bills[: len(kept)] == kept
    assert sum(bill.energy or 0 for bill in bills) == 1_000 * len(grid)
    assert {bill.status for bill in bills} == {"complete"}
    assert bills[-1].end == int(np.max(grid.ends))


@given(grids())
def test_where_no_total_was_kept_a_bill_is_erased_and_not_free(grid: WindowGrid) -> None:
    for bill in bills_of(rows_of(grid, [ERASED] * len(grid)), tariff("month"), grid.timezone):
        assert (bill.energy, bill.amount, bill.status) == (None, None, "erased")
