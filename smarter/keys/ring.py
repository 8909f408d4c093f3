"""Unlocking by the operating system's keyring, through the library ``keyring`` (extra ``keyring``).

:func:`smarter.keys.unlock.unlock_from` offers it; the library is imported when a keystore asks.
"""

from __future__ import annotations

from typing import Any

from smarter.api.plugin import need
from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedKeys, Unavailable
from smarter.keys.secret import SECRET_BYTES, Secret, takes

SERVICE = "smarter-metering"


class KeyringUnlock:
    """Unlocks by 32 random bytes that the OS keyring keeps, one entry a keystore.

    ``backend`` is a keyring other than the system's, for tests.

    Raises (all methods):
        MissingExtra: the library is not installed.
        Unavailable: no keyring works on this machine, or it refuses.
    """

    def __init__(self, service: str = SERVICE, *, backend: Any = None, random: Randomness = SYSTEM_RANDOMNESS) -> None:
        self._service = service
        self._backend = backend
        self._random = random

    def new(self, party: str, identity: str) -> Secret:
        value = self._random.bytes(SECRET_BYTES)
        self._call("set_password", party, identity, value.hex())
        # keyring's null backend takes everything and keeps nothing.
        if self._call("get_password", party, identity) != value.hex():
            raise Unavailable("the keyring of this machine keeps nothing: use a key file or a passphrase instead.")
        return Secret("keyring", value)

    def existing(self, party: str, identity: str, kind: str) -> Secret:
        takes(party, kind, "keyring")
        text = self._call("get_password", party, identity)
        if text is None:
            raise DamagedKeys(
                f"the keyring has no entry {self._account(party, identity)!r} of {self._service!r}: "
                "log in as the user who made it, or start anew with --fresh."
            )
        try:
            value = bytes.fromhex(text)
        except ValueError:
            value = b""
        if len(value) != SECRET_BYTES:
            raise DamagedKeys(
                f"the keyring's entry {self._account(party, identity)!r} of {self._service!r} was altered: "
                "restore it, or start anew with --fresh."
            )
        return Secret("keyring", value)

    def forget(self, party: str, identity: str, kind: str) -> None:
        if self._call("get_password", party, identity) is not None:
            self._call("delete_password", party, identity)

    @staticmethod
    def _account(party: str, identity: str) -> str:
        return f"{party}-{identity}"

    def _call(self, method: str, party: str, identity: str, *arguments: str) -> Any:
        library = need("keyring", "keyring")
        try:
            backend = self._backend or library.get_keyring()
            return getattr(backend, method)(self._service, self._account(party, identity), *arguments)
        except (library.errors.KeyringError, RuntimeError) as error:
            raise Unavailable(
                f"no keyring works on this machine ({type(error).__name__}): use a key file or a passphrase instead."
            ) from error
