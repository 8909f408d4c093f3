"""Asks for a meter, over the page: all of a neighbourhood's, narrowed by what is typed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option as Entry


class MeterChoice(ModalScreen[str | None]):
    """Ends with the name of a meter, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Leave it", id="follow.same"),
        Binding("up", "move(-1)", show=False),
        Binding("down", "move(1)", show=False),
    ]
    DEFAULT_CSS = """
    MeterChoice Vertical { width: 48; max-width: 96%; height: auto; max-height: 80%; padding: 1 2; background: $panel; }
    MeterChoice Input { margin: 1 0; border: none; height: 1; padding: 0 1; }
    MeterChoice OptionList { height: auto; max-height: 16; border: none; padding: 0; background: $panel; }
    MeterChoice .quiet { margin-top: 1; }
    """

    def __init__(self, neighbourhood: str, meters: Sequence[str], chosen: str) -> None:
        super().__init__()
        self._neighbourhood, self._meters, self._chosen = neighbourhood, meters, chosen

    def compose(self) -> ComposeResult:
        """The question, the words that narrow it, the meters, and the way out."""
        with Vertical():
            yield Static(f"Which of {len(self._meters):,} meters of {self._neighbourhood}?", markup=False)
            yield Input(placeholder="part of its name", compact=True)
            yield OptionList()
            yield Static("enter: follow it   esc: leave it", classes="quiet")

    def on_mount(self) -> None:
        """All, with the one that is followed now in the middle."""
        self._fill("")
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _narrow(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def _fill(self, words: str) -> None:
        names = [name for name in self._meters if words.strip().lower() in name.lower()]
        entries = self.query_one(OptionList)
        entries.clear_options()
        entries.add_options([Entry(Text(name), id=name) for name in names])
        if not names:
            entries.add_option(Entry(Text(f"none has {words.strip()!r} in its name", style="dim"), disabled=True))
        else:
            entries.highlighted = names.index(self._chosen) if self._chosen in names else 0

    def action_move(self, by: int) -> None:
        """From the input, too."""
        entries = self.query_one(OptionList)
        if by < 0:
            entries.action_cursor_up()
        else:
            entries.action_cursor_down()

    @on(Input.Submitted)
    def _taken(self) -> None:
        entries = self.query_one(OptionList)
        place = entries.highlighted
        if place is not None and (name := entries.get_option_at_index(place).id) is not None:
            self.dismiss(name)

    @on(OptionList.OptionSelected)
    def _clicked(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option_id)

    def action_leave(self) -> None:
        """The same meter as before."""
        self.dismiss(None)
