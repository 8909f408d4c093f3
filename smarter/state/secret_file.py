"""A SQLite file of keys, in which deleted bytes are overwritten.

A transaction is on the disk when it ends. ``wrapped_keys`` and ``demand_keys`` are such files, among the keystores.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from smarter.state.database import Database


class SecretFile(Database):
    """An open file with the tables of ``schema``, of which ``table`` is one; it is made where there is none."""

    def __init__(self, path: Path, schema: str, table: str) -> None:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        super().__init__(path, "start again with --fresh")
        try:
            with self._reported():
                # What is deleted is overwritten, as far as the file system lets it.
                self._db.execute("PRAGMA secure_delete=ON")
                self._db.execute("PRAGMA synchronous=FULL")
                if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                    self._db.executescript(schema)
        except BaseException:
            self.close()
            raise

    @contextmanager
    def changing(self) -> Iterator[Any]:
        """One transaction, on the disk when it ends."""
        with self._transaction():
            yield self._db

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What a query finds."""
        return self._rows(query, *values)
