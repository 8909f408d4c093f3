"""The accounts of customers and operators: one SQLite file with who there is, failed tries, and open sessions.

``protocols.login`` decides what is right; here it is kept. No password, code, token or private key is ever in it as it
is: hashes, verifiers, and private keys locked by keys that are nowhere on the disk.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from smarter.errors import DamagedStore, UsageError, WrongCredentials
from smarter.state.database import Database

ACCOUNTS_FORMAT = 1
IDLE = 15 * 60
"""Seconds after its last use at which a session ends."""
LONGEST = 12 * 3_600
"""Seconds after its beginning at which it ends anyway."""
FREE_TRIES = 3
"""So many wrong tries cost no wait; each after them doubles it, from :data:`FIRST_WAIT` to :data:`LONGEST_WAIT`."""
FIRST_WAIT, LONGEST_WAIT = 5, 900
LOCK_AFTER = 10
"""So many wrong tries lock a name until its recovery code, or an operator, unlocks it."""

_SCHEMA = """
BEGIN;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL, role TEXT NOT NULL, status TEXT NOT NULL,
    created INTEGER NOT NULL, meter BLOB NOT NULL, verify_key BLOB NOT NULL, public_key BLOB NOT NULL,
    password TEXT NOT NULL, by_password BLOB NOT NULL, code BLOB NOT NULL, by_code BLOB NOT NULL
);
CREATE UNIQUE INDEX open_names ON accounts (name) WHERE status = 'open';
CREATE UNIQUE INDEX open_meters ON accounts (meter) WHERE status = 'open' AND meter <> x'';
CREATE TABLE tries (who BLOB PRIMARY KEY, failures INTEGER NOT NULL, next_try INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE sessions (
    digest BLOB PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts, began INTEGER NOT NULL,
    used INTEGER NOT NULL, locked BLOB NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', 1);
COMMIT;
"""
_ACCOUNT = "id, name, role, status, created, meter, verify_key, public_key"
_LOCKS = "password, by_password, code, by_code"

Clock = Callable[[], float]
"""Epoch seconds; tests hand in their own."""


@dataclass(frozen=True)
class Account:
    """Who somebody is.

    Attributes:
        id: a number that is never used again.
        name: what they log in with.
        role: ``customer``, or an operator's.
        status: ``open`` or ``closed``.
        created: epoch seconds.
        meter: of a customer, their meter's pseudonym; empty otherwise.
        verify_key: of a customer, that meter's Ed25519 public key, as learnt at enrolment.
        public_key: byte form of the account's public key; empty when it has none.
    """

    id: int
    name: str
    role: str
    status: Literal["open", "closed"]
    created: int
    meter: bytes
    verify_key: bytes
    public_key: bytes


@dataclass(frozen=True, repr=False)
class Locks:
    """What opens an account, as it is stored.

    Attributes:
        password: the password's record.
        by_password: the private key, locked by the key that the password gives.
        code: the recovery code's verifier.
        by_code: the private key, locked by the key that the code gives.
    """

    password: str
    by_password: bytes
    code: bytes
    by_code: bytes


@dataclass(frozen=True, repr=False)
class Session:
    """An open session: whose, and the private key locked by a key that only the token gives."""

    account: Account
    locked: bytes


class Accounts(Database):
    """The open file. Every writing method is one transaction, and on the disk when it returns."""

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, "enrol again")
        self._clock = clock
        with self._reported():
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")  # a lock that is replaced is overwritten
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                self._db.executescript(_SCHEMA)
        if self._meta("format") != ACCOUNTS_FORMAT:
            raise DamagedStore(f"{path} holds accounts of another version of Smarter; use that version.")
        with self._transaction():
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('salt', ?)", (secrets.token_bytes(32),))
        self.salt = bytes(self._meta("salt"))
        """Random: under it names are hashed where tries are counted, also those that nobody has."""

    def _meta(self, name: str) -> Any:
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        if not rows:
            raise self._damaged(f"it has no {name}")
        return rows[0][0]

    def now(self) -> int:
        """Epoch seconds."""
        return int(self._clock())

    # Accounts.

    def find(self, name: str) -> tuple[Account, Locks] | None:
        """The open account of that name, or the one that was closed last."""
        return self._one("name = ? ORDER BY status = 'open' DESC, id DESC LIMIT 1", name)

    def of_meter(self, pseudonym: bytes) -> Account | None:
        """The open account of a meter's customer."""
        found = self._one("meter = ? AND status = 'open'", pseudonym)
        return found[0] if found else None

    def _one(self, condition: str, *values: object) -> tuple[Account, Locks] | None:
        rows = self._rows(f"SELECT {_ACCOUNT}, {_LOCKS} FROM accounts WHERE {condition}", *values)  # noqa: S608 - conditions are ours
        return (Account(*rows[0][:8]), Locks(*rows[0][8:])) if rows else None

    def passwords(self) -> list[str]:
        """The password records of all accounts, also of closed ones."""
        return [row[0] for row in self._rows("SELECT password FROM accounts")]

    def require_free(self, name: str) -> None:
        """Raise :class:`UsageError` when somebody is called so."""
        found = self.find(name)
        if found and found[0].status == "open":
            raise UsageError(f"there is an account {name} already: choose another name.")

    def add(
        self,
        name: str,
        role: str,
        locks: Locks,
        *,
        meter: bytes = b"",
        verify_key: bytes = b"",
        public_key: bytes = b"",
    ) -> Account:
        """Open an account.

        Raises:
            UsageError: the name is taken, or the meter has a customer.
        """
        row = (name, role, "open", self.now(), meter, verify_key, public_key, *_row_of(locks))
        columns = f"{_ACCOUNT.removeprefix('id, ')}, {_LOCKS}"
        with self._transaction():
            try:
                self._db.execute(f"INSERT INTO accounts ({columns}) VALUES ({', '.join('?' * len(row))})", row)  # noqa: S608 - columns are ours
            except sqlite3.IntegrityError as error:
                raise UsageError(f"there is an account {name}, or one of this meter, already.") from error
        found = self.find(name)
        if found is None:
            raise self._damaged("an account that was just made is gone")
        return found[0]

    def relock(self, account: Account, locks: Locks, *, keep: bytes = b"") -> None:
        """Replace what opens an account, and end its sessions, all but the one with the digest ``keep``."""
        with self._transaction():
            self._db.execute(
                "UPDATE accounts SET password = ?, by_password = ?, code = ?, by_code = ? WHERE id = ?",
                (*_row_of(locks), account.id),
            )
            self._db.execute("DELETE FROM sessions WHERE account = ? AND digest <> ?", (account.id, keep))

    def close_account(self, account: Account) -> None:
        """Close an account for good: its private key is destroyed and its sessions end; its name may be given anew."""
        with self._transaction():
            self._db.execute(
                "UPDATE accounts SET status = 'closed', by_password = x'', code = x'', by_code = x'' WHERE id = ?",
                (account.id,),
            )
            self._db.execute("DELETE FROM sessions WHERE account = ?", (account.id,))

    # Tries.

    def begin_try(self, who: bytes, *, locked_out: bool = True) -> int:
        """Count a try as a failure before it is looked at; :meth:`forgive` takes that back when it was right.

        ``locked_out``: whether a lock stands in the way, which it does not for a recovery code.

        Returns:
            How many have been wrong in a row, this one among them.

        Raises:
            WrongCredentials: it is too early for another try, or the name is locked.
        """
        now = self.now()
        with self._transaction():
            row = self._db.execute("SELECT failures, next_try FROM tries WHERE who = ?", (who,)).fetchone()
            failures, next_try = row or (0, 0)
            if locked_out and failures >= LOCK_AFTER:
                raise WrongCredentials(
                    f"this name is locked after {LOCK_AFTER} wrong tries: unlock it by its recovery code."
                )
            # A clock that was put back must not lock anybody out for longer than the longest wait.
            if now < next_try <= now + LONGEST_WAIT:
                raise WrongCredentials(f"too many wrong tries: the next is allowed in {next_try - now} s.")
            failures += 1
            wait = min(FIRST_WAIT << max(failures - FREE_TRIES, 0), LONGEST_WAIT) if failures >= FREE_TRIES else 0
            self._db.execute("INSERT OR REPLACE INTO tries VALUES (?, ?, ?)", (who, failures, now + wait))
        return int(failures)

    def forgive(self, who: bytes) -> None:
        """Forget somebody's failures: the last try was right, or an operator says so."""
        with self._transaction():
            self._db.execute("DELETE FROM tries WHERE who = ?", (who,))

    # Sessions.

    def begin_session(self, digest: bytes, account: Account, locked: bytes) -> None:
        """Open a session under the SHA-256 of its token."""
        now = self.now()
        with self._transaction():
            self._db.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?)", (digest, account.id, now, now, locked))

    def use_session(self, digest: bytes) -> Session | None:
        """The session under a digest, used now; None when there is none, or it has ended."""
        now = self.now()
        with self._transaction():
            self._db.execute(
                "DELETE FROM sessions WHERE ? NOT BETWEEN began AND began + ? OR ? NOT BETWEEN began AND used + ?",
                (now, LONGEST - 1, now, IDLE - 1),
            )
            self._db.execute("UPDATE sessions SET used = ? WHERE digest = ?", (now, digest))
            rows = self._db.execute("SELECT account, locked FROM sessions WHERE digest = ?", (digest,)).fetchall()
        found = self._one("id = ? AND status = 'open'", rows[0][0]) if rows else None
        return Session(found[0], bytes(rows[0][1])) if found else None

    def end_session(self, digest: bytes) -> None:
        """End a session, if there is one."""
        with self._transaction():
            self._db.execute("DELETE FROM sessions WHERE digest = ?", (digest,))


def _row_of(locks: Locks) -> tuple[str, bytes, bytes, bytes]:
    return locks.password, locks.by_password, locks.code, locks.by_code
