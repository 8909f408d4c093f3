"""Opening what the customer's commands need: the deployment, its accounts, and the session that was left open.

Every command of ``smarter customer`` comes in through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smarter.cli.options import opened, run_command, unlocking
from smarter.cli.tokens import read_token
from smarter.errors import UsageError, WrongCredentials
from smarter.state import StateFolder

if TYPE_CHECKING:
    from smarter.protocols.login import Holder, Login
    from smarter.protocols.session import Session


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
    from smarter.protocols import door

    checked, folder = opened(scenario, overrides, state)
    if not folder.begun:
        command = run_command(scenario, overrides, state)
        raise UsageError(f"there is no run of {checked.name} in {folder.path} yet; `{command}` makes one.")
    if not first and not folder.accounts.exists():
        raise UsageError(
            f"nobody has an account in {folder.path} yet; whoever runs the meters invites a customer with "
            "`smarter customer invite`."
        )
    with door.opening(checked, folder, lambda: unlocking(unlock, folder), locked=locked) as found:
        yield Door(found.folder, found.session, found.login)
