"""Data keys of demand windows, sealed, in a SQLite file among the keystores.

There are too many for a keystore, which is rewritten whole at each change: 35,040 a year and neighbourhood at 15 min.
``protocols.demand_keys`` seals and opens what is in here. A destroyed key leaves its row, with its name alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from smarter.state.secret_file import SecretFile

FILE = "demand.sqlite"
_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS demand_keys (
    neighbourhood TEXT NOT NULL, start INTEGER NOT NULL, name TEXT NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (neighbourhood, start)
) WITHOUT ROWID;
COMMIT;
"""


@dataclass(frozen=True)
class SealedDemandKey:
    """The data key of one demand window.

    Attributes:
        neighbourhood: its id.
        start: epoch seconds of the window.
        name: the data key's.
        sealed: its value, sealed; empty when it was destroyed.
    """

    neighbourhood: str
    start: int
    name: str
    sealed: bytes


class DemandKeyFile:
    """The file at ``path``, opened for each call: it is made with the first keys."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[SecretFile]:
        file = SecretFile(self._path, _SCHEMA, "demand_keys")
        try:
            yield file
        finally:
            file.close()

    def keep(self, keys: Iterable[SealedDemandKey]) -> None:
        """Keep new keys, durably and all at once."""
        with self._open() as file, file.changing() as db:
            db.executemany("INSERT INTO demand_keys VALUES (?, ?, ?, ?)", map(astuple, keys))

    def since(self, neighbourhood: str, start: int, most: int) -> list[SealedDemandKey]:
        """Keys of a neighbourhood's windows, at ``most`` as many, from ``start`` on, in order of time."""
        if not self._path.exists():
            return []
        query = "SELECT * FROM demand_keys WHERE neighbourhood = ? AND start >= ? ORDER BY start LIMIT ?"
        with self._open() as file:
            return [SealedDemandKey(*row) for row in file.rows(query, neighbourhood, start, most)]

    def destroy(self, neighbourhood: str, starts: Iterable[int]) -> None:
        """Destroy the keys of windows, durably and all at once, as far as there are any; their names stay."""
        if self._path.exists():
            query = "UPDATE demand_keys SET sealed = x'' WHERE neighbourhood = ? AND start = ?"
            with self._open() as file, file.changing() as db:
                db.executemany(query, [(neighbourhood, start) for start in starts])
