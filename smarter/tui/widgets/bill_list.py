"""All meters: what they come to, the filter, the table, and bars beside it where the page is wide."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Input, Static

from smarter.charts import bills_chart
from smarter.charts.marks import kwh, span
from smarter.model.bills import Account, Bill
from smarter.tui.widgets.accounts_table import AccountsTable, Order, arranged
from smarter.tui.widgets.chart import Chart


class BillList(Vertical):
    """Meters are added as their records are opened."""

    DEFAULT_CSS = """
    BillList #heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    BillList #words { display: none; height: 1; border: none; padding: 0 1; }
    BillList #words.asked { display: block; }
    BillList AccountsTable { width: 1fr; }
    BillList #bars { display: none; width: 1fr; height: 1fr; padding: 0 1; }
    BillList.wide #bars { display: block; }
    BillList.wide AccountsTable { width: 68; }
    BillList.several.wide AccountsTable { width: 82; }
    """

    def __init__(self) -> None:
        super().__init__(id="list")
        self._all: list[Account] = []
        self._of: object = None
        self._meters = 0
        self._order = Order()

    def compose(self) -> ComposeResult:
        """Sums, filter, table, bars."""
        yield Static(id="heading")
        yield Input(placeholder="parts of a pseudonym or neighbourhood, incomplete", id="words", compact=True)
        with Horizontal():
            yield AccountsTable()
            yield Chart(id="bars")

    @property
    def table(self) -> AccountsTable:
        """The table."""
        return self.query_one(AccountsTable)

    @property
    def bars(self) -> Chart:
        """The chart beside it."""
        return self.query_one("#bars", Chart)

    @property
    def filtered(self) -> bool:
        """Whether the filter is there."""
        return self.query_one("#words").has_class("asked")

    def begin(self, meters: int) -> None:
        """Forget all; there will be so many."""
        self._all, self._meters, self._of = [], meters, object()

    def add(self, accounts: Sequence[Account]) -> None:
        """More meters have been opened."""
        self._all, self._of = [*self._all, *accounts], object()
        self._show()

    def forget(self) -> None:
        """Keep nothing of what was shown."""
        self.show_all()
        self.begin(0)
        self.add(())
        self.bars.forget()

    def sort(self) -> None:
        """By the next column, from the top."""
        self._sort(self._order.next(self.table.sortable))

    def ask(self) -> None:
        """Ask for words to filter by."""
        words = self.query_one("#words", Input)
        words.add_class("asked")
        words.focus()

    def show_all(self) -> None:
        """Without a filter."""
        words = self.query_one("#words", Input)
        words.value = ""
        words.remove_class("asked")
        self.table.focus()

    def _sort(self, order: Order) -> None:
        self._order = order
        self._show()
        self.table.seek(0)

    def _show(self) -> None:
        words = self.query_one("#words", Input).value
        shown = arranged(self._all, self._order, words)
        several = len({account.neighbourhood for account in self._all}) > 1
        self.set_class(several, "several")
        self.table.show(shown, self._order, several=several)
        self.query_one("#heading", Static).update(self._heading(shown))
        bills = [bill for account in shown for bill in account.bills]
        self.bars.show((self._of, words), partial(_bars, bills))

    def _heading(self, shown: Sequence[Account]) -> Text:
        heading = Text(no_wrap=True, overflow="ellipsis")
        of = "" if len(shown) == len(self._all) else f" of {len(self._all):,}"
        heading.append(f"{len(shown):,}{of} meters", style="bold")
        if not self._all:
            return heading
        first = self._all[0]
        energy = sum(account.energy for account in shown if account.energy is not None)
        amount = sum((account.amount for account in shown if account.amount is not None), Decimal(0))
        heading.append(f"  Σ {kwh(energy)} kWh  {amount:,} {first.currency}")
        if lacking := sum(account.readings < account.expected for account in shown):
            heading.append(f"  ○ {lacking:,} incomplete")
        if len(self._all) < self._meters:
            heading.append(f"  opening the records of {self._meters:,} …", style="dim")
        else:
            heading.append(f"  {span(first.bills[0].start, first.bills[-1].end, first.timezone)}", style="dim")
        return heading

    @on(DataTable.HeaderSelected)
    def _heading_clicked(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        name = event.column_key.value
        self._sort(self._order.turned_to("measured" if name in (None, "status") else str(name)))

    @on(Input.Changed, "#words")
    def _words_changed(self) -> None:
        self._show()
        self.screen.refresh_bindings()

    @on(Input.Submitted, "#words")
    def _words_given(self, event: Input.Submitted) -> None:
        if not event.value:
            self.query_one("#words").remove_class("asked")
        self.table.focus()


def _bars(bills: Sequence[Bill], width: int, height: int) -> str:
    return bills_chart(bills, width=width, height=height, colour=True)
