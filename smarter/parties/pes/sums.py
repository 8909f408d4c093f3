"""The running encrypted sums of one neighbourhood and kind, and what the PES remembers beside them: counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smarter.api import Ciphertexts, PublicKey, Scheme
from smarter.errors import MalformedMessage
from smarter.model.rules import ReleaseRules, refuse_billing, refuse_demand
from smarter.packing import pack
from smarter.parties.pes.layout import Layout
from smarter.parties.pes.pieces import Pieces

Place = tuple[int, int, int, int]
"""Where a sum belongs: closing slot, plaintext within the bundle; window and meter of a lane set aside, else -1."""


class Sums:
    """Sums per bundle, open until the bundle closes.

    A household that has a gap in a window so far may yet be refused, so its pieces are encrypted apart from then on
    (*set aside*) and join the others only if the window passes the rules. A window that a hold covers whole is known
    at once.
    Windows close in order; what comes for a closed one is not counted any more.
    """

    def __init__(self, layout: Layout, rules: ReleaseRules, interval: int) -> None:
        self.layout = layout
        self._rules = rules
        self._interval = interval
        self._sums: dict[Place, Ciphertexts] = {}
        self._counts: dict[int, NDArray[np.int64]] = {}
        self._closed = 0

    def place(self, pieces: Pieces, end_slot: int) -> Iterator[tuple[Place, list[int], list[int]]]:
        """Count the pieces of a hold that ends at ``end_slot`` and pack them.

        Yields:
            For each sum its place, the plaintexts to add to it, and which addend each of these is: the ordinal of
            its pieces, for ``demand`` times the number of meters plus the meter.
        """
        pieces = pieces[pieces.windows >= self._closed]
        if not len(pieces.meters):
            return
        fresh = self._count(pieces)
        keep = np.ones(len(pieces.meters), np.bool_)
        aside = np.zeros(len(pieces.meters), np.bool_)
        for window in np.unique(pieces.windows).tolist():
            here = pieces.windows == window
            final = window in fresh and self.layout.closes[window] <= end_slot
            if final:
                keep[here] = ~self._refused(window)[pieces.meters[here]]
            elif self.layout.kind == "billing":
                low, high = self.layout.edges[window], self.layout.edges[window + 1]
                due = min(int(high), end_slot) - max(int(low), self.layout.first_slot)
                aside[here] = self.counts(window)[pieces.meters[here]] < due
        for closing in np.unique(self.layout.closes[pieces.windows]).tolist():
            of_bundle = self.layout.closes[pieces.windows] == closing
            yield from self._pack_joint(closing, pieces[of_bundle & keep & ~aside])
            yield from self._pack_aside(closing, pieces[of_bundle & keep & aside])

    def _count(self, pieces: Pieces) -> set[int]:
        """Add to the counts; return the windows that had none before."""
        fresh = set()
        for window in np.unique(pieces.windows).tolist():
            if window not in self._counts:
                self._counts[window] = np.zeros(self.layout.meters, np.int64)
                fresh.add(window)
            here = pieces.windows == window
            np.add.at(self._counts[window], pieces.meters[here], pieces.readings[here])
        return fresh

    def _refused(self, window: int) -> NDArray[np.bool_]:
        """For each meter, whether the rules refuse this window by the counts so far."""
        counts = self.counts(window)
        if self.layout.kind == "demand":
            slots = int(self.layout.edges[window + 1] - self.layout.edges[window])
            return np.full(len(counts), refuse_demand(self._rules, counts, slots) is not None)
        length = self.layout.grid.length
        return np.array(
            [refuse_billing(self._rules, count, self._interval, length) is not None for count in counts.tolist()]
        )

    def _pack_joint(self, closing: int, pieces: Pieces) -> Iterator[tuple[Place, list[int], list[int]]]:
        bundle = self.layout.bundle(closing, self._closed)
        lanes = self.layout.lane(bundle, pieces.windows, pieces.meters)
        plaintexts, within = np.divmod(lanes, self.layout.plan.capacity)
        total = self.layout.lanes(bundle)
        for plaintext in np.unique(plaintexts).tolist():
            here = plaintexts == plaintext
            if self.layout.kind == "demand":
                addends = pieces.ordinals[here] * self.layout.meters + pieces.meters[here]
            else:
                addends = pieces.ordinals[here]
            rows, row = np.unique(addends, return_inverse=True)
            width = min(self.layout.plan.capacity, total - plaintext * self.layout.plan.capacity)
            values = np.zeros((len(rows), width), np.int64)
            values[row, within[here]] = pieces.values[here]
            yield (closing, plaintext, -1, -1), pack(self.layout.plan, values), rows.tolist()

    def _pack_aside(self, closing: int, pieces: Pieces) -> Iterator[tuple[Place, list[int], list[int]]]:
        for window, meter in sorted(set(zip(pieces.windows.tolist(), pieces.meters.tolist(), strict=True))):
            chosen = pieces[(pieces.windows == window) & (pieces.meters == meter)]
            for (_, plaintext, _, _), packed, addends in self._pack_joint(closing, chosen):
                yield (closing, plaintext, window, meter), packed, addends

    def add(self, scheme: Scheme, public: PublicKey, place: Place, total: Ciphertexts) -> None:
        """Add one encrypted sum to what is at ``place``."""
        there = self._sums.get(place)
        self._sums[place] = total if there is None else scheme.add(public, there, total)

    def counts(self, window: int) -> NDArray[np.int64]:
        """Readings of each meter that went into a window."""
        counts = self._counts.get(window)
        return np.zeros(self.layout.meters, np.int64) if counts is None else counts

    def due(self, slot: int) -> list[int]:
        """The bundles that close up to ``slot`` and have not."""
        still_open = self.layout.closes[self._closed :]
        return [int(closing) for closing in np.unique(still_open[still_open <= slot])]

    def close(
        self, scheme: Scheme, public: PublicKey, closing: int
    ) -> tuple[range, NDArray[np.int64], list[Ciphertexts | None]]:
        """Close a bundle.

        Returns:
            Its windows, their counts (windows × meters), and one ciphertext per plaintext (None: all lanes empty).
        """
        windows = self.layout.bundle(closing, self._closed)
        counts = np.array([self.counts(window) for window in windows], np.int64)
        for place in sorted(place for place in self._sums if place[0] == closing and place[2] >= 0):
            held = self._sums.pop(place)
            if not self._refused(place[2])[place[3]]:
                self.add(scheme, public, (closing, place[1], -1, -1), held)
        plaintexts = -(-self.layout.lanes(windows) // self.layout.plan.capacity)
        totals = [self._sums.pop((closing, plaintext, -1, -1), None) for plaintext in range(plaintexts)]
        for window in windows:
            self._counts.pop(window, None)
        self._closed = windows.stop
        return windows, counts, totals

    @property
    def open_sums(self) -> int:
        """How many ciphertexts are kept."""
        return len(self._sums)

    def snapshot(self, scheme: Scheme, public: PublicKey) -> list[Any]:
        """Everything, as plain values for a message."""
        return [
            self._closed,
            [[*place, *scheme.dump(public, total)] for place, total in self._sums.items()],
            [[window, counts.astype("<i8").tobytes()] for window, counts in self._counts.items()],
        ]

    def restore(self, scheme: Scheme, public: PublicKey, snapshot: list[Any]) -> None:
        """The reverse of :meth:`snapshot`; raises :class:`MalformedMessage`."""
        try:
            closed, sums, counts = snapshot
            self._closed = int(closed)
            self._sums = {(int(a), int(b), int(c), int(d)): scheme.load(public, [blob]) for a, b, c, d, blob in sums}
            self._counts = {
                int(window): np.frombuffer(data, "<i8").reshape(self.layout.meters).copy() for window, data in counts
            }
        except (TypeError, ValueError) as error:
            raise MalformedMessage("the PES's kept state does not read back.") from error
