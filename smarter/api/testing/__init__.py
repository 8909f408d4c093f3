"""Conformance suites, one per kind of plugin: does it keep what its kind promises? pytest runs them.

A plugin's author needs three lines::

    from smarter.api.testing import CipherConformance

    class TestMine(CipherConformance):
        plugin = MyCipher

Each suite says in its own docstring what else can be set. They need pytest and nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from smarter.api.testing.ciphers import CipherConformance
    from smarter.api.testing.keywraps import KeywrapConformance
    from smarter.api.testing.schemes import SchemeConformance
    from smarter.api.testing.sources import SourceConformance
    from smarter.api.testing.stores import StoreConformance
    from smarter.api.testing.tariffs import TariffConformance

__all__ = [
    "CipherConformance",
    "KeywrapConformance",
    "SchemeConformance",
    "SourceConformance",
    "StoreConformance",
    "TariffConformance",
]

_MODULES = {
    "CipherConformance": "ciphers",
    "KeywrapConformance": "keywraps",
    "SchemeConformance": "schemes",
    "SourceConformance": "sources",
    "StoreConformance": "stores",
    "TariffConformance": "tariffs",
}

# Without it pytest would show a failed assertion of a suite without the values in it.
pytest.register_assert_rewrite(*(f"{__name__}.{module}" for module in _MODULES.values()))


def __getattr__(name: str) -> Any:
    """Load the suite of one kind when it is asked for, so that no suite needs what another one tests."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
