"""The sources that Smarter ships: meters' rows from files, or drawn."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Source, hookimpl
from smarter_plugins.sources.columns import Columns
from smarter_plugins.sources.green_button import GreenButton
from smarter_plugins.sources.synthetic import Synthetic
from smarter_plugins.sources.umass import Umass


@hookimpl
def register_sources(register: Callable[[type[Source]], None]) -> None:
    """Hand over the shipped sources."""
    for source in (Umass, Columns, GreenButton, Synthetic):
        register(source)
