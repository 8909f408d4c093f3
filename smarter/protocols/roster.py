"""Who is an operator, and in which role: written in the accounts, under a MAC that only the operators' keystore gives.

``operator_login`` asks it whom a session is of, ``operator_desk`` changes it for administrators. A row that was edited,
put in, or taken over from another deployment is found whenever it is looked at.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass, replace

from smarter.errors import AccessRefused, AuthenticationFailed, UsageError
from smarter.keys import roster
from smarter.keys.codes import key_from
from smarter.keys.keystore import Keystore
from smarter.keys.roster import MAC_BYTES, RosterKey
from smarter.keys.unlock import Unlock
from smarter.protocols.access import Operator, Role
from smarter.protocols.auditing import audit_under
from smarter.protocols.holder import OPERATOR, account_name
from smarter.protocols.login import Login
from smarter.protocols.provision import audit_keystore
from smarter.state import Account, StateFolder
from smarter.state.operators import OperatorAccounts, OperatorRow


@dataclass(frozen=True)
class Listed:
    """An operator as the roster shows them to those who may see it.

    Attributes:
        standing: ``active``, ``invited``, ``reset`` or ``disabled``.
    """

    name: str
    role: Role
    standing: str


def roster_key(state: StateFolder, unlock: Unlock) -> RosterKey:
    """The key of a deployment's roster.

    Raises:
        UsageError: nobody has been made an operator yet.
    """
    require_operators(state)
    return RosterKey.of(Keystore.open(state.keys, roster.PARTY, unlock))


def require_operators(state: StateFolder) -> None:
    """Raise :class:`UsageError` when nobody has been made an operator yet."""
    if not Keystore.exists(state.keys, roster.PARTY):
        raise UsageError(f"nobody is an operator in {state.path} yet; `smarter operator first` makes an administrator.")


def new_roster_key(state: StateFolder, unlock: Unlock) -> RosterKey:
    """The same, made where there is none yet.

    Raises:
        DamagedKeys, WrongPassphrase: the keystore of the audit log does not open, so that nothing could be noted.
    """
    log_keys = audit_keystore(state.keys, unlock)
    pinned = log_keys.pins.of
    if Keystore.exists(state.keys, roster.PARTY) and (roster.PARTY in pinned or not pinned):
        store = Keystore.open(state.keys, roster.PARTY, unlock)
        if not any(store.entries()):  # made by an earlier version, and stopped before it had its key
            roster.fill(store)
    else:
        # One that no other keystore knows was left by a start that was killed, or put there by an attacker.
        Keystore.destroy(state.keys, roster.PARTY, unlock)
        store = Keystore.create(state.keys, roster.PARTY, unlock)
        roster.fill(store)
        if pinned:
            store.pins = log_keys.pins = replace(log_keys.pins, of={**pinned, roster.PARTY: store.pin})
            store.save()
            log_keys.save()
    if pinned:
        with audit_under(log_keys, state) as log:
            log.vouch({roster.PARTY: store.pin.digest}, {})
    return RosterKey.of(store)


class Roster:
    """The operators of one deployment."""

    def __init__(self, login: Login, accounts: OperatorAccounts, key: RosterKey, deployment: bytes) -> None:
        self._login = login
        self._accounts = accounts
        self._key = key
        self._deployment = deployment

    def row_of(self, account: Account) -> OperatorRow:
        """What is written of an operator.

        Raises:
            AuthenticationFailed: it was altered, or put in by somebody else.
        """
        row = self._accounts.operator(account.id)
        if row is None or account.role != OPERATOR or not self._key.is_mac(row.mac, *self._parts(account.name, row)):
            raise _altered(account.name)
        return row

    def operator_of(self, account: Account) -> Operator:
        """Who somebody is who has logged in.

        Raises:
            AccessRefused: an administrator keeps them out, or they have to set up a second factor first.
            AuthenticationFailed: as of :meth:`row_of`.
        """
        row = self.row_of(account)
        if row.disabled:
            raise AccessRefused(f"the account {account.name} is disabled: an administrator enables it again.")
        if row.stage != "active":
            raise AccessRefused(
                f"{account.name} has to set up a second factor first: `smarter operator enrol`, with the code that the "
                "administrator has."
            )
        return Operator(account.name, Role(row.role))

    def all(self) -> Iterator[Listed]:
        """Every operator, by name; raises as :meth:`row_of` when it comes to one that was altered."""
        for name, row in self._accounts.operators():
            if not self._key.is_mac(row.mac, *self._parts(name, row)):
                raise _altered(name)
            yield Listed(name, Role(row.role), "disabled" if row.disabled else row.stage)

    def find(self, name: str) -> tuple[Account, OperatorRow]:
        """An operator by name; raises :class:`UsageError` when nobody is called so."""
        found = self._accounts.find(account_name(name))
        if found is None or not _is_operator(found[0]):
            raise UsageError(f"there is no operator {name!r}; `smarter operator list` names those there are.")
        return found[0], self.row_of(found[0])

    def new_name(self, name: str) -> str:
        """A name as it will be kept, if it is free; raises :class:`UsageError`."""
        name = account_name(name)
        found = self._accounts.find(name)
        if found and _is_operator(found[0]) and not self._accounts.operator(found[0].id):
            self._accounts.close_account(found[0])  # a crash cut their making in two
        self._accounts.require_free(name)
        return name

    def add(self, name: str, role: Role, code: bytes) -> None:
        """Make an operator who enrols with a one-time code; ``name``: as :meth:`new_name` gives it."""
        account = self._login.reserve(name, OPERATOR)
        self.write(account, OperatorRow(account.id, role, "invited", False, code_verifier(code, name), b""))

    def write(self, account: Account, row: OperatorRow) -> None:
        """Write what is to be known of an operator from now on; their sessions end."""
        self._accounts.write_operator(replace(row, mac=self._key.mac(*self._parts(account.name, row))))

    def remove(self, account: Account) -> None:
        """Close an operator's account for good; its name may be given anew."""
        self._accounts.close_account(account)

    def has_administrator(self, beside: str = "") -> bool:
        """Whether somebody else than ``beside`` has enrolled as an administrator, and is not kept out."""
        others = (each for each in self.all() if each.name != beside)
        return any(each.role is Role.ADMINISTRATOR and each.standing in ("active", "reset") for each in others)

    def require_administrator_beside(self, name: str) -> None:
        """Raise :class:`UsageError` when nobody but ``name`` could manage operators."""
        if not self.has_administrator(beside=name):
            raise UsageError(f"{name} is the last administrator who can log in: make another one first.")

    # What only the roster's key makes, so that whoever can write to the accounts comes in as nobody.

    def vouched(self, account: Account, factor: bytes) -> bytes:
        """A second factor as it is locked in an operator's account: behind a MAC over it, for them alone."""
        return self._mac_of(account, b"second factor", factor) + factor

    def vouched_for(self, account: Account, locked: bytes) -> bytes:
        """The reverse of :meth:`vouched`; raises :class:`AuthenticationFailed` when it was put in by somebody else."""
        mac, factor = locked[:MAC_BYTES], locked[MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac_of(account, b"second factor", factor)):
            raise _altered(account.name)
        return factor

    def session_of(self, account: Account) -> bytes:
        """What a session of an operator holds, for as long as nothing is written of them."""
        return self._mac_of(account, b"session", self.row_of(account).mac)

    def check_session(self, account: Account, held: bytes) -> None:
        """Raise :class:`AuthenticationFailed` unless a session holds that."""
        if not hmac.compare_digest(held, self.session_of(account)):
            raise _altered(account.name)

    def _mac_of(self, account: Account, use: bytes, what: bytes) -> bytes:
        return self._key.mac(self._deployment, account.id.to_bytes(8, "big"), account.name.encode(), use, what)

    def _parts(self, name: str, row: OperatorRow) -> tuple[bytes, ...]:
        number, kept_out = row.account.to_bytes(8, "big"), bytes([row.disabled])
        return self._deployment, number, name.encode(), row.role.encode(), row.stage.encode(), kept_out, row.code


def _is_operator(account: Account) -> bool:
    return account.status == "open" and account.role == OPERATOR


def code_verifier(code: bytes, name: str) -> bytes:
    """What is kept of an operator's one-time code."""
    return key_from(code, b"operator", name.encode())


def _altered(name: str) -> AuthenticationFailed:
    return AuthenticationFailed(
        f"what the accounts say of the operator {name} was altered; restore accounts.sqlite from a backup."
    )
