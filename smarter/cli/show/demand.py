"""Demand for ``smarter run`` and ``smarter demand``: three figures and a table of days; and single windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby

from rich.cells import cell_len
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import (
    NONE,
    heading,
    holder_of,
    kwh,
    marked,
    measured,
    moment,
    quiet_table,
    short_moment,
    status,
)
from smarter.model.clock import zone
from smarter.model.results import DemandFigures, Span, WindowRow, usual_length
from smarter.model.windows import spell

MOST_DAYS = 35
"""Of a longer run, months are shown."""

ROOMY = 100

AT_ONCE = 1000
"""Rows of a table that are printed together."""


def demand_table(console: Console, figures: DemandFigures) -> None:
    """Peak, base and load factor, import and export, then the energy of each local day."""
    windows = f"{figures.complete:,} of {figures.windows:,} windows complete"
    heading(console, f"Demand of {figures.neighbourhood}", f"{windows}, {figures.timezone}")
    if not figures.complete:
        console.print("No window is complete, so there is no peak and no load factor.")
    else:
        console.print()
        console.print(_figures(figures))
        if figures.export_peak_kw is not None:
            mean = f", mean {figures.mean_kw:,.3f} kW"
            console.print(f"import {kwh(figures.import_mwh)} kWh, export {kwh(figures.export_mwh)} kWh{mean}")
        console.print()
    if not figures.days:
        return
    spans = figures.days if len(figures.days) <= MOST_DAYS else _months(figures.days)
    table = quiet_table(footer=True)
    table.add_column("day" if spans is figures.days else "month", "all", no_wrap=True)
    table.add_column("kWh", kwh(figures.energy_mwh), justify="right", no_wrap=True)
    table.add_column("readings", f"{sum(span.readings for span in spans):,}", justify="right", no_wrap=True)
    table.add_column("expected", f"{sum(span.expected for span in spans):,}", justify="right", no_wrap=True)
    table.add_column("measured, %", justify="right", no_wrap=True)
    for span in spans:
        table.add_row(
            f"{date.fromisoformat(span.name):%a %Y-%m-%d}" if spans is figures.days else span.name,
            kwh(span.energy_mwh),
            f"{span.readings:,}",
            f"{span.expected:,}",
            measured(span.readings, span.expected),
        )
    console.print(table)


def windows_table(console: Console, rows: Sequence[WindowRow], timezone: str) -> None:
    """Every window: demand with its meters and mean power, a household's with its energy."""
    if not rows:
        return
    demand = rows[0].kind == "demand"
    tz = zone(timezone)
    # Where the clock changes on the way, only the offset tells the repeated hour's two apart.
    offsets = {datetime.fromtimestamp(row.start, tz).utcoffset() for row in rows}
    length = spell(usual_length(rows))
    heading(
        console, f"Windows of {holder_of(rows[0].kind, rows[0].holder)}", f"of {length}, by local start, {timezone}"
    )

    def cells(row: WindowRow) -> list[str | Text]:
        start = moment(row.start, timezone)
        if len(offsets) > 1:
            start += f"{datetime.fromtimestamp(row.start, tz):%z}"
        return [
            start,
            *([f"{row.meters:,}"] if demand else []),
            f"{row.readings:,}",
            f"{row.expected:,}",
            kwh(row.energy),
            *([_mean(row)] if demand else []),
            status(row.status),
        ]

    names = ["start", *(["meters"] if demand else []), "readings", "expected", "kWh", *(["mean kW"] if demand else [])]
    _print_by_parts(console, [*names, "status"], [map(cells, part) for part in _parts(rows)], map(cells, rows))
    reasons = Counter(row.reason for row in rows if row.reason)
    for reason, count in reasons.items():
        console.print(marked("refused", f"{count:,} window{'s' * (count != 1)}: {reason}"))


def _parts(rows: Sequence[WindowRow]) -> Iterator[Sequence[WindowRow]]:
    return (rows[first : first + AT_ONCE] for first in range(0, len(rows), AT_ONCE))


def _print_by_parts(
    console: Console,
    names: Sequence[str],
    parts: Iterable[Iterable[Sequence[str | Text]]],
    rows: Iterable[Sequence[str | Text]],
) -> None:
    """Print one table as several beneath each other: rich takes some kB a row for as long as it prints a table.

    ``rows``: all of them once more, for the widths of the columns.
    """
    widths = [len(name) for name in names]
    for row in rows:
        widths = [max(width, cell_len(str(cell))) for width, cell in zip(widths, row, strict=True)]
    gap = 2 if console.width >= ROOMY else 1
    fits = sum(widths) + gap * len(widths) <= console.width
    for number, part in enumerate(parts):
        table = quiet_table(gap=gap)
        table.show_header = number == 0
        for name, width in zip(names[:-1], widths, strict=False):
            justify: JustifyMethod = "left" if name == names[0] else "right"
            table.add_column(name, justify=justify, no_wrap=True, min_width=width)
        table.add_column(names[-1], min_width=widths[-1] if fits else None)
        if fits:  # no cell is broken, and of a column as one rich makes far less work
            table.add_row(*(Text("\n").join(map(Text.assemble, column)) for column in zip(*part, strict=True)))
        else:
            for row in part:
                table.add_row(*row)
        console.print(table)


def _figures(figures: DemandFigures) -> Table:
    grid = Table.grid(padding=(0, 4))
    if figures.export_peak_kw is not None:
        shown = {
            f"peak{_short(figures.peak_start, figures.timezone)}": _kilowatts(figures.peak_kw),
            f"export peak{_short(figures.export_peak_start, figures.timezone)}": _kilowatts(figures.export_peak_kw),
            "base, load factor": NONE,
        }
    else:
        mean = "" if figures.mean_kw is None else f", mean {figures.mean_kw:,.3f} kW"
        peak = "" if figures.peak_start is None else f", {_weekday(figures.peak_start, figures.timezone)}"
        shown = {
            f"peak{peak}": _kilowatts(figures.peak_kw),
            "base": _kilowatts(figures.base_kw),
            f"load factor{mean}": NONE if figures.load_factor is None else f"{figures.load_factor:.3f}",
        }
    grid.add_row(*(Text(number, style="bold green") for number in shown.values()))
    grid.add_row(*(Text(words, style="dim") for words in shown))
    return grid


def _kilowatts(power: float | None) -> str:
    return NONE if power is None else f"{power:,.3f} kW"


def _short(epoch: int | None, timezone: str) -> str:
    return "" if epoch is None else f", {short_moment(epoch, timezone)}"


def _weekday(epoch: int, timezone: str) -> str:
    return f"{datetime.fromtimestamp(epoch, zone(timezone)):%a %Y-%m-%d %H:%M}"


def _months(days: Sequence[Span]) -> list[Span]:
    months = []
    for name, group in groupby(days, lambda day: day.name[:7]):
        mine = list(group)
        energy, readings, expected = (
            sum(getattr(day, field) for day in mine) for field in ("energy_mwh", "readings", "expected")
        )
        months.append(Span(name=name, energy_mwh=energy, readings=readings, expected=expected))
    return months


def _mean(row: WindowRow) -> str:
    return NONE if row.mean_kw is None else f"{row.mean_kw:,.3f}"
