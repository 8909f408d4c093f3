"""A SQLite file of a state: its errors are ours, its transactions whole, a file that was cut is noticed.

``journal`` and ``accounts`` are such files.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smarter.errors import DamagedStore

_REFUSALS = {
    sqlite3.SQLITE_FULL: errno.ENOSPC,
    sqlite3.SQLITE_READONLY: errno.EACCES,
    sqlite3.SQLITE_CANTOPEN: errno.EACCES,
    sqlite3.SQLITE_PERM: errno.EACCES,
    sqlite3.SQLITE_IOERR: errno.EIO,
    sqlite3.SQLITE_BUSY: errno.EBUSY,
}
"""What the machine is to blame for, by primary result code: https://www.sqlite.org/rescode.html"""
_ROOM = 1 << 16


class Database:
    """An open file, made with mode 0600 where there is none; ``otherwise`` is what helps when no backup is there."""

    def __init__(self, path: Path, otherwise: str) -> None:
        self._path = path
        self._otherwise = otherwise
        if path.exists():
            self._check_length()
        else:
            path.touch(mode=0o600)
        with self._reported():
            self._db = sqlite3.connect(path, isolation_level=None)

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    @contextmanager
    def _reported(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, or into the system's where the machine is at fault."""
        try:
            yield
        except sqlite3.Error as error:
            code = (getattr(error, "sqlite_errorcode", None) or sqlite3.SQLITE_ERROR) & 0xFF
            if code in _REFUSALS:
                # SQLite calls it an I/O error when the disk has no room for its shared memory.
                full = code == sqlite3.SQLITE_IOERR and shutil.disk_usage(self._path.parent).free < _ROOM
                number = errno.ENOSPC if full else _REFUSALS[code]
                raise OSError(number, os.strerror(number), str(self._path)) from error
            raise self._damaged(str(error)) from error

    def _damaged(self, why: str) -> DamagedStore:
        return DamagedStore(f"{self._path} does not read back ({why}); restore it from a backup, or {self._otherwise}.")

    def _check_length(self) -> None:
        """Refuse a file that was cut: SQLite itself would notice only when it comes to a page that is gone.

        Header: https://www.sqlite.org/fileformat2.html#the_database_header
        """
        log = self._path.with_name(f"{self._path.name}-wal")
        if log.exists() and log.stat().st_size:
            return  # pages that the header counts may be in there
        with self._path.open("rb") as file:
            header = file.read(100)
        page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
        if self._path.stat().st_size < (65_536 if page == 1 else page) * pages:
            raise self._damaged("it is shorter than it says")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with self._reported():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:  # a full disk may have ended it already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self._reported():
            return self._db.execute(query, values).fetchall()

    def close(self) -> None:
        """Give the file back."""
        self._db.close()
