"""The pages by number, and the bar above each page that leads to them.

``app`` makes a mode of each; a page's module is imported when it is first shown.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.style import Style
from rich.text import Text
from textual import events
from textual.widgets import Static

if TYPE_CHECKING:
    from smarter.tui.page import Page


@dataclass(frozen=True)
class Tab:
    """A page as the bar of tabs knows it.

    Attributes:
        key: the number that leads to it.
        name: of the mode, lower case.
        title: what the tab says.
        path: module and class, imported when the page is first shown.
    """

    key: str
    name: str
    title: str
    path: str

    def page(self) -> type[Page]:
        """The page's class."""
        module, name = self.path.split(":")
        found: type[Page] = getattr(importlib.import_module(f"smarter.tui.pages.{module}"), name)
        return found

    def make(self) -> Page:
        """The page."""
        return self.page()()


TABS = (
    Tab("1", "scenarios", "Scenarios", "scenarios:ScenariosPage"),
    Tab("2", "run", "Run", "run:RunPage"),
    Tab("3", "follow", "Follow", "follow:FollowPage"),
    Tab("4", "demand", "Demand", "demand:DemandPage"),
    Tab("5", "bills", "Bills", "bills:BillsPage"),
    Tab("6", "views", "Views", "views:ViewsPage"),
    Tab("7", "compare", "Compare", "compare:ComparePage"),
    Tab("8", "plugins", "Plugins", "plugins:PluginsPage"),
    Tab("9", "customers", "Customers", "customers:CustomersPage"),
    Tab("0", "operators", "Operators", "operators:OperatorsPage"),
)
BRAND, HELP = " Smarter ", " ? Help"
FIRST_TO_GO = ("compare", "plugins", "views", "follow", "scenarios", "demand")
"""Pages that lose their titles first where there is no room for all."""


class TabBar(Static):
    """The pages by number; a click or the number leads there. The narrower the terminal, the less else is said."""

    DEFAULT_CSS = """
    TabBar {
        dock: top; height: 1; background: $panel; color: $text-muted;
        link-style: none; link-style-hover: bold; link-color: $text-muted; link-color-hover: $text;
        link-background-hover: $primary 40%;
    }
    """

    def __init__(self, tabs: Sequence[Tab], here: str) -> None:
        super().__init__()
        self._tabs, self._here = tabs, here

    def render(self) -> Text:
        """The fullest of the lines that fit."""
        width = self.size.width
        *fuller, barest = self._lines()
        bar = next((line for line in fuller if line.cell_len + len(HELP) <= width), barest)
        if (room := width - bar.cell_len - len(HELP)) >= 0:
            bar.append(" " * room)
            bar.append(HELP, style=Style(meta={"@click": ("app.help", ())}))
        return bar

    def _lines(self) -> Iterator[Text]:
        """With our name; without; tightly; and with the titles of some other pages left away, or of all."""
        yield self._line(BRAND, "{0.key} {0.title}", " ")
        yield self._line("", "{0.key} {0.title}", " ")
        for gone in range(len(FIRST_TO_GO) + 1):
            yield self._line("", "{0.key} {0.title}", "", FIRST_TO_GO[:gone])
        yield self._line("", "{0.key}", " ")

    def _line(self, brand: str, others: str, pad: str, bare: Sequence[str] = ()) -> Text:
        bar = Text(brand, style="bold")
        for tab in self._tabs:
            here = tab.name == self._here
            said = "{0.key}" if tab.name in bare else others
            text = f" {tab.key} {tab.title} " if here else f"{pad}{said.format(tab)}{pad or ' '}"
            leads = {"@click": ("app.go", (tab.name,))}
            bar.append(text, style=Style(reverse=here, bold=here, meta=leads))
        return bar

    def on_resize(self, event: events.Resize) -> None:
        """How much is said depends on the width."""
        self.refresh()
