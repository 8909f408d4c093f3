"""The list of plugins for ``smarter plugins``, and one with its options for ``smarter plugins show``."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from smarter.charts.marks import marked, quiet_table
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


def _options(console: Console, options: Mapping[str, Any]) -> None:
    required = set(options.get("required", ()))
    properties = options.get("properties", {})
    if not properties:
        console.print("  no options")
    for option, about in properties.items():
        default = "required" if option in required else f"default {json.dumps(about.get('default'))}"
        kind = about.get("type") or " or ".join(
            str(part.get("type", part.get("$ref", "?"))).rpartition("/")[2] for part in about.get("anyOf", ())
        )
        if "enum" in about:
            kind = " | ".join(map(str, about["enum"]))
        console.print(f"  {option}  ({kind or 'section'}, {default})", markup=False)
        console.print(Padding(Text(" ".join(about.get("description", "").split())), (0, 0, 0, 6)))


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
