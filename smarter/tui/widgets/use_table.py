"""The table of one's own use: a row a minute, hour, day or month, with its cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from smarter.charts.marks import NONE, kwh, measured, moment
from smarter.parties.customer import By
from smarter.protocols.own_use import OwnUse

MOST = 400
"""Rows at most: whoever wants to see others zooms in."""


class UseTable(DataTable[Text], inherit_bindings=False):
    """Left, right and home stay with the page, which pans the chart with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]
    DEFAULT_CSS = """
    UseTable { background: $background; scrollbar-size: 1 1; width: 58; height: 1fr; }
    UseTable:focus { background-tint: $background 0%; }
    """

    def __init__(self) -> None:
        super().__init__(id="uses", cursor_type="row", cell_padding=1)

    def show(self, uses: Sequence[OwnUse], by: By, currency: str, timezone: str) -> None:
        """Show other rows."""
        self.clear(columns=True)
        for name, width in ((by, 16), ("kWh", 11), (currency, 11), ("measured, %", 11)):
            self.add_column(Text(name, justify="left" if name == by else "right"), width=width)
        for use in uses[:MOST]:
            row = use.window
            at = moment(row.start, timezone)
            share = measured(row.readings, row.expected)
            share.justify = "right"
            self.add_row(
                Text({"day": at[:10], "month": at[:7]}.get(by, at)),
                Text(kwh(row.energy), justify="right"),
                Text(NONE if use.cost is None else f"{use.cost:,.4f}", justify="right"),
                share,
            )
        if (more := len(uses) - MOST) > 0:
            self.add_row(Text(f"… {more:,} more", style="dim"), Text("zoom in", style="dim", justify="right"))

    def forget(self) -> None:
        """Show nothing."""
        self.clear(columns=True)
