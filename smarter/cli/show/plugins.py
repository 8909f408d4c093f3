"""The list of plugins for ``smarter plugins``, and one with its options for ``smarter plugins show``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from smarter.charts.marks import marked, quiet_table
from smarter.charts.plugins import capabilities_in_words, count_of, options_in, problem_of
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
    console.print()
    console.print(Text(count_of(listings)))


def plugin(console: Console, listing: Listing, options: Mapping[str, Any] | None) -> None:
    """One plugin with what it can do; ``options``: the JSON Schema of its options, None where it is broken."""
    of = f" ({listing.kind}, {listing.origin} {listing.version})  {listing.summary}"
    console.print(Text.assemble((listing.name, "bold"), of))
    for problem in (listing.error, listing.missing):
        if problem:
            console.print(f"  ✕ {problem}", markup=False)
    for capability, value in listing.capabilities.items():
        console.print(f"  {capability}: {value}", markup=False)
    if options is not None:
        _options(console, options)


def _options(console: Console, schema: Mapping[str, Any]) -> None:
    options = options_in(schema)
    if not options:
        console.print("  no options")
    for option in options:
        console.print(f"  {option.name}  ({option.kind}, {option.otherwise})", markup=False)
        console.print(Padding(Text(option.description), (0, 0, 0, 6)))


def _about(listing: Listing) -> Text:
    lines = [Text(listing.summary)] if listing.summary else []
    origin = f"{listing.origin} {listing.version}".strip()
    capabilities = ", ".join(capabilities_in_words(listing.capabilities))
    lines.append(Text(": ".join(filter(None, (origin, capabilities))), style="dim"))
    if problem := problem_of(listing):
        lines.append(marked("refused", problem))
    return Text("\n").join(lines)
