"""Logging in, whatever the role: passwords, recovery codes and sessions over the accounts of one deployment.

Commands and screens come with a name and a password, or with a session's token; what they get is a :class:`Holder`. A
private key is on the disk only under keys that password, code and token give, bound to what its account is.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from smarter.api import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DamagedStore, IntegrityError, Unavailable, WrongCredentials
from smarter.keys.codes import key_from, new_code, read_code, spell_code
from smarter.keys.derive import derive, joined
from smarter.keys.locked import lock, unlock
from smarter.keys.passwords import DEFAULT_COST, Argon2Cost, Cost, Derivation, PasswordRecord
from smarter.keys.strength import MOST_LENGTH, check_strength
from smarter.model.audit import SYSTEM, Action, Note
from smarter.model.audit import account as named_account
from smarter.protocols.holder import (
    CUSTOMER,
    OPERATOR,
    Holder,
    Witness,
    account_name,
    named_holder,
    unwitnessed,
)
from smarter.scenario import Scenario
from smarter.state.accounts import LOCK_AFTER, Account, Accounts, Locks

TOKEN_BYTES = 32
_WRONG = "the name or the password is wrong."
_WRONG_OR_CODE = "the name, the password or the code is wrong."
_WRONG_CODE = "the name or the recovery code is wrong."
_ENDED = "the session has ended, or never was: log in again."


@dataclass(frozen=True)
class Second:
    """What is asked of somebody beside the password.

    Attributes:
        check: raises unless they have it, given the account and what was locked in it; returns what of that the
            session is to hold.
        factor: whether it is a second factor: a wrong password then costs as much work as a wrong code.
    """

    check: Callable[[Account, bytes], bytes]
    factor: bool


def _customers_alone(account: Account, private: bytes) -> bytes:
    if account.role != CUSTOMER:
        raise WrongCredentials(_WRONG)  # whoever has a second factor does not come in without it
    return private


PASSWORD_ALONE = Second(_customers_alone, factor=False)
"""Customers have no second factor."""


def cost_of(scenario: Scenario) -> Cost:
    """What a password's derivation costs in this deployment today."""
    return Argon2Cost() if scenario.accounts.passwords == "argon2id" else DEFAULT_COST


