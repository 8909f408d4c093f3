"""The ledger in memory: what has been decided, and which spans of each meter's readings are in a release of each kind.

It is kept for as long as the aggregation key lives, over all runs on a state; ``state.journal`` keeps its entries.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from smarter.model.clock import NEVER
from smarter.model.messages import Status


@dataclass(frozen=True)
class LedgerEntry:
    """One window that has been decided, and had readings.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: the neighbourhood, or the pseudonym in hexadecimal.
        start: epoch seconds of the window.
        end: epoch seconds, not part of it.
        meters: pseudonyms whose readings are in the sum.
        digest: SHA-256 of the ciphertext that holds the sum.
        neighbourhood: its id.
        status: what was decided.
        reason: why it stays closed, or empty.
        cells: of a bill, :class:`~smarter.model.cells.Cell` flags of its meter in the demand windows of its time, a
            byte each.
        until: of a bill, the start of the last of these demand windows; of demand, its own.
    """

    kind: str
    holder: str
    start: int
    end: int
    meters: tuple[bytes, ...]
    digest: bytes
    neighbourhood: str
    status: Status = Status.COMPLETE
    reason: str = ""
    cells: bytes = b""
    until: int = NEVER


class Ledger:
    """Answers what was decided, and whether a reading has been in a release before.

    Adjoining spans are merged, digests are kept only until :meth:`settle`, and members of demand windows until their
    bills are decided: so it stays small, however long the span.
    """

    def __init__(
        self,
        entries: Iterable[LedgerEntry] = (),
        asked: Container[bytes] = (),
        lost: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Take in what has been decided before.

        Args:
            entries: all of it, in order of time.
            asked: digests of the ciphertexts that the releaser may be asked for again: all other entries are settled.
            lost: by neighbourhood, the moment before which nothing is opened that is not decided yet, epoch seconds.
        """
        self._spans: dict[tuple[str, bytes | str], list[list[int]]] = {}
        self._unsettled: dict[tuple[str, str, int], LedgerEntry] = {}
        self._demand: dict[str, dict[int, LedgerEntry]] = {}
        self._until: dict[str, int] = {}
        self._lost = lost
        for entry in entries:
            if entry.digest in asked:
                self.enter(entry)
            else:
                self._cover(entry)

    def enter(self, entry: LedgerEntry) -> None:
        """Write one decided window down; once, though it may be decided on again after a crash."""
        if self.decided(entry.kind, entry.holder, entry.start, entry.end, entry.digest) is not None:
            return
        self._unsettled[entry.kind, entry.holder, entry.start] = entry
        self._cover(entry)

    def revise(self, entry: LedgerEntry) -> None:
        """Write down what became of a demand window that is decided together with bills, and not durable before."""
        self._unsettled[entry.kind, entry.holder, entry.start] = entry
        if entry.start in self._demand.get(entry.neighbourhood, {}):
            self._demand[entry.neighbourhood][entry.start] = entry

    def _cover(self, entry: LedgerEntry) -> None:
        # What rule 4 keeps closed is as good as released: nothing that was decided is revised.
        concerned: list[bytes | str] = [entry.holder, *(() if entry.status == Status.REFUSED else entry.meters)]
        for whose in concerned:
            spans = self._spans.setdefault((entry.kind, whose), [])
            if spans and spans[-1][1] == entry.start:
                spans[-1][1] = entry.end
            elif not _overlap(spans, entry.start, entry.end):
                spans.insert(bisect_right(spans, [entry.start]), [entry.start, entry.end])
            # Else it is there: a span inside a merged one would stand in front of its end.
        windows = self._demand.setdefault(entry.neighbourhood, {})
        if entry.kind == "demand":
            if entry.start > self.demand_until(entry.neighbourhood):
                windows[entry.start] = entry
            return
        self._until[entry.neighbourhood] = max(entry.until, self.demand_until(entry.neighbourhood))
        while windows and (oldest := next(iter(windows))) < entry.start:
            del windows[oldest]

    def demand_window(self, neighbourhood: str, start: int) -> LedgerEntry | None:
        """What was decided on a demand window whose bills are being decided; None: nothing."""
        return self._demand.get(neighbourhood, {}).get(start)

    def demand_until(self, neighbourhood: str) -> int:
        """The start of the last demand window, epoch seconds, that bills have been judged with."""
        return self._until.get(neighbourhood, NEVER)

    def lost_until(self, neighbourhood: str) -> int:
        """The moment before which nothing is opened that is not decided yet, epoch seconds."""
        return self._lost.get(neighbourhood, NEVER)

    def settle(self) -> None:
        """Everything decided so far has been delivered: no ciphertext of it may be opened again."""
        self._unsettled.clear()

    def decided(self, kind: str, holder: str, start: int, end: int, digest: bytes) -> LedgerEntry | None:
        """What was decided on just this ciphertext, if that is not delivered yet: after a crash it counts again."""
        entry = self._unsettled.get((kind, holder, start))
        return entry if entry is not None and (entry.end, entry.digest) == (end, digest) else None

    def overlaps(self, kind: str, whose: bytes | str, start: int, end: int) -> bool:
        """Whether a decision of this kind has covered some of this span.

        Args:
            kind: ``demand`` or ``billing``.
            whose: a pseudonym, for what its readings went into, or a holder, for whom windows were decided.
            start: epoch seconds.
            end: epoch seconds, not part of it.
        """
        return _overlap(self._spans.get((kind, whose), []), start, end)


def _overlap(spans: list[list[int]], start: int, end: int) -> bool:
    if not spans or spans[-1][1] <= start:
        return False  # as in nearly every call: windows come in order of time
    place = bisect_right(spans, [end - 1, 1 << 62])
    return place > 0 and spans[place - 1][1] > start
