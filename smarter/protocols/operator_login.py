"""Operators at the door: a password and a code of their second factor, one-time codes at first, and sessions.

``smarter operator`` and the app come through here; what they get is an :class:`Operator`, served by ``operator_desk``.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal

from smarter.api import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import WrongCredentials
from smarter.keys.codes import read_code
from smarter.keys.second_factor import SPARE_CODES, SecondFactor, is_one_of, read_second, spare_digest
from smarter.keys.strength import check_strength
from smarter.model.audit import Note, operator
from smarter.model.audit import account as named_account
from smarter.protocols.access import Operator
from smarter.protocols.holder import OPERATOR, account_name
from smarter.protocols.login import Login, Second
from smarter.protocols.roster import Roster, code_verifier
from smarter.state import Account
from smarter.state.operators import OperatorAccounts, OperatorRow

_WRONG_CODE = "the name or the one-time code is wrong, or the code was used."
_WRONG = "the name, the password or the code is wrong."


@dataclass(frozen=True)
class Equipped:
    """What an operator is given once, when they enrol; it is nowhere kept as it is.

    Attributes:
        uri: for the app that shows codes.
        spare_codes: each stands in for a code once.
        recovery_code: sets a new password, together with a code.
    """

    name: str
    uri: str = field(repr=False)
    spare_codes: tuple[str, ...] = field(repr=False)
    recovery_code: str = field(repr=False)


class OperatorLogin:
    """The operators' door to one deployment. ``deployment``: what their apps are to call it."""

    def __init__(
        self,
        login: Login,
        accounts: OperatorAccounts,
        roster: Roster,
        deployment: str,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> None:
        self.login = login
        self.roster = roster
        self._accounts = accounts
        self._deployment = deployment
        self._random = random

    # The first time.

    def awaited(self, name: str, code: str) -> Literal["invited", "reset"]:
        """Whether a one-time code makes an account, or renews the second factor of one whose password stays.

        Raises:
            UsageError: the code has a typo.
            WrongCredentials: nobody of this name waits for it.
        """
        _, row = self._invited(name, code)
        return "invited" if row.stage == "invited" else "reset"

    def enrol(self, name: str, code: str, password: str, shown: Callable[[Equipped], None] | None = None) -> Equipped:
        """Set up a password, or give the present one, and a second factor; the one-time code is used up.

        ``shown`` is handed what is shown once, before any of it counts: stopped in it, the code is still open.

        Raises:
            UsageError: the code has a typo, or the password will not do; the code stays open.
            WrongCredentials: nobody of this name waits for the code, or the password is not the present one.
        """
        account, row = self._invited(name, code)
        if row.stage == "invited":
            check_strength(password, account.name)
            self.login.unlock_name(account.name)
        else:
            with self.login.tried(account.name):
                self.login.opened(account.name, password)
        self._witness_change(account, "enrolled", row.role)
        factor, spare_codes = SecondFactor.fresh(account.name, self._random)
        self._accounts.begin_factor(account.id)
        recovery_code = self.login.relock(account, password, self.roster.vouched(account, factor.encode()))
        equipped = Equipped(account.name, factor.uri(account.name, self._deployment), spare_codes, recovery_code)
        if shown is not None:
            shown(equipped)
        # Last: stopped before it, the code is still open.
        self.roster.write(account, replace(row, stage="active", code=b""))
        return equipped

    def _invited(self, name: str, code: str) -> tuple[Account, OperatorRow]:
        secret, name = read_code(code), account_name(name)
        found = self._accounts.find(name)
        if found is not None and found[0].status == "open" and found[0].role == OPERATOR:
            row = self.roster.row_of(found[0])
            if row.code and hmac.compare_digest(code_verifier(secret, name), row.code):
                return found[0], row  # wrong tries are not forgiven: whoever has the code could guess the password
        with self.login.tried(name):
            raise WrongCredentials(_WRONG_CODE)

    # Sessions.

    def log_in(self, name: str, password: str, code: str) -> bytes:
        """Begin a session with a password and a code of the app, or a spare code; returns its token.

        Raises:
            UsageError: the code can be none.
            WrongCredentials: name, password or code is wrong or was used, or it is too early for another try.
            AccessRefused: the account is disabled, or waits for a second factor.
            AuthenticationFailed: what the accounts say of the operator was altered.
        """
        return self.login.log_in(name, password, self._second(code))

    def resume(self, token: bytes) -> Operator:
        """Go on with a session; raises as :meth:`log_in`, and when it has ended."""
        holder = self.login.resume(token)
        if holder.account.role != OPERATOR:
            raise WrongCredentials("this session is no operator's: log in with `smarter operator login`.")
        who = self.roster.operator_of(holder.account)
        self.roster.check_session(holder.account, holder.private)
        return who

    def log_out(self, token: bytes) -> None:
        """End a session."""
        self.login.log_out(token)

    def change_password(self, token: bytes, password: str, new: str) -> None:
        """Set a new password; every other session ends. Raises as :meth:`resume` and ``Login.change_password``."""
        self.resume(token)
        self.login.change_password(self.login.resume(token), password, new)

    def recover(self, name: str, recovery_code: str, code: str, new: str) -> str:
        """Set a new password by the recovery code and a code of the second factor; returns the next recovery code."""
        return self.login.recover(name, recovery_code, new, self._second(code))

    def spare_codes_left(self, name: str) -> int:
        """How many of their spare codes an operator has not used."""
        account, _ = self.roster.find(name)
        return SPARE_CODES - self._accounts.spent_codes(account.id)

    def _second(self, code: str) -> Second:
        return Second(self._checking(read_second(code)), factor=True)

    def _checking(self, given: str | bytes) -> Callable[[Account, bytes], bytes]:
        def check(account: Account, private: bytes) -> bytes:
            if account.role != OPERATOR:
                raise WrongCredentials(_WRONG)
            factor = SecondFactor.decode(self.roster.vouched_for(account, private))
            if isinstance(given, str):
                self._use_step(account, factor.step_of(given, self._accounts.now()))
            else:
                self._use_spare(account, factor, given)
            # Only whoever has proved who they are is told how they stand.
            self.roster.operator_of(account)
            return self.roster.session_of(account)  # it needs nothing of the second factor

        return check

    def _use_step(self, account: Account, step: int) -> None:
        self.roster.row_of(account)  # a row that is gone is not a code that was used
        if not self._accounts.spend_step(account.id, step):
            raise WrongCredentials("this code was used already: wait until the app shows the next one.")

    def _use_spare(self, account: Account, factor: SecondFactor, code: bytes) -> None:
        digest = spare_digest(code, account.name)
        if not is_one_of(digest, factor.spare):
            raise WrongCredentials(_WRONG)
        if not self._accounts.spend_code(account.id, digest):
            raise WrongCredentials("this spare code was used already: take the next one.")

    def _witness_change(self, account: Account, what: str, role: str) -> None:
        detail = {"what": what, "role": role}
        self.login.witness(Note("operator-change", operator(account.name), named_account(account.name), detail))
