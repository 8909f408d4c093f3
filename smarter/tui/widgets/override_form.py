"""The form for ``--set``, over the page: sections, and the fields of one of them, checked while one types."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events, on, work
from textual.actions import SkipAction
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
from smarter.tui.widgets.held_keys import HeldKeys, hand
from smarter.tui.widgets.override_row import OverrideRow

SOON = 0.2
"""Seconds after the last key before what was typed is checked."""
_MOVES = {"enter": ("go", 1), "tab": ("go", 1), "shift+tab": ("go", -1), "down": ("move", 1), "up": ("move", -1)}
AT_ONCE = 6
"""Fields that are put on the screen together."""


class OverrideForm(ModalScreen[tuple[str, ...] | None]):
    """Ends with the overrides, or with None: they stay as they were."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "use", "Use these", id="form.use"),
        Binding("escape", "leave", "Leave as it was", id="form.leave"),
        Binding("ctrl+r", "unset", "Clear this", id="form.clear"),
        Binding("ctrl+l", "unset_all", "Clear all", id="form.clear_all"),
        # Before the field sees them: in fast typing, what follows would be typed into the field that was left.
        Binding("enter,tab", "go(1)", show=False, priority=True),
        Binding("shift+tab", "go(-1)", show=False, priority=True),
        Binding("down", "move(1)", show=False, priority=True),
        Binding("up", "move(-1)", show=False, priority=True),
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
        """The sections are known; or the file is no scenario, and why."""

        def __init__(self, found: Sequence[SettableSection] | Problem) -> None:
            super().__init__()
            self.found = found

    class Checked(Message):
        """What is wrong with these overrides."""

        def __init__(self, of: Mapping[str, str], problems: Sequence[Problem]) -> None:
            super().__init__()
            self.of, self.problems = of, problems

    def __init__(self, path: Path, text: str, name: str, overrides: Sequence[str]) -> None:
        """``text``: of the scenario's file; ``name``: what the form calls it."""
        super().__init__()
        self._path, self._text, self._name = path, text, name
        self._scenario: Scenario | None = None
        self._given = {field.strip(): value.strip() for field, _, value in (said.partition("=") for said in overrides)}
        self._sections: Sequence[SettableSection] = ()
        self._problems: Sequence[Problem] = ()
        self._checked: Mapping[str, str] = dict(self._given)
        self._soon: Timer | None = None
        self._using = False
        self._showing: Iterator[Setting] = iter(())
        self._left = ""  # the field that the cursor was in when its row went
        self._wanted: int | None = None  # the field, from 0, that the cursor is to go to once it is there
        self._rows_of: SettableSection | None = None  # whose fields are on the screen
        self._held = HeldKeys(self, self._press)

    def compose(self) -> ComposeResult:
        """What is set, sections, fields, keys."""
        with Vertical(id="form"):
            yield Static(f"Set in {self._name}, for its runs alone: the file stays as it is", id="form-title")
            yield Static(id="said", markup=False)
            with Horizontal(id="parts"):
                yield OptionList(id="sections")
                yield VerticalScroll(id="fields", can_focus=False)
            yield KeyBar()

    def on_mount(self) -> None:
        """Ask the models, which may have to be imported."""
        self._held.begin()
        self._say()
        self._ask(dict(self._given))

    @work(thread=True, exclusive=True, group="sections")
    def _ask(self, given: Mapping[str, str]) -> None:
        if self._scenario is None:
            found = examine(self._text, self._path)
            if not isinstance(found, Scenario):
                self.post_message(self.Ready(found[0]))
                return
            self._scenario = found
        self.post_message(self.Ready(settable(self._scenario, given)))

    async def on_override_form_ready(self, message: Ready) -> None:
        """Show the section that was shown before, or the first."""
        if isinstance(message.found, Problem):
            self.notify(f"Before fields can be set: {message.found}", severity="error", markup=False)
            self.dismiss(None)
            return
        first, shown = not self._sections, self._shown
        self._sections = message.found
        self._list_sections(shown.title if shown is not None else "")
        self._check_soon()
        await self._show_fields()
        if first:
            self._held.release(self._to_sections)

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
        if self._rows_of is not None:
            self._to_field(0)

    async def _show_fields(self) -> None:
        if self._shown is None:
            return
        if (row := self._row) is not None and (control := self.focused) is not None:
            self._left = row.setting.field
            self._held.begin()
            # Keys that are on their way to the field are still typed into it.
            control.call_later(self.call_later, self._rebuild)
        else:
            await self._rebuild()

    async def _rebuild(self) -> None:
        """Put the fields of the shown section in the place of those that are there."""
        if (section := self._shown) is None:
            return
        self._note_rows()
        self._rows_of = None
        fields = self.query_one("#fields", VerticalScroll)
        await fields.remove_children()
        fields.scroll_home(animate=False)
        self._showing = iter(section.settings)
        await self._show_more(self._showing, section)

    async def _show_more(self, settings: Iterator[Setting], section: SettableSection) -> None:
        """So many fields at a time: keys are answered in between."""
        if settings is not self._showing:
            return
        if some := list(islice(settings, AT_ONCE)):
            rows = [OverrideRow(setting, self._given.get(setting.field)) for setting in some]
            await self.query_one("#fields", VerticalScroll).mount_all(rows)
            self._refuse(rows)
            self._rows_of = section
            self._go_back()
            self.call_later(self._show_more, settings, section)
            return
        if (self._left or self._wanted is not None) and self.focused is None:  # the field is gone
            self._left, self._wanted = "", None
            self._held.release(self._to_sections)

    def _go_back(self) -> None:
        """Put the cursor into the field that it was in, or that it is to go to, if that is there by now."""
        for place, row in enumerate(self.query(OverrideRow)):
            if self.focused is None and (place == self._wanted or row.setting.field == self._left):
                self._left, self._wanted = "", None
                self._held.release(partial(self.set_focus, row.control))
                return

    @property
    def _row(self) -> OverrideRow | None:
        """Where the cursor is."""
        nodes = self.focused.ancestors_with_self if self.focused is not None else ()
        return next((node for node in nodes if isinstance(node, OverrideRow)), None)

    # Moving about.

    def action_go(self, by: int) -> None:
        """To the next field or the one before; from the sections into their fields."""
        focused = self.focused
        if self._held.holds:
            raise SkipAction
        if focused is self.query_one("#sections") and by > 0:
            self._held.begin()
            self._go_in()
        elif isinstance(focused, Input) and (row := self._row) is not None:
            self._to_field(list(self.query(OverrideRow)).index(row) + by)
        else:
            raise SkipAction

    def action_move(self, by: int) -> None:
        """To the next section or the one before."""
        listed = self.query_one("#sections", OptionList)
        if self.focused is not listed:
            raise SkipAction
        if by > 0:
            listed.action_cursor_down()
        else:
            listed.action_cursor_up()

    def _go_in(self) -> None:
        if (section := self._shown) is not None and self._rows_of is section:
            self._to_field(0)
        else:
            self._wanted = 0

    def _to_field(self, place: int) -> None:
        """Go to a field of the section; past the last of all to the sections."""
        rows, section = list(self.query(OverrideRow)), self._rows_of
        if 0 <= place < len(rows):
            control = rows[place].control
            if self._held.holds:
                self._held.release(partial(self.set_focus, control))
            else:
                self.set_focus(control)
        elif section is not None and len(rows) <= place < len(section.settings):
            self._wanted = place
            self._held.begin()
        elif self._held.holds:
            self._held.release(self._to_sections)
        else:
            self._to_sections()

    def _to_sections(self) -> None:
        self.set_focus(self.query_one("#sections"))

    def on_key(self, event: events.Key) -> None:
        """Hold it until the field is there that it is meant for."""
        if self._held.holds and event.key != "escape":
            self._held.keep(event)

    def _press(self, key: events.Key) -> None:
        go, by = _MOVES.get(key.key, ("", 0))
        try:
            if go == "go":
                self.action_go(by)
                return
            if go == "move":
                self.action_move(by)
                return
        except SkipAction:
            pass
        hand(key, self.focused or self)

    # Values.

    def _note_rows(self) -> None:
        """Note what was typed and not announced: the messages of rows that go are lost."""
        fields = {setting.field for section in self._sections for setting in section.settings}
        for row in self.query(OverrideRow):
            typed_into = row.setting.field == self._left or row is self._row
            change = row.changed if typed_into else row.unannounced  # an announcement may still be on its way
            if row.setting.field in fields and change is not None:
                self.on_override_row_changed(change)

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
        self._note_rows()
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
        for row in self.query(OverrideRow):
            row.unset()
        self._given = {}
        self._say()
        self._ask({})
