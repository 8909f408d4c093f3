"""A chart of windows over time of which a stretch is shown: zoomed and panned, also by the mouse."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import Protocol

from textual import events
from textual.message import Message

from smarter.model.results import WindowRow, usual_length
from smarter.tui.widgets.chart import Chart
from smarter.tui.widgets.stretch import Stretch

WHEEL = 0.1
"""Of the width, by one step of the wheel."""
WHEEL_CLOSER = 1.25
FEWEST = 4
"""Windows that can be zoomed to."""


class Drawer(Protocol):
    """``demand_chart`` and ``household_chart``."""

    def __call__(self, rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool) -> str: ...


class TimeChart(Chart):
    """The wheel and dragging pan; the wheel with ctrl or shift zooms where the pointer is."""

    class Stretched(Message):
        """Another stretch is shown; epoch seconds."""

        def __init__(self, start: int, end: int) -> None:
            super().__init__()
            self.start, self.end = start, end

    def __init__(self, drawer: Drawer, *, id: str | None = None) -> None:  # noqa: A002 - as every widget calls it
        super().__init__(id=id)
        self._drawer = drawer
        self._of: Hashable = None
        self._rows: Sequence[WindowRow] = ()
        self._timezone = ""
        self._held_at: int | None = None
        self.stretch: Stretch | None = None

    def show_rows(self, of: Hashable, rows: Sequence[WindowRow], timezone: str, drawer: Drawer | None = None) -> None:
        """Show other windows, at least one, in order of time; ``of`` says which. The same span stays zoomed.

        ``drawer``: draws from now on, in place of the one so far.
        """
        self._drawer = drawer or self._drawer
        self._of, self._rows, self._timezone = of, rows, timezone
        least = FEWEST * usual_length(rows)
        ends = rows[0].start, rows[-1].end
        if self.stretch is None or (self.stretch.first, self.stretch.last) != ends:
            self.stretch = Stretch.whole(*ends, least)
        else:
            self.stretch = self.stretch.with_least(least)
        self._show_stretch()

    def forget(self) -> None:
        """Show nothing, and keep nothing of what was shown."""
        self._of, self._rows, self.stretch = None, (), None
        super().forget()

    @property
    def rows(self) -> Sequence[WindowRow]:
        """The windows that are shown: all that the stretch touches."""
        if self.stretch is None:
            return ()
        first = bisect_right(self._rows, self.stretch.start, key=lambda row: row.end)
        return self._rows[first : bisect_left(self._rows, self.stretch.end, key=lambda row: row.start)]

    def zoom(self, factor: float, at: float = 0.5) -> None:
        """See :meth:`Stretch.zoomed`."""
        self._change(lambda stretch: stretch.zoomed(factor, at))

    def move(self, share: float) -> None:
        """See :meth:`Stretch.moved`."""
        self._change(lambda stretch: stretch.moved(share))

    def show_between(self, start: float, end: float) -> None:
        """See :meth:`Stretch.around`."""
        self._change(lambda stretch: stretch.around(start, end))

    def show_whole(self) -> None:
        """Everything."""
        self._change(lambda stretch: stretch.around(stretch.first, stretch.last))

    def _change(self, change: Callable[[Stretch], Stretch]) -> None:
        if self.stretch is not None:
            self.stretch = change(self.stretch)
            self._show_stretch()

    def _show_stretch(self) -> None:
        rows = self.rows
        self.post_message(self.Stretched(rows[0].start, rows[-1].end))
        self.show((self._of, rows[0].start, rows[-1].end), partial(_draw, self._drawer, rows, self._timezone))

    # The mouse.

    def _turn(self, event: events.MouseEvent, later: bool) -> None:
        event.stop()
        if event.ctrl or event.shift:
            self.zoom(1 / WHEEL_CLOSER if later else WHEEL_CLOSER, event.x / max(self.size.width, 1))
        else:
            self.move(WHEEL if later else -WHEEL)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Later, or with ctrl or shift: out."""
        self._turn(event, True)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Earlier, or with ctrl or shift: in."""
        self._turn(event, False)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Later."""
        self._turn(event, True)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Earlier."""
        self._turn(event, False)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Take hold of the chart."""
        self._held_at = event.screen_x
        self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Draw it along."""
        if self._held_at is not None and event.screen_x != self._held_at:
            self.move((self._held_at - event.screen_x) / max(self.size.width, 1))
            self._held_at = event.screen_x

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Let it go."""
        self._held_at = None
        self.release_mouse()


def _draw(drawer: Drawer, rows: Sequence[WindowRow], timezone: str, width: int, height: int) -> str:
    return drawer(rows, timezone, width=width, height=height, colour=True)
