"""The hooks by which a plugin module hands its classes over, one per kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pluggy

if TYPE_CHECKING:
    from smarter.api.cipher import Cipher
    from smarter.api.keywrap import Keywrap
    from smarter.api.scheme import Scheme
    from smarter.api.source import Source
    from smarter.api.store import Store
    from smarter.api.tariff import Tariff

PROJECT = "smarter"
ENTRY_POINT_GROUP = "smarter.plugins"
KINDS = ("cipher", "scheme", "keywrap", "store", "source", "tariff")

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class Hooks:
    """Each hook is called once with ``register``, to be called with each class of its kind."""

    @hookspec
    def register_ciphers(self, register: Callable[[type[Cipher]], None]) -> None:
        """Register :class:`smarter.api.Cipher` classes."""

    @hookspec
    def register_schemes(self, register: Callable[[type[Scheme]], None]) -> None:
        """Register :class:`smarter.api.Scheme` classes."""

    @hookspec
    def register_keywraps(self, register: Callable[[type[Keywrap]], None]) -> None:
        """Register :class:`smarter.api.Keywrap` classes."""

    @hookspec
    def register_stores(self, register: Callable[[type[Store]], None]) -> None:
        """Register :class:`smarter.api.Store` classes."""

    @hookspec
    def register_sources(self, register: Callable[[type[Source]], None]) -> None:
        """Register :class:`smarter.api.Source` classes."""

    @hookspec
    def register_tariffs(self, register: Callable[[type[Tariff]], None]) -> None:
        """Register :class:`smarter.api.Tariff` classes."""
