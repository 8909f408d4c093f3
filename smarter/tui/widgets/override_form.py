"""The form for ``--set``, over the page: sections, and the fields of one of them, checked while one types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.timer import Timer
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option as Item

from smarter.charts.marks import MARKS
from smarter.charts.settable import SettableSection, Setting, settable
from smarter.scenario.loading import examine
from smarter.scenario.model import Scenario
from smarter.scenario.problems import Problem
from smarter.tui.keybar import KeyBar
from smarter.tui.once import once_after
from smarter.tui.widgets.override_row import OverrideRow

SOON = 0.2
"""Seconds after the last key before what was typed is checked."""
AT_ONCE = 6
"""Fields that are put on the screen together."""


class OverrideForm(ModalScreen[tuple[str, ...] | None]):
    """Ends with the overrides, or with None: they stay as they were."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "use", "Use these", id="form.use"),
        Binding("escape", "leave", "Leave as it was", id="form.leave"),
        Binding("ctrl+r", "unset", "Clear this", id="form.clear"),
        Binding("ctrl+l", "unset_all", "Clear all", id="form.clear_all"),
    ]
    DEFAULT_CSS = """
    OverrideForm #form { width: 96; max-width: 100%; height: 90%; max-height: 40; background: $panel; }
    OverrideForm #form-title { height: 1; margin: 1 2 0 2; text-style: bold; text-wrap: nowrap; }
    OverrideForm #said { height: auto; max-height: 4; margin: 0 2; color: $text-muted; }
    OverrideForm #parts { height: 1fr; margin: 1 1 0 2; }
    OverrideForm #sections {
        width: 18; height: 1fr; border: none; padding: 0; background: $panel; background-tint: $panel 0%;
        & > .option-list--option-highlighted { background: $surface; color: $foreground; text-style: bold; }
    }
    OverrideForm #sections:focus > .option-list--option-highlighted { background: $primary 40%; }
    OverrideForm #fields { width: 1fr; padding: 0 1 0 2; }
    OverrideForm KeyBar { background: $surface; }
    """

    class Ready(Message):
        """The sections are known."""

        def __init__(self, sections: Sequence[SettableSection]) -> None:
            super().__init__()
            self.sections = sections

    class Checked(Message):
        """What is wrong with these overrides."""

        def __init__(self, of: Mapping[str, str], problems: Sequence[Problem]) -> None:
            super().__init__()
            self.of, self.problems = of, problems

    def __init__(self, path: Path, text: str, scenario: Scenario, overrides: Sequence[str]) -> None:
        """``text``: of the scenario's file; ``scenario``: as that has it, without overrides."""
        super().__init__()
        self._path, self._text, self._scenario = path, text, scenario
        self._given = {field.strip(): value.strip() for field, _, value in (said.partition("=") for said in overrides)}
        self._sections: Sequence[SettableSection] = ()
        self._problems: Sequence[Problem] = ()
        self._checked: Mapping[str, str] = dict(self._given)
        self._soon: Timer | None = None
        self._using = False
        self._showing: Iterator[Setting] = iter(())
        self._left = ""  # the field that the cursor was in when its row went

    def compose(self) -> ComposeResult:
        """What is set, sections, fields, keys."""
        with Vertical(id="form"):
            yield Static(f"Set in {self._scenario.name}, for its runs alone: the file stays as it is", id="form-title")
            yield Static(id="said", markup=False)
            with Horizontal(id="parts"):
                yield OptionList(id="sections")
                yield VerticalScroll(id="fields", can_focus=False)
            yield KeyBar()

    def on_mount(self) -> None:
        """Ask the models, which may have to be imported."""
        self.query_one("#sections").focus()
        self._say()
        self._ask(dict(self._given))

    @work(thread=True, exclusive=True, group="sections")
    def _ask(self, given: Mapping[str, str]) -> None:
        self.post_message(self.Ready(settable(self._scenario, given)))

    async def on_override_form_ready(self, message: Ready) -> None:
        """Show the section that was shown before, or the first."""
        shown = self._shown
        self._sections = message.sections
        self._list_sections(shown.title if shown is not None else "")
        await self._show_fields()
        self._check_soon()

    # Sections.

    @property
    def _shown(self) -> SettableSection | None:
        place = self.query_one("#sections", OptionList).highlighted
        return self._sections[place] if place is not None and place < len(self._sections) else None

    def _list_sections(self, seek: str) -> None:
        listed = self.query_one("#sections", OptionList)
        with self.prevent(OptionList.OptionHighlighted):
            listed.clear_options()
            listed.add_options([Item(self._section_line(section)) for section in self._sections])
            titles = [section.title for section in self._sections]
            listed.highlighted = titles.index(seek) if seek in titles else 0

    def _section_line(self, section: SettableSection) -> Text:
        colours = self.app.theme_variables
        count = sum(setting.field in self._given for setting in section.settings)
        wrong = any(self._problem_of(setting.field) for setting in section.settings)
        text = Text(section.title, no_wrap=True, overflow="ellipsis")
        if count:
            text.append(f" {count}", style=f"bold {colours['accent']}")
        if wrong:
            text.append(f" {MARKS['refused']}", style=colours["refused"])
        return text

    @on(OptionList.OptionHighlighted, "#sections")
    async def _moved(self) -> None:
        await self._show_fields()

    @on(OptionList.OptionSelected, "#sections")
    def _entered(self) -> None:
        if rows := self.query(OverrideRow):
            rows.first().focus_control()

    async def _show_fields(self) -> None:
        if (section := self._shown) is None:
            return
        if (row := self._row) is not None:
            self._left = row.setting.field
            self.set_focus(None)  # else Textual would look for another widget
        fields = self.query_one("#fields", VerticalScroll)
        await fields.remove_children()
        fields.scroll_home(animate=False)
        self._showing = iter(section.settings)
        await self._show_more(self._showing)

    async def _show_more(self, settings: Iterator[Setting]) -> None:
        """So many fields at a time: keys are answered in between."""
        if settings is not self._showing:
            return
        if some := list(islice(settings, AT_ONCE)):
            rows = [OverrideRow(setting, self._given.get(setting.field)) for setting in some]
            await self.query_one("#fields", VerticalScroll).mount_all(rows)
            self._refuse(rows)
            self._go_back(rows)
            self.call_later(self._show_more, settings)
        elif self._left and self.focused is None:
            self.query_one("#sections").focus()  # the field is gone

    def _go_back(self, rows: Iterable[OverrideRow]) -> None:
        """Put the cursor into the field that it was in, unless it is elsewhere by now."""
        for row in rows:
            if self.focused is None and row.setting.field == self._left:
                self._left = ""
                row.focus_control()

    @property
    def _row(self) -> OverrideRow | None:
        """Where the cursor is."""
        nodes = self.focused.ancestors_with_self if self.focused is not None else ()
        return next((node for node in nodes if isinstance(node, OverrideRow)), None)

    # Values.

    def on_override_row_changed(self, message: OverrideRow.Changed) -> None:
        """Note it; another plugin brings other fields, and takes what was set of the one before."""
        if self._given.get(message.field) == message.value:
            return
        if message.value is None:
            self._given.pop(message.field, None)
        else:
            self._given[message.field] = message.value
        path, _, name = message.field.rpartition(".")
        if name == "plugin":
            self._given = {
                field: value
                for field, value in self._given.items()
                if field == message.field or not f"{field}.".startswith(f"{path}.")
            }
            self._ask(dict(self._given))
        self._say()
        self._check_soon()

    def _overrides(self) -> tuple[str, ...]:
        return tuple(f"{field}={value}" for field, value in self._given.items())

    def _say(self) -> None:
        said = "   ".join(f"--set {each}" for each in self._overrides())
        self.query_one("#said", Static).update(said or "Nothing is set.")

    # Checking.

    def _check_soon(self) -> None:
        if self._soon is not None:
            self._soon.stop()
        self._soon = once_after(SOON, self._check_now, at=self)

    def _check_now(self) -> None:
        self._soon = None
        self._check(dict(self._given))

    @work(thread=True, exclusive=True, group="check")
    def _check(self, given: Mapping[str, str]) -> None:
        found = examine(self._text, self._path, [f"{field}={value}" for field, value in given.items()])
        self.post_message(self.Checked(given, [] if isinstance(found, Scenario) else found))

    def on_override_form_checked(self, message: Checked) -> None:
        """Say what is wrong beside the fields; use them, if that was waited for."""
        if message.of != self._given:
            return
        self._checked, self._problems = message.of, message.problems
        shown = self._shown
        self._list_sections(shown.title if shown is not None else "")
        self._refuse(self.query(OverrideRow))
        if self._using:
            self._using = False
            self.action_use()

    def _problem_of(self, field: str) -> Problem | None:
        """What is wrong with a field, by its own name, or with what it is a part of or has parts of."""
        for problem in self._problems:
            if problem.field == field or problem.field.startswith(f"{field}."):
                return problem
        return next((one for one in self._problems if one.place.startswith(f"--set {field}=")), None)

    def _refuse(self, rows: Iterable[OverrideRow]) -> None:
        for row in rows:
            problem = self._problem_of(row.setting.field)
            row.refuse(problem.message if problem is not None else "")

    # Keys.

    def action_use(self) -> None:
        """End with what is set, unless that is wrong."""
        if self._checked != self._given:
            self._using = True
            self._check_now()
        elif self._problems:
            self.notify(str(self._problems[0]), severity="error", markup=False)
        else:
            self.dismiss(self._overrides())

    def action_leave(self) -> None:
        """As it was."""
        self.dismiss(None)

    def action_unset(self) -> None:
        """Clear the field that the cursor is in."""
        if (row := self._row) is not None:
            row.unset()

    async def action_unset_all(self) -> None:
        """Clear every field."""
        self._given = {}
        self._say()
        self._ask({})

    @on(Input.Submitted)
    def _next(self) -> None:
        self.focus_next()
