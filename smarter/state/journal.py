"""The journal: one SQLite file in which each hold is one transaction.

Beside what the ``deployment`` is, it keeps how far each neighbourhood has come, the parties' snapshots, messages that
wait to be delivered, the ledger of releases, the frames that meters keep, and what has been counted. It holds no key
and no reading in the clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgpack

from smarter.state.ledger import KeptLedger
from smarter.state.tally import Tally


class Journal(KeptLedger):
    """An open journal. Every writing method is one transaction, whole or not at all.

    Those that something irreversible waits for are on the disk when they return, and with them all that came before;
    the others survive the death of the process at once, and a loss of power as soon as one of those has followed. A
    hold that is lost with the power is carried again.
    """

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

    # Frames.

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
                self._db.execute(
                    "INSERT OR IGNORE INTO meta SELECT ? || next_slot, next_slot FROM progress NATURAL JOIN meters "
                    "WHERE pseudonym = ?",
                    (_erased_at(pseudonym), pseudonym),
                )
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

    def erased_slots(self, pseudonym: bytes) -> list[int]:
        """How far the run had come at each erasure of a meter: what it had sent and not arrived opens no more."""
        query = "SELECT value FROM meta WHERE name LIKE ? ORDER BY value"
        return [int(slot) for (slot,) in self._rows(query, f"{_erased_at(pseudonym)}%")]


def _erased_at(pseudonym: bytes) -> str:
    return f"erased {pseudonym.hex()} at slot "
