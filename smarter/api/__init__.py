"""All that a plugin author needs, and all of Smarter that a plugin may import.

A plugin is a class of one of six kinds that is handed to a registrar from a hook::

    from smarter.api import Cipher, hookimpl

    class MyCipher(Cipher): ...

    @hookimpl
    def register_ciphers(register):
        register(MyCipher)

The module with the hook is named in the entry-point group ``smarter.plugins``. The conformance
suites of :mod:`smarter.api.testing` say whether a plugin keeps what its kind promises.
"""

from smarter.api.cipher import Cipher, KeyedCipher
from smarter.api.floor import Floor
from smarter.api.hooks import KINDS, hookimpl
from smarter.api.keys import KeyPair, PrivateKey, PublicKey
from smarter.api.keywrap import Keywrap
from smarter.api.plugin import Plugin, PluginOptions, ScenarioPath, need
from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.api.scheme import Ciphertexts, Scheme
from smarter.api.source import RegisterRules, Rows, Source, SourceContext, SourceMeter
from smarter.api.store import OpenStore, Record, Store
from smarter.api.tariff import BillLine, MeteredWindow, Tariff, TariffOptions, price
from smarter.errors import (
    AuthenticationFailed,
    DamagedKeys,
    DamagedStore,
    DataError,
    KeyMismatch,
    MachineError,
    MissingExtra,
    OutOfBounds,
    ScenarioError,
    UsageError,
)

__all__ = [
    "KINDS",
    "SYSTEM_RANDOMNESS",
    "AuthenticationFailed",
    "BillLine",
    "Cipher",
    "Ciphertexts",
    "DamagedKeys",
    "DamagedStore",
    "DataError",
    "Floor",
    "KeyMismatch",
    "KeyPair",
    "KeyedCipher",
    "Keywrap",
    "MachineError",
    "MeteredWindow",
    "MissingExtra",
    "OpenStore",
    "OutOfBounds",
    "Plugin",
    "PluginOptions",
    "PrivateKey",
    "PublicKey",
    "Randomness",
    "Record",
    "RegisterRules",
    "Rows",
    "ScenarioError",
    "ScenarioPath",
    "Scheme",
    "Source",
    "SourceContext",
    "SourceMeter",
    "Store",
    "Tariff",
    "TariffOptions",
    "UsageError",
    "hookimpl",
    "need",
    "price",
]
