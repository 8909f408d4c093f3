"""One meter: its windows as a chart, and its bills line by line with the tariff's rates."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from smarter.charts import household_chart
from smarter.charts.marks import span
from smarter.charts.statement import bill_table, to_pay
from smarter.model.bills import Account
from smarter.model.results import WindowRow
from smarter.tui.widgets.scrolled import Scrolled
from smarter.tui.widgets.time_chart import TimeChart

WIDTH = 80
"""Columns of the bills as text."""


class BillDetail(Vertical):
    """The chart over the bills, or beside them where the page is wide."""

    DEFAULT_CSS = """
    BillDetail #whose { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    BillDetail #windows { width: 100%; height: 1fr; padding: 0 1; }
    BillDetail #bills { height: auto; max-height: 50%; padding: 0 1; scrollbar-size: 1 1; }
    BillDetail #lines { height: auto; }
    BillDetail #both { layout: vertical; height: 1fr; }
    BillDetail.wide #both { layout: horizontal; }
    BillDetail.wide #windows { width: 1fr; }
    BillDetail.wide #bills { width: 64; height: 1fr; max-height: 100%; }
    """

    def __init__(self) -> None:
        super().__init__(id="one")
        self.account: Account | None = None
        self.rows: Sequence[WindowRow] = ()

    def compose(self) -> ComposeResult:
        """Whose; chart and bills."""
        yield Static(id="whose")
        with Horizontal(id="both"):
            yield TimeChart(household_chart, id="windows")
            with Scrolled(id="bills"):
                yield Static(id="lines")

    def show(self, account: Account) -> None:
        """Show a meter's bills; its windows come later."""
        self.account, self.rows = account, ()
        heading = Text.assemble("Meter ", (account.meter, "bold"), no_wrap=True, overflow="ellipsis")
        heading.append(f"  {account.neighbourhood}, {account.timezone}", style="dim")
        self.query_one("#whose", Static).update(heading)
        self.query_one("#lines", Static).update(_bills(account))
        self.query_one("#bills").scroll_home(animate=False)
        self.query_one(TimeChart).clear("Opening the windows …")

    def show_windows(self, rows: Sequence[WindowRow]) -> None:
        """Show the meter's windows."""
        self.rows = rows
        if self.account is not None and rows:
            # Another reading of the records is another chart: windows may have been erased.
            self.query_one(TimeChart).show_rows(object(), rows, self.account.timezone)

    def forget(self) -> None:
        """Keep nothing of what was shown."""
        self.account, self.rows = None, ()
        for name in ("#whose", "#lines"):
            self.query_one(name, Static).update("")
        self.query_one(TimeChart).forget()

    @property
    def text(self) -> str:
        """The bills as text."""
        if self.account is None:
            return ""
        console = Console(width=WIDTH, file=io.StringIO(), record=True, color_system=None)
        console.print(f"Meter {self.account.meter}", _bills(self.account), sep="\n\n")
        return console.export_text()


def _bills(account: Account) -> RenderableType:
    return Group(*_parts(account))


def _parts(account: Account) -> Iterator[RenderableType]:
    for place, bill in enumerate(account.bills):
        if place:
            yield Text()
        yield Text(span(bill.start, bill.end, account.timezone), style="bold")
        if bill.lines:
            yield bill_table(bill)
        yield to_pay(bill)
