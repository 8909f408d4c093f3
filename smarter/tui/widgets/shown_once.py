"""A code that is shown once, over the page: it can be written down and then is gone."""

from __future__ import annotations

import time
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static

from smarter.state.accounts import IDLE
from smarter.tui.bench import Bench
from smarter.tui.once import once_after

GONE = (
    f"Nothing was pressed for {IDLE // 60} minutes: the code is gone from the screen, and is shown nowhere again. The "
    "password logs in as before."
)


class ShownOnce(ModalScreen[None]):
    """Closed on purpose only: by a key that nobody presses while they write.

    The code goes by itself when no key was pressed and no mouse moved for as long as a session lasts without use.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("f10", "dismiss", "I have written it down", id="code.written")]
    DEFAULT_CSS = """
    ShownOnce { align: center middle; background: $background 60%; }
    ShownOnce Vertical { width: 68; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    ShownOnce #code { margin: 1 0; text-style: bold; color: $accent; text-align: center; }
    """

    began = 0.0
    """When it was shown, as :func:`time.monotonic` counts."""

    def __init__(self, words: str, code: str) -> None:
        super().__init__()
        self._words, self._code = words, code

    def compose(self) -> ComposeResult:
        """What it is for, the code, and how to go on."""
        with Vertical():
            yield Static(self._words, id="what-for", markup=False)
            yield Static(self._code, id="code", markup=False)
            yield Static("f10: I have written it down", id="how-on", classes="quiet")

    def on_mount(self) -> None:
        """Somebody is there now."""
        self.began = time.monotonic()
        once_after(IDLE, self.look_whether_idle, at=self)

    def look_whether_idle(self) -> None:
        """Let the code go when nobody is there any more; otherwise look again when that could be."""
        assert isinstance(self.app, Bench)
        left = max(self.app.touched, self.began) + IDLE - time.monotonic()
        if left > 0:
            once_after(left, self.look_whether_idle, at=self)
            return
        self._code = ""
        for name, words in (("what-for", GONE), ("code", ""), ("how-on", "f10: go on")):
            self.query_one(f"#{name}", Static).update(words)
