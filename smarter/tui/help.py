"""Help on a page: what it shows and which keys it has, over the page itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from smarter.tui.page import Page
from smarter.tui.tabs import TABS

GENERAL = (
    "Arrows, page up and down, home and end move; tab goes from part to part; the mouse clicks, scrolls and selects. "
    "The name after an action is the one that the settings file's keymap knows it by; `smarter state` says where it is."
)


class HelpPage(ModalScreen[None]):
    """Lists the keys that are active on a page."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,q,enter", "dismiss", "Close", id="close")]

    def __init__(self, page: Page) -> None:
        super().__init__()
        self._page = page

    def compose(self) -> ComposeResult:
        """A sentence or two, then a key a line: the page's own, then those of every page."""
        own: dict[str, tuple[Binding, bool]] = {}
        everywhere: dict[str, tuple[Binding, bool]] = {}
        numbers = {tab.name for tab in TABS}
        for node, binding, enabled, _ in self._page.active_bindings.values():
            if binding.description and binding.id and binding.id not in numbers:
                # One that has several keys is active once for each.
                (everywhere if isinstance(node, App) else own).setdefault(binding.id, (binding, enabled))
        with VerticalScroll(id="help"):
            yield Static(Text(self._page.HELP))
            if own:
                yield Static("This page", classes="help-title")
                yield Static(self._keys(own.values()))
            yield Static("Every page", classes="help-title")
            pages = Table.grid(padding=(0, 2, 0, 0))
            yield Static(self._keys(everywhere.values()))
            pages.add_row(*(Text.assemble((tab.key, "bold"), f" {tab.title}") for tab in TABS[:5]))
            pages.add_row(*(Text.assemble((tab.key, "bold"), f" {tab.title}") for tab in TABS[5:]))
            yield Static("Pages", classes="help-title")
            yield Static(pages)
            yield Static(GENERAL, classes="help-title quiet", markup=False)

    def _keys(self, bindings: Iterable[tuple[Binding, bool]]) -> Table:
        keys = Table.grid(padding=(0, 3, 0, 0))
        for binding, enabled in bindings:
            shown = self.app.get_key_display(binding)
            style = "" if enabled else "dim"
            keys.add_row(
                Text(shown, style="bold"), Text(binding.description, style=style), Text(binding.id or "", "dim")
            )
        return keys
