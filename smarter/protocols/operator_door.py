"""The operators' door to a deployment, opened together with its roster: who they are, and the desk that serves them.

``smarter operator`` and the app come in through it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from smarter.keys.unlock import Unlock
from smarter.protocols import door as doors
from smarter.protocols.door import Door
from smarter.protocols.login import Login, cost_of
from smarter.protocols.operator_desk import OperatorDesk
from smarter.protocols.operator_login import OperatorLogin
from smarter.protocols.roster import Roster, new_roster_key, require_operators, roster_key
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.state.operators import OperatorAccounts


@dataclass(frozen=True)
class OperatorDoor:
    """An opened deployment with its operators. What is in it belongs to the thread that opened it."""

    door: Door
    operators: OperatorLogin
    unlocking: Callable[[], Unlock]

    def desk(self, token: bytes) -> OperatorDesk:
        """What serves whoever this session's token is of."""
        return OperatorDesk(self.door, self.operators, lambda: self.operators.resume(token), self.unlocking)


@contextmanager
def opening(
    scenario: Scenario,
    folder: StateFolder,
    unlocking: Callable[[], Unlock],
    *,
    locked: bool = False,
    first: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[OperatorDoor]:
    """Open the door as ``door.opening`` does; ``first``: also where nobody is an operator yet.

    Raises:
        UsageError: nobody is, or no run has begun.
        DamagedKeys: the operators' keystore does not read back.
        WrongPassphrase: nor does it open.
    """
    if not first:
        require_operators(folder)  # said before anything is made
    with doors.opening(scenario, folder, unlocking, locked=locked, clock=clock) as door:
        key = (new_roster_key if first else roster_key)(folder, unlocking())
        accounts = OperatorAccounts(folder.accounts, clock)
        try:
            deployment = door.session.deployment
            login = Login(accounts, deployment, cost_of(scenario), witness=door.login.witness)
            operators = OperatorLogin(login, accounts, Roster(login, accounts, key, deployment), scenario.name)
            yield OperatorDoor(Door(door.folder, door.session, login), operators, unlocking)
        finally:
            accounts.close()
