"""Where administrators say who is an operator; and what every operation of the operators' desk begins with.

``operator_desk`` builds on it; the command that makes the first administrator calls :func:`make_first`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from smarter.api import SYSTEM_RANDOMNESS
from smarter.errors import AccessRefused, UsageError
from smarter.keys.codes import new_code, spell_code
from smarter.keys.strength import check_strength
from smarter.keys.unlock import Unlock
from smarter.model.audit import LOCAL, Action, Named, Note, Value, operator
from smarter.model.audit import account as named_account
from smarter.protocols.access import Operation, Operator, Role, require
from smarter.protocols.door import Door
from smarter.protocols.holder import account_name
from smarter.protocols.operator_login import Equipped, OperatorLogin
from smarter.protocols.roster import Listed, code_verifier


class RosterDesk:
    """Serves whoever ``who`` says is there; each operation asks anew, is noted, and only then is done."""

    def __init__(
        self, door: Door, operators: OperatorLogin, who: Callable[[], Operator], unlocking: Callable[[], Unlock]
    ) -> None:
        self._door = door
        self._session = door.session
        self._operators = operators
        self._roster = operators.roster
        self._who = who
        self._unlocking = unlocking

    # Who asks.

    def _allowed(self, operation: Operation) -> Operator:
        """Whoever is there, if their role has this; a refusal is noted."""
        who = self._who()
        try:
            require(who, operation)
        except AccessRefused:
            detail: dict[str, Value] = {"operation": operation, "role": who.role}
            self._door.login.witness(Note("refused-access", operator(who.name), None, detail))
            raise
        return who

    def _begin(self, operation: Operation, action: Action, subject: Named | None, what: str = "") -> None:
        who = self._allowed(operation)
        self._door.login.witness(note_of(who, operation, action, subject, what))

    # Who is an operator.

    def operators(self) -> list[Listed]:
        """Everybody who is an operator, with their role and how they stand."""
        self._begin(Operation.LIST, "read", None, what="operators")
        return list(self._roster.all())

    def add(self, name: str, role: Role) -> str:
        """Make an operator; returns the one-time code with which they enrol, to be handed over."""
        who = self._allowed(Operation.ADD)
        name = self._roster.new_name(name)
        code = new_code(SYSTEM_RANDOMNESS)
        self._note_change(operator(who.name), name, "added", role)
        self._roster.add(name, role, code)
        return spell_code(code)

    def change_role(self, name: str, role: Role) -> None:
        """Give an operator another role; their sessions end."""
        who = self._allowed(Operation.CHANGE_ROLE)
        account, row = self._roster.find(name)
        if row.role == role:
            raise UsageError(f"{account.name} has the role {role} already.")
        self._keep_an_administrator(account.name, row.role)
        self._note_change(operator(who.name), account.name, "role", role)
        self._roster.write(account, replace(row, role=role))

    def disable(self, name: str) -> None:
        """Keep an operator out; their sessions end."""
        who = self._allowed(Operation.DISABLE)
        account, row = self._roster.find(name)
        self._keep_an_administrator(account.name, row.role)
        self._note_change(operator(who.name), account.name, "disabled", row.role)
        self._roster.write(account, replace(row, disabled=True))

    def enable(self, name: str) -> None:
        """Let an operator in again, also after too many wrong tries."""
        who = self._allowed(Operation.ENABLE)
        account, row = self._roster.find(name)
        self._note_change(operator(who.name), account.name, "enabled", row.role)
        self._operators.login.unlock_name(account.name)
        self._roster.write(account, replace(row, disabled=False))

    def reset(self, name: str) -> str:
        """Void an operator's second factor; returns the one-time code with which they set up another one.

        Of somebody who has not enrolled yet, it is a new code in place of the first.
        """
        who = self._allowed(Operation.RESET)
        account, row = self._roster.find(name)
        code = new_code(SYSTEM_RANDOMNESS)
        self._note_change(operator(who.name), account.name, "second factor reset", row.role)
        stage = "invited" if row.stage == "invited" else "reset"
        self._roster.write(account, replace(row, stage=stage, code=code_verifier(code, account.name)))
        return spell_code(code)

    def remove(self, name: str) -> None:
        """Close an operator's account for good."""
        who = self._allowed(Operation.REMOVE)
        account, row = self._roster.find(name)
        self._keep_an_administrator(account.name, row.role)
        self._note_change(operator(who.name), account.name, "removed", row.role)
        self._roster.remove(account)

    def _keep_an_administrator(self, name: str, role: str) -> None:
        if role == Role.ADMINISTRATOR:
            self._roster.require_administrator_beside(name)

    def _note_change(self, by: Named, name: str, what: str, role: str) -> None:
        note_change(self._door, by, name, what, role)


def make_first(
    door: Door, operators: OperatorLogin, name: str, password: str, shown: Callable[[Equipped], None] | None = None
) -> Equipped:
    """Make the first administrator, by whoever is at the machine; stopped at any moment, it can be done again.

    ``shown``: as of :meth:`OperatorLogin.enrol`.

    Raises:
        UsageError: there is one already, the name is taken, or the password will not do.
    """
    roster = operators.roster
    if roster.has_administrator():
        raise UsageError("there is an administrator already: they make others, with `smarter operator add`.")
    check_strength(password, account_name(name))
    # Before there is an administrator nobody else invites any: these were stopped, and nobody has their codes.
    for each in [each for each in roster.all() if (each.role, each.standing) == (Role.ADMINISTRATOR, "invited")]:
        note_change(door, LOCAL, each.name, "removed", each.role)
        roster.remove(roster.find(each.name)[0])
    name = roster.new_name(name)
    code = new_code(SYSTEM_RANDOMNESS)
    note_change(door, LOCAL, name, "added", Role.ADMINISTRATOR)
    roster.add(name, Role.ADMINISTRATOR, code)
    return operators.enrol(name, spell_code(code), password, shown)


def note_change(door: Door, by: Named, name: str, what: str, role: str) -> None:
    """Note what becomes of an operator."""
    door.login.witness(Note("operator-change", by, named_account(name), {"what": what, "role": str(role)}))


def note_of(who: Operator, operation: Operation, action: Action, subject: Named | None, what: str = "") -> Note:
    """What the audit log is to say of an operation."""
    return Note(action, operator(who.name), subject, {"what": what or str(operation), "role": str(who.role)})
