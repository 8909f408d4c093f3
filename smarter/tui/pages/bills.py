"""Page 5, bills: all meters by pseudonym with energy, amount and completeness; and one of them, line by line."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import DataTable, Input, Static

from smarter.errors import SmarterError
from smarter.export.files import BILLING, BILLS, bill_lines, billing_lines, csv_text
from smarter.keys.naming import SHORT_DIGITS
from smarter.model.bills import Account
from smarter.model.results import WindowRow
from smarter.protocols.report import Report
from smarter.tui.page import Exported
from smarter.tui.pages.reported import ReportPage
from smarter.tui.widgets.bill_detail import BillDetail
from smarter.tui.widgets.bill_list import BillList
from smarter.tui.widgets.time_chart import TimeChart

WIDE = 116
"""Columns from which bars have room beside the table, and a bill beside its windows."""
BATCH = 100
"""Meters that are shown at once while records are being opened."""
BESIDE = Binding.Group("Meter", compact=True)


class BillsPage(ReportPage):
    """The list, or one meter."""

    NAME = "bills"
    WHAT = "bills are shown"
    HELP = (
        "What each meter is billed, by pseudonym: whose meter it is, the MDMS does not know. A bill is of released "
        "windows alone; where readings were missing, the share that was measured is hollow ○. Enter opens one meter: "
        "its windows, and its bill line by line with the tariff's rates. A click on a heading sorts, another one turns."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort", "Sort", id="bills.sort"),
        Binding("slash", "filter", "Filter", key_display="/", id="bills.filter"),
        Binding("p", "beside(-1)", "Previous meter", group=BESIDE, id="bills.previous"),
        Binding("n", "beside(1)", "Next meter", group=BESIDE, id="bills.next"),
        Binding("escape", "back", "Back", id="bills.back"),
    ]
    DEFAULT_CSS = """
    BillsPage BillDetail, BillsPage.one BillList { display: none; }
    BillsPage.one BillDetail { display: block; }
    """

    class Windows(Message):
        """One meter's windows have been read, or could not be."""

        def __init__(self, account: Account, read: Sequence[WindowRow] | Exception) -> None:
            super().__init__()
            self.account, self.read = account, read

    def __init__(self) -> None:
        super().__init__()
        self._wanted: Account | None = None
        self._reading = False

    def compose_page(self) -> ComposeResult:
        """The list, the one that is opened, or why there is nothing."""
        with Vertical(id="something"):
            yield BillList()
            yield BillDetail()
        yield Static(id="nothing", classes="empty", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        """Beside each other where there is room."""
        for part in (self._list, self._detail):
            part.set_class(event.size.width >= WIDE, "wide")

    @property
    def _list(self) -> BillList:
        """All meters."""
        return self.query_one(BillList)

    @property
    def _detail(self) -> BillDetail:
        """One of them."""
        return self.query_one(BillDetail)

    # The report.

    def read(self, report: Report) -> Iterator[Callable[[], None] | None]:
        """A hundred meters after the other."""
        yield partial(self._begin, len(report.households))
        batch: list[Account] = []
        for account in report.accounts():
            batch.append(account)
            yield None
            if len(batch) == BATCH:
                yield partial(self._take, batch)
                batch = []
        yield partial(self._take, batch)

    def _begin(self, meters: int) -> None:
        self._list.begin(meters)
        self._close()

    def _take(self, accounts: Sequence[Account]) -> None:
        self._list.add(accounts)
        if not self.reported:
            self.say_something()
            self._list.table.focus()

    # One meter.

    @property
    def charted(self) -> bool:
        """Whether one meter's windows are shown."""
        return self.reported and self.has_class("one")

    @on(DataTable.RowSelected)
    def _open_chosen(self) -> None:
        if (account := self._list.table.chosen) is None:
            return
        self.add_class("one")
        self._detail.show(account)
        self.query_one("#bills").focus()
        self.refresh_bindings()
        self._wanted = account
        self._want_windows()

    @work(thread=True)
    def _read_windows(self, account: Account) -> None:
        read: Sequence[WindowRow] | Exception
        try:
            with self.bench.report() as report:
                read = list(report.household(account.meter, account.neighbourhood))
        except (SmarterError, OSError) as error:
            read = error
        self.post_message(self.Windows(account, read))

    def on_bills_page_windows(self, message: Windows) -> None:
        """Show them, if they are still wanted."""
        self._reading = False
        if message.account is not self._wanted:
            self._want_windows()
        elif isinstance(message.read, Exception):
            self._detail.query_one(TimeChart).clear("The windows cannot be opened.")
            self.bench.say(message.read)
        else:
            self._detail.show_windows(message.read)

    def _want_windows(self) -> None:
        """Whoever leafs quickly is not kept by the meters in between."""
        if self._wanted is not None and not self._reading:
            self._reading = True
            self._read_windows(self._wanted)

    # Actions.

    def action_sort(self) -> None:
        """By the next column."""
        self._list.sort()

    def action_filter(self) -> None:
        """Ask for words to filter by."""
        self._list.ask()

    def action_beside(self, step: int) -> None:
        """Open the next or the previous meter, in the order of the list."""
        table = self._list.table
        if 0 <= table.cursor_row + step < len(table.accounts):
            table.seek(table.cursor_row + step)
            self._open_chosen()

    def action_back(self) -> None:
        """To the list, or from the filter to all."""
        if self.charted:
            self._close()
            self._list.table.focus()
        else:
            self._list.show_all()
        self.refresh_bindings()

    def _close(self) -> None:
        self._wanted = None
        self.remove_class("one")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Some actions are the list's, others one meter's."""
        if action in ("sort", "filter"):
            return self.reported and not self.charted and not isinstance(self.focused, Input)
        if action == "back":
            return self.reported and (self.charted or self._list.filtered)
        return self.charted if action == "beside" else super().check_action(action, parameters)

    # Files.

    def exported(self) -> Sequence[Exported]:
        """The bills that are listed, and their bars; or one meter's windows, their chart, and its bills."""
        if not self.reported:
            return ()
        detail, bars = self._detail, self._list.bars
        if self.charted and (account := detail.account) is not None:
            name, chart = account.meter[:SHORT_DIGITS], detail.query_one(TimeChart)
            windows = csv_text(BILLING, billing_lines(account.meter, account.timezone, detail.rows))
            return (
                Exported(f"windows-{name}.csv", windows),
                Exported(f"windows-{name}.txt", f"{chart.text}\n"),
                Exported(f"windows-{name}.svg", chart.svg(f"Meter {account.meter}")),
                Exported(f"bill-{name}.csv", _csv([account])),
                Exported(f"bill-{name}.txt", detail.text),
            )
        table = Exported("bills.csv", _csv(self._list.table.accounts))
        if not bars.text:
            return (table,)
        return table, Exported("bills.txt", f"{bars.text}\n"), Exported("bills.svg", bars.svg("Bills"))

    def copied(self) -> str:
        """The bills that are listed, or one meter's bill."""
        if not self.reported:
            return ""
        return self._detail.text if self.charted else _csv(self._list.table.accounts)


def _csv(accounts: Sequence[Account]) -> str:
    return csv_text(
        BILLS, (line for account in accounts for line in bill_lines(account.meter, account.timezone, account.bills))
    )
