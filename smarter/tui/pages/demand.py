"""Page 4, demand: a neighbourhood's power over time, with its peak, base and load factor, by window, hour or day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar, Literal

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import DataTable, Static

from smarter.charts import demand_chart
from smarter.charts.marks import short_moment
from smarter.export.files import DEMAND, csv_text, demand_lines
from smarter.model.clock import DAY
from smarter.model.results import DemandFigures, WindowRow, usual_length
from smarter.model.windows import spell
from smarter.parties.mdms import gathered
from smarter.protocols.report import Report
from smarter.tui.page import Exported
from smarter.tui.pages.reported import ReportPage
from smarter.tui.widgets.days_table import DaysTable
from smarter.tui.widgets.demand_row import DemandRow, energies
from smarter.tui.widgets.time_chart import TimeChart

Level = Literal["window", "hour", "day"]
WIDE = 100
"""Columns from which the days have room beside the chart."""


@dataclass(frozen=True, eq=False)
class Demand:
    """One neighbourhood's, as it is shown: its rows by level, the finest first; ``days`` are there in any case."""

    figures: DemandFigures
    rows: Mapping[Level, Sequence[WindowRow]]
    days: Sequence[WindowRow]

    @property
    def length(self) -> str:
        """Of its windows."""
        return spell(usual_length(self.rows["window"]))


def demand_of(report: Report, neighbourhood: str) -> Demand:
    """Read one neighbourhood's demand, and gather it by what is coarser than its windows."""
    rows = list(report.demand(neighbourhood))
    timezone, length = report.timezone(neighbourhood), usual_length(rows)
    days = gathered(rows, "day", timezone)
    levels: dict[Level, Sequence[WindowRow]] = {"window": rows}
    if length < 3600:
        levels["hour"] = gathered(rows, "hour", timezone)
    if length < DAY and len(days) > 1:
        levels["day"] = days
    return Demand(report.figures(neighbourhood, rows), levels, days)


