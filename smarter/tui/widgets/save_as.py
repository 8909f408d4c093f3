"""Asks where a scenario is to be saved, over the page, and saves it there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from smarter.errors import SmarterError, UsageError
from smarter.export.scenario_file import FileTaken, save_scenario
from smarter.scenario.catalogue import SUFFIXES


class SaveAs(ModalScreen[Path | None]):
    """Ends with the file that was written, or with None."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Do not save", id="scenarios.do_not_save")]
    DEFAULT_CSS = """
    SaveAs Vertical { width: 72; max-width: 96%; height: auto; padding: 1 2; background: $panel; }
    SaveAs Input { margin: 1 0; }
    SaveAs #refused { height: auto; margin-bottom: 1; color: $refused; display: none; }
    SaveAs #refused.said { display: block; }
    """

    class Tried(Message):
        """It was saved, or was not, and why."""

        def __init__(self, path: Path, error: SmarterError | None) -> None:
            super().__init__()
            self.path, self.error = path, error

    def __init__(self, suggested: str, text: Callable[[Path], str]) -> None:
        """``text``: what is to be in the file, by its path; called in a thread."""
        super().__init__()
        self._suggested, self._text = suggested, text
        self._taken: Path | None = None

    def compose(self) -> ComposeResult:
        """The question, the path, why not, and the way out."""
        with Vertical():
            yield Static("Save the scenario as", markup=False)
            yield Input(self._suggested, placeholder="my-street.yaml", compact=True)  # chosen whole: typing replaces it
            yield Static(id="refused", markup=False)
            yield Static("enter: save   esc: do not save", classes="quiet")

    @on(Input.Changed)
    def _changed(self) -> None:
        self._taken = None
        self._refuse("")

    @on(Input.Submitted)
    def _save(self, event: Input.Submitted) -> None:
        if not event.value.strip():
            self._refuse("It needs a name, such as my-street.yaml.")
            return
        path = Path(event.value.strip()).expanduser()
        if path.suffix.lower() not in SUFFIXES:
            path = path.with_name(f"{path.name}.yaml")
        self._write(Path.cwd() / path, self._taken == path)
        self._taken = path

    @work(thread=True, exclusive=True)
    def _write(self, path: Path, force: bool) -> None:
        error: SmarterError | None = None
        try:
            if path.is_dir():
                raise UsageError(f"{path} is a folder; name a file in it.")
            save_scenario(path, self._text(path), force=force)
        except SmarterError as wrong:
            error = wrong
        except OSError as wrong:
            error = UsageError(f"the system refuses: {wrong}; choose another place.")
        self.post_message(self.Tried(path, error))

    def on_save_as_tried(self, message: Tried) -> None:
        """Go back, or say why it is not saved."""
        if message.error is None:
            self.dismiss(message.path)
        elif isinstance(message.error, FileTaken):
            self._refuse(f"{message.path.name} is there already: enter once more replaces it.")
        else:
            self._taken = None
            self._refuse(str(message.error))

    def _refuse(self, words: str) -> None:
        refused = self.query_one("#refused", Static)
        refused.update(Text(f"✕ {words}" if words else ""))
        refused.set_class(bool(words), "said")

    def action_leave(self) -> None:
        """Save nothing."""
        self.dismiss(None)
