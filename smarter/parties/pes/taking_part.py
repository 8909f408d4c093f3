"""Which meters of a neighbourhood take part in its sums, from which slot on, as they announce it with key epochs.

The PES notes what it is told, and counts by it how many readings a window of demand is due.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.windows import WindowKind

Span = tuple[int, Purposes]
"""From a slot on, what readings may be used for."""


class TakingPart:
    """A neighbourhood's; a meter that has announced nothing is taken to take part."""

    def __init__(self, pseudonyms: Iterable[bytes]) -> None:
        self._spans: dict[bytes, list[Span]] = {pseudonym: [] for pseudonym in pseudonyms}
        self._limited: set[bytes] = set()

    def note(self, pseudonym: bytes, since: int, purposes: Purposes) -> None:
        """A meter's key epoch begins; what an earlier one said of the slots from ``since`` on is void."""
        spans = self._spans[pseudonym]
        while spans and spans[-1][0] >= since:
            spans.pop()
        spans.append((since, purposes))
        if purposes != PURPOSES:
            self._limited.add(pseudonym)

    def absences(self, kind: WindowKind, first: int, end: int) -> Iterator[tuple[int, int]]:
        """Where, from slot ``first`` to ``end``, single meters take no part in sums of a kind; then what is past goes.

        It is asked in order of time.
        """
        for pseudonym in sorted(self._limited):
            spans = self._spans[pseudonym]
            yield from _without(kind, spans, first, end)
            while len(spans) > 1 and spans[1][0] <= end:
                del spans[0]
            if all(purposes == PURPOSES for _, purposes in spans):
                self._limited.discard(pseudonym)


def _without(kind: WindowKind, spans: Sequence[Span], first: int, end: int) -> Iterator[tuple[int, int]]:
    edges = [since for since, _ in spans[1:]] + [end]
    for (since, purposes), until in zip(spans, edges, strict=True):
        low, high = max(since, first), min(until, end)
        if kind not in purposes and low < high:
            yield low, high
