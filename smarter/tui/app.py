"""The app itself: its pages, and the actions, keys, commands and colours that all of them have."""

from __future__ import annotations

import asyncio
import gc
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, ClassVar

from textual import events, work
from textual.actions import ActionParseResult
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.filter import LineFilter
from textual.screen import Screen
from textual.widgets import Static

from smarter.errors import SmarterError, UsageError
from smarter.tui.bench import Bench
from smarter.tui.foreign_text import EscapedLines
from smarter.tui.help import HelpPage
from smarter.tui.keymap import shared_keys
from smarter.tui.page import Exported, Page
from smarter.tui.settings import Settings, load_settings
from smarter.tui.tabs import TABS, Tab, TabBar
from smarter.tui.themes import KINDS, THEMES, terminal_colours

CLIPBOARD = 74_994
"""Bytes that a terminal's clipboard takes for sure (xterm's OSC 52 takes 100,000 characters of base64)."""
STILL = 0.1
"""Seconds without a key or the mouse after which something may take the UI's thread for a moment."""


class SmarterApp(Bench):
    """One listener of ``run``'s events."""

    TITLE = "Smarter"
    CSS_PATH = Path(__file__).with_name("smarter.tcss")
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(tab.key, f"go('{tab.name}')", tab.title, show=False, id=tab.name) for tab in TABS),
        Binding("question_mark", "help", "Help", key_display="?", id="help"),
        Binding("y", "copy", "Copy", id="copy"),
        Binding("e", "export", "Export", id="export"),
        Binding("t", "toggle_theme", "Light or dark", show=False, id="theme"),
        Binding("q", "quit", "Quit", id="quit"),
    ]

    def __init__(
        self,
        scenario: str = "quickstart",
        settings: Settings | None = None,
        overrides: tuple[str, ...] = (),
        *,
        alone: bool = False,
    ) -> None:
        """Nothing is loaded before the first paint.

        Args:
            scenario: with its ``overrides``, what is chosen at first.
            settings: of the user.
            overrides: as of ``--set``.
            alone: whether the process is there for this app.
        """
        super().__init__(settings or load_settings())
        self._alone = alone
        self._in_page = False
        self._escaped_lines = EscapedLines()
        # Spawning workers starts it, and hands it standard error, which is not there while Textual has the terminal.
        resource_tracker.ensure_running()
        self._first = scenario, overrides
        self._ahead: dict[str, Page] = {}
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = f"smarter-{self.settings.theme}"
        self.ansi_theme_dark, self.ansi_theme_light = map(terminal_colours, THEMES)
        for tab in TABS:
            self.add_mode(tab.name, partial(self._make, tab))

    def _make(self, tab: Tab) -> Page:
        """A page, for its first visit."""
        if (made := self._ahead.pop(tab.name, None)) is not None:
            return made
        page = tab.make()
        # Its widgets are styled as they come; Textual would also style all of the page before it again.
        page._css_update_count = self._css_update_count
        return page

    def compose(self) -> ComposeResult:
        """What is painted first, while the rest is imported."""
        yield TabBar(TABS, "")
        yield Static("one moment …", classes="empty")

    async def on_mount(self) -> None:
        """Once something is painted, choose the first scenario and show the first page."""
        self.set_keymap(self.settings.keymap)
        painted = asyncio.Event()
        self.screen.call_after_refresh(painted.set)
        await painted.wait()
        from smarter.scenario import load_scenario

        name, overrides = self._first
        try:
            self.choose(load_scenario(name, overrides), overrides)
        except SmarterError as error:
            self.say(error)
        await self.switch_mode(TABS[0].name)
        self._fetch_pages()

    @work(thread=True)
    def _fetch_pages(self) -> None:
        """Import the other pages meanwhile, so that nobody waits for one who goes there."""
        for tab in TABS:
            tab.page()
        if shared := shared_keys(self.settings.keymap, type(self)):
            said = "; ".join(f"{key} to {names}" for key, names in shared.items())
            words = f"The keymap of your settings gives one key to several actions: {said}. Only one of them is done."
            self.call_later(self.notify, words, severity="warning", timeout=12, markup=False)
        if self._alone:
            gc.freeze()  # what is there now stays: collecting garbage in the midst of it takes long enough to be felt
            gc.enable()
            self.call_later(self._make_pages)

    @work
    async def _make_pages(self) -> None:
        """Make the other pages ahead, one at a time and while no key is pressed, and parse the other theme.

        So a first visit is as fast as any, and so is the first change from dark to light.
        """
        for tab in TABS:
            while time.monotonic() - self.touched < STILL:
                await asyncio.sleep(STILL)
            if tab.name not in self._screen_stacks:
                page = self._ahead[tab.name] = self._make(tab)
                await self._get_screen(page)[1]
                page._refresh_layout(self.size)
        for theme in THEMES:
            colours = {**theme.to_color_system().generate(), **theme.variables}
            self.stylesheet.parse_under({**self.get_theme_variable_defaults(), **colours})
        gc.freeze()

    def delay_update(self, delay: float = 0.05) -> None:
        """Show a page at once.

        Textual paints nothing for so long, to hide how a page comes together; ours are there. And what ends that is a
        timer, which can be lost (``once``): nothing would be painted any more.
        """

    async def on_event(self, event: events.Event) -> None:
        """As Textual does; it is remembered that somebody is there."""
        if isinstance(event, events.InputEvent):
            self.touched = time.monotonic()
        if isinstance(event, events.AppBlur) and self.is_web and not self._in_page:
            self._in_page = True  # Textual assumes a page without the focus; ours has it from the start
            return
        await super().on_event(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """As Textual does; what goes wrong on purpose is said."""
        try:
            return await super().run_action(action, default_namespace, namespaces)
        except SmarterError as error:
            self.say(error)
        except OSError as error:
            self.say(UsageError(f"the system refuses: {error}; when that is mended, try again."))
        return True

    def action_go(self, name: str) -> None:
        """Show another page; what was said of this one is not in its way."""
        if name != self.current_mode:
            self.clear_notifications()
            self.switch_mode(name)

    def action_help(self) -> None:
        """Show what the page is for and which keys it has."""
        if isinstance(self.screen, Page):
            self.push_screen(HelpPage(self.screen))

    def action_toggle_theme(self) -> None:
        """Light colours instead of dark ones, and back."""
        self.theme = "smarter-light" if self.current_theme.dark else "smarter-dark"
        self.refresh_page()

    def action_copy(self) -> None:
        """Copy what is selected, or else what the page has to copy, also over SSH (OSC 52)."""
        text = self.screen.get_selected_text() or (self.screen.copied() if isinstance(self.screen, Page) else "")
        if not text:
            self._say_nothing_to("copy")
            return
        self.copy_to_clipboard(text)
        lines = len(text.splitlines())
        said = f"Copied {lines:,} line{'s' * (lines != 1)}."
        if len(text.encode()) > CLIPBOARD:
            self.notify(f"{said} Many terminals take no more than 75 kB: export it (e).", severity="warning")
        else:
            self.notify(said)

    def action_export(self) -> None:
        """Write the page's tables and charts into the working directory; in a browser, download them."""
        files = self.screen.exported() if isinstance(self.screen, Page) else ()
        if not files:
            self._say_nothing_to("export")
        self.give_out(files)

    def _say_nothing_to(self, do: str) -> None:
        self.notify(self.screen.nothing_to(do) if isinstance(self.screen, Page) else f"There is nothing to {do} here.")

    def give_out(self, files: Sequence[Exported]) -> None:
        """Write files into the working directory; in a browser, download them."""
        for file in files:
            if self.is_web:
                self.deliver_text(io.StringIO(file.text), save_filename=file.name, name=file.name)
                self.notify(f"Handed {file.name} to the browser.", markup=False)
            else:
                self._write(file)

    def on_delivery_complete(self, event: events.DeliveryComplete) -> None:
        """Show that the browser has taken a file."""
        self.notify(f"Downloaded {event.name}.", markup=False)

    def on_delivery_failed(self, event: events.DeliveryFailed) -> None:
        """Show that the browser did not get a file."""
        self.say(UsageError(f"{event.name} was not downloaded: {event.exception}; export it again."))

    def _write(self, file: Exported) -> None:
        folder = Path.cwd()
        try:
            self.notify(f"Wrote {file.write(folder)}", markup=False)
        except OSError as error:
            reason = f"{file.name} cannot be written into {folder} ({error.strerror})"
            self.say(UsageError(f"{reason}; start Smarter in another folder."))

    async def action_quit(self) -> None:
        """Leave; a run that goes on is cancelled and can be taken up later."""
        if self.guard is not None:
            self.guard(self._leave)
        else:
            self._leave()

    def _leave(self) -> None:
        self.cancel_run()
        self.exit()

    def on_unmount(self) -> None:
        """Whatever ended the app ends its run."""
        self.cancel_run()

    @property
    def bug(self) -> Exception | None:
        """What ended the app, if it was not the user."""
        return self._exception

    # What Textual asks for.

    def get_system_commands(self, screen: Screen[Any]) -> Iterator[SystemCommand]:
        """Every page and every action of the page in front, in the command palette."""
        named = {binding.description for _, binding, _, _ in screen.active_bindings.values()}
        for tab in TABS:
            yield SystemCommand(tab.title, f"Show page {tab.key}", lambda name=tab.name: self.action_go(name))
        pages = {tab.name for tab in TABS}
        for node, binding, enabled, _ in screen.active_bindings.values():
            if enabled and binding.description and binding.id and binding.id not in pages:
                yield SystemCommand(
                    binding.description,
                    f"Key {self.get_key_display(binding)}",
                    lambda action=binding.action, node=node: self.call_later(self.run_action, action, node),
                )
        for command in super().get_system_commands(screen):
            if command.title not in (*named, "Keys"):  # our own help has them
                yield command

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's own, then the one that shows what a terminal would obey."""
        return *super().get_line_filters(), self._escaped_lines

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """The colours of the four kinds of data under a theme that is none of ours."""
        return {kind: THEMES[0].variables[kind] for kind in KINDS}

    def _handle_exception(self, error: Exception) -> None:
        """As Textual does; but what a page half made lacks while the app goes down anyway is no bug."""
        if self._exit:
            self._close_messages_no_wait()
        else:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        """End without Textual's own traceback, which shows local variables, secrets too; ``launch`` raises it."""
        self._close_messages_no_wait()
