"""Store ``sqlite``: one SQLite file with a write-ahead log; for any number of records.

A batch is one transaction, on the disk when ``put_many`` returns; reading streams in the order of the key.
"""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from smarter.api import MachineError, OpenStore, Record, Store
from smarter_plugins.stores.damage import damaged, wrong_version
from smarter_plugins.stores.replacement import create_private, put_in_place, temporary_beside

FILE = "store.sqlite"
FORMAT = 1
APPLICATION = 0x534D5452  # "SMTR", by which a file of SQLite names its maker
PATIENCE = 10.0  # seconds to wait for another process that writes

_SCHEMA = f"""
BEGIN;
CREATE TABLE records (
    kind TEXT NOT NULL, holder TEXT NOT NULL, start INTEGER NOT NULL, body BLOB NOT NULL,
    CHECK (typeof(start) = 'integer' AND typeof(body) = 'blob'),
    PRIMARY KEY (kind, holder, start)
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {FORMAT};
COMMIT;
"""
# OR IGNORE would also pass over a record that breaks the CHECK; this passes over keys that are there, only.
_INSERT = "INSERT INTO records VALUES (?, ?, ?, ?) ON CONFLICT (kind, holder, start) DO NOTHING"


class Sqlite(Store):
    """Has no limit to speak of."""

    name = "sqlite"
    summary = "SQLite: one file with a write-ahead log, for any number of records."
    comfortable_records = None

    def open(self, folder: Path) -> OpenStore:
        """Open ``store.sqlite`` in ``folder``.

        Raises:
            DamagedStore: the file is not one that this store wrote, or not whole.
            OSError: it cannot be read, or a new one not be written.
            MachineError: another process holds on to it.
        """
        path = folder / FILE
        with _reported(path):
            if not path.exists():
                _create(path)
            _check_length(path)
            return OpenSqlite(path)


class OpenSqlite(OpenStore):
    """A connection to the file, for one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = _connect(path)
        try:
            self._db.execute("PRAGMA cell_size_check=ON")
            self._check()
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
        except BaseException:
            self._db.close()
            raise

    def put_many(self, records: Sequence[Record]) -> int:
        """One transaction, synced before it returns."""
        if not records:
            return 0
        with _reported(self._path), self._transaction():
            before = self._db.total_changes
            self._db.executemany(_INSERT, ((r.kind, r.holder, r.start, r.body) for r in records))
            return self._db.total_changes - before

    def records(
        self, kind: str, *, holder: str | None = None, start: int | None = None, end: int | None = None
    ) -> Iterator[Record]:
        """As :meth:`OpenStore.records`; a row at a time."""
        conditions = [("kind = ?", kind), ("holder = ?", holder), ("start >= ?", start), ("start < ?", end)]
        given = [(condition, value) for condition, value in conditions if value is not None]
        where = " AND ".join(condition for condition, _ in given)
        query = f"SELECT holder, start, body FROM records WHERE {where} ORDER BY holder, start"  # noqa: S608 - ours
        with _reported(self._path), closing(self._db.execute(query, [value for _, value in given])) as rows:
            for name, moment, body in rows:
                if type(name) is not str or type(moment) is not int or type(body) is not bytes:
                    raise damaged(
                        self._path, f"the record of {name!r:.60} from {moment!r:.40} has a field of another type"
                    )
                yield Record(kind, name, moment, body)

    def count(self, kind: str) -> int:
        """As :meth:`OpenStore.count`."""
        with _reported(self._path):
            return int(self._value("SELECT count(*) FROM records WHERE kind = ?", kind))

    def close(self) -> None:
        """Fold the log into the file and let both go."""
        with _reported(self._path):
            self._db.close()

    def _check(self) -> None:
        if self._value("PRAGMA application_id") != APPLICATION:
            raise damaged(self._path, "it is no store of Smarter")
        if (found := self._value("PRAGMA user_version")) != FORMAT:
            raise wrong_version(self._path, found, FORMAT)
        self._db.execute("SELECT kind, holder, start, body FROM records LIMIT 1").fetchone()

    def _value(self, query: str, *values: object) -> Any:
        return self._db.execute(query, values).fetchone()[0]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            if self._db.in_transaction:  # a full disk may have ended it already
                self._db.execute("ROLLBACK")
            raise


def _check_length(path: Path) -> None:
    """Refuse a file that was cut: SQLite itself would notice only when it comes to a page that is gone.

    Header: https://www.sqlite.org/fileformat2.html#the_database_header
    """
    log = path.with_name(f"{path.name}-wal")
    if log.exists() and log.stat().st_size:
        return  # pages that the header counts may be in there
    with path.open("rb") as file:
        header = file.read(100)
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    if path.stat().st_size < (65_536 if page == 1 else page) * pages:
        raise damaged(path, "it is shorter than it says")


def _connect(path: Path) -> sqlite3.Connection:
    """Connect to a file that must be there."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=PATIENCE)


def _create(path: Path) -> None:
    """Make an empty store under another name, so that a file of this name is always a whole one."""
    log = path.with_name(f"{path.name}-wal")
    if log.exists():
        raise damaged(path, f"it is gone, and {log.name} alone is left")
    temporary = temporary_beside(path)
    for suffix in ("-journal", "-wal", "-shm"):
        temporary.with_name(f"{temporary.name}{suffix}").unlink(missing_ok=True)
    os.close(create_private(temporary))
    with closing(_connect(temporary)) as db:
        db.execute("PRAGMA synchronous=FULL")
        db.executescript(_SCHEMA)
    put_in_place(temporary, path)


@contextmanager
def _reported(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, or into the system's where the machine is at fault.

    Result codes: https://www.sqlite.org/rescode.html
    """
    try:
        yield
    except (sqlite3.ProgrammingError, sqlite3.IntegrityError, sqlite3.InterfaceError):
        raise  # a caller's mistake
    except sqlite3.Error as error:
        primary = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
        if primary == sqlite3.SQLITE_FULL:
            raise _system_error(errno.ENOSPC, path) from error
        if primary in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM):
            raise _refusal(path) from error
        if primary == sqlite3.SQLITE_IOERR:
            raise _system_error(errno.EIO, path) from error
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise MachineError(f"{path} is in use by another process; try again when that is done.") from error
        raise damaged(path, str(error)) from error


def _refusal(path: Path) -> OSError:
    """Why the system keeps ``path`` from being opened or written, which SQLite does not pass on."""
    try:
        with path.open("r+b"):
            pass
        if hasattr(os, "statvfs") and os.statvfs(path.parent).f_flag & os.ST_RDONLY:
            return _system_error(errno.EROFS, path)
    except OSError as error:
        return error
    return _system_error(errno.EACCES, path)


def _system_error(number: int, path: Path) -> OSError:
    return OSError(number, os.strerror(number), str(path))
