"""Refusing an option at its own place, from a check that sees several; time-of-use's options use it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def refuse(place: tuple[str | int, ...], given: Any, message: str) -> NoReturn:
    """Raise what pydantic would have raised, had it found fault with the field at ``place``."""
    said = PydanticCustomError("value_error", "{message}", {"message": message})
    raise ValidationError.from_exception_data("options", [InitErrorDetails(type=said, loc=place, input=given)])


def unknown_key(key: str, known: Iterable[str]) -> str:
    """What to say of a key that is none of those known."""
    names = sorted(known)
    near = difflib.get_close_matches(str(key), names, 1)
    return f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; there are {', '.join(names)}."
