"""A figure in large digits, with what it is beneath."""

from __future__ import annotations

from decimal import Decimal

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

    def show(self, figure: float | Decimal | None, words: str, places: int | None = None) -> None:
        """Show a figure; ``places`` as of :func:`spelt`."""
        self.query_one(Digits).update("-" if figure is None else spelt(figure, places))
        self.query_one(Static).update(words if figure is not None else f"{NONE} {words}")


def spelt(figure: float | Decimal, places: int | None = None) -> str:
    """The figure with so many decimals, as money has them; otherwise with three, one or none.

    That makes about four digits: more would not be read, and have no room.
    """
    if places is None:
        places = 3 if -100 < figure < 100 else 1 if -1_000 < figure < 1_000 else 0
    return f"{figure:z,.{places}f}"  # a trace of export is 0.00, not -0.00
