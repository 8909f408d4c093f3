"""A customer's own energy with its cost and figures, and their bills beside what their readings come to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from rich.console import Console

from smarter.charts.marks import NONE, heading, kwh, measured, moment, quiet_table, span
from smarter.charts.own_use import bill_words, figure_lines
from smarter.parties.customer import Comparison, Usage
from smarter.protocols.bill_check import BillCheck
from smarter.protocols.own_use import OwnUse


def own_figures(console: Console, usage: Usage, compared: Comparison | None, timezone: str) -> None:
    """Energy, base load and peak, and how the time before was."""
    heading(console, "Your own readings", f"{span(usage.start, usage.end, timezone)}, {timezone}")
    console.print()
    for line in figure_lines(usage, compared, timezone):
        console.print(line)


def own_table(
    console: Console,
    uses: Sequence[OwnUse],
    by: Literal["minute", "hour", "day", "month"],
    currency: str,
    timezone: str,
) -> None:
    """One row a minute, hour, day or month."""
    energy = sum(use.window.energy or 0 for use in uses)
    cost = sum((use.cost for use in uses if use.cost is not None), Decimal(0))
    readings, expected = (sum(getattr(use.window, name) for use in uses) for name in ("readings", "expected"))
    table = quiet_table(footer=True)
    table.add_column(by, "all", no_wrap=True)
    table.add_column("kWh", kwh(energy), justify="right", no_wrap=True)
    table.add_column(currency, f"{cost:,.4f}", justify="right", no_wrap=True)
    table.add_column("measured, %", measured(readings, expected), justify="right", no_wrap=True)
    for use in uses:
        row = use.window
        at = moment(row.start, timezone)
        table.add_row(
            {"day": at[:10], "month": at[:7]}.get(by, at),
            kwh(row.energy),
            NONE if use.cost is None else f"{use.cost:,.4f}",
            measured(row.readings, row.expected),
        )
    console.print()
    console.print(table)


def bill_checks(console: Console, checks: Sequence[BillCheck], timezone: str) -> None:
    """One row a bill, and beneath it the windows that differ."""
    heading(console, "Your bills", "beside what your own readings come to")
    for words in bill_words(checks, timezone):
        console.print(words)
