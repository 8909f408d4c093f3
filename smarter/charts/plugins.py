"""Plugins in words: what one can do, what is wrong with it, its options; ``cli`` prints them, the app shows them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smarter.registry import Listing

PLUGINS = ("kind", "name", "origin", "version", "summary", "capabilities", "problem")
"""Columns of a file of plugins."""


@dataclass(frozen=True)
class Option:
    """One option of a plugin.

    Attributes:
        kind: ``integer``, ``djn | exact``, ``string or null``.
        bounds: what a value has to keep to, such as ``256 to 16384``; empty where nothing is said.
        default: as JSON; None when it is required.
        parts: the fields of a section, or of each in a list of them.
    """

    name: str
    kind: str
    bounds: str
    default: str | None
    description: str
    parts: tuple[str, ...] = ()

    @property
    def otherwise(self) -> str:
        """What holds when it is left out."""
        return "required" if self.default is None else f"default {self.default}"


def options_in(schema: Mapping[str, Any]) -> list[Option]:
    """The options of a plugin, from the JSON Schema of its model, in its order."""
    required = set(schema.get("required", ()))
    sections = schema.get("$defs", {})
    return [
        Option(
            name=name,
            kind=_kind(about),
            bounds=", ".join(filter(None, (_bounds(part) for part in _alternatives(about)))),
            default=None if name in required else json.dumps(about.get("default"), ensure_ascii=False),
            description=" ".join(about.get("description", "").split()),
            parts=tuple(
                field for section in _sections(about) for field in sections.get(section, {}).get("properties", ())
            ),
        )
        for name, about in schema.get("properties", {}).items()
    ]


def capabilities_in_words(capabilities: Mapping[str, object]) -> list[str]:
    """Flags by name where they hold, figures with their value."""
    said = []
    for name, value in capabilities.items():
        words = name.replace("_", " ")
        if isinstance(value, bool):
            said += [words] if value else []
        elif value is not None:
            said.append(f"{words} {value:,}" if isinstance(value, int) else f"{words} {value}")
    return said


def problem_of(listing: Listing) -> str | None:
    """Why a plugin cannot be used; None when it can."""
    return f"broken: {listing.error}" if listing.error is not None else listing.missing


def plugin_lines(listings: Sequence[Listing]) -> Iterator[tuple[str, ...]]:
    """A line a plugin, in the columns :data:`PLUGINS`."""
    for one in listings:
        capabilities = ", ".join(capabilities_in_words(one.capabilities))
        yield one.kind, one.name, one.origin, one.version, one.summary, capabilities, problem_of(one) or ""


def count_of(listings: Sequence[Listing]) -> str:
    """How many there are, and how many of them cannot be used."""
    broken = sum(listing.error is not None for listing in listings)
    lacking = sum(listing.missing is not None for listing in listings)
    return f"{len(listings):,} listed, {broken:,} broken, {lacking:,} without their library"


def matching(listings: Sequence[Listing], words: str) -> list[Listing]:
    """Those in which every word occurs: in kind, name, summary, origin, capabilities or what is wrong."""
    wanted = words.casefold().split()
    return [listing for listing in listings if all(word in _said(listing) for word in wanted)]


def _said(listing: Listing) -> str:
    parts = (listing.kind, listing.name, listing.summary, listing.origin, problem_of(listing) or "")
    return " ".join((*parts, *capabilities_in_words(listing.capabilities))).casefold()


def _kind(about: Mapping[str, Any]) -> str:
    if "enum" in about:
        return " | ".join(map(str, about["enum"]))
    if "anyOf" in about:
        return " or ".join(_kind(part) for part in about["anyOf"])
    items = about.get("items", {})
    if "$ref" in items:
        return f"list of {_kind(items)}"
    return str(about.get("type", about.get("$ref", "section"))).rpartition("/")[2]


def _alternatives(about: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    alternatives: Sequence[Mapping[str, Any]] = about.get("anyOf", (about,))
    return alternatives


def _sections(about: Mapping[str, Any]) -> Iterator[str]:
    for part in _alternatives(about):
        for place in (part, part.get("items", {})):
            if "$ref" in place:
                yield place["$ref"].rpartition("/")[2]


def _bounds(about: Mapping[str, Any]) -> str:
    low, high, above = (about.get(limit) for limit in ("minimum", "maximum", "exclusiveMinimum"))
    if above is not None:
        return f"above {above:,}" + (f", up to {high:,}" if high is not None else "")
    if low is not None and high is not None:
        return f"{low:,} to {high:,}"
    if low is not None:
        return f"from {low:,}"
    return f"up to {high:,}" if high is not None else ""
