"""YAML to be edited: in the colours of our themes where tree-sitter is there, with a ✕ at each line that is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import TextAreaTheme

from smarter.charts.marks import MARKS

INDENT = 2
GAP = 2
"""Columns between a line's number and its text."""
PARTS = {
    "yaml.field": ("accent", ""),
    "number": ("primary", ""),
    "boolean": ("primary", ""),
    "constant.builtin": ("primary", ""),
    "comment": ("secondary", "italic"),
    "punctuation.delimiter": ("secondary", ""),
    "punctuation.bracket": ("secondary", ""),
    "punctuation.special": ("secondary", ""),
    "type": ("secondary", ""),
}
"""What of YAML has which colour of the theme; the rest is plain."""


class YamlEditor(TextArea):
    """Lines are not wrapped: a number a line, and what is wrong with it in the list beneath."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "screen.back", "Leave the YAML", priority=True, id="scenarios.leave_yaml")
    ]
    DEFAULT_CSS = """
    YamlEditor, YamlEditor:focus { border: none; padding: 0 0 0 1; background: $background; }
    YamlEditor .text-area--cursor-line { background: $panel; }
    YamlEditor .text-area--cursor-gutter { background: $panel; }
    """

    def __init__(self) -> None:
        super().__init__(soft_wrap=False, show_line_numbers=True, tab_behavior="indent", id="yaml")
        self.indent_width = INDENT
        self._wrong: frozenset[int] = frozenset()

    def on_mount(self) -> None:
        """Colours, if what tells them apart is installed and works."""
        try:
            self.language = "yaml"
        except Exception:  # noqa: BLE001 - a library that is missing or of another version: plain text can be edited too
            self.language = None
        self.app.theme_changed_signal.subscribe(self, lambda _: self._recolour())
        self._recolour()

    def _recolour(self) -> None:
        colours = self.app.theme_variables
        styles = {name: Style.parse(f"{extra} {colours[colour]}") for name, (colour, extra) in PARTS.items()}
        self.register_theme(TextAreaTheme("smarter", syntax_styles=styles))
        self.theme = "smarter"

    def mark(self, lines: Iterable[int]) -> None:
        """Mark these lines, from 1, as wrong, and no others."""
        wrong = frozenset(lines)
        if wrong != self._wrong:
            self._wrong = wrong
            self.notify_style_update()
            self.refresh()

    def go_to(self, line: int) -> None:
        """Put the cursor on the first character of a line, from 1."""
        text = self.document.get_line(min(line, self.document.line_count) - 1)
        self.move_cursor((min(line, self.document.line_count) - 1, len(text) - len(text.lstrip())), center=True)
        self.focus()

    def get_line(self, line_index: int) -> Text:
        """A wrong line is underlined where it has text."""
        text = super().get_line(line_index)
        if line_index + 1 in self._wrong:
            text.stylize(f"underline {self.app.theme_variables['refused']}", len(text) - len(text.plain.lstrip()))
        return text

    def render_line(self, y: int) -> Strip:
        """A wrong line has a mark beside its number."""
        strip, line = super().render_line(y), y + self.scroll_offset.y + 1
        if line not in self._wrong:
            return strip
        at, ground = self.gutter_width - GAP, next(iter(strip)).style or Style()
        mark = Segment(f"{MARKS['refused']} ", ground + Style.parse(f"bold {self.app.theme_variables['refused']}"))
        return Strip.join([strip.crop(0, at), Strip([mark], GAP), strip.crop(at + GAP)])
