"""A party's keys on disk: ``FOLDER/PARTY.keys``, sealed; one keystore a party, opened by that party.

Protocols make and open them, ``smarter keys`` lists, rotates and exports. Each holds the pins of all, so that one which
was replaced is found when any other is opened. An older file of the same generation brings back what that day's held
besides the pinned keys.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NoReturn

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedKeys, ReplacedKeys, UsageError
from smarter.keys import envelope
from smarter.keys.entries import KeyEntry, PublicEntry
from smarter.keys.files import read_private, remove_private, write_private
from smarter.keys.kdf import DEFAULT_COST, SALT_BYTES, Kdf, ScryptCost
from smarter.keys.naming import party_name
from smarter.keys.pins import NO_PINS, Pin, Pins
from smarter.keys.secret import Locking, Secret, Unlock

__all__ = ["KeyEntry", "Keystore", "PublicEntry", "keystores", "public_entries"]

_SUFFIX = ".keys"
_WAY_OUT = "restore the keystore from a backup, or start anew with --fresh."


class Keystore:
    """The unlocked keys of one party. Changes are in memory until :meth:`save`."""

    def __init__(
        self,
        folder: Path,
        party: str,
        identity: str,
        lock: envelope.Lock,
        contents: envelope.Contents,
        random: Randomness,
        generation: int = 0,
    ) -> None:
        self.party = party
        self.path = _path(folder, party)
        self.identity = identity
        self.generation = generation
        self.pins = contents.pins
        self._lock = lock
        self._random = random
        self._entries = {(entry.purpose, entry.fingerprint): entry for entry in contents.entries}
        self._current = {entry.purpose: entry.fingerprint for entry in contents.entries if entry.current}

    def __repr__(self) -> str:
        return f"Keystore({self.party}, {len(self._entries)} keys)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a keystore stays in the process that opened it")

    @staticmethod
    def exists(folder: Path, party: str) -> bool:
        """Whether the party has a keystore in ``folder``."""
        return _path(folder, party).exists()

    @classmethod
    def create(
        cls,
        folder: Path,
        party: str,
        unlock: Unlock,
        *,
        cost: ScryptCost = DEFAULT_COST,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> Keystore:
        """Make an empty keystore and save it; ``cost`` is what a passphrase's derivation costs.

        Raises:
            UsageError: the party has one already, or no passphrase can be had.
        """
        if cls.exists(folder, party):
            raise UsageError(f"{_path(folder, party)} is there already: open it, or start anew with --fresh.")
        identity = random.bytes(8).hex()
        lock = _lock(unlock.new(party, identity), cost, random)
        keystore = cls(folder, party, identity, lock, envelope.Contents([], NO_PINS), random)
        keystore.save()
        return keystore

    @classmethod
    def open(
        cls,
        folder: Path,
        party: str,
        unlock: Unlock,
        *,
        changing: bool = False,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> Keystore:
        """Read and unlock a keystore, all of it or nothing, and hold its pins against all keystores of ``folder``.

        ``changing``: the caller is about to change keys, and looks at the pins itself.

        Raises:
            DamagedKeys: it is missing, cut, altered, another party's, or its key file is.
            ReplacedKeys: it pins another keystore than the one that is there, or a change of keys is not finished.
            WrongPassphrase: it is whole, and the passphrase is not its own.
            WrongShares: nor are the officers' shares.
        """
        sealed = _read(folder, party)
        secret = unlock.existing(party, sealed.identity, sealed.kind)
        lock = envelope.Lock(sealed.kind, sealed.kdf, sealed.kdf.root(secret.value))
        contents = envelope.unseal(sealed, lock)
        if not changing:
            _check(folder, party, contents.pins)
        return cls(folder, party, sealed.identity, lock, contents, random, sealed.generation)

    @property
    def kind(self) -> str:
        """What unlocks it: ``passphrase``, ``keyfile``, ``keyring`` or ``officers``."""
        return self._lock.kind

    @property
    def pin(self) -> Pin:
        """What it is known by to the other keystores, once it is saved."""
        return Pin.of(self.identity, self.kind, self.generation, self.entries())

    @staticmethod
    def destroy(folder: Path, party: str, unlock: Unlock) -> None:
        """Remove a keystore and the secret that unlocks it, if that is kept; neither need exist."""
        try:
            sealed = _read(folder, party)
            identity, kind = sealed.identity, sealed.kind
        except DamagedKeys:
            identity, kind = "", "unknown"
        remove_private(_path(folder, party))
        unlock.forget(party, identity, kind)

    def save(self, *, overwrite: bool = False) -> None:
        """Replace the file: after a crash the old or the new one is there, whole.

        ``overwrite``: keys have been forgotten for good, so what the old file held is overwritten.
        """
        contents = envelope.Contents(list(self._entries.values()), self.pins)
        data = envelope.seal(self.party, self.identity, self.generation, self._lock, contents, self._random)
        write_private(self.path, data, overwrite=overwrite)

    def relock(self, unlock: Locking, *, cost: ScryptCost = DEFAULT_COST) -> None:
        """Take another secret and a new identity, to be saved; the old secret is not forgotten."""
        # A new identity: a keyring's old entry must live until the new file is in place.
        identity = self._random.bytes(8).hex()
        self._lock = _lock(unlock.new(self.party, identity), cost, self._random)
        self.identity = identity

    def add(self, entry: KeyEntry) -> None:
        """Keep a key and make it the current one of its purpose; earlier ones stay."""
        if (entry.purpose, entry.fingerprint) in self._entries:
            raise ValueError(f"the keystore of {self.party} has {entry} already")
        before = self._current.get(entry.purpose)
        if before is not None:
            earlier = self._entries[entry.purpose, before]
            self._entries[entry.purpose, before] = dataclasses.replace(earlier, current=False)
        self._entries[entry.purpose, entry.fingerprint] = dataclasses.replace(entry, current=True)
        self._current[entry.purpose] = entry.fingerprint

    def forget_earlier(self, purpose: str) -> None:
        """Forget all keys of ``purpose`` but the current one; backups of the file may still hold them."""
        for entry in self.entries(purpose):
            if entry.fingerprint != self._current.get(purpose):
                del self._entries[purpose, entry.fingerprint]

    def forget_earlier_private(self, purpose: str) -> None:
        """Forget the private halves of all keys of ``purpose`` but the current one: what they signed still verifies."""
        for entry in self.entries(purpose):
            if entry.fingerprint != self._current.get(purpose):
                self._entries[purpose, entry.fingerprint] = dataclasses.replace(entry, private=b"")

    def destroy_private(self, purpose: str) -> tuple[str, ...]:
        """Destroy the private part of every key of ``purpose``, so that only their names are left; whose it was."""
        destroyed = tuple(entry.fingerprint for entry in self.entries(purpose) if entry.private)
        for name in destroyed:
            self._entries[purpose, name] = dataclasses.replace(self._entries[purpose, name], private=b"")
        return destroyed

    def forget_one(self, purpose: str, fingerprint: str) -> None:
        """Forget one key that is not in use, if it is there; backups of the file may still hold it."""
        if self._current.get(purpose) != fingerprint:
            self._entries.pop((purpose, fingerprint), None)

    def forget(self, purpose: str) -> None:
        """Forget every key of ``purpose``, if there is one; backups of the file may still hold them."""
        for entry in self.entries(purpose):
            del self._entries[purpose, entry.fingerprint]
        self._current.pop(purpose, None)

    def current(self, purpose: str) -> KeyEntry:
        """The key in use for ``purpose``; raises :class:`DamagedKeys` when there is none."""
        fingerprint = self._current.get(purpose)
        if fingerprint is None:
            raise DamagedKeys(f"keystore {self.path} has no current {purpose} key: {_WAY_OUT}")
        return self._entries[purpose, fingerprint]

    def entries(self, purpose: str | None = None) -> Iterator[KeyEntry]:
        """All keys, or those of ``purpose``, oldest first."""
        return (entry for entry in list(self._entries.values()) if purpose in (None, entry.purpose))


def public_entries(folder: Path, party: str) -> tuple[PublicEntry, ...]:
    """What a locked keystore lists, oldest first: its digest holds, its author is not proven.

    Raises:
        DamagedKeys: it is missing, cut or altered.
    """
    return _read(folder, party).public


def keystores(folder: Path) -> tuple[str, ...]:
    """The parties that have a keystore in ``folder``, by name."""
    return tuple(sorted(path.stem for path in folder.glob(f"[a-z]*{_SUFFIX}")))


def pins_of(folder: Path) -> dict[str, Pin]:
    """What the keystores in ``folder`` are known by, by party; nothing is unlocked.

    Raises:
        DamagedKeys: one is cut or altered.
    """
    return {party: pin_of(folder, party) for party in keystores(folder)}


def pin_of(folder: Path, party: str) -> Pin:
    """What the keystore of one party is known by; raises :class:`~smarter.errors.DamagedKeys`."""
    try:
        there = _path(folder, party).stat()
    except FileNotFoundError:
        return _read(folder, party).pin  # which says so
    return _pin_of(folder, party, (there.st_ino, there.st_size, there.st_mtime_ns, there.st_ctime_ns))


@lru_cache(maxsize=64)  # each keystore that is opened looks at all the others
def _pin_of(folder: Path, party: str, version: tuple[int, ...]) -> Pin:
    return _read(folder, party).pin


def _check(folder: Path, party: str, pins: Pins) -> None:
    """Raise :class:`ReplacedKeys` unless the keystores in ``folder`` are those that ``party`` knows."""
    if pins.change:
        raise ReplacedKeys(
            f"a change of the keys of {pins.change.party} was interrupted: give `smarter keys {pins.change.what}` "
            "again, which finishes it."
        )
    for other, pin in pins.of.items():
        if pin_of(folder, other) != pin:
            raise ReplacedKeys(
                f"the keystore {_path(folder, other)} is not the one that {_path(folder, party)} knows: it was "
                "replaced, or comes from another day; bring back the one that was there."
            )


def _path(folder: Path, party: str) -> Path:
    return folder / f"{party_name(party)}{_SUFFIX}"


def _lock(secret: Secret, cost: ScryptCost, random: Randomness) -> envelope.Lock:
    kdf = Kdf(random.bytes(SALT_BYTES), cost if secret.kind == "passphrase" else None)
    return envelope.Lock(secret.kind, kdf, kdf.root(secret.value))


def _read(folder: Path, party: str) -> envelope.Envelope:
    path = _path(folder, party)
    try:
        data = read_private(path, envelope.MAX_BYTES)
    except FileNotFoundError as error:
        raise DamagedKeys(f"there is no keystore {path}: {_WAY_OUT}") from error
    sealed = envelope.read(data, str(path))
    if sealed.party != party:
        raise DamagedKeys(f"{path} is the keystore of {sealed.party!r}, not of {party}: {_WAY_OUT}")
    return sealed
