"""The ledger in memory: which spans of each meter's readings have entered a release of each kind.

It is kept for as long as the aggregation key lives, over all runs on a state; ``state.journal`` keeps its entries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable
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
    """Answers whether a reading has been in a release before.

    Adjoining spans are merged, and digests kept only until :meth:`settle`: so it stays small, however long the span.
    """

    def __init__(self, entries: Iterable[LedgerEntry] = (), asked: Container[bytes] = ()) -> None:
        """Take in what has been decided before.

        Args:
            entries: all of it, in order of time.
            asked: digests of the ciphertexts that the releaser may be asked for again: all other entries are settled.
        """
        self._spans: dict[tuple[str, bytes | str], list[list[int]]] = {}
        self._unsettled: dict[tuple[str, str, int], tuple[int, bytes]] = {}
        for entry in entries:
            if entry.digest in asked:
                self.enter(entry)
            else:
                self._cover(entry)

    def enter(self, entry: LedgerEntry) -> None:
        """Write one released window down; once, though it may be decided on again after a crash."""
        if self.decided(entry.kind, entry.holder, entry.start, entry.end, entry.digest):
            return
        self._unsettled[entry.kind, entry.holder, entry.start] = (entry.end, entry.digest)
        self._cover(entry)

    def _cover(self, entry: LedgerEntry) -> None:
        concerned: list[bytes | str] = [entry.holder, *entry.meters]
        for whose in concerned:
            spans = self._spans.setdefault((entry.kind, whose), [])
            if spans and spans[-1][1] == entry.start:
                spans[-1][1] = entry.end
            elif not _overlap(spans, entry.start, entry.end):
                spans.insert(bisect_right(spans, [entry.start]), [entry.start, entry.end])
            # Else it is there: a span inside a merged one would stand in front of its end.

    def settle(self) -> None:
        """Everything decided so far has been delivered: no ciphertext of it may be opened again."""
        self._unsettled.clear()

    def decided(self, kind: str, holder: str, start: int, end: int, digest: bytes) -> bool:
        """Whether just this ciphertext was decided on and not delivered yet: after a crash it may be opened again."""
        return self._unsettled.get((kind, holder, start)) == (end, digest)

    def overlaps(self, kind: str, whose: bytes | str, start: int, end: int) -> bool:
        """Whether a release of this kind has covered some of this span.

        Args:
            kind: ``demand`` or ``billing``.
            whose: a pseudonym, for what its readings went into, or a holder, for whom windows were released.
            start: epoch seconds.
            end: likewise.
        """
        return _overlap(self._spans.get((kind, whose), []), start, end)


def _overlap(spans: list[list[int]], start: int, end: int) -> bool:
    if not spans or spans[-1][1] <= start:
        return False  # as in nearly every call: windows come in order of time
    place = bisect_right(spans, [end - 1, 1 << 62])
    return place > 0 and spans[place - 1][1] > start
