"""Page 1, scenarios: those there are, what each comes to, its YAML to be edited; one of them is chosen, and run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, OptionList, Static

from smarter.charts.scenario import command
from smarter.scenario.catalogue import Entry, Shelf, catalogue
from smarter.scenario.moving import moved
from smarter.tui.page import Exported
from smarter.tui.pages.shown import ShownPage
from smarter.tui.widgets.override_form import OverrideForm
from smarter.tui.widgets.scenario_detail import ScenarioDetail
from smarter.tui.widgets.scenario_list import ScenarioList
from smarter.tui.widgets.scenario_text import ScenarioText

WIDE = 100
"""Columns from which the YAML has room beside the list."""


class ScenariosPage(ShownPage):
    """The list and the one that the cursor is on, with its YAML beside it or in its place."""

    NAME = "scenarios"
    HELP = (
        "The scenarios that come with Smarter, those of the folder that you started in, and of the folders that your "
        "settings name. Enter chooses one: pages 2 to 7 are about it. Its YAML can be edited as it stands; what is "
        "wrong is marked ✕ at its line while you type. Those shipped stay as they are: save a copy. A * marks changes "
        "that are not saved; they are kept while you look at others. What s sets holds for runs, and not in the file; "
        "a copy (f2) has it written in, and a name of its own."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run", "Run", id="scenarios.run"),
        Binding("s", "set", "Set", id="scenarios.set", tooltip="Set fields for the run, as --set does"),
        Binding("c", "clear", "Clear what is set", id="scenarios.clear"),
        Binding("v", "yaml", "YAML", id="scenarios.yaml"),
        Binding("ctrl+s", "save", "Save", id="scenarios.save"),
        Binding("f2", "save_as", "Save as", id="scenarios.save_as"),
        Binding("f8", "next_problem", "Next ✕", id="scenarios.problem"),
        Binding("slash", "filter", "Filter", key_display="/", id="scenarios.filter"),
        Binding("u", "revert", "Drop changes", id="scenarios.revert"),
        Binding("f5", "again", "Look again", show=False, id="scenarios.again"),
        Binding("escape", "back", "Back", show=False, id="scenarios.back"),
    ]
    AUTO_FOCUS = "#list"
    DEFAULT_CSS = """
    ScenariosPage #words { display: none; height: 1; border: none; padding: 0 1; }
    ScenariosPage #words.asked { display: block; }
    ScenariosPage #left { width: 1fr; }
    ScenariosPage #none { display: none; height: 1fr; }
    ScenariosPage .nothing #none { display: block; }
    ScenariosPage .nothing ScenarioDetail, ScenariosPage .nothing ScenarioList { display: none; }
    ScenariosPage ScenarioText { display: none; }
    ScenariosPage.yaml ScenarioText { display: block; }
    ScenariosPage.yaml #left { display: none; }
    ScenariosPage ToastRack { dock: top; align: right top; margin-top: 2; }
    ScenariosPage.wide #left { display: block; width: 44%; max-width: 84; }
    ScenariosPage.wide ScenarioText { display: block; border-left: vkey $panel; }
    """

    class Listed(Message):
        """All scenarios have been looked at."""

        def __init__(self, shelves: Sequence[Shelf]) -> None:
            super().__init__()
            self.shelves = shelves

    def __init__(self) -> None:
        super().__init__()
        self._shelves: Sequence[Shelf] = ()
        self._seek: Path | None = None

    def compose_page(self) -> ComposeResult:
        """Filter, list and detail; the YAML."""
        with Horizontal():
            with Vertical(id="left"):
                words = "words that occur in a scenario: solar, paillier, dst"
                yield Input(placeholder=words, id="words", compact=True)
                yield ScenarioList()
                yield ScenarioDetail()
                yield Static(id="none", classes="empty", markup=False)
            yield ScenarioText()

    def on_mount(self) -> None:
        """The scenario that the app was started with is chosen."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.call_later(self._fill))
        if (scenario := self.bench.scenario) is not None:
            self.others.append(scenario.path.absolute())

    def on_resize(self, event: events.Resize) -> None:
        """The YAML beside the list, or in its place."""
        self.set_class(event.size.width >= WIDE, "wide")

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Files may have come and gone."""
        self.look_again()

    # The list.

    def look_again(self, seek: Path | None = None) -> None:
        """Look at all scenarios, and put the cursor on one."""
        self._seek = seek or self._seek
        self._list((*self.bench.settings.scenarios,), (*self.others,))

    @work(thread=True, exclusive=True, group="list")
    def _list(self, folders: Sequence[Path], others: Sequence[Path]) -> None:
        self.post_message(self.Listed(tuple(catalogue(folders, others))))

    def on_scenarios_page_listed(self, message: Listed) -> None:
        """Show them."""
        first = not self._shelves
        self._shelves = message.shelves
        if first and (chosen := self.chosen) is not None:
            self._seek = chosen
            self.overrides[chosen] = self.bench.overrides
        self._fill()
        self.refresh_bindings()

    def replace_entry(self, entry: Entry) -> None:
        """Its file has this text from now on."""
        self._shelves = [
            replace(shelf, entries=tuple(entry if one.path == entry.path else one for one in shelf.entries))
            for shelf in self._shelves
        ]
        if self.entry is not None and self.entry.path == entry.path:
            self.entry = entry

    @property
    def chosen(self) -> Path | None:
        """The listed file of the scenario that the app works on."""
        if (scenario := self.bench.scenario) is None:
            return None
        real = scenario.path.resolve()
        entries = (entry for shelf in self._shelves for entry in shelf.entries)
        return next((entry.path for entry in entries if entry.path.resolve() == real), None)

    def _fill(self) -> None:
        words, listed = self.query_one("#words", Input).value, self.query_one(ScenarioList)
        here = self.entry.path if self.entry is not None else None
        seek = [path for path in (self._seek, here) if path is not None]
        listed.fill(self._shelves, words, chosen=self.chosen, unsaved=self.drafts.paths, seek=seek)
        if (shown := listed.here) is not None and shown.path == self._seek:
            self._seek = None
        nothing = f"No scenario has {words!r} in it: esc shows all again."
        self.query_one("#left").set_class(bool(self._shelves) and not listed.entries, "nothing")
        self.query_one("#none", Static).update(nothing)
        self.show(listed.here)

    def marks_changed(self) -> None:
        """Other files are chosen, or changed and not saved."""
        self._fill()
        self.refresh_bindings()

    @on(OptionList.OptionHighlighted, "#list")
    def _moved(self) -> None:
        self.show(self.query_one(ScenarioList).here)

    @on(OptionList.OptionSelected, "#list")
    def _selected(self) -> None:
        self.action_choose()

    # What is set.

    def action_set(self) -> None:
        """Open the form."""
        if (entry := self.entry) is not None:
            name = self.valid.name if self.valid is not None else entry.path.stem
            form = OverrideForm(entry.path, self.text.text, name, self.overrides_of(entry))
            self.app.push_screen(form, lambda given: self._set(entry, given))

    def _set(self, entry: Entry, given: tuple[str, ...] | None) -> None:
        if given is None or given == self.overrides_of(entry):
            return
        self.overrides[entry.path] = given
        self.look_soon()
        self.refresh_bindings()
        self.choose_again(entry.path)

    def action_clear(self) -> None:
        """Set nothing any more."""
        if self.entry is not None:
            self._set(self.entry, ())

    # Moving about.

    def action_yaml(self) -> None:
        """Go to the YAML; where it is not beside the list, it takes its place."""
        self.add_class("yaml")
        self.text.editor.focus()

    def action_next_problem(self) -> None:
        """Go to the next line that is wrong."""
        self.add_class("yaml")
        self.text.next_problem()

    def action_filter(self) -> None:
        """Ask for words to filter by."""
        words = self.query_one("#words", Input)
        words.add_class("asked")
        words.focus()

    def action_back(self) -> None:
        """From the YAML to the list; then from the filter to all."""
        words = self.query_one("#words", Input)
        if self._in_yaml:
            self.remove_class("yaml")
        elif words.has_class("asked"):
            words.value = ""
            words.remove_class("asked")
        self.query_one(ScenarioList).focus()

    @property
    def _in_yaml(self) -> bool:
        return self.has_class("yaml") or (self.focused is not None and self.text in self.focused.ancestors)

    def action_again(self) -> None:
        """Look at all files and their data afresh."""
        self.forget_estimates()
        self.look_again()

    @on(Input.Changed, "#words")
    def _narrowed(self) -> None:
        self._fill()

    @on(Input.Submitted, "#words")
    def _settled(self, event: Input.Submitted) -> None:
        if not event.value:
            event.input.remove_class("asked")
        self.query_one(ScenarioList).focus()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on the one that is shown."""
        if action in ("run", "set", "yaml", "save_as") and self.entry is None:
            return False
        if action in ("save", "revert"):
            return self.entry is not None and self.entry.path in self.drafts
        if action == "clear":
            return self.entry is not None and bool(self.overrides_of(self.entry))
        if action == "next_problem":
            return self.is_mounted and self.text.has_class("wrong")
        if action == "filter":
            return not self._in_yaml and not isinstance(self.focused, Input)
        return super().check_action(action, parameters)

    # What is given out.

    def copied(self) -> str:
        """What runs it from a shell, with what is set."""
        return command(self.entry.reference, self.overrides_of(self.entry)) if self.entry is not None else ""

    def exported(self) -> Sequence[Exported]:
        """Its YAML, fit for the working directory, and the scenario with everything filled in and set."""
        if (entry := self.entry) is None:
            return ()
        yaml = Exported(f"{entry.path.stem}.yaml", moved(self.text.text, entry.path.parent, Path.cwd()))
        if self.valid is None:
            return (yaml,)
        resolved = json.dumps(self.valid.resolved(), indent=2, ensure_ascii=False)
        return yaml, Exported(f"{entry.path.stem}-resolved.json", f"{resolved}\n")
