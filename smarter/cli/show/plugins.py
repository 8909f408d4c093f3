"""The list of plugins for ``smarter plugins``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.text import Text

from smarter.cli.show.marks import marked, quiet_table
from smarter.registry import Listing


def plugins_table(console: Console, listings: Sequence[Listing]) -> None:
    """Every plugin by kind with origin and capabilities; what is broken, or lacks a library, with the reason."""
    table = quiet_table()
    for name in ("kind", "name"):
        table.add_column(name, no_wrap=True)
    table.add_column("what it is, where it is from, what it can do", overflow="fold")
    kind = ""
    for listing in listings:
        table.add_row(
            Text(listing.kind if listing.kind != kind else "", style="dim"),
            Text(listing.name, style="bold" if listing.error is None else "bold red"),
            _about(listing),
        )
        kind = listing.kind
    console.print(table)
    broken = sum(listing.error is not None for listing in listings)
    lacking = sum(listing.missing is not None for listing in listings)
    console.print()
    console.print(Text(f"{len(listings):,} listed, {broken:,} broken, {lacking:,} without their library"))


def _about(listing: Listing) -> Text:
    lines = [Text(listing.summary)] if listing.summary else []
    origin = f"{listing.origin} {listing.version}".strip()
    lines.append(Text(": ".join(filter(None, (origin, _capabilities(listing.capabilities)))), style="dim"))
    if listing.error is not None:
        lines.append(marked("refused", f"broken: {listing.error}"))
    if listing.missing is not None:
        lines.append(marked("refused", listing.missing))
    return Text("\n").join(lines)


def _capabilities(capabilities: Mapping[str, object]) -> str:
    """Flags by name where they hold, figures with their value."""
    said = []
    for name, value in capabilities.items():
        words = name.replace("_", " ")
        if isinstance(value, bool):
            said += [words] if value else []
        elif value is not None:
            said.append(f"{words} {value:,}" if isinstance(value, int) else f"{words} {value}")
    return ", ".join(said)