class DemandPage(ReportPage):
    """Three figures, the chart, and the days."""

    NAME = "demand"
    WHAT = "demand is shown"
    HELP = (
        "What a neighbourhood draws over time: the sums that were released, and nothing finer. Peak, base and load "
        "factor (mean over peak) are of complete windows. A street that exports has an export peak and no base, "
        "and no load factor. Incomplete windows are hollow ○ and scaled to what was measured, refused ones are crosses "
        "✕, missing ones gaps. The wheel and dragging pan, the wheel with ctrl zooms; enter on a day shows that day."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "next_level", "Hours", id="demand.by"),
        Binding("d", "days", "Days", id="demand.days"),
        Binding("n", "next", "Next", id="demand.next", tooltip="The next neighbourhood"),
    ]
    DEFAULT_CSS = """
    DemandPage #heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    DemandPage #chart { width: 1fr; height: 1fr; padding: 0 1; }
    DemandPage DaysTable { display: none; }
    DemandPage.days DaysTable { display: block; }
    DemandPage.days.narrow #chart { display: none; }
    DemandPage.days.narrow DaysTable { width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._all: list[Demand] = []
        self._chosen = 0
        self._level: Level = "window"

    def compose_page(self) -> ComposeResult:
        """What is shown, or why nothing is."""
        with Vertical(id="something"):
            yield Static(id="heading")
            yield DemandRow()
            with Horizontal():
                yield TimeChart(demand_chart, id="chart")
                yield DaysTable()
        yield Static(id="nothing", classes="empty", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for both, the days take the chart's place."""
        self.set_class(event.size.width < WIDE, "narrow")

    # The report.

    def read(self, report: Report) -> Iterator[Callable[[], None]]:
        """One neighbourhood after the other."""
        yield self._all.clear
        for name in report.neighbourhoods:
            yield partial(self._take, demand_of(report, name))

    def _take(self, demand: Demand) -> None:
        self._all.append(demand)
        if len(self._all) == 1:
            self._chosen, self._level = 0, "window"
            self.say_something()
            self._show()
        else:
            self._show_heading()
        self.refresh_bindings()

    @property
    def _demand(self) -> Demand:
        return self._all[self._chosen]

    @property
    def charted(self) -> bool:
        """Whether there is a chart over time to zoom."""
        return bool(self._all) and self.reported

    # What is shown.

    def _show(self) -> None:
        demand, figures = self._demand, self._demand.figures
        zone_name = figures.timezone
        self.query_one(DemandRow).show(figures, short_moment, mean=True)
        self.query_one(DaysTable).show(demand.days, zone_name)
        self._show_heading()
        self._show_chart()

    def _show_heading(self) -> None:
        demand, figures = self._demand, self._demand.figures
        by = f"by window of {demand.length}" if self._level == "window" else f"by {self._level}"
        whole = figures.complete == figures.windows
        heading = Text.assemble((figures.neighbourhood, "bold"), no_wrap=True, overflow="ellipsis")
        if len(self._all) > 1:
            heading.append(f" {self._chosen + 1} of {len(self._all)}", style="dim")
        heading.append(f"  {by}", style="dim")
        heading.append(f"  {'Σ' if whole else '○'} {figures.complete:,} of {figures.windows:,} windows complete")
        heading.append(energies(figures))
        self.query_one("#heading", Static).update(heading)

    def _show_chart(self) -> None:
        demand = self._demand
        self.query_one(TimeChart).show_rows((demand, self._level), demand.rows[self._level], demand.figures.timezone)

    # Actions.

    def action_next_level(self) -> None:
        """By window, hour, day, and again."""
        levels = list(self._demand.rows)
        self._level = levels[(levels.index(self._level) + 1) % len(levels)]
        self._show_heading()
        self._show_chart()

    def action_days(self) -> None:
        """Show the table of days, or hide it."""
        self.toggle_class("days")
        if self.has_class("days"):
            self.query_one(DaysTable).focus()
        else:
            self.set_focus(None)

    def action_next(self) -> None:
        """The next neighbourhood."""
        self._chosen = (self._chosen + 1) % len(self._all)
        if self._level not in self._demand.rows:
            self._level = "window"
        self._show()

    @on(DataTable.RowSelected)
    def _day_chosen(self, event: DataTable.RowSelected) -> None:
        day = self._demand.days[event.cursor_row]
        self.query_one(TimeChart).show_between(day.start, day.end)
        if self.has_class("narrow"):
            self.action_days()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What needs a report is there when there is one."""
        if action == "next":
            return self.charted and len(self._all) > 1
        if action == "next_level":
            return self.charted and len(self._demand.rows) > 1
        return self.charted if action == "days" else super().check_action(action, parameters)

    # Files.

    def exported(self) -> Sequence[Exported]:
        """The windows, hours or days as CSV, the days if they are shown, and the chart as it is."""
        if not self.charted:
            return ()
        levels: list[Level] = [self._level]
        if self.has_class("days") and self._level != "day":
            levels.append("day")
        chart, name = self.query_one(TimeChart), self._demand.figures.neighbourhood
        return (
            *(Exported(f"demand-{name}-{level}s.csv", self._csv(level)) for level in levels),
            Exported(f"demand-{name}.txt", f"{chart.text}\n"),
            Exported(f"demand-{name}.svg", chart.svg(f"Demand of {name}")),
        )

    def copied(self) -> str:
        """The chart, or the days where they are in its place."""
        if not self.charted:
            return ""
        shows_days = self.has_class("days") and self.has_class("narrow")
        return self._csv("day") if shows_days else self.query_one(TimeChart).text

    def _csv(self, level: Level) -> str:
        demand = self._demand
        rows = demand.days if level == "day" else demand.rows[level]
        return csv_text(DEMAND, demand_lines(demand.figures.neighbourhood, demand.figures.timezone, rows))
