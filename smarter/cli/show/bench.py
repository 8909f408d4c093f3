"""Benchmarks for ``smarter bench``: the machine, a table a group, and what a reader has to know beside them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smarter.bench.figures import BenchReport, Row
from smarter.bench.wording import Comparison, spread, tick, worded
from smarter.charts.bars import Bar, bars_chart
from smarter.charts.marks import MARKS, NONE, heading, quiet_table

TITLES = {
    "scheme": "Schemes",
    "cipher": "Ciphers",
    "run": "Whole run",
    "stage": "Stages",
    "pes": "PES",
    "check": "Check of a billing window",
}
COLUMNS = {"key_bits": "{} bits", "frame": "frame {}"}
UNBOUND = 10_000
"""Columns that no terminal has."""


def bench_head(console: Console, report: BenchReport) -> None:
    """What was measured, and on what machine."""
    machine = report.machine
    parts = [
        f"{machine.cores} core{'s' * (machine.cores != 1)}",
        machine.processor,
        machine.system,
        f"Python {machine.python}",
        f"Smarter {machine.smarter}",
    ]
    console.print(Text(report.title, style="bold"))
    console.print(Text(" · ".join(filter(None, parts)), style="dim"))


def bench_table(console: Console, rows: Sequence[Row]) -> None:
    """One group: medians, quickest and slowest run, runs; beside the heading, what all of its rows have in common.

    Where keys or frames are of several sizes, each size has a column; where subjects have few operations, each of
    those has.
    """
    group = rows[0].group
    heading(console, TITLES.get(group, group.capitalize()), ", ".join(_common(rows)))
    fact = next((fact for fact in ("key_bits", "frame") if len(_values(rows, fact)) > 1), None)
    operations = list(dict.fromkeys(row.what for row in rows))
    if fact is None and len({row.subject for row in rows}) > 1:
        table = _columns(rows, operations)
        if _fits(console, table):
            console.print(table)
            return
    values: list[int | None] = list(_values(rows, fact)) if fact else [None]
    while values:
        taken = next(n for n in range(len(values), 0, -1) if n == 1 or _fits(console, _lines(rows, fact, values[:n])))
        console.print(_lines(rows, fact, values[:taken]))
        values = values[taken:]
        if values:
            console.print()


def bench_bars(comparison: Comparison, *, width: int, colour: bool) -> str:
    """A bar a row."""
    unit = comparison.rows[0].unit
    bars = [
        Bar(
            f"{row.subject} {MARKS['refused']}" if row.demo else row.subject,
            row.figure.median,
            worded(row.figure.median, unit),
            row.demo,
        )
        for row in comparison.rows
    ]
    return bars_chart(comparison.title, bars, lambda value: tick(value, unit), width=width, colour=colour)


def bench_notes(console: Console, report: BenchReport) -> None:
    """What stands beside the rows."""
    console.print()
    for note in report.notes:
        console.print(Text(note, style="dim"))


def _fits(console: Console, table: Table) -> bool:
    return console.measure(table, options=console.options.update(max_width=UNBOUND)).maximum <= console.width


def _columns(rows: Sequence[Row], operations: Sequence[str]) -> Table:
    """A line a subject, a column an operation."""
    table = _table("", operations)
    for subject in dict.fromkeys(row.subject for row in rows):
        mine = {row.what: row for row in rows if row.subject == subject}
        table.add_row(_name(next(iter(mine.values()))), *_cells(mine.get(what) for what in operations))
    return table


def _lines(rows: Sequence[Row], fact: str | None, values: Sequence[int | None]) -> Table:
    """A line an operation beneath its subject, a column a value of ``fact``."""
    table = _table("", [COLUMNS[fact].format(value) if fact else "median" for value in values])
    for subject in dict.fromkeys(row.subject for row in rows):
        columns = [
            [row for row in rows if row.subject == subject and (fact is None or getattr(row, fact) == value)]
            for value in values
        ]
        here = [row for column in columns for row in column]
        if not here:
            continue
        lanes = [] if len(_values(rows, "lanes")) < 2 else [_values(column, "lanes") for column in columns]
        table.add_row(_name(here[0]), *(part for each in lanes for part in (_lanes(each), "")))
        for what in dict.fromkeys(row.what for row in here):
            cells = _cells(next((row for row in column if row.what == what), None) for column in columns)
            table.add_row(Text(f"  {what}"), *cells)
    return table


def _table(first: str, columns: Iterable[str]) -> Table:
    table = quiet_table()
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
        table.add_column("", no_wrap=True, style="dim")
    return table


def _name(row: Row) -> Text:
    return Text(f"{row.subject} {MARKS['refused']}", style="bold red") if row.demo else Text(row.subject, style="bold")


def _cells(rows: Iterable[Row | None]) -> list[Text]:
    cells = []
    for row in rows:
        cells.append(Text(NONE, style="dim") if row is None else Text(worded(row.figure.median, row.unit)))
        cells.append(Text("" if row is None else spread(row.figure, row.unit)))
    return cells


def _lanes(lanes: Sequence[int]) -> Text:
    return Text(" or ".join(_spelt("lanes", each) for each in lanes), style="dim")


def _values(rows: Iterable[Row], fact: str) -> list[int]:
    """What ``fact`` is in these rows, where it is stated."""
    return list(dict.fromkeys(value for row in rows if (value := getattr(row, fact)) is not None))


def _common(rows: Sequence[Row]) -> list[str]:
    """What is stated and the same throughout."""
    facts = {fact: _values(rows, fact) for fact in ("key_bits", "lanes", "frame", "workers")}
    if rows[0].group == "scheme" and any(row.key_bits is None for row in rows):
        facts["key_bits"] = []  # a scheme among them has a size of its own
    return [_spelt(fact, values[0]) for fact, values in facts.items() if len(values) == 1]


def _spelt(fact: str, value: int) -> str:
    if fact == "workers":
        return "one process" if value == 1 else f"{value} workers"
    return {"key_bits": f"{value}-bit key", "lanes": f"{value} lanes", "frame": f"frames of {value}"}[fact]
