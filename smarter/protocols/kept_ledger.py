"""The releaser's ledger as the journal keeps it, and back: entries become rows, and rows entries."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from smarter.model.clock import NEVER
from smarter.model.messages import Status
from smarter.model.messages.frame import PSEUDONYM_BYTES
from smarter.parties.releaser import LedgerEntry
from smarter.state import KeptMeter, LedgerRow


def row_of(entry: LedgerEntry) -> LedgerRow:
    """An entry as the journal keeps it."""
    return LedgerRow(
        entry.kind,
        entry.holder,
        entry.start,
        entry.end,
        b"".join(entry.meters),
        entry.digest,
        int(entry.status),
        entry.reason,
        entry.cells,
        entry.until,
    )


def entries_of(rows: Iterable[LedgerRow], roster: Mapping[str, Sequence[KeptMeter]]) -> Iterator[LedgerEntry]:
    """The journal's rows as entries; ``roster``: the meters of each neighbourhood.

    A row from before there was a status is a release.
    """
    places = {kept.pseudonym.hex(): name for name, kepts in roster.items() for kept in kepts}
    for row in rows:
        yield LedgerEntry(
            row.kind,
            row.holder,
            row.start,
            row.end,
            split_pseudonyms(row.members),
            row.digest,
            row.holder if row.kind == "demand" else places[row.holder],
            Status.COMPLETE if row.status is None else Status(row.status),
            row.reason or "",
            row.cells or b"",
            NEVER if row.until is None else row.until,
        )


def split_pseudonyms(joined: bytes) -> tuple[bytes, ...]:
    """Pseudonyms that were joined for the ledger."""
    return tuple(joined[place : place + PSEUDONYM_BYTES] for place in range(0, len(joined), PSEUDONYM_BYTES))
