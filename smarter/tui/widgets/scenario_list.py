"""The scenarios there are, shelf by shelf, a line each: a click shows one, enter or a double click chooses it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import OptionList
from textual.widgets.option_list import Option as Item

from smarter.charts.marks import MARKS
from smarter.scenario.catalogue import Entry, Shelf
from smarter.scenario.model import Scenario

CHOSEN = "▶"
LONGEST = 24
"""Columns of a name; descriptions begin behind the longest."""


class ScenarioList(OptionList):
    """What :meth:`fill` was called with last."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "select", "Choose", id="scenarios.choose")]
    DEFAULT_CSS = """
    ScenarioList, ScenarioList:focus {
        border: none; padding: 0; height: auto; max-height: 50%;
        background: $background; background-tint: $background 0%;
        text-wrap: nowrap; text-overflow: ellipsis;
        & > .option-list--option-disabled { color: $text-muted; }
        & > .option-list--option-highlighted { background: $panel; color: $foreground; text-style: none; }
    }
    ScenarioList:focus > .option-list--option-highlighted { background: $primary 30%; }
    """

    def __init__(self) -> None:
        super().__init__(id="list")
        self.entries: list[Entry] = []

    @property
    def here(self) -> Entry | None:
        """The one that the cursor is on."""
        if self.highlighted is None:
            return None
        path = self.get_option_at_index(self.highlighted).id
        return next((entry for entry in self.entries if str(entry.path) == path), None)

    def fill(
        self,
        shelves: Sequence[Shelf],
        words: str,
        *,
        chosen: Path | None,
        unsaved: Collection[Path],
        seek: Sequence[Path],
    ) -> None:
        """Show all entries in which every word occurs.

        Args:
            shelves: with the entries.
            words: to filter by; empty for all.
            chosen: the file of the scenario that the app works on.
            unsaved: files with changes that are not saved.
            seek: put the cursor on the first of these that is shown, else on the first of all.
        """
        self.entries = [entry for shelf in shelves for entry in shelf.entries if _has(entry, words)]
        width = max((min(len(entry.name), LONGEST) for entry in self.entries), default=0) + 2
        self.clear_options()
        shown = {entry.path for entry in self.entries}
        for shelf in shelves:
            inside = [entry for entry in shelf.entries if entry.path in shown]
            if inside or (shelf.problem and not words):
                self.add_option(Item(self._heading(shelf), disabled=True))
            for entry in inside:
                line = self._line(entry, width, entry.path == chosen, entry.path in unsaved)
                self.add_option(Item(line, id=str(entry.path)))
        if self.entries:
            at = next((path for path in seek if path in shown), self.entries[0].path)
            self.highlighted = self.get_option_index(str(at))

    def _heading(self, shelf: Shelf) -> Text:
        text = Text(shelf.title, no_wrap=True, overflow="ellipsis")
        if shelf.problem:
            text.append(f"  {MARKS['refused']} {shelf.problem}", style=self.app.theme_variables["refused"])
        return text

    def _line(self, entry: Entry, width: int, chosen: bool, unsaved: bool) -> Text:
        wrong = not isinstance(entry.found, Scenario)
        colour = self.app.theme_variables["refused" if wrong else "accent"]
        mark = MARKS["refused"] if wrong else CHOSEN if chosen else " "
        name = f"{entry.name}{' *' * unsaved}"
        return Text.assemble(
            (f"{mark} {name:<{width}}", f"bold {colour}" if chosen else colour if wrong else ""),
            (f" {entry.description}", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )

    def on_click(self, event: events.Click) -> None:
        """One click looks, two choose."""
        event.prevent_default()
        place = event.style.meta.get("option")
        if place is not None and not self.get_option_at_index(place).disabled:
            self.highlighted = place
            if event.chain == 2:
                self.action_select()


def _has(entry: Entry, words: str) -> bool:
    said = f"{entry.name} {entry.description} {' '.join(_chosen(entry))}".casefold()
    return all(word in said for word in words.casefold().split())


def _chosen(entry: Entry) -> Iterator[str]:
    if isinstance(entry.found, Scenario):
        yield from entry.found.neighbourhoods
        yield from (choice.plugin for _, choice in entry.found.choices())
