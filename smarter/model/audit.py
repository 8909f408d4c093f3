"""What an audit log says: who did what to whom, in a fixed vocabulary, and what of that is hidden.

Whoever does something noteworthy names it in these words; ``state.audit`` writes it down, screens show it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

Action = Literal[
    "begin",
    "repair",
    "restore",
    "login",
    "login-failed",
    "logout",
    "lock-out",
    "password-change",
    "enrolment",
    "consent",
    "grant",
    "revocation",
    "erasure",
    "delivery",
    "operator-change",
    "refused-access",
    "read",
    "export",
    "release",
    "refusal",
    "same-readings",
    "key-use",
    "key-change",
]
ACTIONS: tuple[Action, ...] = get_args(Action)
Value = str | int | bool
DETAILS = 12
"""So many details an entry has at most."""
LENGTH = 200
"""Characters of a detail's text, and of a name."""
_DETAIL = re.compile(r"[a-z][a-z_]{0,23}")


@dataclass(frozen=True)
class Named:
    """Somebody or something that an entry names.

    Attributes:
        kind: ``party``, ``customer``, ``operator``, ``grantee``, ``system``, ``household``, ``account``,
            ``neighbourhood``, ``key``.
        name: what it is called, or the bytes that tell it from others of its kind.
        hidden: whether the log holds a keyed identifier in place of the name.
    """

    kind: str
    name: str
    hidden: bool = False


def party(name: str) -> Named:
    """One of the parties, such as the releaser."""
    return Named("party", name)


def customer(account: str) -> Named:
    """A customer, by the name of their account."""
    return Named("customer", account, hidden=True)


def operator(account: str) -> Named:
    """An operator, by the name of their account."""
    return Named("operator", account, hidden=True)


LOCAL = Named("operator", "local")
"""Whoever gives commands on the machine itself, and has no account for it."""
SYSTEM = Named("system", "smarter")
"""Smarter itself: what follows from no one's order."""


def grantee(key: str) -> Named:
    """A third party to whom customers have granted something, by the fingerprint of their key."""
    return Named("grantee", key, hidden=True)


def household(pseudonym: str) -> Named:
    """A household, by its pseudonym in hexadecimal."""
    return Named("household", pseudonym, hidden=True)


def account(name: str) -> Named:
    """An account, where something is done to it."""
    return Named("account", name, hidden=True)


def neighbourhood(name: str) -> Named:
    """A neighbourhood, which is no person."""
    return Named("neighbourhood", name)


def key(fingerprint: str) -> Named:
    """A key, by its fingerprint."""
    return Named("key", fingerprint)


HOUSEHOLDS = Named("households", "all")
"""All households of the deployment: it concerns each of them."""
NEIGHBOURHOODS = Named("neighbourhoods", "all")


@dataclass(frozen=True)
class Note:
    """Something to be written down: ``actor`` did ``action`` to ``subject``; None where there is nobody to name."""

    action: Action
    actor: Named
    subject: Named | None
    detail: Mapping[str, Value]


@dataclass(frozen=True)
class Entry:
    """What an audit log holds of one action.

    Attributes:
        number: its place in the log, from 1.
        time: ISO 8601, UTC, in whole seconds.
        actor: kind and name, or kind and keyed identifier: ``party:releaser``, ``customer:3f0c…``.
        action: of :data:`ACTIONS`.
        subject: like the actor, or empty.
        detail: plain values by name.
    """

    number: int
    time: str
    actor: str
    action: str
    subject: str
    detail: Mapping[str, Value]


def check_note(note: Note) -> None:
    """Raise :class:`ValueError` for an action outside the vocabulary, or anything that is no small plain value."""
    if note.action not in ACTIONS:
        raise ValueError(f"{note.action!r} is no action of the audit log")
    for named in (note.actor, note.subject):
        if named is not None and len(named.name) > LENGTH:
            raise ValueError(f"the name of a {named.kind} has {len(named.name)} characters, {LENGTH} at most")
    if len(note.detail) > DETAILS:
        raise ValueError(f"an entry of the audit log has {DETAILS} details at most, this one {len(note.detail)}")
    for name, value in note.detail.items():
        if not _DETAIL.fullmatch(name):
            raise ValueError(f"a detail of the audit log cannot be called {name!r}")
        small = len(value) <= LENGTH if isinstance(value, str) else isinstance(value, int) and _fits(value)
        if not small:
            raise ValueError(f"detail {name} of the audit log is no small plain value but {type(value).__name__}")


def _fits(value: int) -> bool:
    return -(1 << 63) <= value < 1 << 63