class Login:
    """The door to one deployment's accounts. ``cost``: what a password costs today."""

    def __init__(
        self,
        accounts: Accounts,
        deployment: bytes,
        cost: Cost,
        *,
        witness: Witness = unwitnessed,
        random: Randomness = SYSTEM_RANDOMNESS,
    ) -> None:
        self.accounts = accounts
        self.witness = witness
        self._deployment = deployment
        self._cost = cost
        self._random = random

    def check_new(self, name: str, password: str) -> str:
        """Return the name as it will be kept, if it is free and the password will do; raises :class:`UsageError`."""
        name = account_name(name)
        self.accounts.require_free(name)
        check_strength(password, name)
        return name

    def add(
        self,
        name: str,
        password: str,
        role: str,
        private: bytes,
        *,
        meter: bytes = b"",
        verify_key: bytes = b"",
        public_key: bytes = b"",
    ) -> str:
        """Open an account with its private key; returns the recovery code, which is nowhere kept.

        Raises:
            UsageError: name or password will not do, or the meter has a customer.
        """
        name = self.check_new(name, password)
        context = _context(self._deployment, name, role, meter, verify_key, public_key)
        locks, code = self._locks(name, password, private, context)
        self.accounts.add(name, role, locks, meter=meter, verify_key=verify_key, public_key=public_key)
        return code

    def reserve(self, name: str, role: str) -> Account:
        """Open an account that nothing opens yet: it waits for :meth:`relock`."""
        nobody = PasswordRecord.nobody(self._cost, self._random).dump()
        return self.accounts.add(name, role, Locks(nobody, b"", self._random.bytes(32), b""))

    def log_in(self, name: str, password: str, second: Second = PASSWORD_ALONE) -> bytes:
        """Begin a session; returns its token.

        Raises:
            WrongCredentials: name or password is wrong, it is too early for another try, or the account is closed.
        """
        with self.tried(name):
            account, record, locks = self._checked(name, password, second)
            if not second.factor and account.role == OPERATOR:
                raise WrongCredentials(_WRONG)  # a second derivation would tell that the password is right
            wrapping = record.wrapping.key(password)
            private = unlock(wrapping, locks.by_password, self._context_of(account))
            held = second.check(account, private)
        if not record.is_of(self._cost):
            record = PasswordRecord.make(password, self._cost, self._random)
            by_password = lock(record.wrapping.key(password), private, self._context_of(account), self._random)
            self.accounts.relock(account, Locks(record.dump(), by_password, locks.code, locks.by_code))
        self._note("login", account)
        token = self._random.bytes(TOKEN_BYTES)
        locked = lock(_session_key(token), held, self._context_of(account), self._random)
        self.accounts.begin_session(_digest(token), account, locked)
        return token

    def resume(self, token: bytes) -> Holder:
        """Go on with a session.

        Raises:
            WrongCredentials: it has ended, or there is none with this token.
            AuthenticationFailed: its account was altered.
        """
        session = self.accounts.use_session(_digest(token))
        if session is None:
            raise WrongCredentials(_ENDED)
        private = unlock(_session_key(token), session.locked, self._context_of(session.account))
        return Holder(session.account, private, _digest(token))

    def log_out(self, token: bytes) -> None:
        """End a session; one that has ended already stays so."""
        session = self.accounts.use_session(_digest(token))
        if session is not None:
            self._note("logout", session.account)
            self.accounts.end_session(_digest(token))

    def change_password(self, holder: Holder, password: str, new: str) -> None:
        """Set a new password; the private key is locked by it from now on, and every other session ends.

        Raises:
            WrongCredentials: ``password`` is not the one so far.
            UsageError: the new one will not do.
        """
        check_strength(new, holder.account.name)
        with self.tried(holder.account.name):
            account, private, locks = self.opened(holder.account.name, password)
        self._note("password-change", account, by="password")
        record, by_password = self._locked_by(new, private, self._context_of(account))
        self.accounts.relock(account, Locks(record, by_password, locks.code, locks.by_code), keep=holder.session)

    def opened(self, name: str, password: str) -> tuple[Account, bytes, Locks]:
        """An account, what is locked in it, and by what; to be called inside :meth:`tried`.

        Raises:
            WrongCredentials: name or password is wrong.
        """
        account, record, locks = self._checked(name, password, PASSWORD_ALONE)
        return account, unlock(record.wrapping.key(password), locks.by_password, self._context_of(account)), locks

    def relock(self, account: Account, password: str, private: bytes) -> str:
        """Lock what an account holds by a password, and by a recovery code, which is returned; its sessions end."""
        fresh, code = self._locks(account.name, password, private, self._context_of(account))
        self.accounts.relock(account, fresh)
        return code

    def recover(self, name: str, code: str, new: str, second: Second = PASSWORD_ALONE) -> str:
        """Set a new password by the recovery code, which is used up, also when the name is locked; returns a new code.

        Raises:
            WrongCredentials: name or code is wrong.
            UsageError: the code has a typo, or the password will not do.
        """
        name = account_name(name)
        check_strength(new, name)
        secret = read_code(code)
        with self.tried(name, locked_out=False):
            found = self.accounts.find(name)
            verifier = found[1].code if found else self._random.bytes(32)
            if not hmac.compare_digest(_code_key(secret, b"verifier", name), verifier) or found is None:
                raise WrongCredentials(_WRONG_CODE)
            account, locks = found
            private = unlock(_code_key(secret, b"lock", name), locks.by_code, self._context_of(account))
            second.check(account, private)
        self._note("password-change", account, by="recovery code")
        return self.relock(account, new, private)

    def unlock_name(self, name: str) -> None:
        """Forget the wrong tries of a name."""
        self.accounts.forgive(self._who(account_name(name)))

    @contextmanager
    def tried(self, name: str, *, locked_out: bool = True) -> Iterator[None]:
        """Inside, somebody is checked: it counts as a wrong try unless it comes to its end."""
        name = account_name(name)
        who = self._who(name)
        failures = self.accounts.begin_try(who, locked_out=locked_out)
        try:
            yield
        except IntegrityError:
            self.witness(Note("login-failed", SYSTEM, named_account(name), {}))
            if failures == LOCK_AFTER:
                self.witness(Note("lock-out", SYSTEM, named_account(name), {"failures": failures}))
            raise
        self.accounts.forgive(who)

    def _note(self, action: Action, account: Account, **detail: str) -> None:
        self.witness(Note(action, named_holder(account), named_account(account.name), detail))

    def _who(self, name: str) -> bytes:
        return hmac.digest(self.accounts.salt, name.encode(), "sha256")

    def _checked(self, name: str, password: str, second: Second) -> tuple[Account, PasswordRecord, Locks]:
        """The open account whose password this is; an unknown name costs the same derivations as a wrong password.

        That is one at each cost in use, and two where a code is asked for, as with a right password and a wrong code.
        Accounts keep the cost at which their password was set until they log in, so the work at one cost would show
        which names there are.
        """
        wrong = _WRONG_OR_CODE if second.factor else _WRONG
        if len(password) > MOST_LENGTH:
            raise WrongCredentials(wrong)
        found = self.accounts.find(account_name(name))
        first, *_ = costs = self._costs_in_use()
        record = PasswordRecord.load(found[1].password) if found else PasswordRecord.nobody(first, self._random)
        for cost in costs:
            if cost != record.login.cost:
                self._work_at(cost, password, times=2 if second.factor else 1)
        try:
            record.check(password)
        except WrongCredentials:
            if second.factor:
                record.wrapping.key(password)
            raise WrongCredentials(wrong) from None
        if found is None:
            raise WrongCredentials(wrong)
        account, locks = found
        if account.status != "open" and second.factor:
            record.wrapping.key(password)
            raise WrongCredentials(wrong)
        if account.status != "open":
            raise WrongCredentials(f"the account {account.name} was closed when its customer moved out.")
        return account, record, locks

    def _costs_in_use(self) -> list[Cost]:
        """The cost of each account's password, every one once; today's where there is no account."""
        costs: dict[Cost, None] = {}
        for record in self.accounts.passwords():
            with suppress(DamagedStore):  # its own login reports it
                costs[PasswordRecord.load(record).login.cost] = None
        return list(costs) or [self._cost]

    def _work_at(self, cost: Cost, password: str, times: int) -> None:
        """Derive for nothing; where this machine lacks the derivation, no account with it can log in either."""
        with suppress(Unavailable):
            for _ in range(times):
                Derivation.fresh(cost, self._random).key(password)

    def _locks(self, name: str, password: str, private: bytes, context: bytes) -> tuple[Locks, str]:
        record, by_password = self._locked_by(password, private, context)
        code = new_code(self._random)
        by_code = lock(_code_key(code, b"lock", name), private, context, self._random)
        return Locks(record, by_password, _code_key(code, b"verifier", name), by_code), spell_code(code)

    def _locked_by(self, password: str, private: bytes, context: bytes) -> tuple[str, bytes]:
        record = PasswordRecord.make(password, self._cost, self._random)
        return record.dump(), lock(record.wrapping.key(password), private, context, self._random)

    def _context_of(self, account: Account) -> bytes:
        return _context(
            self._deployment, account.name, account.role, account.meter, account.verify_key, account.public_key
        )


def _context(deployment: bytes, name: str, role: str, meter: bytes, verify_key: bytes, public_key: bytes) -> bytes:
    """What an account is: to this its private key is bound, so that none of it can be edited."""
    parts = (deployment, name.encode(), role.encode(), meter, verify_key, public_key)
    return joined(b"smarter account, version 1", *parts)


def _code_key(code: bytes, use: bytes, name: str) -> bytes:
    return key_from(code, b"recovery " + use, name.encode())


def _digest(token: bytes) -> bytes:
    return hashlib.sha256(token).digest()


def _session_key(token: bytes) -> bytes:
    return derive(token, info=b"smarter session key, version 1", length=32)
