"""The way of one reading for ``smarter follow``: a numbered line a hop, and who can read what exists there."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smarter.charts.hops import readers
from smarter.charts.marks import COLOURS, MARKS, marked
from smarter.model.events import Hop

ROOMY = 110
"""From so many columns on, the readers stand at the right; below, each hop has a second line for them."""

_READ_BY = "read by "
_MARGIN = 2 + 1 + 1 + 1 + 1 + 1 + len(_READ_BY)  # number, blank, blank, mark, blank, blank


def hops(console: Console, hops: Sequence[Hop]) -> None:
    """Print the hops in order; readers come with the key that they read it with."""
    roomy = console.width >= ROOMY
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="dim", no_wrap=True)
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold", ratio=1)
    if roomy:
        grid.add_column(no_wrap=True)
        grid.add_row("", "", "", "", Text("who can read it, with which key", style="dim"))
    for number, hop in enumerate(hops, 1):
        who = readers(hop)
        grid.add_row(
            str(number),
            hop.name,
            Text(MARKS[hop.mark], style=COLOURS[hop.mark]),
            Text(hop.text),
            *([Text("\n").join(who)] if roomy else []),
        )
        if not roomy:
            room = console.width - max(cell_len(hop.name) for hop in hops) - _MARGIN
            apart = "  " if sum(cell_len(reader.plain) + 2 for reader in who) <= room else f"\n{' ' * len(_READ_BY)}"
            grid.add_row("", "", "", Text.assemble((_READ_BY, "dim"), Text(apart).join(who)))
    console.print(grid)
    console.print()
    legend = [
        marked("clear", "a single reading"),
        marked("sealed", "sealed"),
        marked("sum", "only a total"),
    ]
    console.print(Text("   ").join([*legend, marked("refused", "refused or damaged")]))
