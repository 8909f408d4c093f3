"""Who saw what, for ``smarter run``: a table of parties and kinds of data, and one sentence that says it in words."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from smarter.charts.marks import heading, quiet_table
from smarter.charts.views import COLUMNS, Views, cell, sights, views_sentence

__all__ = ["views_sentence", "views_table"]

_NARROW = 100


def views_table(console: Console, views: Views) -> None:
    """The party that saw most single readings first; the meters, whose own they are, last."""
    heading(console, "Who saw what")
    columns = [column for column in COLUMNS if not column.more]
    table = quiet_table(gap=1 if console.width < _NARROW else 3)
    table.add_column("party", no_wrap=True)
    for column in columns:
        table.add_column(column.heading, justify="right", no_wrap=True)
    for sight in sights(views):
        cells = (cell(column, sight.view) for column in columns)
        table.add_row(sight.name, *cells, style="dim" if sight.own else "")
    console.print(table)
    console.print()
    console.print(Text(views_sentence(views)))
