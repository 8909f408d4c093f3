"""The secret that a keystore's root key is derived from, and what every way to get one promises.

Keystores ask an :class:`Unlock`; :mod:`smarter.keys.unlock` and :mod:`smarter.keys.ring` are the ways.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from smarter.errors import WrongPassphrase

SECRET_BYTES = 32
VARIABLE = "SMARTER_PASSPHRASE"
SHARES_VARIABLE = "SMARTER_SHARES"
_WHAT = {
    "passphrase": "a passphrase",
    "keyfile": "a key file",
    "keyring": "the OS keyring",
    "officers": "the shares of its officers",
}
KINDS = tuple(_WHAT)


@dataclass(frozen=True)
class Secret:
    """A secret and its kind: ``passphrase``, or 32 random bytes of a ``keyfile``, the ``keyring`` or ``officers``."""

    kind: str
    value: bytes = field(repr=False)


class Locking(Protocol):
    """A way to lock keystores. ``identity`` is a keystore's random name."""

    def new(self, party: str, identity: str) -> Secret:
        """The secret for a keystore that is being made."""


class Unlock(Locking, Protocol):
    """A way to unlock them again; ``kind`` is what sealed one."""

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        """The secret of a keystore that exists; :class:`WrongPassphrase` when it takes another kind."""

    def forget(self, party: str, identity: str, kind: str) -> None:
        """Destroy the secret if it is kept anywhere: the keystore cannot be opened again."""


def takes(party: str, kind: str, given: str) -> None:
    """Raise :class:`WrongPassphrase` unless a keystore of ``kind`` opens by what is ``given``."""
    if kind != given:
        ways = {"passphrase": f"set {VARIABLE}", "officers": f"set {SHARES_VARIABLE}"}
        way_out = ways.get(kind, f"choose that, with {VARIABLE} unset")
        raise WrongPassphrase(f"the keys of {party} are unlocked by {_WHAT[kind]}, not by {_WHAT[given]}: {way_out}.")
