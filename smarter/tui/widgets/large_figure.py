"""A figure in large digits, with what it is beneath."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Digits, Static

from smarter.charts.marks import NONE


class LargeFigure(Vertical):
    """Three lines of digits and one of words."""

    DEFAULT_CSS = """
    LargeFigure { width: 1fr; height: 4; padding: 0 0 0 1; }
    LargeFigure Digits { width: 100%; color: $sum; }
    LargeFigure Static { height: 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def compose(self) -> ComposeResult:
        """Digits, words."""
        yield Digits()
        yield Static(markup=False)

    def show(self, figure: float | None, words: str) -> None:
        """Show about four digits of it: more would not be read, and have no room."""
        self.query_one(Digits).update("-" if figure is None else spelt(figure))
        self.query_one(Static).update(words if figure is not None else f"{NONE} {words}")


def spelt(figure: float) -> str:
    """The figure with as many decimals as have room: three, one or none."""
    places = 3 if abs(figure) < 100 else 1 if abs(figure) < 1_000 else 0
    return f"{figure:,.{places}f}"
