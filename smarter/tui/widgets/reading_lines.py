"""The lines above a reading's way: which reading, how far its following is, what the marks mean; and the invitation."""

from __future__ import annotations

from collections.abc import Mapping

from rich.style import Style
from rich.text import Text

from smarter.charts.marks import marked
from smarter.tui.choice import Choice
from smarter.tui.following import Told

BAR = 24
"""Cells of progress."""


def heading(choice: Choice, several: bool) -> Text:
    """Which reading; all of it leads to another one by a click."""

    def leads(text: str, action: str, style: str = "") -> tuple[str, Style]:
        return text, Style.parse(style) + Style(meta={"@click": f"screen.{action}"})

    local = choice.local
    where = choice.neighbourhood
    return Text.assemble(
        "Meter ",
        leads(choice.meter, "meter", "bold"),
        (" of ", "dim"),
        leads(f"{where} (n: next)", "next", "dim") if several else (where, "dim"),
        "   ",
        leads("◀ ", "step(-1)"),
        leads(f"{local:%a} {choice.when}", "when", "bold"),
        leads(" ▶", "step(1)"),
        (f"   {choice.plan.timezone}", "dim"),
        no_wrap=True,
        overflow="ellipsis",
    )


def progress(told: Told, colours: Mapping[str, str]) -> Text:
    """What goes on, and how far it is."""
    share = told.done / told.total if told.total else 0.0
    cells = round(share * BAR)
    text = Text.assemble(
        ("▶ ", colours["accent"]),
        ("━" * cells, colours["accent"]),
        ("━" * (BAR - cells), colours["panel"]),
        f"  {told.stage}",
        no_wrap=True,
        overflow="ellipsis",
    )
    if told.total:
        text.append(f"  {told.done:,} of {told.total:,}", style="dim")
    return text + Text("   c cancels", style="dim")


def legend(column: int) -> Text:
    """What the marks mean; and in this column, if there is room, what stands there."""
    marks = [marked("clear", "a single reading"), marked("sealed", "sealed"), marked("sum", "only a total")]
    text = Text("   ", no_wrap=True, overflow="ellipsis").join([*marks, marked("refused", "refused")])
    gap = column - 1 - text.cell_len
    return Text.assemble(text, " " * gap, ("who can read it", "dim")) if gap > 1 else text


def invitation(choice: Choice) -> str:
    """What the page does, and the key for it."""
    return (
        "Follow one minute from its row in a file to a line of a bill,\n"
        "and see at each hop what exists of it and who can read that.\n\n"
        f"{choice.meter} of {choice.neighbourhood}, {choice.local:%A} {choice.when}\n\n"
        "enter: follow it   m: another meter   w: another time   ← →: a minute"
    )
