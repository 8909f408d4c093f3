"""One run's views as a table: parties × kinds of data, in the colours of the theme; page 6 shows one or two.

A run is a :class:`Side` there: which scenario it is of, how it stands, and what each party has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

from smarter.charts.marks import MARKS, quiet_table
from smarter.charts.views import COLUMNS, Views, grouped, shortened, sights
from smarter.scenario import Scenario
from smarter.tui.picture import Condition

DIFFERENT, NOTHING = "≠", "·"
UNBOUND = 10_000
"""Columns that no terminal has."""
ENDINGS: dict[Condition, str] = {
    "running": "▶ so far",
    "pausing": "so far, pausing",
    "paused": "⏸ paused, so far",
    "stopping": "so far, stopping",
    "cancelled": "when it was cancelled",
    "failed": "when it failed",
}


@dataclass(frozen=True)
class Side:
    """A run as it is compared: its scenario and what was set in it, how it stands, and its views."""

    scenario: Scenario | None
    name: str
    overrides: tuple[str, ...]
    condition: Condition
    views: Views

    def heading(self, place: str = "") -> Text:
        """The run in a line; beside another one, in ``place``, what was set is said by their differences."""
        text = Text(f"{place}  " if place else "", style="bold")
        text.append(self.name, style="bold")
        parts = []
        if self.scenario is not None:
            aggregate = self.scenario.crypto.aggregate
            bits = getattr(aggregate.options, "key_bits", "")
            parts += [f"protocol {self.scenario.protocol}", f"{aggregate.plugin} {bits}".strip()]
        parts += ["" if place else ", ".join(self.overrides), ENDINGS.get(self.condition, "")]
        return text.append("".join(f" · {part}" for part in parts if part), style="not bold")


@dataclass(frozen=True)
class Form:
    """How much room a table takes: blanks between columns, whether it has all of them, and how counts are written."""

    gap: int
    more: bool
    count: Callable[[float], str]


FORMS = (Form(3, True, grouped), Form(3, False, grouped), Form(1, False, grouped), Form(1, False, shortened))


def sightings_table(
    views: Views, colours: Mapping[str, str], width: int, marked: Collection[tuple[str, str]] = ()
) -> Table:
    """The party that saw most in the clear first; cells of ``marked`` (party and field) carry a ``≠``.

    Where there is no room for all, it has fewer columns, closer together, and at last shorter numbers.
    """
    room = Console(width=UNBOUND)
    for form in FORMS:
        table = _table(views, colours, form, marked)
        if room.measure(table).maximum <= width:
            break
    return table


def _table(views: Views, colours: Mapping[str, str], form: Form, marked: Collection[tuple[str, str]]) -> Table:
    columns = [column for column in COLUMNS if form.more or not column.more]
    table = quiet_table(gap=form.gap)
    table.add_column("\nparty", no_wrap=True)
    for column in columns:
        table.add_column(Text(column.heading, justify="right"), justify="right", no_wrap=True)
    for number, sight in enumerate(sights(views)):
        most = number == 0 and sight.view.readings
        cells = []
        for column in columns:
            count, colour = column.count(sight.view), colours[column.kind]
            different = (sight.party, column.field) in marked
            strength = "bold" if different else ""
            shown = f"{MARKS[column.kind]} {form.count(count)}" if count else "0" if different else NOTHING
            style = f"{strength} {colour}".strip() if count else "dim"
            cells.append(Text.assemble((f"{DIFFERENT} " if different else "", "bold"), (shown, style)))
        table.add_row(Text(sight.name, style="dim" if sight.own else "bold" if most else ""), *cells)
    return table


class Sightings(Vertical):
    """A heading and the table beneath it; drawn anew only when what it shows has changed."""

    DEFAULT_CSS = """
    Sightings { height: auto; width: 1fr; }
    Sightings > .heading { text-style: bold; height: auto; }
    Sightings > .table { height: auto; margin-top: 1; }
    """

    def __init__(self, *, id: str) -> None:  # noqa: A002 - as Textual calls it
        super().__init__(Static(classes="heading"), Static(classes="table"), id=id)
        self._shown: object = None

    def show(self, side: Side, place: str = "", marked: Collection[tuple[str, str]] = (), width: int = 80) -> None:
        """Show this run in ``width`` columns; ``place``: what it is called beside another one."""
        colours = self.app.theme_variables
        shown = (side, place, set(marked), width, [colours[column.kind] for column in COLUMNS])
        if shown == self._shown:
            return
        self._shown = shown
        self.query_one(".heading", Static).update(side.heading(place))
        table = sightings_table(side.views, colours, width, marked)
        self.query_one(".table", Static).update(table)
