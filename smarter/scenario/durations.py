"""Durations as a scenario writes them (``15min``, ``3h``, ``7d``) and as the code has them: whole seconds.

The scenario's models use :data:`Duration`.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from smarter.model.windows import spell

_UNITS = {"s": 1, "min": 60, "h": 3_600, "d": 86_400}
_SPELT_OUT = {
    "s": ("s", "sec", "secs", "second", "seconds"),
    "min": ("min", "mins", "minute", "minutes"),
    "h": ("h", "hr", "hrs", "hour", "hours"),
    "d": ("d", "day", "days"),
}
_UNIT_OF = {word: unit for unit, words in _SPELT_OUT.items() for word in words}
PATTERN = r"^\s*\d{1,9}\s*(s|min|h|d)\s*$"
"""The short forms, for the JSON Schema; :func:`parse_duration` takes units that are spelt out, too."""
_PATTERN = re.compile(r"(\d{1,9})\s*([a-z]+)", re.IGNORECASE)


def parse_duration(value: object) -> int:
    """Seconds of ``15min``, ``3 hours``, ``0s``.

    Raises:
        ValueError: no unit, no whole number, or a unit that there is not (``m`` might be minutes or months).
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"{value} has no unit: write {value}s, {value}min or {value}h")
    match = _PATTERN.fullmatch(value.strip()) if isinstance(value, str) else None
    unit = _UNIT_OF.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"{_shown(value)} is no duration: write a whole number and s, min, h or d, such as 15min")
    return int(match[1]) * _UNITS[unit]


def _shown(value: object) -> str:
    return repr(str(value)) if isinstance(value, str) else str(value)


def _positive(value: Any) -> int:
    seconds = parse_duration(value)
    if seconds == 0:
        raise ValueError(f"{_shown(value)} is no time at all: give a duration of at least 1s")
    return seconds


_SCHEMA = WithJsonSchema(
    {
        "type": "string",
        "pattern": PATTERN,
        "description": "A whole number and s, min, h or d.",
    }
)
_TEXT = PlainSerializer(spell, return_type=str, when_used="json")

Duration = Annotated[int, BeforeValidator(_positive), _TEXT, _SCHEMA]
"""A duration of at least a second; whole seconds."""
DurationOrNone = Annotated[int, BeforeValidator(parse_duration), _TEXT, _SCHEMA]
"""A duration that may be ``0s``; whole seconds."""
