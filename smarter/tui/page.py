"""What every page has in common: the bar of tabs above, its own content, the keys beneath.

A page shows what the app's picture and report say; it asks the app for actions and computes nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen

from smarter.export.naming import file_name
from smarter.tui.keybar import KeyBar
from smarter.tui.picture import Picture
from smarter.tui.tabs import TABS, TabBar

if TYPE_CHECKING:
    from smarter.tui.app import SmarterApp


@dataclass(frozen=True)
class Exported:
    """A page's table or chart as a file: its name without a folder, and its text (CSV, SVG or plain).

    The name may be made from foreign text, such as a meter's name: it is made a :func:`file_name`.
    ``private``: for whoever wrote it alone, as readings are.
    """

    name: str
    text: str
    private: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", file_name(self.name))

    def write(self, folder: Path) -> Path:
        """Write it into ``folder``, beside what is there: a name that is taken gets a number.

        Raises:
            OSError: it cannot be written.
        """
        wanted = folder / self.name
        path, number = wanted, 1
        while True:
            try:
                with open(path, "x", encoding="utf-8", newline="", opener=self._opener) as file:
                    file.write(self.text)
            except FileExistsError:
                number += 1
                path = wanted.with_stem(f"{wanted.stem}-{number}")
            else:
                return path

    def _opener(self, path: str, flags: int) -> int:
        return os.open(path, flags, 0o600 if self.private else 0o666)


class Page(Screen[None]):
    """One page. Subclasses fill :meth:`compose_page` and, if they show a run, :meth:`show_picture`.

    Attributes:
        NAME: of the mode.
        HELP: what the page shows, for ``?``: a few sentences.
    """

    NAME: ClassVar[str]
    HELP: ClassVar[str] = ""

    def on_mount(self) -> None:
        """Its widgets have been styled just now."""
        self._styled_in_focus = self.app.app_focus

    @property
    def bench(self) -> SmarterApp:
        """The app."""
        from smarter.tui.app import SmarterApp

        assert isinstance(self.app, SmarterApp)
        return self.app

    def compose(self) -> ComposeResult:
        """Tabs, content, keys."""
        yield TabBar(TABS, self.NAME)
        yield from self.compose_page()
        yield KeyBar()

    def compose_page(self) -> ComposeResult:
        """The page's own widgets."""
        raise NotImplementedError

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Whoever comes back sees how things stand now.

        Textual would style every widget anew, up to 60 ms; other colours are seen to before this, so what is left is
        whether the terminal had the focus.
        """
        event.refresh_styles = event.refresh_styles and self._styled_in_focus != self.app.app_focus
        self._styled_in_focus = self.app.app_focus
        self.show_picture(self.bench.picture)

    def show_picture(self, picture: Picture) -> None:
        """The run has gone on, or another one has begun; called a few times a second, on the page in front."""

    def exported(self) -> Sequence[Exported]:
        """What ``e`` writes: the page's tables and charts."""
        return ()

    def copied(self) -> str:
        """What ``y`` copies; empty when there is nothing to copy."""
        return ""

    def nothing_to(self, do: str) -> str:
        """What to say when there is nothing to copy or export: ``do`` is that word."""
        return f"There is nothing to {do} here yet."
