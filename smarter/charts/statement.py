"""A bill line by line with its rates, as a table; ``cli`` prints it, the app shows it."""

from __future__ import annotations

from decimal import Decimal

from rich.table import Table
from rich.text import Text

from smarter.charts.marks import kwh, quiet_table, status
from smarter.model.bills import Bill
from smarter.model.results import ERASED


def bill_table(bill: Bill) -> Table:
    """Its lines; their amounts are exact, the bill's is rounded once."""
    amounts = [line.amount.normalize() for line in bill.lines]
    places = max([2, *(-int(amount.as_tuple().exponent) for amount in amounts)])
    table = quiet_table(footer=True)
    table.add_column("line", "exactly")
    table.add_column("windows", justify="right")
    table.add_column("kWh", kwh(bill.energy), justify="right", no_wrap=True)
    table.add_column(f"{bill.currency}/kWh", justify="right", no_wrap=True)
    table.add_column(bill.currency, f"{sum(amounts, Decimal(0)):,.{places}f}", justify="right", no_wrap=True)
    for line, amount in zip(bill.lines, amounts, strict=True):
        table.add_row(
            Text(line.label), f"{len(line.windows):,}", kwh(line.energy), f"{line.rate}", f"{amount:,.{places}f}"
        )
    return table


def to_pay(bill: Bill) -> Text:
    """What it comes to, and whether all windows of it were there; or why there is nothing to pay."""
    if bill.amount is None:
        erased = "with its windows, and no total of it was kept"
        released = "no window of it was released, so there is nothing to bill"
        return status(bill.status, erased if bill.status == ERASED else released)
    said = [Text("to pay"), Text(f"{bill.amount:,} {bill.currency}", style="bold"), status(bill.status)]
    if not bill.lines:
        said.append(Text("its windows were erased: the total alone is kept", style="dim"))
    return Text("  ").join(said)
