"""In which fields two scenarios differ; the app says so where it shows two runs side by side."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smarter.scenario.model import Scenario

ABSENT = "not set"
MOST = 4
"""Differences that are told one by one."""
UNTOLD = frozenset({"name", "description"})
"""Fields that change nothing of a run."""


@dataclass(frozen=True)
class Difference:
    """A field, as ``--set`` takes it, and its two values as text."""

    field: str
    before: str
    after: str


def differences(one: Scenario, other: Scenario) -> list[Difference]:
    """All fields, with the defaults filled in, that differ, in the order of a scenario."""
    before, after = (dict(_flat(scenario.resolved(), "")) for scenario in (one, other))
    return [
        Difference(field, before.get(field, ABSENT), after.get(field, ABSENT))
        for field in before | after
        if field not in UNTOLD and before.get(field) != after.get(field)
    ]


def differences_in_words(found: Sequence[Difference]) -> str:
    """The first few with their values, and how many more there are; empty when there are none."""
    told = ", ".join(f"{one.field} {one.before} → {one.after}" for one in found[:MOST])
    more = len(found) - MOST
    return f"{told} and {more} more value{'s' * (more > 1)}" if more > 0 else told


def _flat(section: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for name, value in section.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{path}{name}.")
        else:
            yield f"{path}{name}", value if isinstance(value, str) else json.dumps(value)
