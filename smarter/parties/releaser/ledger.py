"""The ledger in memory: which spans of each meter's readings have entered a release of each kind.

It is kept for as long as the aggregation key lives, over all runs on a state; ``state.journal`` keeps its entries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class LedgerEntry:
    """One window that is released.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: the neighbourhood, or the pseudonym in hexadecimal.
        start: epoch seconds of the window.
        end: likewise.
        meters: pseudonyms whose readings are in the sum.
        digest: SHA-256 of the ciphertext that holds the sum.
    """

    kind: str
    holder: str
    start: int
    end: int
    meters: tuple[bytes, ...]
    digest: bytes


class Ledger:
    """Answers whether a reading has been in a release before. Adjoining spans are merged, so it stays small."""

    def __init__(self, entries: Iterable[LedgerEntry] = ()) -> None:
        self._spans: dict[tuple[str, bytes], list[list[int]]] = {}
        self._released: dict[tuple[str, str, int], tuple[int, bytes]] = {}
        for entry in entries:
            self.enter(entry)

    def enter(self, entry: LedgerEntry) -> None:
        """Write one released window down; once, though it may be decided on again after a crash."""
        if self.decided(entry.kind, entry.holder, entry.start, entry.end, entry.digest):
            return
        self._released[entry.kind, entry.holder, entry.start] = (entry.end, entry.digest)
        for meter in entry.meters:
            spans = self._spans.setdefault((entry.kind, meter), [])
            if spans and spans[-1][1] == entry.start:
                spans[-1][1] = entry.end
            else:
                spans.insert(bisect_right(spans, [entry.start]), [entry.start, entry.end])

    def decided(self, kind: str, holder: str, start: int, end: int, digest: bytes) -> bool:
        """Whether exactly this ciphertext was decided on before: it may be opened again after a crash."""
        return self._released.get((kind, holder, start)) == (end, digest)

    def released(self, kind: str, holder: str, start: int) -> bool:
        """Whether some window of ``holder`` that starts then has been released."""
        return (kind, holder, start) in self._released

    def overlaps(self, kind: str, meter: bytes, start: int, end: int) -> bool:
        """Whether some reading of ``meter`` in this span has been in a release of this kind."""
        spans = self._spans.get((kind, meter), [])
        place = bisect_right(spans, [end - 1, 1 << 62])
        return place > 0 and spans[place - 1][1] > start
