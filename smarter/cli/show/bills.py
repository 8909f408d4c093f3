"""Bills for ``smarter run`` and ``smarter bills``: all of them as a table, or one line by line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from rich.console import Console

from smarter.charts.marks import NONE, heading, kwh, quiet_table, span, status
from smarter.charts.statement import bill_table, to_pay
from smarter.keys.naming import short
from smarter.model.bills import Bill


def bills_table(console: Console, bills: Sequence[Bill], zones: Mapping[str, str], *, full: bool = False) -> None:
    """One row a bill; ``zones`` gives each meter's time zone, ``full`` prints whole pseudonyms."""
    if not bills:
        return
    periods = [span(bill.start, bill.end, zones[bill.meter]) for bill in bills]
    currencies = sorted({bill.currency for bill in bills})
    one_period, one_currency = len(set(periods)) == 1, len(currencies) == 1
    totals: dict[str, Decimal] = {}
    for bill in bills:
        if bill.amount is not None:
            totals[bill.currency] = totals.get(bill.currency, Decimal(0)) + bill.amount
    energy = sum(bill.energy for bill in bills if bill.energy is not None)

    heading(console, "Bills", periods[0] if one_period else "")
    table = quiet_table(footer=True)
    table.add_column("meter", f"{len({bill.meter for bill in bills}):,} meters", no_wrap=True)
    if not one_period:
        table.add_column("period", min_width=10)
    table.add_column("kWh", kwh(energy), justify="right", no_wrap=True)
    sums = [f"{total:,}" if one_currency else f"{total:,} {code}" for code, total in sorted(totals.items())]
    table.add_column(
        currencies[0] if one_currency else "amount", "\n".join(sums) or NONE, justify="right", no_wrap=True
    )
    table.add_column("status")
    for bill, period in zip(bills, periods, strict=True):
        amount = NONE if bill.amount is None else f"{bill.amount:,}"
        table.add_row(
            bill.meter if full else short(bill.meter),
            *([] if one_period else [period]),
            kwh(bill.energy),
            amount if one_currency or bill.amount is None else f"{amount} {bill.currency}",
            status(bill.status),
        )
    console.print(table)


def bill_lines(console: Console, bill: Bill) -> None:
    """One bill with its rates; the lines' amounts are exact, the bill's is rounded once."""
    heading(console, f"Bill of meter {short(bill.meter)}")
    if bill.lines:
        console.print(bill_table(bill))
    console.print(to_pay(bill))
