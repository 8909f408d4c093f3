"""A customer's own use and bills in words and tables; ``cli`` prints them, the app shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import COLOURS, MARKS, NONE, kwh, marked, moment, quiet_table, span
from smarter.charts.windows import OWN, demand_chart, household_chart
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import WindowRow
from smarter.parties.customer import Comparison, OwnReadings, Usage
from smarter.protocols.bill_check import BillCheck

MOST_DIFFERENCES = 20
"""Shown of one bill; the rest is counted."""


def own_chart(rows: Sequence[WindowRow], timezone: str, *, fine: bool, width: int, height: int, colour: bool) -> str:
    """One household's own use: mean power where it is ``fine``, energy otherwise."""
    chart = demand_chart if fine else household_chart
    return chart(rows, timezone, width=width, height=height, colour=colour, tint=OWN)


def figure_lines(usage: Usage, compared: Comparison | None, timezone: str) -> Iterator[Text]:
    """Energy, import and export, base load and peak, and how the time before was, a line each."""
    yield marked("clear", f"{kwh(usage.energy)} kWh, {usage.mean_kw:,.3f} kW on average")
    if usage.exported:
        yield Text(f"  import {kwh(usage.imported)} kWh, export {kwh(usage.exported)} kWh")
    if usage.base_kw is None:
        yield Text(f"  base load {NONE}: no base load can be read from a span with export")
    else:
        yield Text(f"  base load {usage.base_kw:,.3f} kW: a twentieth of the readings are below it")
    if usage.peak_kw is not None and usage.peak_start is not None:
        yield Text(f"  peak {usage.peak_kw:,.3f} kW on {moment(usage.peak_start, timezone)}")
    if usage.export_peak_kw is not None and usage.export_peak_start is not None:
        yield Text(f"  export peak {usage.export_peak_kw:,.3f} kW on {moment(usage.export_peak_start, timezone)}")
    if compared is None:
        yield Text("  there is no reading of the same time before to compare with", style="dim")
        return
    before = f"{compared.before.mean_kw:,.3f} kW on average, {span(compared.before.start, usage.start, timezone)}"
    yield Text(f"  {change(compared)}{' against ' if compared.change is not None else ''}{before}")


def nothing_to_open(erased: int | None, timezone: str) -> str:
    """Why a meter keeps no reading that its customer can open; ``erased``: when they were, epoch seconds."""
    if erased is None:
        return "your minutes can be read from your meter's next key epoch on: run again."
    return (
        f"your readings were erased on {moment(erased, timezone)}, and nothing has been measured since; the totals of "
        "your bills are still with the MDMS."
    )


def change(compared: Comparison) -> str:
    """How much more or less power than before, in percent; empty where that cannot be told."""
    return "" if compared.change is None else f"{compared.change:+.1%}"


def live_line(own: OwnReadings, count: int) -> Text:
    """The newest reading as power, and how many have come so far."""
    kilowatts = int(own.energies[-1]) * 3600 / own.axis.interval / MWH_PER_KWH
    at = moment(int(own.axis.start_of(own.slots[-1])), own.timezone)
    return Text.assemble(
        marked("clear", f"{at}  {kilowatts:,.3f} kW"), (f"  {count:,} readings so far, {own.timezone}", "dim")
    )


def checks_table(checks: Sequence[BillCheck], timezone: str) -> Table:
    """One row a bill: what is billed, what own readings come to, and whether that is the same."""
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
            verdict(check),
        )
    return table


def bill_words(checks: Sequence[BillCheck], timezone: str) -> Iterator[RenderableType]:
    """The table of bills, and beneath it the windows of each that differ, and why."""
    yield checks_table(checks, timezone)
    for check in checks:
        if check.differences:
            yield Text()
            yield Text.assemble(("Differs", "bold"), (f"  {span(check.bill.start, check.bill.end, timezone)}", "dim"))
            yield differences_table(check, timezone)
            if (more := len(check.differences) - MOST_DIFFERENCES) > 0:
                yield Text(f"and {more:,} more; `smarter customer check-bill --json` has them all")


def verdict(check: BillCheck) -> Text:
    """Whether a bill is right, or by how much it is not, or why that cannot be told."""
    if check.matches:
        return Text(f"{MARKS['sum']} right to the cent", COLOURS["sum"])
    if check.withheld:
        return Text(f"{check.withheld:,} windows are from before you may read: not shown")
    if check.unseen:
        return Text(f"{check.unseen:,} windows have frames that are not kept any more, or do not verify")
    excess = check.excess
    by = "" if not excess else f", {abs(excess):,} {check.bill.currency} too {'much' if excess > 0 else 'little'}"
    return marked("refused", f"differs{by}")


def differences_table(check: BillCheck, timezone: str) -> Table:
    """The windows of a bill that are not billed as they were measured, the first of them, and why."""
    table = quiet_table()
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
    return table


def _money(amount: Decimal | None, currency: str) -> str:
    return NONE if amount is None else f"{amount:,} {currency}"
