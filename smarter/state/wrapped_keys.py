"""Key epochs as they were announced to the PES and wrapped for customers: one SQLite file among the keystores.

``protocols.epochs`` writes it as epochs begin, ``customer_desk`` reads it, ``erasure`` deletes from it. It is apart
from the journal, which people keep copies of: with a key of the PES's or a customer's each message gives a secret away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from smarter.state.secret_file import SecretFile

_SCHEMA = """
BEGIN;
CREATE TABLE IF NOT EXISTS epochs (
    pseudonym BLOB NOT NULL, epoch INTEGER NOT NULL, first_slot INTEGER NOT NULL, announcement BLOB NOT NULL,
    PRIMARY KEY (pseudonym, epoch)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS seal_keys (
    pseudonym BLOB NOT NULL, epoch INTEGER NOT NULL, message BLOB NOT NULL, PRIMARY KEY (pseudonym, epoch)
) WITHOUT ROWID;
COMMIT;
"""


@dataclass(frozen=True)
class BegunEpoch:
    """A key epoch of a meter.

    Attributes:
        pseudonym: the meter's.
        epoch: its number.
        first_slot: the slot from which on frames are made in it.
        announcement: as signed for the PES; empty when no frame of it can still be on its way.
    """

    pseudonym: bytes
    epoch: int
    first_slot: int
    announcement: bytes


class WrappedKeys:
    """The file at ``path``, opened for each call: few are made, and nothing of it stays in memory between them."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @contextmanager
    def _open(self) -> Iterator[SecretFile]:
        file = SecretFile(self._path, _SCHEMA, "epochs")
        try:
            yield file
        finally:
            file.close()

    def begin(self, epochs: Iterable[BegunEpoch], seal_keys: Iterable[tuple[bytes, int, bytes]]) -> None:
        """Keep what key epochs that begin are announced and wrapped by, durably, before a frame is made in them.

        ``seal_keys``: each (pseudonym, epoch, message) for the meter's customer.
        """
        with self._open() as file, file.changing() as db:
            db.executemany("INSERT OR REPLACE INTO epochs VALUES (?, ?, ?, ?)", map(astuple, epochs))
            db.executemany("INSERT OR REPLACE INTO seal_keys VALUES (?, ?, ?)", seal_keys)

    def epochs(self) -> list[BegunEpoch]:
        """All of them, by meter and number."""
        query = "SELECT pseudonym, epoch, first_slot, announcement FROM epochs ORDER BY pseudonym, epoch"
        with self._open() as file:
            return [BegunEpoch(*row) for row in file.rows(query)]

    def first_slot(self, pseudonym: bytes, after: int) -> int | None:
        """The first slot of a meter's key epochs with a number above ``after``; None: there is none."""
        query = "SELECT min(first_slot) FROM epochs WHERE pseudonym = ? AND epoch > ?"
        with self._open() as file:
            ((slot,),) = file.rows(query, pseudonym, after)
            return None if slot is None else int(slot)

    def settle(self, epochs: Iterable[BegunEpoch]) -> None:
        """Destroy the announcements of epochs of which no frame is on its way any more."""
        with self._open() as file, file.changing() as db:
            db.executemany(
                "UPDATE epochs SET announcement = x'' WHERE pseudonym = ? AND epoch = ?",
                [(each.pseudonym, each.epoch) for each in epochs],
            )

    def forget(self, epochs: Iterable[tuple[bytes, int]]) -> None:
        """Destroy all that there is of epochs (pseudonym, number)."""
        gone = list(epochs)
        with self._open() as file, file.changing() as db:
            for table in ("epochs", "seal_keys"):
                db.executemany(f"DELETE FROM {table} WHERE pseudonym = ? AND epoch = ?", gone)  # noqa: S608 - one of two

    def keep_seal_keys(self, pseudonym: bytes, messages: Mapping[int, bytes]) -> None:
        """Keep a meter's seal keys, each wrapped for its customer, by key epoch; durably, in place of earlier ones."""
        with self._open() as file, file.changing() as db:
            db.execute("DELETE FROM seal_keys WHERE pseudonym = ?", (pseudonym,))
            rows = [(pseudonym, epoch, message) for epoch, message in messages.items()]
            db.executemany("INSERT INTO seal_keys VALUES (?, ?, ?)", rows)

    def seal_keys(self, pseudonym: bytes, after: int = 0) -> Sequence[bytes]:
        """A meter's seal keys, as wrapped for its customer, by key epoch; of those with a number above ``after``."""
        query = "SELECT message FROM seal_keys WHERE pseudonym = ? AND epoch > ? ORDER BY epoch"
        with self._open() as file:
            return [bytes(message) for (message,) in file.rows(query, pseudonym, after)]

    def erase(self, pseudonym: bytes) -> tuple[int, int]:
        """Destroy all that there is of a meter; how many announcements and how many seal keys there were."""
        with self._open() as file, file.changing() as db:
            announced = db.execute("DELETE FROM epochs WHERE pseudonym = ?", (pseudonym,)).rowcount
            wrapped = db.execute("DELETE FROM seal_keys WHERE pseudonym = ?", (pseudonym,)).rowcount
        return announced, wrapped
