"""The mailbox of grants: what meters have delivered to third parties, until it is fetched, revoked or has expired.

``protocols.granting`` puts deliveries in, ``protocols.grantee`` fetches them. Of one that is gone it stays written
down that it was there, so that no window is delivered a second time and customers can see who got what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from smarter.state.database import Database

_SCHEMA = """
CREATE TABLE IF NOT EXISTS deliveries (
    granted TEXT NOT NULL, number INTEGER NOT NULL, meter BLOB NOT NULL, receiver TEXT NOT NULL,
    first INTEGER NOT NULL, until INTEGER NOT NULL, windows INTEGER NOT NULL, expires INTEGER NOT NULL,
    made INTEGER NOT NULL, fetched INTEGER, message BLOB, PRIMARY KEY (granted, number)
) WITHOUT ROWID
"""
# A run asks for what has expired about once a second: no time for a look at all that there ever was.
_INDEX = "CREATE INDEX IF NOT EXISTS here ON deliveries (expires) WHERE message IS NOT NULL"
_COLUMNS = "granted, number, meter, receiver, first, until, windows, expires, made, fetched"


@dataclass(frozen=True)
class Sent:
    """A delivery, as it is written down.

    Attributes:
        grant: 32 hexadecimal digits.
        number: which of the grant's, from 1.
        meter: pseudonym.
        receiver: fingerprint of the grantee's key.
        start: of the first window, epoch seconds; ``end`` of the last.
        windows: how many it has.
        expires: when the grant does, epoch seconds.
        made: when it was delivered.
        fetched: when it was fetched first; None: not yet.
    """

    grant: str
    number: int
    meter: bytes
    receiver: str
    start: int
    end: int
    windows: int
    expires: int
    made: int
    fetched: int | None = None


class Deliveries(Database):
    """The open file. Every writing method is one transaction, and on the disk when it returns."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "have the customers grant again")
        with self._reported():
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA secure_delete=ON")  # what is emptied is overwritten
            self._db.execute(_SCHEMA)
            self._db.execute(_INDEX)

    def put(self, deliveries: Sequence[tuple[Sent, bytes]], still: Callable[[], bool]) -> bool:
        """Put deliveries in, all or none: none when ``still`` says no, or one does not follow the grant's last.

        ``still`` is asked while nobody else can write here. Whoever revokes states it before they empty the mailbox:
        so either it is known here, or what is put in now is emptied after.
        """
        with self._transaction():
            if not still():
                return False
            ends: dict[str, tuple[int, int]] = {}
            for sent, _ in deliveries:
                last = self.last(sent.grant)
                number, end = ends.get(sent.grant) or ((last.number, last.end) if last else (0, sent.start))
                if sent.number != number + 1 or sent.start < end:
                    return False
                ends[sent.grant] = sent.number, sent.end
            self._db.executemany(
                f"INSERT INTO deliveries ({_COLUMNS}, message) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608 - columns are ours
                [(*astuple(sent), message) for sent, message in deliveries],
            )
        return True

    def last(self, grant: str) -> Sent | None:
        """The last delivery under a grant."""
        found = self._sent("granted = ? ORDER BY number DESC LIMIT 1", grant)
        return found[0] if found else None

    def under(self, grant: str, after: int) -> list[Sent]:
        """The deliveries under a grant that reach beyond ``after``, epoch seconds, in order."""
        return self._sent("granted = ? AND until > ? ORDER BY number", grant, after)

    def of_meter(self, meter: bytes) -> list[Sent]:
        """All deliveries of a meter, by grant and number."""
        return self._sent("meter = ? ORDER BY granted, number", meter)

    def to(self, receiver: str) -> list[Sent]:
        """All deliveries for a key, by grant and number, also those that are gone."""
        return self._sent("receiver = ? ORDER BY granted, number", receiver)

    def every(self) -> Iterator[Sent]:
        """All deliveries, by grant and number, also those that are gone; one at a time, since there may be many."""
        with self._reported():
            for row in self._db.execute(f"SELECT {_COLUMNS} FROM deliveries ORDER BY granted, number"):  # noqa: S608 - columns are ours
                yield Sent(*row)

    def waiting(self, receiver: str) -> set[str]:
        """The grants under which something is here for a key."""
        query = "SELECT DISTINCT granted FROM deliveries WHERE receiver = ? AND message IS NOT NULL"
        return {grant for (grant,) in self._rows(query, receiver)}

    def fetch(self, grant: str, now: int, still: Callable[[], bool]) -> tuple[list[bytes], int]:
        """The deliveries under a grant that are here, in order; from now on they count as fetched.

        ``still`` is asked while nobody else can write here: when it says no, nothing is fetched. Whoever revokes states
        it before they empty the mailbox: so either it is known here, or they learn of what was fetched before.

        Returns:
            The deliveries, and the number of the last one before them that was taken out; 0: none was.
        """
        with self._transaction():
            if not still():
                return [], 0
            self._db.execute(
                "UPDATE deliveries SET fetched = ? WHERE granted = ? AND fetched IS NULL AND message IS NOT NULL",
                (now, grant),
            )
            here = "SELECT message FROM deliveries WHERE granted = ? AND message IS NOT NULL ORDER BY number"
            gone = "SELECT max(number) FROM deliveries WHERE granted = ? AND message IS NULL"
            messages = [bytes(message) for (message,) in self._db.execute(here, (grant,))]
            return messages, self._db.execute(gone, (grant,)).fetchone()[0] or 0

    def empty(self, grant: str, meter: bytes) -> int:
        """Take out all that is here of a meter under a grant; returns how many of them nobody had fetched."""
        return self._empty("granted = ? AND meter = ?", grant, meter)

    def empty_meter(self, meter: bytes) -> int:
        """Take out all that is here of a meter; returns how many of them nobody had fetched."""
        return self._empty("meter = ?", meter)

    def expire(self, now: int) -> int:
        """Take out what has expired; returns how many of them nobody had fetched."""
        if not self._rows("SELECT 1 FROM deliveries WHERE expires <= ? AND message IS NOT NULL LIMIT 1", now):
            return 0  # without waiting for whoever writes
        return self._empty("expires <= ?", now)

    def _empty(self, condition: str, *values: object) -> int:
        here = f"{condition} AND message IS NOT NULL"
        with self._transaction():
            counted = f"SELECT count(*) - count(fetched) FROM deliveries WHERE {here}"  # noqa: S608 - conditions are ours
            (unfetched,) = self._db.execute(counted, values).fetchone()
            self._db.execute(f"UPDATE deliveries SET message = NULL WHERE {here}", values)  # noqa: S608 - likewise
        return int(unfetched)

    def _sent(self, condition: str, *values: object) -> list[Sent]:
        return [Sent(*row) for row in self._rows(f"SELECT {_COLUMNS} FROM deliveries WHERE {condition}", *values)]  # noqa: S608 - likewise
