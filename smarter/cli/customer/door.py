"""Opening what the customer's commands need: the deployment, its accounts, and the session that was left open.

Every command of ``smarter customer`` comes in through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smarter.cli.options import begun, unlocking
from smarter.cli.tokens import KeptToken
from smarter.errors import UsageError
from smarter.state import StateFolder

if TYPE_CHECKING:
    from smarter.protocols.holder import Holder
    from smarter.protocols.login import Login
    from smarter.protocols.session import Session


@dataclass(frozen=True)
class Door:
    """An opened deployment with its accounts."""

    folder: StateFolder
    session: Session
    login: Login

    @property
    def token(self) -> KeptToken:
        """That of the session that was left open here."""
        return KeptToken(self.folder, "customer")

    def holder(self) -> Holder:
        """Whoever logged in here; raises :class:`WrongCredentials` when nobody did, or it is too long ago."""
        return self.login.resume(self.token.require(self.session.scenario.name))


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

    checked, folder = begun(scenario, overrides, state, "run")
    if not first and not folder.accounts.exists():
        raise UsageError(
            f"nobody has an account in {folder.path} yet; whoever runs the meters invites a customer with "
            "`smarter customer invite`."
        )
    with door.opening(checked, folder, lambda: unlocking(unlock, folder), locked=locked) as found:
        yield Door(found.folder, found.session, found.login)
