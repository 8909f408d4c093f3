"""The session that was left open: its token lies in a private file of the user's, one a state and kind of account.

It opens nothing without the accounts, nor they without it. ``smarter customer`` and ``smarter operator`` keep one here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from smarter.errors import WrongCredentials
from smarter.keys.files import read_private, remove_private, write_private
from smarter.state import StateFolder

TOKEN_BYTES = 32


@dataclass(frozen=True)
class KeptToken:
    """The token of a session on a state, if there is one; ``whose``: which kind of account it is of."""

    folder: StateFolder
    whose: Literal["customer", "operator"]

    @property
    def file(self) -> Path:
        """Where it lies."""
        from platformdirs import user_data_path

        name = hashlib.sha256(str(self.folder.path.resolve()).encode()).hexdigest()[:32]
        ending = "" if self.whose == "customer" else f"-{self.whose}"
        return user_data_path("smarter", appauthor=False) / "sessions" / f"{name}{ending}.token"

    def read(self) -> bytes | None:
        """The token, or None when there is none that could be one."""
        try:
            token = read_private(self.file, TOKEN_BYTES)
        except FileNotFoundError:
            return None
        return token if len(token) == TOKEN_BYTES else None

    def require(self, scenario: str) -> bytes:
        """The token; raises :class:`WrongCredentials` when nobody logged in on the state of this scenario."""
        token = self.read()
        if token is None:
            raise WrongCredentials(f"nobody is logged in: `smarter {self.whose} login {scenario}` does it.")
        return token

    def replace(self, token: bytes, log_out: Callable[[bytes], None]) -> None:
        """Keep the token of a session that has begun; ``log_out`` ends the one before it."""
        before = self.read()
        write_private(self.file, token)
        if before is not None:
            log_out(before)

    def end(self, log_out: Callable[[bytes], None]) -> bool:
        """End the session by ``log_out``, and drop its token; whether there was one."""
        token = self.read()
        if token is not None:
            log_out(token)
            self.drop()
        return token is not None

    def drop(self) -> None:
        """Remove the token, if there is one."""
        if self.file.exists():
            remove_private(self.file)
