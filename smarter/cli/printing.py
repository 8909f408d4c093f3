"""What commands print of a finished run: tables and charts, on standard output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from smarter.cli.terminal import make_console, write_styled
from smarter.model.bills import Bill
from smarter.model.results import DemandFigures, Result, WindowRow, WindowRows
from smarter.protocols.report import Report

if TYPE_CHECKING:
    from rich.console import Console

CHART_HEIGHT = 16
PIPED_WIDTH = 100


def console() -> Console:
    """Standard output for people: as wide as the terminal, or of a fixed width where it is piped; NO_COLOR: plain."""
    width = None if sys.stdout.isatty() else PIPED_WIDTH
    return make_console(width=width, plain=bool(os.environ.get("NO_COLOR")))


def colourful(out: Console) -> bool:
    """Whether charts may use colour: on a terminal, and not under NO_COLOR."""
    return out.is_terminal and not out.no_color


def print_run(report: Report, result: Result) -> None:
    """Bills, demand, and who saw what."""
    from smarter.cli import show

    out = console()
    show.bills_table(out, _all_bills(report), _zones(report))
    for figures in result.demand:
        print_demand(out, report, figures.neighbourhood, figures=figures)
    show.views_table(out, result.views)
    show.refusals(out, result.refusals)
    show.stages_line(out, result)


def print_demand(
    out: Console, report: Report, neighbourhood: str, *, figures: DemandFigures | None = None, windows: bool = False
) -> None:
    """A neighbourhood's chart, figures (unless they are at hand) and days; its single windows if asked for."""
    rows = WindowRows(report.demand(neighbourhood))
    print_demand_rows(out, rows, figures or report.figures(neighbourhood, rows), windows=windows)


def print_demand_rows(out: Console, rows: WindowRows, figures: DemandFigures, *, windows: bool = False) -> None:
    """The same, from its windows."""
    from smarter import charts
    from smarter.cli import show

    timezone = figures.timezone
    out.print()
    print_chart(charts.demand_chart(rows, timezone, width=out.width, height=CHART_HEIGHT, colour=colourful(out)))
    show.demand_table(out, figures)
    if windows:
        show.windows_table(out, rows, timezone)


def print_bills(out: Console, report: Report) -> None:
    """All bills, as table and bars."""
    print_listed_bills(out, _all_bills(report), _zones(report))


def print_listed_bills(out: Console, bills: Sequence[Bill], zones: Mapping[str, str]) -> None:
    """The same, of these; ``zones``: each meter's time zone."""
    from smarter import charts
    from smarter.cli import show

    show.bills_table(out, bills, zones, full=True)
    print_chart(charts.bills_chart(bills, width=out.width, height=CHART_HEIGHT, colour=colourful(out)))


def print_bill(out: Console, bills: Sequence[Bill], rows: Sequence[WindowRow], timezone: str) -> None:
    """One household: its windows as chart and table, its bills line by line."""
    from smarter.cli import show

    print_household_chart(out, rows, timezone)
    show.windows_table(out, rows, timezone)
    for bill in bills:
        show.bill_lines(out, bill)


def print_household_chart(out: Console, rows: Sequence[WindowRow], timezone: str) -> None:
    """One household's windows."""
    from smarter import charts

    print_chart(charts.household_chart(rows, timezone, width=out.width, height=CHART_HEIGHT, colour=colourful(out)))


def print_own_chart(out: Console, rows: Sequence[WindowRow], fine: bool, timezone: str) -> None:
    """One household's own use: mean power where it is ``fine``, energy otherwise."""
    from smarter.charts.own_use import own_chart

    print_chart(own_chart(rows, timezone, fine=fine, width=out.width, height=CHART_HEIGHT, colour=colourful(out)))


def print_chart(chart: str) -> None:
    """A chart with its own colours."""
    write_styled(chart.rstrip("\n") + "\n")


def _all_bills(report: Report) -> list[Bill]:
    return [bill for pseudonym, zone, rows in report.billing() for bill in report.bills(pseudonym, zone, rows)]


def _zones(report: Report) -> dict[str, str]:
    return {pseudonym: report.timezone(name) for pseudonym, name in report.households}
