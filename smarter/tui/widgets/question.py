"""A question with a few answers, over the page: each has its key, and can be clicked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Static


@dataclass(frozen=True)
class Answer:
    """One answer; ``name`` is what the question ends with."""

    key: str
    words: str
    name: str


class Question(ModalScreen[str | None]):
    """Ends with the name of an answer, or None when it is left unanswered."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "answer('')", "Go back", id="question.back")]
    DEFAULT_CSS = """
    Question Vertical { width: 64; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    Question #answers { margin-top: 1; }
    """

    def __init__(self, words: str, answers: Sequence[Answer]) -> None:
        super().__init__()
        self._words, self._answers = words, answers

    def compose(self) -> ComposeResult:
        """The question, and an answer a line."""
        with Vertical():
            yield Static(self._words, markup=False)
            yield Static(self._listed(), id="answers")

    def on_mount(self) -> None:
        """Keys have their own colour."""
        self.query_one("#answers").auto_links = False

    def _listed(self) -> Text:
        accent = self.app.theme_variables["accent"]
        text = Text()
        for answer in (*self._answers, Answer("esc", "go back", "")):
            click = Style(meta={"@click": f"screen.answer('{answer.name}')"})
            text.append(f"{answer.key:>3}  ", style=Style.parse(f"bold {accent}") + click)
            text.append(f"{answer.words}\n", style=click)
        text.rstrip()
        return text

    def on_key(self, event: events.Key) -> None:
        """The key of an answer gives it."""
        for answer in self._answers:
            if event.key == answer.key:
                event.stop()
                self.dismiss(answer.name)
                return

    def action_answer(self, name: str) -> None:
        """Give an answer, or none."""
        self.dismiss(name or None)
