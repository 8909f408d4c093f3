"""What the pages have in common that show one chart over time: the keys that zoom and pan it."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from smarter.tui.page import Page
from smarter.tui.widgets.time_chart import TimeChart

ZOOM, PAN = Binding.Group("Zoom", compact=True), Binding.Group("Pan", compact=True)
CLOSER = 1.6
STEP = 0.25
"""Of the width, by one press."""


class ChartedPage(Page):
    """Has one :class:`TimeChart`; subclasses say when there is something in it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("plus,equals_sign", "zoom(True)", "Zoom", key_display="+", group=ZOOM, id="chart.in"),
        Binding("minus", "zoom(False)", "Zoom out", key_display="-", group=ZOOM, id="chart.out"),
        Binding("left", "pan(-1)", "Earlier", group=PAN, id="chart.earlier"),
        Binding("right", "pan(1)", "Later", group=PAN, id="chart.later"),
        Binding("home", "whole", "Whole run", show=False, id="chart.whole"),
    ]

    @property
    def charted(self) -> bool:
        """Whether there is a chart over time to zoom."""
        raise NotImplementedError

    @property
    def chart(self) -> TimeChart:
        """The one that keys zoom and pan."""
        return self.query_one(TimeChart)

    def action_zoom(self, closer: bool) -> None:
        """Show a shorter or a longer stretch."""
        self.chart.zoom(CLOSER if closer else 1 / CLOSER)

    def action_pan(self, direction: int) -> None:
        """Show what was before or came after."""
        self.chart.move(STEP * direction)

    def action_whole(self) -> None:
        """Show all there is."""
        self.chart.show_whole()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a chart there is nothing to zoom."""
        if action in ("zoom", "pan", "whole"):
            return self.charted
        return super().check_action(action, parameters)
