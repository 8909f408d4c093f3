"""The list of keys for ``smarter keys list``: public halves only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

from rich.console import Console
from rich.table import Table
from rich.text import Text

from smarter.charts.marks import marked
from smarter.keys.ages import age, due
from smarter.keys.entries import PublicEntry


def keys_table(console: Console, keys: Mapping[str, Sequence[PublicEntry]], at: float, lifetime: timedelta) -> None:
    """Every party's keys, current and earlier, by purpose and fingerprint, and how old they are at ``at``."""
    table = Table(box=None, pad_edge=False)
    for column in ("party", "purpose", "fingerprint", "plugin", "created"):
        table.add_column(column, no_wrap=column == "fingerprint")
    table.add_column("days", justify="right")
    table.add_column("state", no_wrap=True)
    for party, entries in keys.items():
        for entry in entries:
            days = f"{age(entry, at).days:,}"
            state = _state(entry, at, lifetime)
            created = entry.created[:10]
            table.add_row(party, entry.purpose, entry.fingerprint[:16], entry.plugin, created, days, state)
    console.print(table)


def _state(entry: PublicEntry, at: float, lifetime: timedelta) -> Text:
    match due(entry, at, lifetime):
        case "over":
            return marked("refused", "due")
        case "soon":
            return Text("due soon", style="yellow")
    return Text("in use" if entry.current else "earlier", style="" if entry.current else "dim")
