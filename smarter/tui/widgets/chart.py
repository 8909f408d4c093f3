"""A chart of ``smarter.charts`` on a page: drawn off the UI's thread, once, and kept.

It is our own text and not textual-plotext's widget, which draws anew at every refresh and on the UI's thread: a large
chart takes plotext a quarter of a second and more, in which no key would be answered.
"""

from __future__ import annotations

import io
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text
from textual import events, work
from textual.message import Message
from textual.widgets import Static

KEPT = 48
"""Charts that are kept drawn, the least lately shown is dropped first."""


@dataclass(frozen=True)
class _Wanted:
    key: Hashable
    width: int
    height: int


class Chart(Static):
    """Shows the newest chart that it was asked for as soon as it is drawn; until then the one before."""

    class Drawn(Message):
        """A chart has been drawn in the background."""

        def __init__(self, wanted: _Wanted | None, chart: Text) -> None:
            super().__init__()
            self.wanted, self.chart = wanted, chart

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - as every widget calls it
        super().__init__(id=id)
        self._key: Hashable = None
        self._draw: Callable[[int, int], str] | None = None
        self._wanted: tuple[_Wanted, Callable[[int, int], str]] | None = None
        self._drawing = False
        self._kept: OrderedDict[_Wanted, Text] = OrderedDict()
        self._shown = Text()

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return self._shown.plain

    def svg(self, title: str) -> str:
        """What is shown, as a picture."""
        width = max((line.cell_len for line in self._shown.split()), default=1)
        console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True, color_system="truecolor")
        console.print(self._shown)
        return console.export_svg(title=title, theme=self.app.ansi_theme)

    def show(self, key: Hashable, draw: Callable[[int, int], str]) -> None:
        """Show what ``draw`` makes of columns and lines, with escape codes for colours.

        It is called in another thread, once a size for one ``key``: a key says all that the chart depends on.
        """
        self._key, self._draw = key, draw
        self._wish()

    def clear(self, words: str) -> None:
        """Show no chart, but say why; what was drawn before is forgotten."""
        self._draw = self._wanted = None
        self._kept.clear()
        self._put(Text(words, style="dim"))

    def forget(self) -> None:
        """Show nothing, and keep nothing of what was shown."""
        self._key = self._draw = self._wanted = None
        self._kept.clear()
        self._put(Text())

    def on_mount(self) -> None:
        """Other themes have other colours."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.update(self._shown))

    def on_resize(self, event: events.Resize) -> None:
        """Another size is another chart."""
        self._wish()

    def _wish(self) -> None:
        width, height = self.content_size
        if self._draw is None or not width or not height:
            return
        wanted = _Wanted(self._key, width, height)
        self._wanted = wanted, self._draw
        if (chart := self._kept.get(wanted)) is not None:
            self._kept.move_to_end(wanted)
            self._put(chart)
        elif not self._drawing:  # whatever is wished meanwhile, only the last of it is drawn
            self._drawing = True
            self._draw_it()

    # Without arguments: Textual keeps them for longer than it works, and a chart may be of somebody's own readings.
    @work(thread=True)
    def _draw_it(self) -> None:
        wanted, draw = self._wanted or (None, None)
        chart = Text()
        try:
            if wanted is not None and draw is not None:
                chart = Text.from_ansi(draw(wanted.width, wanted.height), no_wrap=True, end="")
        except Exception as error:  # noqa: BLE001 - shown as what it is, a bug; the app lives on
            chart = Text(f"This cannot be drawn, a bug: {type(error).__name__}: {error}; please report it.")
        self.post_message(self.Drawn(wanted, chart))

    def on_chart_drawn(self, message: Drawn) -> None:
        """Keep it, and show it if it is still what is wanted."""
        message.stop()
        self._drawing = False
        if self._draw is not None and message.wanted is not None:
            self._kept[message.wanted] = message.chart
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self._wish()

    def _put(self, chart: Text) -> None:
        self._shown = chart
        self.update(chart)
