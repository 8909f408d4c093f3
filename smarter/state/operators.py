"""Operators' part of the accounts: who has which role, one-time codes that wait, second factors that were used.

``protocols.roster`` authenticates what stands here, ``protocols.operator_login`` uses codes up. Every account in it has
the role ``operator`` among the accounts themselves; what an operator may do is told here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from smarter.state.accounts import Accounts, Clock

_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS operators (
    account INTEGER PRIMARY KEY REFERENCES accounts, role TEXT NOT NULL, stage TEXT NOT NULL,
    disabled INTEGER NOT NULL, code BLOB NOT NULL, step INTEGER NOT NULL, mac BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS spent_codes (
    account INTEGER NOT NULL REFERENCES accounts, digest BLOB NOT NULL, PRIMARY KEY (account, digest)
) WITHOUT ROWID;
COMMIT;
"""


@dataclass(frozen=True)
class OperatorRow:
    """What is written of an operator.

    Attributes:
        account: number of the account.
        role: what they may do.
        stage: ``invited`` until they have set a password; ``reset`` until they have a new second factor; ``active``.
        disabled: whether they are kept out.
        code: of the one-time code that is waited for, its verifier; empty when none is.
        mac: over all this, and the account's name.
    """

    account: int
    role: str
    stage: str
    disabled: bool
    code: bytes = field(repr=False)
    mac: bytes = field(repr=False)


class OperatorAccounts(Accounts):
    """The accounts with their operators. Every writing method is one transaction, and on the disk when it returns."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock)
        with self._reported():
            self._db.executescript(_SCHEMA)

    def operator(self, account: int) -> OperatorRow | None:
        """What is written of one."""
        rows = self._rows("SELECT account, role, stage, disabled, code, mac FROM operators WHERE account = ?", account)
        return _row(*rows[0]) if rows else None

    def operators(self) -> list[tuple[str, OperatorRow]]:
        """All whose accounts are open, with their names, by name."""
        query = (
            "SELECT name, account, operators.role, stage, disabled, operators.code, mac FROM operators "
            "JOIN accounts ON accounts.id = account WHERE status = 'open' ORDER BY name"
        )
        return [(name, _row(*rest)) for name, *rest in self._rows(query)]

    def write_operator(self, row: OperatorRow) -> None:
        """Write what is to be known of an operator from now on, and end their sessions."""
        values = (row.account, row.role, row.stage, row.disabled, row.code, row.mac)
        with self._transaction():
            self._db.execute(
                "INSERT INTO operators (account, role, stage, disabled, code, step, mac) VALUES (?, ?, ?, ?, ?, 0, ?) "
                "ON CONFLICT (account) DO UPDATE SET role = excluded.role, stage = excluded.stage, "
                "disabled = excluded.disabled, code = excluded.code, mac = excluded.mac",
                values,
            )
            self._db.execute("DELETE FROM sessions WHERE account = ?", (row.account,))

    def begin_factor(self, account: int) -> None:
        """A second factor is new: nothing of it has been used."""
        with self._transaction():
            self._db.execute("UPDATE operators SET step = 0 WHERE account = ?", (account,))
            self._db.execute("DELETE FROM spent_codes WHERE account = ?", (account,))

    def spend_step(self, account: int, step: int) -> bool:
        """Use the code of a step up; False when it, or one of a later step, was used already."""
        with self._transaction():
            used = self._db.execute(
                "UPDATE operators SET step = ? WHERE account = ? AND step < ?", (step, account, step)
            )
            return used.rowcount == 1

    def spend_code(self, account: int, digest: bytes) -> bool:
        """Use a spare code up; False when it was used already."""
        with self._transaction():
            used = self._db.execute("INSERT OR IGNORE INTO spent_codes VALUES (?, ?)", (account, digest))
            return used.rowcount == 1

    def spent_codes(self, account: int) -> int:
        """How many spare codes were used."""
        return int(self._rows("SELECT count(*) FROM spent_codes WHERE account = ?", account)[0][0])


def _row(account: int, role: str, stage: str, disabled: int, code: bytes, mac: bytes) -> OperatorRow:
    return OperatorRow(account, role, stage, bool(disabled), bytes(code), bytes(mac))
