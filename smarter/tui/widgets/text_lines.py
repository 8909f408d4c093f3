"""Lines of text that are drawn one by one, each when it says something else: cheap to change several times a second."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class TextLines(Widget):
    """Some lines; a subclass says in its style how high it is."""

    DEFAULT_CSS = "TextLines { padding: 0 1; }"

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(id=id)
        self.auto_links = False  # what can be clicked has its own colour
        self._texts: Sequence[Text] = ()

    @property
    def text(self) -> str:
        """What it says."""
        return "\n".join(text.plain for text in self._texts)

    def say(self, texts: Sequence[Text]) -> None:
        """Say these, a line each; one that does not fit is cut."""
        before, self._texts = self._texts, texts
        for place in range(max(len(before), len(texts))):
            if before[place : place + 1] != texts[place : place + 1]:
                self.refresh(Region(0, place, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        width, ground = self.size.width, self.rich_style
        if y >= len(self._texts):
            return Strip.blank(width, ground)
        text = self._texts[y]
        if text.cell_len > width:
            text = text.copy()
            text.truncate(width, overflow="ellipsis")
        return Strip(text.render(self.app.console)).apply_style(ground).extend_cell_length(width, ground)


class OneLine(TextLines):
    """One of them."""

    DEFAULT_CSS = "OneLine { height: 1; }"
