"""A neighbourhood's demand for operators: three large figures over the chart of its windows."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Static

from smarter.charts import demand_chart
from smarter.charts.marks import moment
from smarter.protocols.operator_desk import SeenDemand
from smarter.tui.widgets.demand_row import DemandRow, energies
from smarter.tui.widgets.time_chart import TimeChart


class DemandView(Vertical):
    """Shows one neighbourhood of those it is handed."""

    DEFAULT_CSS = """
    DemandView .heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    DemandView TimeChart { width: 1fr; height: 1fr; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__(id="demand")
        self._seen: Sequence[SeenDemand] = ()
        self._of: object = None
        self._chosen = 0

    def compose(self) -> ComposeResult:
        """Which, figures, chart."""
        yield Static(classes="heading", markup=False)
        yield DemandRow()
        yield TimeChart(demand_chart)

    @property
    def several(self) -> bool:
        """Whether there are more neighbourhoods than one."""
        return len(self._seen) > 1

    def show(self, seen: Sequence[SeenDemand]) -> None:
        """Show the first of other neighbourhoods."""
        self._seen, self._of, self._chosen = seen, object(), 0
        self.query_one(TimeChart).forget()
        self._show()

    def next(self) -> None:
        """The next neighbourhood."""
        self._chosen = (self._chosen + 1) % len(self._seen)
        self._show()

    def forget(self) -> None:
        """Keep nothing of what was shown."""
        self._seen = ()
        self.query_one(".heading", Static).update("")
        self.query_one(DemandRow).forget()
        self.query_one(TimeChart).forget()

    def _show(self) -> None:
        demand = self._seen[self._chosen]
        figures = demand.figures
        self.query_one(DemandRow).show(figures, moment, mean=False)
        heading = Text.assemble((demand.neighbourhood, "bold"), no_wrap=True, overflow="ellipsis")
        if self.several:
            heading.append(f" {self._chosen + 1} of {len(self._seen)}", style="dim")
        mark = "Σ" if figures.complete == figures.windows else "○"
        heading.append(
            f"  {mark} {figures.complete:,} of {figures.windows:,} windows complete{energies(figures)}", style="dim"
        )
        self.query_one(".heading", Static).update(heading)
        self.query_one(TimeChart).show_rows((self._of, demand.neighbourhood), demand.rows, demand.timezone)
