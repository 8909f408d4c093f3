"""Asks for a passphrase or an officer's share, over whatever page is in front, when a keystore is to be opened.

Keystores are opened in the thread of a run or of a report, which waits for the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, ClassVar

from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from smarter.errors import Interrupted

GLANCE = 0.2
"""Seconds after which a thread that waits looks whether the app is still there."""


class PassphrasePage(ModalScreen[str | None]):
    """One question; what is typed is not shown."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Leave locked", id="leave")]
    DEFAULT_CSS = """
    PassphrasePage { align: center middle; background: $background 60%; }
    PassphrasePage Vertical { width: 64; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    PassphrasePage Input { margin: 1 0; }
    """

    def __init__(self, prompt: str) -> None:
        super().__init__()
        self._prompt = prompt.rstrip(": ")

    def compose(self) -> ComposeResult:
        """The question, the answer, and the way out."""
        with Vertical():
            yield Static(self._prompt, markup=False)
            yield Input(password=True)
            yield Static("enter: unlock   esc: leave locked", classes="quiet")

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Answered."""
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Not answered."""
        self.dismiss(None)


def asking(app: App[Any]) -> Callable[[str], str]:
    """What asks for a passphrase, from any thread but the app's own, and waits for it.

    It raises :class:`Interrupted` when there is no answer.
    """

    def ask(prompt: str) -> str:
        answer: Future[str | None] = Future()
        app.call_from_thread(app.push_screen, PassphrasePage(prompt), answer.set_result)
        while app.is_running:
            try:
                typed = answer.result(GLANCE)
            except TimeoutError:
                continue
            if typed is not None:
                return typed
            break
        raise Interrupted("nothing was typed, the keys stay locked: ask again to be asked again.")

    return ask
