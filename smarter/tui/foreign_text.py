"""The app's edge to the terminal, which shows text and never obeys it."""

from __future__ import annotations

from rich.cells import set_cell_size
from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

from smarter.model.terminal_text import escape_controls


class EscapedLines(LineFilter):
    """Spells out what a terminal would obey, in every painted line."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The same segments, each as wide as before, so that no line grows beyond its place."""
        return [self._escaped(segment) for segment in segments]

    def _escaped(self, segment: Segment) -> Segment:
        text, style, control = segment
        if style is not None and style.link is not None:
            style = style.update_link(None)
            segment = Segment(text, style, control)
        if control is not None or text.isprintable() or (escaped := escape_controls(text)) == text:
            return segment
        return Segment(set_cell_size(escaped, segment.cell_length), style)
