"""The stores that Smarter ships: files in the state's folder in which the MDMS keeps its sealed records."""

from __future__ import annotations

from collections.abc import Callable

from smarter.api import Store, hookimpl
from smarter_plugins.stores.sqlite import Sqlite
from smarter_plugins.stores.tiny import Tiny


@hookimpl
def register_stores(register: Callable[[type[Store]], None]) -> None:
    """Hand over the shipped stores."""
    for store in (Tiny, Sqlite):
        register(store)
