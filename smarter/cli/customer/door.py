"""Opening what the customer's commands need: the deployment, its accounts, and the session that was left open.

The session's token lies in a private file of the user's, one a state; it opens nothing without the accounts, nor they
without it.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smarter.cli.options import opened, run_command, unlocking
from smarter.errors import UsageError, WrongCredentials
from smarter.keys.files import read_private, remove_private, write_private
from smarter.state import Accounts, StateFolder

if TYPE_CHECKING:
    from smarter.model.audit import Note
    from smarter.protocols.login import Holder, Login
    from smarter.protocols.session import Session

_TOKEN_BYTES = 32


@dataclass(frozen=True)
class Door:
    """An opened deployment with its accounts."""

    folder: StateFolder
    session: Session
    login: Login

    def holder(self) -> Holder:
        """Whoever logged in here; raises :class:`WrongCredentials` when nobody did, or it is too long ago."""
        token = read_token(self.folder)
        if token is None:
            name = self.session.scenario.name
            raise WrongCredentials(f"nobody is logged in: `smarter customer login {name}` does it.")
        return self.login.resume(token)


@contextmanager
def opening(
    scenario: str,
    overrides: tuple[str, ...],
    state: Path | None,
    unlock: str,
    *,
    locked: bool = False,
    first: bool = False,
) -> Iterator[Door]:
    """Open the door; ``locked``: while no run goes on; ``first``: also where nobody has an account yet."""
    from smarter.protocols.auditing import open_audit
    from smarter.protocols.login import Login, cost_of
    from smarter.protocols.session import recall

    checked, folder = opened(scenario, overrides, state)
    if not folder.begun:
        command = run_command(scenario, overrides, state)
        raise UsageError(f"there is no run of {checked.name} in {folder.path} yet; `{command}` makes one.")
    if not first and not folder.accounts.exists():
        raise UsageError(
            f"nobody has an account in {folder.path} yet; whoever runs the meters invites a customer with "
            "`smarter customer invite`."
        )
    with ExitStack() as stack:
        if locked:
            stack.enter_context(folder.locked())
        session = recall(checked, folder)
        if session is None:
            raise UsageError(f"the run in {folder.path} was stopped at its very beginning; run it again.")
        stack.callback(session.journal.close)
        accounts = Accounts(folder.accounts, time.time)
        stack.callback(accounts.close)

        def witness(note: Note) -> None:
            with open_audit(folder, unlocking(unlock, folder)) as audit:
                audit.note(note.action, note.actor, note.subject, **note.detail)

        yield Door(folder, session, Login(accounts, session.deployment, cost_of(checked), witness=witness))


def token_file(folder: StateFolder) -> Path:
    """Where the token of a session on a state lies."""
    from platformdirs import user_data_path

    name = hashlib.sha256(str(folder.path.resolve()).encode()).hexdigest()[:32]
    return user_data_path("smarter", appauthor=False) / "sessions" / f"{name}.token"


def read_token(folder: StateFolder) -> bytes | None:
    """The token, or None when there is none that could be one."""
    try:
        token = read_private(token_file(folder), _TOKEN_BYTES)
    except FileNotFoundError:
        return None
    return token if len(token) == _TOKEN_BYTES else None


def keep_token(folder: StateFolder, token: bytes) -> None:
    """Keep the token of a session that has begun."""
    write_private(token_file(folder), token)


def drop_token(folder: StateFolder) -> None:
    """Remove the token, if there is one."""
    if token_file(folder).exists():
        remove_private(token_file(folder))
