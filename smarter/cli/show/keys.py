"""The list of keys for ``smarter keys list``: public halves only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from smarter.keys.entries import PublicEntry


def keys_table(console: Console, keys: Mapping[str, Sequence[PublicEntry]]) -> None:
    """Every party's keys, current and earlier, by purpose and fingerprint."""
    table = Table(box=None, pad_edge=False)
    for column in ("party", "purpose", "fingerprint", "plugin", "created (UTC)", "current"):
        table.add_column(column, no_wrap=column == "fingerprint")
    for party, entries in keys.items():
        for entry in entries:
            current = "yes" if entry.current else ""
            created = entry.created[:16].replace("T", " ")
            table.add_row(party, entry.purpose, entry.fingerprint[:16], entry.plugin, created, current)
    console.print(table)
