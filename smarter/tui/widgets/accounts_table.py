"""The table of all meters' bills: sorted by a column, filtered by words; filled row by row while keys are answered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from smarter.charts.marks import NONE, kwh, measured, status
from smarter.keys.naming import short
from smarter.model.bills import Account


@dataclass(frozen=True)
class Column:
    """What can be sorted by: ``key`` is None for what has no value, which comes last in any order."""

    name: str
    key: Callable[[Account], Any]
    descends: bool


COLUMNS = {
    "meter": Column("meter", lambda account: account.meter, False),
    "neighbourhood": Column("neighbourhood", lambda account: account.neighbourhood, False),
    "energy": Column("kWh", lambda account: account.energy, True),
    "amount": Column("amount", lambda account: account.amount, True),
    "measured": Column("measured, %", lambda account: account.share, False),
}
"""``status`` is a column too, and is ordered as ``measured`` is."""
BATCH = 60
"""Rows that are put in between two keys: Textual measures each of their cells."""


@dataclass(frozen=True)
class Order:
    """By which of :data:`COLUMNS`, and whether the largest comes first."""

    column: str = "meter"
    descends: bool = False

    def next(self, columns: Sequence[str]) -> Order:
        """By the next of ``columns``, in the direction that says most."""
        return Order.by(columns[(columns.index(self.column) + 1) % len(columns)] if self.column in columns else "meter")

    @classmethod
    def by(cls, column: str) -> Order:
        """By a column, in the direction that says most."""
        return cls(column, COLUMNS[column].descends)

    def turned_to(self, column: str) -> Order:
        """By a column; by the same, in the other direction."""
        return Order(column, not self.descends) if column == self.column else Order.by(column)


def arranged(accounts: Iterable[Account], order: Order, words: str = "") -> list[Account]:
    """Those in which all words occur (pseudonym, neighbourhood, status), in order; equals by pseudonym."""
    wanted = words.lower().split()
    kept = [
        account
        for account in accounts
        if all(word in f"{account.meter} {account.neighbourhood} {account.status}".lower() for word in wanted)
    ]
    kept.sort(key=lambda account: account.meter)
    key = COLUMNS[order.column].key
    valued = [account for account in kept if key(account) is not None]
    valued.sort(key=key, reverse=order.descends)
    return valued + [account for account in kept if key(account) is None]


class AccountsTable(DataTable[Text], inherit_bindings=False):
    """A row a meter. What is to be seen first is there at once, the rest a moment later."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Open", id="bills.open"),
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
        Binding("home", "scroll_top", show=False),
        Binding("end", "scroll_bottom", show=False),
    ]
    DEFAULT_CSS = """
    AccountsTable { background: $background; scrollbar-size: 1 1; height: 1fr; }
    AccountsTable:focus { background-tint: $background 0%; }
    """

    def __init__(self) -> None:
        super().__init__(id="accounts", cursor_type="row", cell_padding=1)
        self.accounts: list[Account] = []
        self._columns: tuple[str, ...] = ()
        self._as: tuple[Order, bool] | None = None
        self._sought: str | None = None

    @property
    def sortable(self) -> Sequence[str]:
        """The columns that are there, but for the status."""
        return self._columns

    @property
    def chosen(self) -> Account | None:
        """The one under the cursor."""
        return self.accounts[self.cursor_row] if self.cursor_row < len(self.accounts) else None

    def show(self, accounts: list[Account], order: Order, *, several: bool) -> None:
        """Show these, as they are ordered; ``several``: with their neighbourhoods. The cursor stays on its meter."""
        before, had = self.chosen, len(self.accounts)
        more = self._as == (order, several) and 0 < had <= len(accounts) and accounts[:had] == self.accounts
        self.accounts, self._as = accounts, (order, several)
        if more:  # as records are being opened
            self._fill(accounts)
            return
        self._columns = tuple(name for name in COLUMNS if several or name != "neighbourhood")
        currency = accounts[0].currency if accounts else COLUMNS["amount"].name
        self.clear(columns=True)
        for name in self._columns:
            left = name in ("meter", "neighbourhood")
            title = currency if name == "amount" else COLUMNS[name].name
            if name == order.column:
                title = f"{title} {'▼' if order.descends else '▲'}"
            width = max(len(title), {"meter": 9, "measured": 13}.get(name, 12))
            self.add_column(Text(title, justify="left" if left else "right"), width=width, key=name)
        self.add_column("status", width=12, key="status")
        self._sought = before.meter if before is not None else None
        self._fill(accounts)

    def seek(self, place: int) -> None:
        """Put the cursor on a row, as soon as it is there."""
        self._sought = self.accounts[place].meter if place < len(self.accounts) else None
        self._seek(0)

    def _fill(self, accounts: list[Account]) -> None:
        """Put the next rows of these in, unless others are shown by now."""
        if accounts is not self.accounts:
            return
        first = self.row_count
        for account in accounts[first : first + BATCH]:
            self.add_row(*self._cells(account))
        self._seek(first)
        if self.row_count < len(accounts):
            self.call_later(self._fill, accounts)

    def _seek(self, first: int) -> None:
        for place in range(first, self.row_count):
            if self.accounts[place].meter == self._sought:
                self._sought = None
                self.move_cursor(row=place, animate=False)

    def _cells(self, account: Account) -> Iterable[Text]:
        share = measured(account.readings, account.expected)
        share.justify = "right"
        amount = NONE if account.amount is None else f"{account.amount:,}"
        yield Text(short(account.meter))
        if "neighbourhood" in self._columns:
            yield Text(account.neighbourhood, overflow="ellipsis", no_wrap=True)
        yield Text(kwh(account.energy), justify="right")
        yield Text(amount, justify="right")
        yield share
        yield status(account.status)
