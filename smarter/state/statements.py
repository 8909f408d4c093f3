"""Customers' signed statements, in the file of the accounts: kept as they were signed, and never changed.

``protocols.statements`` writes and reads them. A run that goes on looks at each hold whether there are new ones, and
never stands in the way of whoever makes one.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from smarter.errors import UsageError
from smarter.state.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS statements (
    meter BLOB NOT NULL, customer BLOB NOT NULL, number INTEGER NOT NULL, message BLOB NOT NULL,
    PRIMARY KEY (meter, customer, number)
) WITHOUT ROWID
"""


class Statements(Database):
    """The open file. A statement is on the disk when :meth:`append` returns.

    ``customer`` is the public key that verifies them: whoever moves in after somebody begins anew.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "enrol again")
        with self._reported():
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute(_SCHEMA)
        self._version = self._data_version()

    def append(self, meter: bytes, customer: bytes, number: int, message: bytes) -> None:
        """Keep one more statement; raises :class:`UsageError` when there is one of this number."""
        with self._transaction():
            try:
                self._db.execute("INSERT INTO statements VALUES (?, ?, ?, ?)", (meter, customer, number, message))
            except sqlite3.IntegrityError as error:
                raise UsageError("something else was stated for this account just now; say it again.") from error

    def of_meter(self, meter: bytes, customer: bytes) -> list[bytes]:
        """The statements of a meter's customer, in order."""
        query = "SELECT message FROM statements WHERE meter = ? AND customer = ? ORDER BY number"
        return [bytes(message) for (message,) in self._rows(query, meter, customer)]

    def every(self) -> list[tuple[bytes, bytes, bytes]]:
        """All statements, each with its meter and the key that verifies it."""
        return [
            (bytes(meter), bytes(customer), bytes(message))
            for meter, customer, message in self._rows("SELECT meter, customer, message FROM statements")
        ]

    def changed(self) -> bool:
        """Whether anybody else has written to the file since this was last asked, or since it was opened.

        See https://www.sqlite.org/pragma.html#pragma_data_version
        """
        before, self._version = self._version, self._data_version()
        return before != self._version

    def _data_version(self) -> int:
        return int(self._rows("PRAGMA data_version")[0][0])
