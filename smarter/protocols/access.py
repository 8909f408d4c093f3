"""The one place that says which operator may do what; every operation of the operators' desk asks here first.

The table in ``docs/accounts.md`` says the same, and a test holds one against the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from smarter.errors import AccessRefused


class Role(StrEnum):
    """What an operator is there for."""

    VIEWER = "viewer"
    CLERK = "billing-clerk"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


class Operation(StrEnum):
    """What an operator can ask for, named as the command is."""

    METERS = "meters"
    DEMAND = "demand"
    WINDOWS = "windows"
    BILLS = "bills"
    RERATE = "rerate"
    EXPORT = "export"
    READ_LOG = "audit"
    VERIFY_LOG = "audit --verify"
    LIST = "list"
    ADD = "add"
    CHANGE_ROLE = "role"
    DISABLE = "disable"
    ENABLE = "enable"
    RESET = "reset-totp"
    REMOVE = "remove"


_VIEWED = frozenset({Operation.METERS, Operation.DEMAND})
_BILLED = frozenset({Operation.WINDOWS, Operation.BILLS, Operation.RERATE, Operation.EXPORT})
_MANAGED = frozenset(
    {Operation.ADD, Operation.CHANGE_ROLE, Operation.DISABLE, Operation.ENABLE, Operation.RESET, Operation.REMOVE}
)
ALLOWED: Mapping[Role, frozenset[Operation]] = {
    Role.VIEWER: _VIEWED,
    Role.CLERK: _VIEWED | _BILLED,
    Role.ADMINISTRATOR: _MANAGED | {Operation.LIST},
    Role.AUDITOR: frozenset({Operation.READ_LOG, Operation.VERIFY_LOG, Operation.LIST}),
}
"""Whatever is not here is refused."""


@dataclass(frozen=True)
class Operator:
    """Somebody who is logged in as an operator, in the role that the roster gives them."""

    name: str
    role: Role


def may(operator: Operator, operation: Operation) -> bool:
    """Whether an operator's role has an operation."""
    return operation in ALLOWED[operator.role]


def require(operator: Operator, operation: Operation) -> None:
    """Return when an operator's role has an operation; raises :class:`AccessRefused`."""
    if not may(operator, operation):
        having = " or ".join(f"{role}" for role in Role if operation in ALLOWED[role])
        raise AccessRefused(
            f"{operator.name} is {_a(operator.role)}, and {operation} takes {_a(having)}: an administrator changes "
            "roles, with `smarter operator role`."
        )


def _a(role: str) -> str:
    return f"an {role}" if role[0] == "a" else f"a {role}"
