"""Something to read that may be longer than the screen: a heading, and tables and sentences that scroll."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from smarter.tui.widgets.scrolled import Scrolled

WIDTH = 100
"""Columns of it as text."""


class Verbatim(Text):
    """Goes into a file or the clipboard as it is: no line of it broken, and nothing above it."""


class ToldView(Vertical):
    """Shows what it is handed."""

    DEFAULT_CSS = """
    ToldView .told-heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    ToldView Scrolled { height: 1fr; padding: 1 1 0 1; scrollbar-size: 1 1; }
    ToldView .told { height: auto; max-width: 120; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as every widget calls it
        super().__init__(id=id)
        self._told: Sequence[RenderableType] = ()

    def compose(self) -> ComposeResult:
        """A heading, and what scrolls."""
        yield Static(classes="told-heading", markup=False)
        with Scrolled():
            yield Static(classes="told", markup=False)

    @property
    def waits(self) -> bool:
        """Whether it only says what goes on."""
        return not self._told

    def show(self, heading: Text, told: Sequence[RenderableType]) -> None:
        """Show other tables and sentences, from their top."""
        self._told = (heading, *told)
        self.query_one(".told-heading", Static).update(heading)
        self.query_one(".told", Static).update(Group(*told))
        self.query_one(Scrolled).scroll_home(animate=False)

    def say(self, words: str) -> None:
        """Say something in place of it."""
        self._told = ()
        self.query_one(".told-heading", Static).update("")
        self.query_one(".told", Static).update(Text(words, style="dim"))

    def forget(self) -> None:
        """Keep nothing of anybody's."""
        self.say("")

    @property
    def text(self) -> str:
        """What is shown as text; empty when there is nothing."""
        if not self._told:
            return ""
        if verbatim := [each.plain for each in self._told if isinstance(each, Verbatim)]:
            return "".join(verbatim)
        console = Console(width=WIDTH, file=io.StringIO(), record=True, color_system=None)
        console.print(*self._told, sep="\n\n")
        return "\n".join(line.rstrip() for line in console.export_text().splitlines()) + "\n"
