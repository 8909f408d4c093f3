"""The door to a deployment for people: its session, its accounts and its audit log, opened together.

``smarter customer`` and the pages of the app come in through it; who they are, ``login`` says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from smarter.keys.unlock import Unlock
from smarter.model.audit import Note
from smarter.protocols.auditing import open_audit, require_untouched
from smarter.protocols.login import Login, cost_of
from smarter.protocols.session import Session, recalled
from smarter.scenario import Scenario
from smarter.state import Accounts, StateFolder


@dataclass(frozen=True)
class Door:
    """An opened deployment with its accounts. What is in it belongs to the thread that opened it."""

    folder: StateFolder
    session: Session
    login: Login


@contextmanager
def opening(
    scenario: Scenario,
    folder: StateFolder,
    unlocking: Callable[[], Unlock],
    *,
    locked: bool = False,
    clock: Callable[[], float] = time.time,
) -> Iterator[Door]:
    """Open the door to a state on which a run has begun.

    Args:
        scenario: checked.
        folder: the state.
        unlocking: gives what opens the audit log's keystore; called for each note.
        locked: hold the state's lock, so that no run goes on.
        clock: tells when tries and sessions are, in epoch seconds.

    Raises:
        AlteredLog, ReplacedKeys, RolledBack: the state is not the one that the heads of its audit log know.
        UsageError: the run was stopped at its very beginning.
        StateInUse: a run goes on, and ``locked``.
    """
    with ExitStack() as stack:
        if locked:
            stack.enter_context(folder.locked())
        require_untouched(folder)
        session = recalled(scenario, folder)
        stack.callback(session.journal.close)
        accounts = Accounts(folder.accounts, clock)
        stack.callback(accounts.close)

        def witness(note: Note) -> None:
            with open_audit(folder, unlocking()) as audit:
                audit.put(note)

        yield Door(folder, session, Login(accounts, session.deployment, cost_of(scenario), witness=witness))
