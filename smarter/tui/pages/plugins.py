"""Page 8, plugins: all that are installed, by kind; what each can do, where it is from, what it can be told."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option as Entry

from smarter.charts.marks import MARKS
from smarter.charts.plugins import PLUGINS, count_of, matching, plugin_lines, problem_of
from smarter.export.files import csv_text
from smarter.registry import UNKNOWN_KIND, Listing, registry
from smarter.tui.page import Exported, Page
from smarter.tui.widgets.plugin_detail import PluginDetail

NOT_LOADED = "not loaded"
"""What entry points are listed under that failed before they named a kind."""


class PluginsPage(Page):
    """The list at the left, the chosen one at the right."""

    NAME = "plugins"
    AUTO_FOCUS = "#list"
    HELP = (
        "Every plugin that was found when Smarter started, shipped or your own, by kind: what it can do, which package "
        "it came with, and the options that a scenario can give it. One that is broken, or lacks a library, is marked "
        "✕ and says why; it breaks nothing else."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", id="plugins.filter"),
        Binding("escape", "clear", "All again", id="plugins.clear"),
        Binding("n", "next_broken", "Next ✕", id="plugins.next"),
    ]
    DEFAULT_CSS = """
    PluginsPage #counted { height: 1; padding: 0 1; color: $text-muted; }
    PluginsPage #words { display: none; height: 1; border: none; padding: 0 1; margin-bottom: 1; }
    PluginsPage #words.asked { display: block; }
    PluginsPage #list {
        width: 31; height: 1fr; border: none; padding: 0 0 0 1; background: $background;
        text-wrap: nowrap; text-overflow: ellipsis; scrollbar-size-vertical: 1;
        &:focus { background-tint: $background 0%; }
        & > .option-list--option-disabled { color: $text-muted; }
        & > .option-list--option-highlighted { color: $foreground; background: $primary 35%; text-style: bold; }
    }
    PluginsPage #none { display: none; }
    PluginsPage .nothing #none { display: block; }
    PluginsPage .nothing Horizontal { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._all: Sequence[Listing] = ()
        self._shown: list[Listing] = []

    def compose_page(self) -> ComposeResult:
        """How many there are; the filter; the list and the detail."""
        yield Static(id="counted")
        with Vertical(id="both"):
            yield Input(placeholder="words that occur in a plugin: scheme, broken, gcm", id="words", compact=True)
            with Horizontal():
                yield OptionList(id="list")
                yield PluginDetail()
            yield Static(id="none", classes="empty")

    def on_mount(self) -> None:
        """Plugins are read once a process, so once is enough here."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._fill())
        self.query_one("#list").focus()
        self._load()

    @work(thread=True, exclusive=True)
    def _load(self) -> None:
        listings = registry().listings()
        self.app.call_from_thread(self._loaded, listings)

    def _loaded(self, listings: Sequence[Listing]) -> None:
        self._all = listings
        self._fill()

    # The list.

    def _fill(self) -> None:
        words = self.query_one("#words", Input).value
        entries, chosen = self.query_one("#list", OptionList), self._chosen()
        self._shown = matching(self._all, words)
        entries.clear_options()
        kind = ""
        for place, listing in enumerate(self._shown):
            if listing.kind != kind:
                kind = listing.kind
                name = NOT_LOADED if kind == UNKNOWN_KIND else f"{kind}s"
                entries.add_option(Entry(Text(name), disabled=True))
            entries.add_option(Entry(self._line(listing), id=str(place)))
        counted = count_of(self._all)
        shown = f"{len(self._shown):,} of them match {words!r}" if words else ""
        self.query_one("#counted", Static).update(Text(" · ".join(filter(None, (counted, shown)))))
        self.query_one("#both").set_class(not self._shown, "nothing")
        self.query_one("#none", Static).update(Text(self._why_none(words)))
        if self._shown:
            self._show(chosen if chosen in self._shown else self._shown[0])

    def _why_none(self, words: str) -> str:
        if self._all:
            return f"No plugin matches {words!r}: esc shows all again."
        return "No plugin is installed: reinstall smarter-metering, whose entry points bring the shipped ones."

    def _line(self, listing: Listing) -> Text:
        colour = self.app.theme_variables["refused"]
        mark = (MARKS["refused"], colour) if problem_of(listing) else " "
        return Text.assemble(mark, f" {listing.name}")

    def _chosen(self) -> Listing | None:
        entries = self.query_one("#list", OptionList)
        place = entries.highlighted
        chosen = entries.get_option_at_index(place).id if place is not None and place < entries.option_count else None
        return self._shown[int(chosen)] if chosen is not None and int(chosen) < len(self._shown) else None

    def _show(self, listing: Listing) -> None:
        entries = self.query_one("#list", OptionList)
        entries.highlighted = entries.get_option_index(str(self._shown.index(listing)))
        self.query_one(PluginDetail).show(listing)

    @on(OptionList.OptionHighlighted, "#list")
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        if event.option_id is not None and int(event.option_id) < len(self._shown):
            self.query_one(PluginDetail).show(self._shown[int(event.option_id)])

    @on(Input.Changed, "#words")
    def _narrowed(self) -> None:
        self._fill()

    @on(Input.Submitted, "#words")
    def _settled(self, event: Input.Submitted) -> None:
        if not event.value:
            self.query_one("#words").remove_class("asked")
        self.query_one("#list").focus()

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While words are typed, letters are letters; without a filter there is nothing to clear."""
        if action in ("filter", "next_broken"):
            return not isinstance(self.focused, Input)
        return action != "clear" or (self.is_mounted and self.query_one("#words").has_class("asked"))

    def action_filter(self) -> None:
        """Ask for words."""
        words = self.query_one("#words", Input)
        words.add_class("asked")
        words.focus()
        self.refresh_bindings()

    def action_clear(self) -> None:
        """Show all."""
        words = self.query_one("#words", Input)
        words.value = ""
        words.remove_class("asked")
        self.query_one("#list").focus()
        self.refresh_bindings()

    def action_next_broken(self) -> None:
        """Go to the next one that cannot be used."""
        broken = [place for place, listing in enumerate(self._shown) if problem_of(listing)]
        if not broken:
            self.notify("All of these plugins can be used.")
            return
        chosen = self._chosen()
        here = self._shown.index(chosen) if chosen is not None else -1
        self._show(self._shown[next((place for place in broken if place > here), broken[0])])

    # What is given out.

    def exported(self) -> Sequence[Exported]:
        """The list as it is filtered."""
        return (Exported("plugins.csv", csv_text(PLUGINS, plugin_lines(self._shown))),) if self._shown else ()

    def copied(self) -> str:
        """The chosen plugin with its options."""
        return self.query_one(PluginDetail).text if self._shown else ""
