"""The tariffs that Smarter ships: price lists that turn a household's windows into the lines of its bill."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Tariff, hookimpl
from smarter_plugins.tariffs.flat import Flat
from smarter_plugins.tariffs.tiered import Tiered
from smarter_plugins.tariffs.time_of_use import TimeOfUse


@hookimpl
def register_tariffs(register: Callable[[type[Tariff]], None]) -> None:
    """Hand over the shipped tariffs."""
    for tariff in (Flat, TimeOfUse, Tiered):
        register(tariff)
