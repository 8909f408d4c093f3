"""Where the secret that unlocks a keystore comes from: a passphrase, a key file, the OS keyring, its officers.

``cli`` picks one by :func:`unlock_from` and hands it to :class:`smarter.keys.keystore.Keystore`.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedKeys, UsageError
from smarter.keys.files import read_private, remove_private, write_private
from smarter.keys.naming import party_name
from smarter.keys.officers import KIND as OFFICERS
from smarter.keys.officers import GivenShares
from smarter.keys.ring import KeyringUnlock
from smarter.keys.secret import SECRET_BYTES, SHARES_VARIABLE, VARIABLE, Secret, Unlock, takes

__all__ = ["KeyFileUnlock", "KeyringUnlock", "Mode", "PassphraseUnlock", "Secret", "Unlock", "unlock_from"]

Mode = Literal["auto", "keyfile", "passphrase", "keyring"]


class PassphraseUnlock:
    """Unlocks by one passphrase, whichever party asks; it is not empty."""

    def __init__(self, passphrase: bytes) -> None:
        if not passphrase:
            raise UsageError(f"an empty passphrase protects nothing: type one, or set {VARIABLE} to one.")
        self._secret = Secret("passphrase", passphrase)

    def new(self, party: str, identity: str) -> Secret:
        return self._secret

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        takes(party, kind, "passphrase")
        return self._secret

    def forget(self, party: str, identity: str, kind: str) -> None:
        """Nothing is kept."""


class AskedPassphrases:
    """Unlocks each party by its own passphrase, asked for at its first opening; a new one is asked for twice."""

    def __init__(self, ask: Callable[[str], str] | None) -> None:
        self._ask = ask
        self._typed: dict[str, Secret] = {}

    def new(self, party: str, identity: str) -> Secret:
        secret = self._answer(party, f"New passphrase for the keys of {party}: ")
        if self._answer(party, f"The same again, for the keys of {party}: ") != secret:
            raise UsageError(f"the two passphrases for the keys of {party} differ: nothing was made, try again.")
        self._typed[party] = secret
        return secret

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        takes(party, kind, "passphrase")
        if party not in self._typed:
            self._typed[party] = self._answer(party, f"Passphrase for the keys of {party}: ")
        return self._typed[party]

    def forget(self, party: str, identity: str, kind: str) -> None:
        """Nothing is kept."""

    def _answer(self, party: str, prompt: str) -> Secret:
        if self._ask is None:
            raise UsageError(
                f"the keys of {party} take a passphrase and nobody can be asked: set {_variable(party)} or {VARIABLE}."
            )
        return PassphraseUnlock(as_bytes(self._ask(prompt))).new(party, "")


class KeyFileUnlock:
    """Unlocks by 32 random bytes in ``FOLDER/PARTY.key``, mode 0600; made with the keystore."""

    def __init__(self, folder: Path, random: Randomness = SYSTEM_RANDOMNESS) -> None:
        self._folder = folder
        self._random = random

    def path(self, party: str) -> Path:
        return self._folder / f"{party_name(party)}.key"

    def new(self, party: str, identity: str) -> Secret:
        # One that is there stays: a keystore put aside may need it.
        if not self.path(party).exists():
            write_private(self.path(party), self._random.bytes(SECRET_BYTES))
        return self._read(party)

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        takes(party, kind, "keyfile")
        return self._read(party)

    def forget(self, party: str, identity: str, kind: str) -> None:
        remove_private(self.path(party))

    def _read(self, party: str) -> Secret:
        path = self.path(party)
        try:
            value = read_private(path, SECRET_BYTES)
        except FileNotFoundError as error:
            raise DamagedKeys(f"key file {path} is missing: bring it back, or start anew with --fresh.") from error
        if len(value) != SECRET_BYTES:
            raise DamagedKeys(
                f"key file {path} is cut or altered, it should have {SECRET_BYTES} bytes: "
                "bring it back, or start anew with --fresh."
            )
        return Secret("keyfile", value)


class ChosenUnlock:
    """Unlocks as the user chose, party by party: by the environment's passphrase where it has one.

    With ``mode`` ``auto`` an existing keystore says itself what it takes, and a new one gets a key file. One that
    officers locked takes their shares with any mode.
    """

    def __init__(
        self,
        mode: Mode,
        ways: Mapping[str, Unlock],
        passphrase_of: Callable[[str], bytes | None],
        officers: GivenShares,
    ) -> None:
        self._mode = mode
        self._ways = ways
        self._passphrase_of = passphrase_of
        self._officers = officers

    def new(self, party: str, identity: str) -> Secret:
        return self._way(party, "keyfile").new(party, identity)

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        if kind == OFFICERS:
            return self._officers.existing(party, identity)
        return self._way(party, kind).existing(party, identity, kind)

    def forget(self, party: str, identity: str, kind: str) -> None:
        self._ways["keyfile"].forget(party, identity, kind)
        if kind == "keyring":
            self._ways["keyring"].forget(party, identity, kind)

    def _way(self, party: str, otherwise: str) -> Unlock:
        if self._mode in ("auto", "passphrase"):
            passphrase = self._passphrase_of(party)
            if passphrase is not None:
                return PassphraseUnlock(passphrase)
        return self._ways[otherwise if self._mode == "auto" else self._mode]


def unlock_from(
    mode: Mode,
    folder: Path,
    *,
    environ: Mapping[str, str],
    ask: Callable[[str], str] | None,
    shares: Sequence[Path] = (),
) -> Unlock:
    """What unlocks the keystores in ``folder``.

    ``environ`` may hold ``SMARTER_PASSPHRASE_PARTY`` (such as ``SMARTER_PASSPHRASE_RELEASER``) or
    ``SMARTER_PASSPHRASE`` for all; ``ask`` shows a prompt and returns what was typed, None where
    nobody can be asked. ``shares`` are files with officers' shares, one in each; without them those
    that ``SMARTER_SHARES`` names. Nothing is asked, read or imported before a keystore needs it.
    """
    files = list(shares) or [Path(name) for name in environ.get(SHARES_VARIABLE, "").split(os.pathsep) if name]
    ways: dict[str, Unlock] = {
        "passphrase": AskedPassphrases(ask),
        "keyfile": KeyFileUnlock(folder),
        "keyring": KeyringUnlock(),
    }

    def passphrase_of(party: str) -> bytes | None:
        text = environ.get(_variable(party), environ.get(VARIABLE))
        return None if text is None else as_bytes(text)

    return ChosenUnlock(mode, ways, passphrase_of, GivenShares(files, ask))


def forget_kept(folder: Path, party: str, identity: str, kind: str) -> None:
    """Destroy the secret that unlocked a keystore until it was locked otherwise; of some kinds nothing is kept."""
    if kind == "keyfile":
        KeyFileUnlock(folder).forget(party, identity, kind)
    elif kind == "keyring":
        KeyringUnlock().forget(party, identity, kind)


def as_bytes(passphrase: str) -> bytes:
    """A passphrase's bytes: Unicode NFC, so that each keyboard's ü is the same, in UTF-8."""
    return unicodedata.normalize("NFC", passphrase).encode(errors="surrogateescape")


def _variable(party: str) -> str:
    return f"{VARIABLE}_{party.upper().replace('-', '_')}"
