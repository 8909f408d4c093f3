"""Who somebody is in a deployment: by name and role, as the holder of an account, and as the audit log names them.

``login`` finds out that they are; desks and commands serve them, and have it witnessed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field

from smarter.errors import UsageError
from smarter.model.audit import Named, Note, customer, operator
from smarter.state.accounts import Account

CUSTOMER = "customer"
"""The role of an account that is tied to a meter; every other is an operator's."""
OPERATOR = "operator"
"""The role of every operator among the accounts; what they may do, the roster says."""
LONGEST_NAME = 64

Witness = Callable[[Note], None]
"""Writes down, durably, what is about to happen: the audit log of the deployment."""


def unwitnessed(note: Note) -> None:
    """Where nothing is written down."""


@dataclass(frozen=True)
class Holder:
    """Somebody who is logged in: their account, and its private key (of a customer) for as long as this is held."""

    account: Account
    private: bytes = field(repr=False)
    session: bytes = field(repr=False)


def named_holder(account: Account) -> Named:
    """What the audit log knows somebody as."""
    return (customer if account.role == CUSTOMER else operator)(account.name)


def account_name(text: str) -> str:
    """A name as it is kept: lower case, Unicode NFC.

    Raises:
        UsageError: it is empty, too long, or has something else than letters, digits and ``.@+-_``.
    """
    name = unicodedata.normalize("NFC", text.strip()).casefold()
    if not 0 < len(name) <= LONGEST_NAME or not all(each.isalnum() or each in ".@+-_" for each in name):
        raise UsageError(f"{text!r} is no name: use 1 to {LONGEST_NAME} letters, digits and any of . @ + - _")
    return name
