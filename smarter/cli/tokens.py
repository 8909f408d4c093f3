"""The token of a session that was left open: a private file of the user's, one a state and kind of account.

It opens nothing without the accounts, nor they without it. ``smarter customer`` and ``smarter operator`` keep one here.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

from smarter.keys.files import read_private, remove_private, write_private
from smarter.state import StateFolder

TOKEN_BYTES = 32
Whose = Literal["customer", "operator"]


def token_file(folder: StateFolder, whose: Whose = "customer") -> Path:
    """Where the token of a session on a state lies."""
    from platformdirs import user_data_path

    name = hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()[:32]
    ending = "" if whose == "customer" else f"-{whose}"
    return user_data_path("smarter", appauthor=False) / "sessions" / f"{name}{ending}.token"


def read_token(folder: StateFolder, whose: Whose = "customer") -> bytes | None:
    """The token, or None when there is none that could be one."""
    try:
        token = read_private(token_file(folder, whose), TOKEN_BYTES)
    except FileNotFoundError:
        return None
    return token if len(token) == TOKEN_BYTES else None


def keep_token(folder: StateFolder, token: bytes, whose: Whose = "customer") -> None:
    """Keep the token of a session that has begun."""
    write_private(token_file(folder, whose), token)


def drop_token(folder: StateFolder, whose: Whose = "customer") -> None:
    """Remove the token, if there is one."""
    if token_file(folder, whose).exists():
        remove_private(token_file(folder, whose))
