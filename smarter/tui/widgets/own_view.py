"""One's own use: three figures, a sentence, the chart by minute, hour, day or month, and its rows beside it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from smarter.charts import cost_chart
from smarter.charts.marks import NONE, kwh, short_moment, span
from smarter.charts.own_use import change, own_chart
from smarter.export.files import csv_text, watt_hours
from smarter.model.clock import DAY
from smarter.model.readings import MWH_PER_KWH
from smarter.model.windows import iso
from smarter.parties.customer import By
from smarter.protocols.own_use import OwnBook, OwnFigures, OwnUse
from smarter.tui.counter import Seen
from smarter.tui.page import Exported
from smarter.tui.widgets.large_figure import LargeFigure
from smarter.tui.widgets.time_chart import Drawer, TimeChart
from smarter.tui.widgets.use_table import UseTable

LEVELS: Sequence[By] = ("minute", "hour", "day", "month")
SHORT, LONG = 2 * DAY, 62 * DAY
"""Spans up to the one are shown by minute at first, up to the other by hour, others by day."""
MINUTES = 7 * DAY
"""At most so long a span is shown by minute: the middle of what was shown before."""
COLUMNS = ("start", "end", "readings", "expected", "energy_wh", "cost")


class OwnView(Vertical):
    """Everything that is gathered is gathered by the core, in a thread."""

    DEFAULT_CSS = """
    OwnView #own-figures { height: 4; }
    OwnView LargeFigure Digits { color: $clear; }
    OwnView #own-words { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    OwnView #own-heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    OwnView #own-chart { width: 1fr; height: 1fr; padding: 0 1; }
    OwnView UseTable { display: none; }
    OwnView.table UseTable { display: block; }
    OwnView.table.narrow #own-chart { display: none; }
    OwnView.table.narrow UseTable { width: 1fr; }
    """

    class Gathered(Message):
        """Own use by another length has been gathered."""

        def __init__(self, book: OwnBook, by: By, uses: Sequence[OwnUse]) -> None:
            super().__init__()
            self.book, self.by, self.uses = book, by, uses

    class Figured(Message):
        """The figures of the stretch that is shown."""

        def __init__(self, book: OwnBook, of: tuple[int, int], figures: OwnFigures | None) -> None:
            super().__init__()
            self.book, self.of, self.figures = book, of, figures

    def __init__(self) -> None:
        super().__init__(id="own")
        self._book: OwnBook | None = None
        self._of: object = None
        self._by: By = "hour"
        self._uses: Sequence[OwnUse] = ()
        self._damaged = 0
        self._stretch: tuple[int, int] | None = None
        self.costs = False

    def compose(self) -> ComposeResult:
        """Heading, figures, words, chart and table."""
        yield Static(id="own-heading", markup=False)
        with Horizontal(id="own-figures"):
            for name in ("own-energy", "own-cost", "own-peak"):
                yield LargeFigure(id=name)
        yield Static(id="own-words", markup=False)
        with Horizontal():
            yield TimeChart(partial(own_chart, fine=True), id="own-chart")
            yield UseTable()

    @property
    def chart(self) -> TimeChart:
        """The chart."""
        return self.query_one("#own-chart", TimeChart)

    @property
    def by(self) -> By:
        """What it is shown by."""
        return self._by

    @property
    def shows(self) -> bool:
        """Whether there is something to see."""
        return bool(self._uses)

    @property
    def timezone(self) -> str:
        """IANA name of the meter's clock."""
        return self._book.own.timezone if self._book is not None else "UTC"

    def show(self, seen: Seen) -> None:
        """Show somebody's readings, or the same ones as they are now."""
        first = self._book is None
        self._book, self._of, self._damaged = seen.book, object(), seen.damaged
        start, end = seen.book.own.span
        if first:
            self._by = "minute" if end - start <= SHORT else "hour" if end - start <= LONG else "day"
        self._gather_all()

    def say(self, words: str) -> None:
        """Say why there is nothing to see."""
        self.forget()
        self.query_one("#own-words", Static).update(Text(words, style="dim"))

    def forget(self) -> None:
        """Keep nothing of anybody's."""
        self._book, self._uses, self._stretch, self._damaged, self.costs = None, (), None, 0, False
        self.remove_class("table")
        self.chart.forget()
        self.query_one(UseTable).forget()
        for figure in self.query(LargeFigure):
            figure.show(None, "")
        for words in ("#own-words", "#own-heading"):
            self.query_one(words, Static).update("")

    def next_level(self) -> None:
        """By minute, hour, day, month, and again."""
        if self._book is None:
            return
        self._by = LEVELS[(LEVELS.index(self._by) + 1) % len(LEVELS)]
        self._gather_all()

    def toggle_costs(self) -> None:
        """Cost in place of energy, and back."""
        self.costs = not self.costs
        self._show_chart()

    def toggle_table(self) -> None:
        """Show the rows, or hide them."""
        self.toggle_class("table")
        if self.has_class("table"):
            self._show_table()
            self.query_one(UseTable).focus()
        else:
            self.screen.set_focus(None)

    # What is shown.

    def _gather_all(self) -> None:
        if self._book is None:
            return
        start, end = self._book.own.span
        if self._by == "minute" and end - start > MINUTES:
            middle = sum(self._stretch) // 2 if self._stretch else end
            start = min(max(start, middle - MINUTES // 2), end - MINUTES)
            end = start + MINUTES
        self._gather(self._by, start, end)

    # What works in the background is called without the book: Textual keeps the arguments for longer than it works.

    @work(thread=True, exclusive=True, group="gather")
    def _gather(self, by: By, start: int, end: int) -> None:
        if (book := self._book) is not None:
            self.post_message(self.Gathered(book, by, book.use(by, start, end)))

    def on_own_view_gathered(self, message: Gathered) -> None:
        """Show it, if it is still wanted."""
        if message.book is not self._book or message.by != self._by:
            return
        self._uses = message.uses
        self._show_chart()
        self.screen.refresh_bindings()

    def _show_chart(self) -> None:
        book = self._book
        if book is None or not self._uses:
            return
        drawer: Drawer = partial(own_chart, fine=self._by in ("minute", "hour"))
        if self.costs:
            costs = {use.window.start: use.cost for use in self._uses}
            drawer = partial(cost_chart, costs=costs, currency=book.currency)
        rows = [use.window for use in self._uses]
        self.chart.show_rows((self._of, self._by, self.costs), rows, book.own.timezone, drawer)

    @on(TimeChart.Stretched)
    def _stretched(self, message: TimeChart.Stretched) -> None:
        message.stop()
        if self._book is not None:
            self._stretch = message.start, message.end
            self._figure(message.start, message.end)
            self._show_table()

    @work(thread=True, exclusive=True, group="figure")
    def _figure(self, start: int, end: int) -> None:
        if (book := self._book) is not None:
            self.post_message(self.Figured(book, (start, end), book.figures(start, end)))

    def on_own_view_figured(self, message: Figured) -> None:
        """Say them, if they are still of what is shown."""
        book = self._book
        if book is None or message.book is not book or message.of != self._stretch:
            return
        timezone, figures = book.own.timezone, message.figures
        heading = Text(span(*message.of, timezone), style="bold", no_wrap=True, overflow="ellipsis")
        heading.append(f"  {timezone}, by {self._by}", style="not bold dim")
        if self._damaged:
            heading.append(f"  ✕ {self._damaged:,} frames do not verify", style="not bold red")
        self.query_one("#own-heading", Static).update(heading)
        if figures is None:
            return
        usage = figures.usage
        self.query_one("#own-energy", LargeFigure).show(usage.energy / MWH_PER_KWH, "● kWh")
        self.query_one("#own-cost", LargeFigure).show(figures.cost, f"● {book.currency}", book.decimals)
        peak = "" if usage.peak_start is None else f" {short_moment(usage.peak_start, timezone)}"
        self.query_one("#own-peak", LargeFigure).show(usage.peak_kw, f"● peak kW{peak}")
        self.query_one("#own-words", Static).update(_words(figures, timezone))

    def _show_table(self) -> None:
        book = self._book
        if book is not None and self.has_class("table"):
            self.query_one(UseTable).show(self._visible(), self._by, book.currency, book.own.timezone)

    def _visible(self) -> Sequence[OwnUse]:
        if self._stretch is None:
            return self._uses
        start, end = self._stretch
        return [use for use in self._uses if use.window.start < end and use.window.end > start]

    # Files.

    def exported(self) -> Sequence[Exported]:
        """What is shown as CSV with its cost, and the chart as it is."""
        if not self.shows or self._book is None:
            return ()
        name = f"own-{self._by}s"
        return (
            Exported(f"{name}.csv", self.text, private=True),
            Exported(f"{name}.txt", f"{self.chart.text}\n", private=True),
            Exported(f"{name}.svg", self.chart.svg("My own use"), private=True),
        )

    @property
    def copied(self) -> str:
        """The chart, or the rows where they are in its place."""
        if not self.shows:
            return ""
        return self.text if self.has_class("table") and self.has_class("narrow") else self.chart.text

    @property
    def text(self) -> str:
        """The rows that are shown as CSV."""
        if self._book is None:
            return ""
        timezone = self._book.own.timezone
        lines = (
            (
                iso(use.window.start, timezone),
                iso(use.window.end, timezone),
                use.window.readings,
                use.window.expected,
                watt_hours(use.window.energy),
                "" if use.cost is None else f"{use.cost:f}",
            )
            for use in self._visible()
        )
        return csv_text(COLUMNS, lines)


def _words(figures: OwnFigures, timezone: str) -> Text:
    usage, compared = figures.usage, figures.compared
    base = NONE if usage.base_kw is None else f"{usage.base_kw:,.3f} kW"
    words = Text(f"base load {base}, mean {usage.mean_kw:,.3f} kW", no_wrap=True, overflow="ellipsis")
    if usage.exported:
        words.append(f", import {kwh(usage.imported)}, export {kwh(usage.exported)} kWh")
    if compared is None:
        words.append("  nothing before it to compare with", style="dim")
    else:
        before = compared.before
        of_before = f"{before.mean_kw:,.3f} kW of {span(before.start, usage.start, timezone)}"
        words.append("  ")
        words.append(change(compared), style="bold")
        words.append(f" against {of_before}" if compared.change is not None else f"before: {of_before}", style="dim")
    return words
