"""The visual language of prints and pages: four marks with their colours, and how energies, times and tables look."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Literal

from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table
from rich.text import Text

from smarter.keys.naming import short
from smarter.model.clock import zone

Kind = Literal["clear", "sealed", "sum", "refused"]
MARKS: dict[Kind, str] = {"clear": "●", "sealed": "▒", "sum": "Σ", "refused": "✕"}
COLOURS: dict[Kind, str] = {"clear": "yellow", "sealed": "bright_blue", "sum": "green", "refused": "red"}
NONE = "–"

_STATUS = {
    "complete": ("Σ", "green"),
    "incomplete": ("○", ""),
    "missing": (NONE, "dim"),
    "refused": ("✕", "red"),
    "withheld": ("✕", "red"),
    "held": ("✕", "red"),
    "lost": ("✕", "red"),
    "erased": ("∅", "dim"),
}
_MWH_PER_KWH_DIGITS = 6


def marked(kind: Kind, text: str) -> Text:
    """``text`` after the mark of ``kind``, both in its colour."""
    return Text.assemble((f"{MARKS[kind]} {text}", COLOURS[kind]))


def status(word: str, reason: str = "") -> Text:
    """A window's or bill's status with its mark, and why."""
    mark, colour = _STATUS.get(word, ("", ""))
    return Text.assemble((f"{mark} {word}".strip(), colour), f": {reason}" if reason else "")


def kwh(energy: int | None) -> str:
    """mWh as kWh with three decimals."""
    return NONE if energy is None else f"{Decimal(energy).scaleb(-_MWH_PER_KWH_DIGITS):,.3f}"


def measured(readings: int, expected: int) -> Text:
    """Which share of all readings there was, in percent; hollow when one is missing."""
    if not expected:
        return Text(NONE)  # all of it was erased
    if readings >= expected:
        return Text("100.0")
    # Rounded down: what lacks a reading must not look whole.
    return Text(f"○ {readings * 1000 // expected / 10:.1f}")


def holder_of(kind: str, holder: str) -> str:
    """A household's pseudonym shortened; a neighbourhood as it is called."""
    return short(holder) if kind == "billing" else holder


def moment(epoch: int, timezone: str) -> str:
    """Local date and time to the minute."""
    return f"{datetime.fromtimestamp(epoch, zone(timezone)):%Y-%m-%d %H:%M}"


def short_moment(epoch: int, timezone: str) -> str:
    """The same in fewer columns, without the year: ``Sun 3 Jan 11:57``."""
    local = datetime.fromtimestamp(epoch, zone(timezone))
    return f"{local:%a} {local.day} {local:%b %H:%M}"


def span(start: int, end: int, timezone: str) -> str:
    """Whole local days as first and last of them; anything else with its times."""
    first, last = (datetime.fromtimestamp(at, zone(timezone)) for at in (start, end))
    if first.time() == last.time() == time():
        days = first.date(), (last - timedelta(days=1)).date()
        return f"{days[0]}" if days[0] == days[1] else f"{days[0]} to {days[1]}"
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M} to {last:%H:%M}"
    return f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}"


def heading(console: Console, text: str, aside: str = "") -> None:
    """A blank line, then what the table beneath is of."""
    console.print()
    console.print(Text.assemble((text, "bold"), (f"  {aside}" if aside else "", "dim")))


def quiet_table(*, footer: bool = False, gap: int = 2) -> Table:
    """A table without walls: a line under the heading, and one above the footer."""
    return Table(
        box=SIMPLE,
        show_edge=False,
        pad_edge=False,
        padding=(0, gap, 0, 0),
        show_footer=footer,
        header_style="bold",
        footer_style="bold",
    )
