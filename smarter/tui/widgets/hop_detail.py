"""The open hop: why it is so, what exists there down to the bytes, and who can read it with which key."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from smarter.charts.hops import Step, readers
from smarter.charts.marks import COLOURS, MARKS
from smarter.tui.lessons import why
from smarter.tui.widgets.hop_facts import READABLE, RIGHT, Look, exists

GAP = 3
BESIDE = 104
"""Columns from which readers and bytes have room at the right."""


def hop_detail(
    step: Step,
    timezone: str,
    energy: int | None,
    width: int,
    *,
    whole: bool,
    who: bool = True,
    right: int = BESIDE,
) -> RenderableType:
    """All that is to be said of a hop, in ``width`` columns.

    Args:
        step: the hop.
        timezone: of the neighbourhood.
        energy: of the reading, mWh.
        width: columns.
        whole: all bytes.
        who: whether it is to be said who can read it.
        right: where what stands at the right begins, if there is room for it from there on.
    """
    beside = width >= BESIDE
    room = min(width - RIGHT, right) - GAP if beside else width
    look = Look(timezone, energy, room, beside, whole)
    what, dumps = exists(step, look) if step.hop.mark != "refused" else ([], [])
    if step.hop.mark == "refused":
        what = [Text.assemble((f"{MARKS['refused']} {step.hop.text}", f"bold {COLOURS['refused']}"))]
    lesson = _narrow(Text(why(step)), min(room, READABLE))
    if not beside:
        read_by = [_who(step, width), Text()] if who else []
        return Group(lesson, Text(), *read_by, *what, *dumps)
    both = Table.grid(padding=(0, GAP, 0, 0))
    both.add_column(width=room)
    both.add_column(width=RIGHT)
    both.add_row(Group(lesson, Text(), *what), Group(*([_who(step, RIGHT)] if who else []), *dumps))
    return both


def _narrow(text: Text, width: int) -> Table:
    grid = Table.grid()
    grid.add_column(width=width)
    grid.add_row(text)
    return grid


def _who(step: Step, width: int) -> RenderableType:
    """Who can read it here, with which key."""
    who = readers(step.hop)
    line = Text.assemble(("read by  ", "dim"), Text("   ").join(who))
    if line.cell_len <= width:
        return line
    return Text("\n         ").join([Text.assemble(("read by  ", "dim"), who[0]), *who[1:]])
