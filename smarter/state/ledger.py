"""The ledger of releases as the journal keeps it: what was decided on every window that had readings, and why.

It is written before anything is opened, and read by the releaser at each start, by the audit log and by the audit of
releases. Sets of meters and rows of cells come again and again, so each is kept once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from smarter.model.clock import NEVER
from smarter.state.deployment import JOURNAL_FORMAT, KeptDeployment

_MIGRATION = """
CREATE TABLE cells (id INTEGER PRIMARY KEY, flags BLOB NOT NULL UNIQUE);
ALTER TABLE ledger ADD COLUMN status INTEGER;
ALTER TABLE ledger ADD COLUMN reason TEXT;
ALTER TABLE ledger ADD COLUMN cells INTEGER;
ALTER TABLE ledger ADD COLUMN until INTEGER;
ALTER TABLE ledger ADD COLUMN erased INTEGER NOT NULL DEFAULT 0;
"""


@dataclass(frozen=True)
class LedgerRow:
    """One decided window. What is None was not kept in the journals of earlier versions, which have releases alone.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: the neighbourhood, or the pseudonym in hexadecimal.
        start: epoch seconds of the window.
        end: epoch seconds, not part of it.
        members: pseudonyms whose readings are in the sum, joined.
        digest: SHA-256 of the ciphertext that holds the sum.
        status: number of a :class:`~smarter.model.messages.Status`.
        reason: why it stays closed, or empty.
        cells: of a bill, where its readings are, a byte for each demand window of its time.
        until: of a bill, start of the last of these demand windows; of demand, its own.
        erased: whether the record was erased since.
    """

    kind: str
    holder: str
    start: int
    end: int
    members: bytes
    digest: bytes
    status: int | None = None
    reason: str | None = None
    cells: bytes | None = None
    until: int | None = None
    erased: bool = False


class KeptLedger(KeptDeployment):
    """An open journal, as far as it keeps the ledger."""

    def migrate(self) -> None:
        """Bring a journal of the format before to this one; only for one whose run is at its end."""
        with self._durable_transaction():
            if not self.is_current:
                for statement in filter(str.strip, _MIGRATION.split(";")):
                    self._db.execute(statement)
                self._db.execute("INSERT OR REPLACE INTO meta VALUES ('format', ?)", (JOURNAL_FORMAT,))
                self._db.execute("INSERT INTO meta SELECT 'rule 4 since ' || neighbourhood, next_slot FROM progress")

    def rule_4_since(self, neighbourhood: str) -> int:
        """The slot from which on there was release rule 4: of a journal that was migrated, how far it had come."""
        since = self.get(f"rule 4 since {neighbourhood}")
        return NEVER if since is None else int(since)

    def decided_ends(self) -> dict[str, dict[str, int]]:
        """By neighbourhood and kind, where the last window ends that was decided or lost, epoch seconds."""
        last = "(SELECT end FROM ledger WHERE kind = ? AND holder = {} ORDER BY start DESC LIMIT 1)"
        ends: dict[str, dict[str, int]] = {}
        for kind, holder in (("demand", "neighbourhood"), ("billing", "lower(hex(pseudonym))")):
            query = f"SELECT neighbourhood, max({last.format(holder)}) FROM meters GROUP BY neighbourhood"  # noqa: S608 - no value is in it
            for name, end in self._rows(query, kind):
                lost = self.lost_until(name)
                if end is not None or lost > NEVER:
                    ends.setdefault(name, {})[kind] = max(NEVER if end is None else end, lost)
        return ends

    def lose(self, until: Mapping[str, int]) -> None:
        """Give up, durably, all windows not decided yet that begin before a moment, epoch seconds by neighbourhood."""
        kept = {name: max(moment, self.lost_until(name)) for name, moment in until.items()}
        self.put(**{f"lost until {name}": moment for name, moment in kept.items()})

    def lost_until(self, neighbourhood: str) -> int:
        """The moment before which no window may begin that is yet to be decided; epoch seconds."""
        until = self.get(f"lost until {neighbourhood}")
        return NEVER if until is None else int(until)

    def enter(self, rows: Iterable[LedgerRow]) -> None:
        """Write decisions down, durably, before anything is opened; one that is there stays as it is."""
        entered = list(rows)
        with self._durable_transaction():
            self._db.executemany(
                "INSERT OR IGNORE INTO members (pseudonyms) VALUES (?)", {(row.members,) for row in entered}
            )
            self._db.executemany("INSERT OR IGNORE INTO cells (flags) VALUES (?)", {(row.cells,) for row in entered})
            self._db.executemany(
                "INSERT OR IGNORE INTO ledger (kind, holder, start, end, digest, status, reason, until, members, cells)"
                " SELECT ?, ?, ?, ?, ?, ?, ?, ?, members.id, cells.id FROM members, cells"
                " WHERE pseudonyms = ? AND flags = ?",
                [
                    (
                        *(row.kind, row.holder, row.start, row.end, row.digest, row.status, row.reason, row.until),
                        *(row.members, row.cells),
                    )
                    for row in entered
                ],
            )

    def ledger(self) -> Iterator[LedgerRow]:
        """All decisions in order of time; where a bill and demand begin together, the bill first."""
        more = "status, reason, flags, until, erased" if self.is_current else "NULL, NULL, NULL, NULL, 0"
        joined = "LEFT JOIN cells ON cells.id = ledger.cells" if self.is_current else ""
        query = (
            f"SELECT kind, holder, start, end, pseudonyms, digest, {more} "  # noqa: S608 - no value is in it
            f"FROM ledger JOIN members ON members.id = ledger.members {joined} ORDER BY start, kind"
        )
        with self._reported():
            for row in self._db.execute(query):
                yield LedgerRow(*row)

    def mark_erased(self, windows: Iterable[tuple[str, str, int]]) -> None:
        """Note, durably, that records are erased: each (kind, holder, start)."""
        with self._durable_transaction():
            query = "UPDATE ledger SET erased = 1 WHERE kind = ? AND holder = ? AND start = ?"
            self._db.executemany(query, windows)
