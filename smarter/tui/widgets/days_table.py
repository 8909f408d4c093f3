"""The table of a neighbourhood's days; a day that is chosen is what the chart beside it shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import DataTable

from smarter.charts.marks import kwh, measured
from smarter.model.clock import zone
from smarter.model.results import WindowRow

WIDTHS = {"day": 14, "kWh": 12, "measured, %": 11}


class DaysTable(DataTable[Text], inherit_bindings=False):
    """A row a day. Left and right stay with the page, which pans the chart with them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Show day", show=False, id="demand.day"),
        Binding("up", "cursor_up", show=False),
        Binding("down", "cursor_down", show=False),
        Binding("pageup", "page_up", show=False),
        Binding("pagedown", "page_down", show=False),
    ]
    DEFAULT_CSS = """
    DaysTable { background: $background; scrollbar-size: 1 1; width: 46; height: 1fr; }
    DaysTable:focus { background-tint: $background 0%; }
    """

    def __init__(self) -> None:
        super().__init__(id="days", cursor_type="row", cell_padding=1)

    def on_mount(self) -> None:
        """Its columns stay."""
        for name, width in WIDTHS.items():
            self.add_column(Text(name, justify="left" if name == "day" else "right"), width=width)

    def show(self, days: Sequence[WindowRow], timezone: str) -> None:
        """Show other days."""
        self.clear()
        for day in days:
            share = measured(day.readings, day.expected)
            share.justify = "right"
            self.add_row(
                Text(f"{datetime.fromtimestamp(day.start, zone(timezone)):%a %Y-%m-%d}"),
                Text(kwh(day.energy), justify="right"),
                share,
            )
