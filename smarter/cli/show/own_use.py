"""A customer's own energy with its cost and figures, and their bills beside what their readings come to."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import COLOURS, MARKS, NONE, heading, kwh, marked, measured, moment, quiet_table, span
from smarter.parties.customer import Comparison, Usage
from smarter.protocols.bill_check import BillCheck
from smarter.protocols.customer_desk import OwnUse

MOST_DIFFERENCES = 20
"""Printed of one bill; the rest is counted."""


def own_figures(console: Console, usage: Usage, compared: Comparison | None, timezone: str) -> None:
    """Energy, base load and peak, and how the time before was."""
    heading(console, "Your own readings", f"{span(usage.start, usage.end, timezone)}, {timezone}")
    console.print()
    console.print(marked("clear", f"{kwh(usage.energy)} kWh, {usage.mean_kw:,.3f} kW on average"))
    console.print(f"  base load {usage.base_kw:,.3f} kW: a twentieth of the readings are below it")
    console.print(f"  peak {usage.peak_kw:,.3f} kW on {moment(usage.peak_start, timezone)}")
    if compared is None:
        console.print("  there is no reading of the same time before to compare with", style="dim")
        return
    before = f"{compared.before.mean_kw:,.3f} kW on average, {span(compared.before.start, usage.start, timezone)}"
    change = "" if compared.change is None else f"{compared.change:+.1%} against "
    console.print(f"  {change}{before}")


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
    table = quiet_table()
    table.add_column("period", min_width=10)
    for name in ("billed kWh", "own kWh", "billed", "own"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("")
    for check in checks:
        bill, own = check.bill, check.own
        table.add_row(
            span(bill.start, bill.end, timezone),
            kwh(bill.energy),
            kwh(own.energy if own else None),
            _money(bill.amount, bill.currency),
            _money(own.amount if own else None, bill.currency),
            _verdict(check),
        )
    console.print(table)
    for check in checks:
        if check.differences:
            _print_differences(console, check, timezone)


def _money(amount: Decimal | None, currency: str) -> str:
    return NONE if amount is None else f"{amount:,} {currency}"


def _verdict(check: BillCheck) -> Text:
    if check.matches:
        return Text(f"{MARKS['sum']} right to the cent", COLOURS["sum"])
    if check.withheld:
        return Text(f"{check.withheld:,} windows are from before you: not shown")
    if check.unseen:
        return Text(f"{check.unseen:,} windows have frames that are not kept any more, or do not verify")
    excess = check.excess
    by = "" if not excess else f", {abs(excess):,} {check.bill.currency} too {'much' if excess > 0 else 'little'}"
    return marked("refused", f"differs{by}")


def _print_differences(console: Console, check: BillCheck, timezone: str) -> None:
    heading(console, "Differs", span(check.bill.start, check.bill.end, timezone))
    table: Table = quiet_table()
    table.add_column("window", no_wrap=True)
    for name in ("billed mWh", "own mWh", "difference"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("why")
    for each in check.differences[:MOST_DIFFERENCES]:
        table.add_row(
            span(each.start, each.end, timezone),
            *(NONE if energy is None else f"{energy:,}" for energy in (each.billed, each.own)),
            f"{(each.billed or 0) - (each.own or 0):+,}",
            each.why,
        )
    console.print(table)
    if (more := len(check.differences) - MOST_DIFFERENCES) > 0:
        console.print(f"and {more:,} more; --json has them all")
