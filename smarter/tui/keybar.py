"""The keys beneath each page: as many as fit, the page's own first, and always the one that lists them all.

Textual's own footer cuts off what does not fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import App
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Static

LAST_TO_GO = ("help", "quit", "export", "copy")
"""Actions of every page, the ones that a narrow terminal keeps longest first."""


@dataclass(frozen=True)
class Key:
    """One key, or the keys of a group, with what they do; what has the highest ``rank`` goes first."""

    shown: str
    description: str
    leads: str
    enabled: bool
    rank: int

    @property
    def width(self) -> int:
        """Columns, with the gap after it."""
        return len(self.shown) + 1 + len(self.description) + 2


class KeyBar(Static):
    """One line of keys; a click is the key."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"keybar--key", "keybar--off"}
    DEFAULT_CSS = """
    KeyBar {
        dock: bottom; height: 1; padding: 0 1; background: $panel; color: $text-muted;
        .keybar--key { color: $accent; text-style: bold; }
        .keybar--off { color: $text-disabled; }
    }
    """

    def on_mount(self) -> None:
        """Keys come and go with what has the focus."""
        self.auto_links = False  # keys have their own colours
        self.screen.bindings_updated_signal.subscribe(self, self._changed)

    def _changed(self, screen: Screen[object]) -> None:
        self.refresh()

    def on_resize(self, event: events.Resize) -> None:
        """How many are shown depends on the width."""
        self.refresh()

    def render(self) -> Text:
        """The keys that fit."""
        keys = list(self._keys())
        while len(keys) > 1 and sum(key.width for key in keys) - 2 > self.size.width:
            keys.remove(max(keys, key=lambda key: key.rank))
        bold, off = (self.get_component_rich_style(name, partial=True) for name in ("keybar--key", "keybar--off"))
        bar = Text(no_wrap=True)
        for key in keys:
            click = Style(meta={"@click": ("app.simulate_key", (key.leads,))})
            bar.append(key.shown, style=(bold if key.enabled else off) + click)
            bar.append(f" {key.description}", style=click if key.enabled else off + click)
            bar.append("  ")
        bar.rstrip()
        return bar

    def _keys(self) -> Iterator[Key]:
        """The page's own keys, then those of every page."""
        active = [
            (isinstance(node, App), binding, enabled)
            for node, binding, enabled, _ in self.screen.active_bindings.values()
            if binding.show and binding.description
        ]
        rank = 1  # logging out stays before the page's others
        for general in (False, True):
            first: dict[str, tuple[Binding, bool]] = {}
            for of_app, binding, enabled in active:
                if of_app is general:
                    first.setdefault(binding.action, (binding, enabled))
            for group, members in groupby(first.values(), key=lambda each: each[0].group or each[0]):
                together = list(members)
                binding, enabled = together[0]
                rank += 1
                yield Key(
                    " ".join(self.app.get_key_display(each) for each, _ in together),
                    binding.description if isinstance(group, Binding) else group.description,
                    binding.key,
                    enabled,
                    self._rank(binding) if general else 1 if binding.action == "log_out" else rank,
                )

    def _rank(self, binding: Binding) -> int:
        """Help stays before all others; what has no place in the order goes first."""
        if binding.id == LAST_TO_GO[0]:
            return 0
        return 100 + (LAST_TO_GO.index(binding.id) if binding.id in LAST_TO_GO else len(LAST_TO_GO))
