"""The two themes: the four kinds of data have the same colours on every page, told apart by colour-blind eyes too."""

from __future__ import annotations

from rich.color import Color
from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

THEMES = (
    Theme(
        name="smarter-dark",
        primary="#7aa2f7",
        secondary="#9aa5ce",
        accent="#7dcfff",
        foreground="#c8d0e0",
        background="#11131a",
        surface="#171a23",
        panel="#1f2430",
        success="#84e1b4",
        warning="#e6b450",
        error="#f4646f",
        dark=True,
        variables={"clear": "#e6b450", "sealed": "#6ca8ff", "sum": "#84e1b4", "refused": "#f4646f"},
    ),
    Theme(
        name="smarter-light",
        primary="#2f5fb3",
        secondary="#51607a",
        accent="#0b7285",
        foreground="#20242e",
        background="#fafafa",
        surface="#f1f3f5",
        panel="#e4e8ee",
        success="#136145",
        warning="#8f5a00",
        error="#c41c54",
        dark=False,
        variables={"clear": "#8f5a00", "sealed": "#1d5fbf", "sum": "#136145", "refused": "#c41c54"},
    ),
)
KINDS = ("clear", "sealed", "sum", "refused")


def terminal_colours(theme: Theme) -> TerminalTheme:
    """A theme's colours for what the core colours by a terminal's eight: charts, tables, marks."""

    def triplet(colour: str | None) -> tuple[int, int, int]:
        assert colour is not None, f"{theme.name} has all of its colours"
        red, green, blue = Color.parse(colour).get_truecolor()
        return red, green, blue

    own = theme.variables
    black, white = (theme.panel, theme.foreground) if theme.dark else (theme.foreground, theme.panel)
    names = (black, own["refused"], own["sum"], own["clear"], own["sealed"], theme.secondary, theme.accent, white)
    eight = [triplet(name) for name in names]
    return TerminalTheme(triplet(theme.background), triplet(theme.foreground), eight, eight)
