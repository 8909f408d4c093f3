"""Bounds of input files: what a source refuses before it reads on, and the options that raise them.

A hostile or broken file must not take all memory or time. Every bound has an option, so that a larger file is a choice.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from smarter.api import DataError, PluginOptions

MOST_METERS = 10_000
LONGEST_NAME = 200
"""Characters of a meter's name in a file of many meters."""


class MeterBounds(PluginOptions):
    """The bound of every file source; a state does not depend on it."""

    changeable: ClassVar[frozenset[str]] = frozenset({"most_meters"})

    most_meters: int = Field(
        MOST_METERS, ge=1, le=1_000_000, description="The most meters; a source with more is refused."
    )


def refuse_too_many(path: Path, count: int, most: int) -> None:
    """Refuse more meters than ``most``.

    Raises:
        DataError: there are.
    """
    if count > most:
        raise beyond(path, f"there are more than {most:,} meters", "most_meters", "name fewer files")


def beyond(path: Path, problem: str, option: str, way_out: str) -> DataError:
    """The error of a file beyond a bound, which names the option that raises it."""
    return DataError(f"{path}: {problem}; {way_out}, or raise option {option} of the source.")
