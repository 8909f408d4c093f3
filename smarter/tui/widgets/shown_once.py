"""A code that is shown once, over the page: it can be written down and then is gone."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


class ShownOnce(ModalScreen[None]):
    """Closed on purpose only: by a key that nobody presses while they write."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f10", "dismiss", "I have written it down", id="code.written")]
    DEFAULT_CSS = """
    ShownOnce { align: center middle; background: $background 60%; }
    ShownOnce Vertical { width: 68; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    ShownOnce #code { margin: 1 0; text-style: bold; color: $accent; text-align: center; }
    """

    def __init__(self, words: str, code: str) -> None:
        super().__init__()
        self._words, self._code = words, code

    def compose(self) -> ComposeResult:
        """What it is for, the code, and how to go on."""
        with Vertical():
            yield Static(self._words, markup=False)
            yield Static(self._code, id="code", markup=False)
            yield Static("f10: I have written it down", classes="quiet")
