"""The last hours of one's own minutes as a run goes on: the newest reading large, and a chart that follows it."""

from __future__ import annotations

from functools import partial

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from smarter.charts.own_use import live_line, own_chart
from smarter.parties.customer import OwnReadings, gathered
from smarter.tui.widgets.chart import Chart

WAITING = "● waiting for the first reading: start a run (2, then r), here or in another terminal"


class LiveView(Vertical):
    """Shows what it is handed; the page looks for what is new."""

    DEFAULT_CSS = """
    LiveView #live-line { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    LiveView #live-chart { height: 1fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="live")

    def compose(self) -> ComposeResult:
        """A line, and the chart."""
        yield Static(id="live-line", markup=False)
        yield Chart(id="live-chart")

    @property
    def chart(self) -> Chart:
        """The chart."""
        return self.query_one(Chart)

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        line = str(self.query_one("#live-line", Static).render())
        return f"{line}\n\n{self.chart.text}" if self.chart.text else ""

    def begin(self) -> None:
        """Nothing has come yet."""
        self.query_one("#live-line", Static).update(Text(WAITING, style="dim"))

    def show(self, own: OwnReadings, count: int) -> None:
        """Show these, the last hours; ``count``: how many have come so far."""
        self.query_one("#live-line", Static).update(live_line(own, count))
        self.chart.show((int(own.slots[-1]), count), partial(_draw, own))

    def forget(self) -> None:
        """Keep nothing of anybody's."""
        self.query_one("#live-line", Static).update("")
        self.chart.forget()


def _draw(own: OwnReadings, width: int, height: int) -> str:
    rows = gathered(own, "minute", *own.span)
    return own_chart(rows, own.timezone, fine=True, width=width, height=height, colour=True)
