"""Bills under two tariffs, and who is an operator, as tables that the command line and the app share."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from rich.table import Table
from rich.text import Text

from smarter.charts.marks import NONE, kwh, quiet_table
from smarter.keys.naming import short
from smarter.protocols.operator_desk import SeenMeter
from smarter.protocols.rerating import Rerating
from smarter.protocols.roster import Listed


def operators_table(listed: Sequence[Listed]) -> Table:
    """Everybody with role and standing."""
    table = quiet_table()
    for title in ("operator", "role", "standing"):
        table.add_column(title, no_wrap=title != "operator")
    for each in listed:
        table.add_row(each.name, str(each.role), each.standing)
    return table


def meters_table(meters: Sequence[SeenMeter]) -> Table:
    """Every meter by its whole pseudonym."""
    table = quiet_table()
    for title in ("meter", "neighbourhood", "timezone"):
        table.add_column(title, no_wrap=True)
    for each in meters:
        table.add_row(each.meter, each.neighbourhood, each.timezone)
    return table


def rerating_table(rerating: Rerating) -> Table:
    """A row a household: what it pays, what it would pay, the difference; and the sums of those compared."""
    compared = rerating.compared
    table = quiet_table(footer=True)
    table.add_column("meter", f"{len(compared):,} meters", no_wrap=True)
    energy = sum(each.before.energy or 0 for each in compared)
    for title, total in (
        ("kWh", kwh(energy)),
        (f"now, {rerating.currency}", f"{rerating.before:,}"),
        ("then", f"{rerating.after:,}"),
        ("difference", signed(rerating.after - rerating.before)),
    ):
        table.add_column(title, total, justify="right", no_wrap=True)
    for each in rerating.households:
        before, after = each.before, each.after
        table.add_row(
            short(before.meter),
            kwh(before.energy),
            NONE if before.amount is None else f"{before.amount:,}",
            NONE if each.difference is None else f"{after.amount:,}",
            NONE if each.difference is None else signed(each.difference),
        )
    return table


def left_out(rerating: Rerating) -> Text | None:
    """A sentence on the households that are not compared, if there are some."""
    count = len(rerating.households) - len(rerating.compared)
    if not count:
        return None
    return Text(f"{count:,} of {len(rerating.households):,} meters have no bill that can be made again.")


def signed(amount: Decimal) -> str:
    """A difference with its sign."""
    return f"{amount:+,}" if amount else f"{amount:,}"
