"""One field of the form for ``--set``: its control, what it is, and what is wrong with what it says."""

from __future__ import annotations

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Select, Static, Switch

from smarter.charts.marks import MARKS
from smarter.charts.settable import Setting
from smarter.tui.widgets.held_keys import PromptInput

UNSET = "↺"
"""Back to what the file has; ✕ is the mark of what is refused, and of nothing else."""
NAME = 24
"""Columns of a field's name."""
KINDS = {
    "integer": "a whole number",
    "integer or null": "a whole number, or null",
    "number or null": "a number, or null",
}


class OverrideRow(Vertical):
    """A choice where there are only so many values, a switch for yes or no, else a line of text."""

    DEFAULT_CSS = """
    OverrideRow { height: auto; margin-bottom: 1; }
    OverrideRow Horizontal { height: 1; }
    OverrideRow .name { width: 25; text-wrap: nowrap; }
    OverrideRow.set .name { color: $accent; text-style: bold; }
    OverrideRow Input, OverrideRow Select { width: 1fr; height: 1; }
    OverrideRow Switch { border: none; padding: 0; height: 1; }
    OverrideRow Switch:focus { border: none; background-tint: $accent 20%; }
    OverrideRow .unset { width: 3; height: 1; content-align: right middle; color: $text-muted; visibility: hidden; }
    OverrideRow.set .unset { visibility: visible; }
    OverrideRow .about { height: auto; padding: 0 0 0 2; color: $text-muted; }
    OverrideRow .wrong { height: auto; padding: 0 0 0 2; color: $refused; display: none; }
    OverrideRow.refused .wrong { display: block; }
    """
    ALLOW_SELECT: ClassVar[bool] = False

    class Changed(Message):
        """The field is set to ``value``, or to None: it is as the file has it."""

        def __init__(self, field: str, value: str | None) -> None:
            super().__init__()
            self.field, self.value = field, value

    def __init__(self, setting: Setting, given: str | None) -> None:
        """``given``: what it is set to; None: not set."""
        super().__init__()
        self.setting, self._given = setting, given
        self._announced = given

    def compose(self) -> ComposeResult:
        """Name, control, what clears it; what it is; what is wrong."""
        setting = self.setting
        with Horizontal():
            yield Static(_ending(setting.field), classes="name", markup=False)
            yield self._control(setting.value if self._given is None else self._given)
            yield Static(UNSET, classes="unset")
        yield Static(classes="about", markup=False)
        yield Static(classes="wrong", markup=False)

    def _control(self, value: str) -> Widget:
        setting = self.setting
        if setting.switch:
            return Switch(value == "true", animate=False)
        if setting.choices:
            # What was given on the command line may be none of them.
            names = dict.fromkeys((*setting.choices, value))
            return Select([(name, name) for name in names], value=value, allow_blank=False, compact=True)
        return PromptInput(value, compact=True, select_on_focus=False)

    def on_mount(self) -> None:
        """What is set stands out."""
        self._describe(self._given is not None)

    def _describe(self, is_set: bool) -> None:
        setting, option = self.setting, self.setting.option
        kind = "" if setting.choices or setting.switch else KINDS.get(option.kind, "")
        bounds = " ".join(filter(None, (kind, option.bounds)))
        parts = filter(None, (option.description, bounds[:1].upper() + bounds[1:]))
        about = " ".join(f"{part.rstrip('.')}." for part in parts)
        if is_set:
            about += f" The file has {setting.value}." if setting.value else " The file has nothing."
        self.query_one(".about", Static).update(about)
        self.set_class(is_set, "set")

    @property
    def control(self) -> Widget:
        """Its choice, switch or line of text."""
        return self.query("Input, Select, Switch").first()

    def focus_control(self) -> None:
        """Put the cursor into it."""
        self.control.focus()

    @property
    def unannounced(self) -> Changed | None:
        """What was typed into its line of text, if that was not announced yet."""
        control = self.control
        if not isinstance(control, Input):
            return None
        value = self._value(control.value.strip())
        return self.Changed(self.setting.field, value) if value != self._announced else None

    @property
    def changed(self) -> Changed | None:
        """What was typed into its line of text since it is there, announced or not."""
        control = self.control
        if not isinstance(control, Input):
            return None
        value = self._value(control.value.strip())
        return self.Changed(self.setting.field, value) if value != self._given else None

    def _value(self, text: str) -> str | None:
        return None if text == self.setting.value else text

    def refuse(self, words: str) -> None:
        """Say what is wrong with it; empty: nothing."""
        self.query_one(".wrong", Static).update(f"{MARKS['refused']} {words}" if words else "")
        self.set_class(bool(words), "refused")

    def unset(self) -> None:
        """As the file has it."""
        value = self.setting.value
        for control in self.query("Input, Select, Switch"):
            if isinstance(control, Switch):
                control.value = value == "true"
            elif isinstance(control, Input | Select):
                control.value = value

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Switch.Changed)
    def _changed(self, event: Input.Changed | Select.Changed | Switch.Changed) -> None:
        event.stop()
        value = str(event.value).lower() if isinstance(event, Switch.Changed) else str(event.value).strip()
        self._announced = self._value(value)
        self._describe(self._announced is not None)
        self.post_message(self.Changed(self.setting.field, self._announced))

    def on_click(self, event: events.Click) -> None:
        """The arrow at its end clears it."""
        if isinstance(event.widget, Static) and event.widget.has_class("unset"):
            self.unset()


def _ending(field: str) -> str:
    """As many parts of a field's name as have room, from its end."""
    shown = field
    while len(shown) > NAME and "." in shown:
        shown = f"…{shown.partition('.')[2]}"
    return shown
