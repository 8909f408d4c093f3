"""What a deployment is, as its journal keeps it: its values, its meters, their key epochs, what they take part in.

``journal`` adds how far a run of it has come, in the same file, whose tables are all made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from smarter.errors import DamagedStore
from smarter.state.database import Database

JOURNAL_FORMAT = 4
BEFORE = 3
"""The format of a ledger of releases alone; ``KeptLedger.migrate`` brings it up."""
_SCHEMA = """
BEGIN;
CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE meters (
    pseudonym BLOB PRIMARY KEY, neighbourhood TEXT NOT NULL, source TEXT NOT NULL, position INTEGER NOT NULL,
    verify_key BLOB NOT NULL, digest TEXT NOT NULL, epoch INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE progress (neighbourhood TEXT PRIMARY KEY, next_slot INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE snapshots (party TEXT PRIMARY KEY, state BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE outbox (number INTEGER PRIMARY KEY AUTOINCREMENT, message BLOB NOT NULL);
CREATE TABLE members (id INTEGER PRIMARY KEY, pseudonyms BLOB NOT NULL UNIQUE);
CREATE TABLE cells (id INTEGER PRIMARY KEY, flags BLOB NOT NULL UNIQUE);
CREATE TABLE ledger (
    kind TEXT, holder TEXT, start INTEGER, end INTEGER, members INTEGER NOT NULL, digest BLOB NOT NULL,
    status INTEGER, reason TEXT, cells INTEGER, until INTEGER, erased INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, holder, start)
) WITHOUT ROWID;
CREATE TABLE frames (pseudonym BLOB NOT NULL, first_slot INTEGER NOT NULL, frame BLOB NOT NULL);
CREATE TABLE kept_bills (
    pseudonym BLOB NOT NULL, start INTEGER NOT NULL, bill BLOB NOT NULL, PRIMARY KEY (pseudonym, start)
) WITHOUT ROWID;
CREATE TABLE erasures (
    pseudonym BLOB NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (pseudonym, at)
) WITHOUT ROWID;
CREATE TABLE statements_seen (customer BLOB PRIMARY KEY, number INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE taking_part (
    pseudonym BLOB NOT NULL, since INTEGER NOT NULL, purposes TEXT NOT NULL, PRIMARY KEY (pseudonym, since)
) WITHOUT ROWID;
INSERT INTO meta VALUES ('format', 4);
COMMIT;
"""


@dataclass(frozen=True)
class KeptMeter:
    """A meter of the deployment. ``source`` is the simulation's truth, which no party has.

    Attributes:
        pseudonym: 8 random bytes.
        neighbourhood: its id.
        source: the source's name for it.
        position: its place in the neighbourhood, which is its lane.
        verify_key: its Ed25519 public key.
        digest: of its input, when the run began.
        epoch: its last key epoch.
    """

    pseudonym: bytes
    neighbourhood: str
    source: str
    position: int
    verify_key: bytes
    digest: str
    epoch: int


class KeptDeployment(Database):
    """An open journal, as far as it says what the deployment is."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "start again with --fresh")
        with self._reported():
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                self._db.executescript(_SCHEMA)
            if self.get("format") not in (BEFORE, JOURNAL_FORMAT):
                raise DamagedStore(f"{path} is a journal of another version of Smarter; start again with --fresh.")

    @property
    def is_current(self) -> bool:
        """Whether it is of this version's format, and not of the one before."""
        return bool(self.get("format") == JOURNAL_FORMAT)

    @contextmanager
    def _durable_transaction(self) -> Iterator[None]:
        """One that is on the disk when it returns: https://www.sqlite.org/pragma.html#pragma_synchronous"""
        with self._reported():
            self._db.execute("PRAGMA synchronous=FULL")
            try:
                with self._transaction():
                    yield
            finally:
                self._db.execute("PRAGMA synchronous=NORMAL")

    def get(self, name: str) -> Any:
        """A value of the deployment, or None."""
        rows = self._rows("SELECT value FROM meta WHERE name = ?", name)
        return rows[0][0] if rows else None

    def put(self, **values: object) -> None:
        """Set values of the deployment, durably."""
        with self._durable_transaction():
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def meters(self) -> list[KeptMeter]:
        """The deployment's meters, by neighbourhood and position."""
        query = (
            "SELECT pseudonym, neighbourhood, source, position, verify_key, digest, epoch FROM meters "
            "ORDER BY neighbourhood, position"
        )
        return [KeptMeter(*row) for row in self._rows(query)]

    def enrol(self, meters: Sequence[KeptMeter], **values: object) -> None:
        """Begin a deployment: its meters and its values, at once and durably."""
        with self._durable_transaction():
            self._db.executemany("INSERT INTO meters VALUES (?, ?, ?, ?, ?, ?, ?)", map(astuple, meters))
            self._db.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def begin_epochs(
        self,
        epochs: Mapping[bytes, int],
        purposes: Mapping[bytes, tuple[int, Sequence[str]]] | None = None,
        everything: Sequence[str] = (),
    ) -> None:
        """Note each meter's key epoch, durably, before a frame of it is made, so that none is used twice.

        Args:
            epochs: by pseudonym.
            purposes: from which slot on, and what for, a meter's readings may be used from now on; what was noted for
                that slot and later ones is void. Only what changes is kept.
            everything: all that they may be used for, as they are where nothing is noted.
        """
        with self._durable_transaction():
            for pseudonym, (since, allowed) in (purposes or {}).items():
                self._db.execute("DELETE FROM taking_part WHERE pseudonym = ? AND since >= ?", (pseudonym, since))
                query = "SELECT purposes FROM taking_part WHERE pseudonym = ? ORDER BY since DESC LIMIT 1"
                (before,) = self._db.execute(query, (pseudonym,)).fetchone() or (" ".join(everything),)
                if before != " ".join(allowed):
                    row = (pseudonym, since, " ".join(allowed))
                    self._db.execute("INSERT INTO taking_part VALUES (?, ?, ?)", row)
            self._db.executemany(
                "UPDATE meters SET epoch = ? WHERE pseudonym = ?",
                [(epoch, pseudonym) for pseudonym, epoch in epochs.items()],
            )

    def taking_part(self) -> dict[bytes, list[tuple[int, tuple[str, ...]]]]:
        """By meter, from which slot on its readings may be used for what; of one without an entry: for everything."""
        found: dict[bytes, list[tuple[int, tuple[str, ...]]]] = {}
        query = "SELECT pseudonym, since, purposes FROM taking_part ORDER BY pseudonym, since"
        for pseudonym, since, purposes in self._rows(query):
            found.setdefault(bytes(pseudonym), []).append((since, tuple(purposes.split())))
        return found

    def see_statements(self, customer: bytes, number: int) -> None:
        """Note, durably, that a customer has stated so much, by the key that verifies it; it is never taken back."""
        with self._durable_transaction():
            self._db.execute(
                "INSERT INTO statements_seen VALUES (?, ?) "
                "ON CONFLICT (customer) DO UPDATE SET number = max(number, excluded.number)",
                (customer, number),
            )

    def statements_seen(self, customer: bytes) -> int:
        """How many statements of a customer there have been."""
        rows = self._rows("SELECT number FROM statements_seen WHERE customer = ?", customer)
        return int(rows[0][0]) if rows else 0
