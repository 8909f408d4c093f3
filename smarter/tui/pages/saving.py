"""What page 1 does with files: saves changes, asks before they are lost, takes up the scenario that is chosen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from textual import work
from textual.message import Message

from smarter.errors import MachineError, SmarterError
from smarter.export.scenario_file import FileTaken, save_scenario
from smarter.scenario import Scenario, load_scenario
from smarter.scenario.catalogue import Entry
from smarter.scenario.copies import Copy, copied
from smarter.scenario.document import Unreadable, read_document
from smarter.tui.drafts import Draft, Drafts
from smarter.tui.page import Page
from smarter.tui.widgets.question import Answer, Question
from smarter.tui.widgets.save_as import SaveAs

Then = Callable[[Path], None]
"""What is done with a file once it is saved."""


class SavingPage(Page):
    """Holds what is changed and what is set, by file.

    Attributes:
        entry: the scenario that is shown.
        drafts: changes that are not saved.
        overrides: what is set.
        others: files that are listed wherever they lie.
    """

    class Saved(Message):
        """A file was written, or was not, and why."""

        def __init__(self, draft: Draft, error: SmarterError | None, then: Then) -> None:
            super().__init__()
            self.draft, self.error, self.then = draft, error, then

    class Loaded(Message):
        """A file was read, to be chosen."""

        def __init__(self, found: Scenario | SmarterError, overrides: tuple[str, ...], run: bool, quiet: bool) -> None:
            super().__init__()
            self.found, self.overrides, self.run, self.quiet = found, overrides, run, quiet

    def __init__(self) -> None:
        super().__init__()
        self.entry: Entry | None = None
        self.drafts = Drafts()
        self.overrides: dict[Path, tuple[str, ...]] = {}
        self.others: list[Path] = []

    def look_again(self, seek: Path | None = None) -> None:
        """Look at all scenarios, and put the cursor on one."""
        raise NotImplementedError

    def replace_entry(self, entry: Entry) -> None:
        """Its file has this text from now on."""
        raise NotImplementedError

    def marks_changed(self) -> None:
        """Other files are chosen, or changed and not saved."""
        raise NotImplementedError

    @property
    def chosen(self) -> Path | None:
        """The listed file of the scenario that the app works on."""
        raise NotImplementedError

    def text_of(self, entry: Entry) -> str:
        """What is in it, with the changes that are not saved."""
        draft = self.drafts.of(entry.path)
        return draft.text if draft is not None else entry.text

    def overrides_of(self, entry: Entry) -> tuple[str, ...]:
        """What is set in it."""
        return self.overrides.get(entry.path, ())

    def note_text(self, entry: Entry, text: str) -> bool:
        """Keep a text that is not saved; whether that made or ended a draft."""
        turned = self.drafts.note(entry, text)
        self._watch()
        return turned

    def _forget(self, path: Path) -> None:
        self.drafts.drop(path)
        self._watch()

    def _watch(self) -> None:
        self.bench.guard = self._ask_before_leaving if self.drafts else None

    # Saving.

    def action_save(self) -> None:
        """Save the changes in the file's place; of a shipped one, a copy."""
        if self.entry is not None and (draft := self.drafts.of(self.entry.path)) is not None:
            self._save(draft, self._say_saved)

    def action_save_as(self) -> None:
        """Save under another name."""
        if (entry := self.entry) is not None:
            self._save_as(self.drafts.of(entry.path) or Draft(entry, entry.text), self._say_saved)

    def _say_saved(self, path: Path) -> None:
        self.notify(f"Saved {path.name}.", markup=False)

    def _save(self, draft: Draft, then: Then) -> None:
        if draft.entry.shipped:
            self._save_as(draft, then)
        else:
            self._write(draft, then)

    @work(thread=True)
    def _write(self, draft: Draft, then: Then, *, force: bool = False) -> None:
        error: SmarterError | None = None
        try:
            save_scenario(draft.entry.path, draft.text, over=draft.entry.text, force=force)
        except SmarterError as wrong:
            error = wrong
        except OSError as wrong:
            error = MachineError(f"{draft.entry.path} cannot be written: {wrong}; choose another place (f2).")
        self.post_message(self.Saved(draft, error, then))

    def on_saving_page_saved(self, message: Saved) -> None:
        """Forget the draft; or say why it is not saved."""
        draft, error, path = message.draft, message.error, message.draft.entry.path
        if isinstance(error, FileTaken):
            ways: dict[str, Callable[[Draft, Then], object]] = {
                "replace": partial(self._write, force=True),
                "as": self._save_as,
            }
            answers = (
                Answer("r", "replace what is there now", "replace"),
                Answer("a", "save mine under another name", "as"),
            )
            words = f"{path.name} was changed by another program since it was read here."
            self._ask(words, answers, lambda name: ways[name](draft, message.then))
        elif error is not None:
            self.bench.say(error)
        else:
            self._written(draft, path)
            message.then(path)

    def _save_as(self, draft: Draft, then: Then) -> None:
        entry = draft.entry
        suggested = f"my-{entry.path.stem}.yaml" if entry.shipped else f"{entry.path.stem}-2.yaml"

        overrides, made = self.overrides_of(entry), Copy("", True)
        named = _name(draft.text) != _name(entry.text)  # by the user, in the draft

        def text(path: Path) -> str:
            nonlocal made
            own = not named and path.resolve() != entry.path.resolve()
            made = copied(draft.text, entry.path, path, overrides, rename=own)
            return made.text

        def written(path: Path | None) -> None:
            if path is None:
                return
            self.others.append(path)
            self.overrides[path] = () if made.holds_set else overrides
            self._written(draft, path)
            then(path)

        self.app.push_screen(SaveAs(suggested, text), written)

    def _written(self, draft: Draft, path: Path) -> None:
        entry, now = draft.entry, self.drafts.of(draft.entry.path)
        if path == entry.path:
            entry = replace(entry, text=draft.text)
            self.replace_entry(entry)
        self._forget(entry.path)
        if now is not None and now.text != draft.text:  # what was typed meanwhile is still not saved
            self.note_text(entry, now.text)
        self.look_again(path)
        self.choose_again(path)

    def action_revert(self) -> None:
        """Ask whether the changes may go, and let them."""
        if (entry := self.entry) is None:
            return

        def drop(_: str) -> None:
            self._forget(entry.path)
            self.marks_changed()

        words = f"Drop the changes of {entry.name} that are not saved?"
        self._ask(words, [Answer("d", "drop them", "drop")], drop)

    # Before changes are lost.

    def _ask(self, words: str, answers: Sequence[Answer], then: Callable[[str], object]) -> None:
        def answered(name: str | None) -> None:
            if name is not None:
                then(name)

        self.app.push_screen(Question(words, answers), answered)

    def _ask_before_leaving(self, leave: Callable[[], None]) -> None:
        """File by file; who goes back once stays."""
        draft = self.drafts.first

        def on(_: Path) -> None:
            if self.drafts:
                self._ask_before_leaving(leave)
            else:
                leave()

        def answered(name: str) -> None:
            if name == "save":
                self._save(draft, on)
            else:
                self._forget(draft.entry.path)
                on(draft.entry.path)

        answers = Answer("s", "save them, and leave", "save"), Answer("d", "drop them, and leave", "drop")
        self._ask(f"{draft.entry.name} has changes that are not saved.", answers, answered)

    def _saved_first(self, doing: str, then: Then) -> None:
        """Do something with the file of the shown scenario; ask about changes, which are not in it."""
        if (entry := self.entry) is None:
            return
        draft = self.drafts.of(entry.path)
        if draft is None:
            then(entry.path)
            return
        answers = (
            Answer("s", f"save them, and {doing} it", "save"),
            Answer("f", f"{doing} the file as it is, and keep them", "file"),
        )
        ways = {"save": lambda: self._save(draft, then), "file": lambda: then(entry.path)}
        words = f"{entry.name} has changes that are not saved, and a run reads the file."
        self._ask(words, answers, lambda name: ways[name]())

    # Choosing.

    def action_choose(self) -> None:
        """Work on the shown scenario."""
        self._saved_first("choose", lambda path: self._take(path, False))

    def action_run(self) -> None:
        """Work on it, and run it."""
        self._saved_first("run", lambda path: self._take(path, True))

    def choose_again(self, path: Path) -> None:
        """The chosen scenario was changed: let the pages be about it as it is now, unless its run goes on."""
        if path == self.chosen and path not in self.drafts and not self.bench.picture.goes_on:
            self._take(path, False, quiet=True)

    def _take(self, path: Path, run: bool, *, quiet: bool = False) -> None:
        self._load(path, self.overrides.get(path, ()), run, quiet)

    @work(thread=True, exclusive=True, group="take")
    def _load(self, path: Path, overrides: tuple[str, ...], run: bool, quiet: bool) -> None:
        found: Scenario | SmarterError
        try:
            found = load_scenario(path, overrides)
            if run:
                found.check_available()
        except SmarterError as error:
            found = error
        self.post_message(self.Loaded(found, overrides, run, quiet))

    def on_saving_page_loaded(self, message: Loaded) -> None:
        """Choose it, if it can be."""
        found, bench = message.found, self.bench
        try:
            if isinstance(found, SmarterError):
                raise found
            if not _same(bench.scenario, found):
                bench.choose(found, message.overrides)
            self.marks_changed()
            if message.run:
                bench.start_run()
                bench.action_go("run")
            elif not message.quiet:
                self.notify(f"{found.name} is chosen: pages 2 to 7 are about it, and r runs it.", markup=False)
        except SmarterError as error:
            bench.say(error)


def _name(text: str) -> object:
    try:
        return read_document(text, "").tree.get("name")
    except Unreadable:
        return None


def _same(one: Scenario | None, other: Scenario) -> bool:
    return one is not None and one.path.resolve() == other.path.resolve() and one.resolved() == other.resolved()
