"""Opening what the operators' commands need: the deployment, its operators, and the session that was left open.

Every command of ``smarter operator`` comes in through here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from smarter.cli.options import begun, unlocking
from smarter.cli.tokens import KeptToken
from smarter.state import StateFolder

if TYPE_CHECKING:
    from smarter.protocols.door import Door
    from smarter.protocols.operator_desk import OperatorDesk
    from smarter.protocols.operator_door import OperatorDoor
    from smarter.protocols.operator_login import OperatorLogin
    from smarter.scenario import Scenario


@dataclass(frozen=True)
class OpenDoor:
    """An opened deployment with its operators, as a command finds it."""

    found: OperatorDoor

    @property
    def door(self) -> Door:
        """The deployment."""
        return self.found.door

    @property
    def folder(self) -> StateFolder:
        """Its state."""
        return self.found.door.folder

    @property
    def scenario(self) -> Scenario:
        """Its scenario."""
        return self.found.door.session.scenario

    @property
    def operators(self) -> OperatorLogin:
        """The operators."""
        return self.found.operators

    def token(self) -> bytes:
        """The token of whoever logged in here; raises :class:`WrongCredentials` when nobody did."""
        return self._kept.require(self.scenario.name)

    def desk(self) -> OperatorDesk:
        """What serves whoever logged in here."""
        return self.found.desk(self.token())

    def log_in(self, name: str, password: str, code: str) -> str:
        """Begin a session and keep its token, in place of an earlier one; returns who it is of, in words."""
        from smarter.keys.second_factor import is_spare

        token = self.operators.log_in(name, password, code)
        self._kept.replace(token, self.operators.log_out)
        who = self.operators.resume(token)
        left = f"; {self.operators.spare_codes_left(name)} spare codes left" if is_spare(code) else ""
        return f"{who.name}, {who.role}{left}"

    def log_out(self) -> bool:
        """End the session; whether there was one."""
        return self._kept.end(self.operators.log_out)

    @property
    def _kept(self) -> KeptToken:
        return KeptToken(self.folder, "operator")


@contextmanager
def opening(
    scenario: str,
    overrides: tuple[str, ...],
    state: Path | None,
    unlock: str,
    *,
    locked: bool = False,
    first: bool = False,
) -> Iterator[OpenDoor]:
    """Open the door; ``locked``: while no run goes on; ``first``: also where nobody is an operator yet."""
    from smarter.protocols import operator_door

    checked, folder = begun(scenario, overrides, state, "run")
    once = unlocking(unlock, folder)  # what is typed for a keystore is not asked for again
    with operator_door.opening(checked, folder, lambda: once, locked=locked, first=first) as found:
        yield OpenDoor(found)
