"""The journal: one SQLite file in which each hold is one transaction.

It keeps how far each neighbourhood has come, the parties' snapshots, messages that wait to be delivered, the ledger
of releases, the frames that meters keep, and what has been counted. It holds no key and no reading in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

import msgpack

from smarter.errors import DamagedStore
from smarter.state.database import Database
from smarter.state.tally import Tally

JOURNAL_FORMAT = 3
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
CREATE TABLE ledger (
    kind TEXT, holder TEXT, start INTEGER, end INTEGER, members INTEGER NOT NULL, digest BLOB NOT NULL,
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
INSERT INTO meta VALUES ('format', 3);
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


class Journal(Database):
    """An open journal. Every writing method is one transaction, whole or not at all.

    Those that something irreversible waits for are on the disk when they return, and with them all that came before;
    the others survive the death of the process at once, and a loss of power as soon as one of those has followed. A
    hold that is lost with the power is carried again.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, "start again with --fresh")
        with self._reported():
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=NORMAL")
            if not self._db.execute("SELECT 1 FROM sqlite_master WHERE name = 'meta'").fetchone():
                self._db.executescript(_SCHEMA)
            if self.get("format") != JOURNAL_FORMAT:
                raise DamagedStore(f"{path} is a journal of another version of Smarter; start again with --fresh.")

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

    # What a deployment is.

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

    # How far it has come.

    def progress(self) -> dict[str, int]:
        """The next slot of each neighbourhood that has begun."""
        return dict(self._rows("SELECT neighbourhood, next_slot FROM progress"))

    def snapshot(self, party: str) -> bytes | None:
        """A party's last snapshot."""
        rows = self._rows("SELECT state FROM snapshots WHERE party = ?", party)
        return bytes(rows[0][0]) if rows else None

    def tally(self) -> Tally:
        """What has been counted."""
        data = self.get("tally")
        return Tally(**msgpack.unpackb(data)) if data else Tally()

    def note(self, tally: Tally) -> None:
        """Keep what has been counted when the run is through, durably."""
        with self._durable_transaction():
            self._write_tally(tally)

    def _write_tally(self, tally: Tally) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES ('tally', ?)", (msgpack.packb(vars(tally)),))

    def commit_hold(
        self,
        neighbourhood: str,
        next_slot: int,
        *,
        snapshots: Mapping[str, bytes],
        outbox: Iterable[bytes],
        frames: Sequence[tuple[bytes, int, bytes]],
        keep_from: int,
        tally: Tally,
    ) -> None:
        """One hold, whole or not at all.

        Args:
            neighbourhood: whose.
            next_slot: how far it has come.
            snapshots: of the parties.
            outbox: messages that wait to be delivered.
            frames: what the meters keep: pseudonym, first slot, bytes.
            keep_from: frames from before this slot need not be kept any longer.
            tally: what has been counted.
        """
        with self._transaction():
            self._db.execute("INSERT OR REPLACE INTO progress VALUES (?, ?)", (neighbourhood, next_slot))
            self._db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", snapshots.items())
            self._db.executemany("INSERT INTO outbox (message) VALUES (?)", [(message,) for message in outbox])
            self._db.executemany("INSERT INTO frames VALUES (?, ?, ?)", frames)
            self._drop_frames(keep_from, 4 * len(frames))
            self._write_tally(tally)

    def _drop_frames(self, keep_from: int, most: int) -> None:
        """Drop old frames from the front, where they came in: so a hold pays for no more than a few of its own size."""
        oldest = self._db.execute("SELECT first_slot FROM frames ORDER BY rowid LIMIT 1").fetchone()
        if oldest is not None and oldest[0] < keep_from:
            front = "SELECT rowid FROM frames ORDER BY rowid LIMIT ?"
            self._db.execute(f"DELETE FROM frames WHERE rowid IN ({front}) AND first_slot < ?", (most, keep_from))  # noqa: S608 - no value is in it

    def outbox(self) -> list[tuple[int, bytes]]:
        """Messages that have not been acknowledged, in order, each with its number."""
        return self._rows("SELECT number, message FROM outbox ORDER BY number")

    def acknowledge(self, numbers: Iterable[int], tally: Tally) -> None:
        """Messages have been delivered and what they led to is durable."""
        with self._transaction():
            self._db.executemany("DELETE FROM outbox WHERE number = ?", [(number,) for number in numbers])
            self._write_tally(tally)

    # Ledger and frames.

    def enter(self, entries: Iterable[tuple[str, str, int, int, bytes, bytes]]) -> None:
        """Write releases down, durably, before they are made: (kind, holder, start, end, pseudonyms joined, digest)."""
        rows = [(*window, digest, pseudonyms) for *window, pseudonyms, digest in entries]
        sets = {(pseudonyms,) for *_, pseudonyms in rows}
        with self._durable_transaction():
            self._db.executemany("INSERT OR IGNORE INTO members (pseudonyms) VALUES (?)", sets)
            self._db.executemany(
                "INSERT OR IGNORE INTO ledger SELECT ?, ?, ?, ?, id, ? FROM members WHERE pseudonyms = ?", rows
            )

    def ledger(self) -> Iterator[tuple[str, str, int, int, bytes, bytes]]:
        """All releases, as :meth:`enter` takes them, in order of time."""
        query = (
            "SELECT kind, holder, start, end, pseudonyms, digest FROM ledger JOIN members ON id = members "
            "ORDER BY start"
        )
        with self._reported():
            yield from self._db.execute(query)

    def frames(self, pseudonym: bytes) -> Iterator[bytes]:
        """The frames that a meter keeps, as sealed."""
        for (frame,) in self._rows("SELECT frame FROM frames WHERE pseudonym = ? ORDER BY first_slot", pseudonym):
            yield frame

    def frames_after(self, pseudonym: bytes, number: int, most: int) -> tuple[list[bytes], int]:
        """The frames of a meter that came in after the frame ``number`` of all, at most so many of them, the newest.

        Cheap, while a run goes on, too: frames lie in the order in which they came, so only the new ones are looked at.

        Returns:
            The frames, and the number of the last one of all meters: to be handed in the next time.
        """
        newest = self._rows("SELECT max(rowid) FROM frames")[0][0] or 0
        # Numbers begin again where all frames were deleted.
        after = number if number <= newest else 0
        query = "SELECT frame FROM frames WHERE rowid > ? AND rowid <= ? AND pseudonym = ? ORDER BY rowid DESC LIMIT ?"
        return [frame for (frame,) in reversed(self._rows(query, after, newest, pseudonym, most))], newest

    # Erasure.

    def keep_bills(self, pseudonym: bytes, bills: Mapping[int, bytes]) -> None:
        """Keep bare bills of a household, each sealed by the MDMS, by start; durably, before their windows are erased.

        One that is there already stays as it is.
        """
        with self._durable_transaction():
            rows = [(pseudonym, start, bill) for start, bill in bills.items()]
            self._db.executemany("INSERT OR IGNORE INTO kept_bills VALUES (?, ?, ?)", rows)

    def kept_bills(self) -> dict[bytes, list[bytes]]:
        """All such bills, by household and start."""
        bills: dict[bytes, list[bytes]] = {}
        for pseudonym, bill in self._rows("SELECT pseudonym, bill FROM kept_bills ORDER BY pseudonym, start"):
            bills.setdefault(bytes(pseudonym), []).append(bytes(bill))
        return bills

    def erase(
        self, pseudonym: bytes, at: int, snapshots: Mapping[str, bytes], outbox: Iterable[tuple[int, bytes]]
    ) -> int:
        """Delete what a meter keeps, and put snapshots and outbox in the place of those there are; note the time.

        Nothing of it is left in the file nor in its log. Returns how many frames there were.
        """
        with self._reported():
            self._db.execute("PRAGMA secure_delete=ON")
        try:
            with self._durable_transaction():
                frames = self._db.execute("DELETE FROM frames WHERE pseudonym = ?", (pseudonym,)).rowcount
                self._db.executemany("INSERT OR REPLACE INTO snapshots VALUES (?, ?)", snapshots.items())
                rows = [(message, number) for number, message in outbox]
                self._db.executemany("UPDATE outbox SET message = ? WHERE number = ?", rows)
                self._db.execute("INSERT OR IGNORE INTO erasures VALUES (?, ?)", (pseudonym, at))
            with self._reported():
                self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            with self._reported():
                self._db.execute("PRAGMA secure_delete=OFF")
        return int(frames)

    def erased(self, pseudonym: bytes) -> int | None:
        """When what a meter kept was last erased, epoch seconds; None: never."""
        ((at,),) = self._rows("SELECT max(at) FROM erasures WHERE pseudonym = ?", pseudonym)
        return None if at is None else int(at)

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
