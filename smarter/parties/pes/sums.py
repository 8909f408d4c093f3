"""The running encrypted sums of one neighbourhood and kind, and what the PES remembers beside them: counts."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smarter.api import Ciphertexts, PublicKey, Scheme
from smarter.errors import MalformedMessage
from smarter.packing import pack
from smarter.parties.pes.layout import Layout
from smarter.parties.pes.pieces import Pieces
from smarter.releasing.rules import ReleaseRules, refuse_billing, refuse_demand

Place = tuple[int, int, int, int]
"""Where a sum belongs: closing slot, plaintext within the bundle; window and meter of a lane set aside, else -1."""


Suppressed = Mapping[int, NDArray[np.bool_]]
"""By window, which lanes have to stay closed by rule 4: one a meter, or the only one of a demand window."""


@dataclass(frozen=True)
class Counted:
    """The pieces of a hold that are for open windows: these windows, ascending, and those that had none before."""

    pieces: Pieces
    windows: list[int]
    fresh: set[int]


@dataclass(frozen=True)
class ClosedBundle:
    """What there is of a bundle that closes.

    Attributes:
        windows: its windows.
        counts: readings that went in, windows × meters.
        absent: for each window how many readings are not due, since their meters take no part.
        totals: one ciphertext a plaintext; None: all lanes are empty.
        left_out: for each lane, whether readings that are counted were left out of it.
    """

    windows: range
    counts: NDArray[np.int64]
    absent: NDArray[np.int64]
    totals: list[Ciphertexts | None]
    left_out: NDArray[np.bool_]


class Sums:
    """Sums per bundle, open until the bundle closes.

    A household that has a gap in a window so far may yet be refused, so its pieces are encrypted apart from then on
    (*set aside*) and join the others only if the window passes the rules. A window that a hold covers whole is known
    at once. The same holds for a demand window that may yet be withheld by rule 4.
    Windows close in order; what comes for a closed one is not counted any more.
    """

    def __init__(self, layout: Layout, rules: ReleaseRules, interval: int) -> None:
        self.layout = layout
        self._rules = rules
        self._interval = interval
        self._sums: dict[Place, Ciphertexts] = {}
        self._counts: dict[int, NDArray[np.int64]] = {}
        self._absent: dict[int, int] = {}
        self._left_out: dict[int, NDArray[np.bool_]] = {}
        self.closed = 0

    def count(self, pieces: Pieces) -> Counted:
        """Count the pieces of a hold, as far as their windows are open."""
        still_open = pieces.windows >= self.closed
        if not still_open.all():
            pieces = pieces[still_open]
        if not len(pieces):
            return Counted(pieces, [], set())
        windows, fresh = self._count(pieces)
        return Counted(pieces, windows, fresh)

    def place(
        self, counted: Counted, end_slot: int, suppressed: Suppressed, doubtful: Collection[int] = ()
    ) -> Iterator[tuple[Place, list[int], list[int]]]:
        """Pack the pieces of a hold that ends at ``end_slot``.

        Args:
            counted: as :meth:`count` has it.
            end_slot: the slot after the hold's last.
            suppressed: what rule 4 suppresses of the windows that close with this hold.
            doubtful: demand windows that it may suppress when they close later.

        Yields:
            For each sum its place, the plaintexts to add to it, and which addend each of these is: the ordinal of
            its pieces, for ``demand`` times the number of meters plus the meter.
        """
        pieces, windows = counted.pieces, counted.windows
        if not windows:
            return
        of_window = pieces.windows - windows[0], pieces.meters
        tables = self._judged(windows, counted.fresh, end_slot, suppressed, doubtful)
        refused, aside = (table[of_window] for table in tables)
        for window, meter in zip(pieces.windows[refused].tolist(), pieces.meters[refused].tolist(), strict=True):
            self._leave_out(window, meter)
        closes = self.layout.closes[pieces.windows]
        for closing in dict.fromkeys(self.layout.closes[windows].tolist()):
            kept = (closes == closing) & ~refused
            yield from self._pack_joint(closing, pieces[kept & ~aside])
            if aside.any():
                yield from self._pack_aside(closing, pieces[kept & aside])

    def note_absent(self, first_slot: int, end_slot: int, meters: int) -> None:
        """So many meters take no part in these sums from ``first_slot`` to ``end_slot``: no reading is due of them."""
        low, high = self.layout.window_of(np.array([first_slot, end_slot - 1])).tolist()
        for window in range(max(low, self.closed), high + 1):
            start, end = self.layout.edges[window : window + 2].tolist()
            slots = min(end, end_slot) - max(start, first_slot)
            self._absent[window] = self._absent.get(window, 0) + slots * meters

    def _count(self, pieces: Pieces) -> tuple[list[int], set[int]]:
        """Add to the counts; return the windows of the pieces, ascending, and those of them that had none before."""
        first, meters = int(pieces.windows.min()), self.layout.meters
        added = np.zeros((int(pieces.windows.max()) - first + 1, meters), np.int64)
        np.add.at(added.reshape(-1), (pieces.windows - first) * meters + pieces.meters, pieces.readings)
        windows = (np.flatnonzero(added.any(axis=1)) + first).tolist()
        fresh = {window for window in windows if window not in self._counts}
        for window in windows:
            self._counts[window] = self.counts(window) + added[window - first]
        return windows, fresh

    def _judged(
        self,
        windows: list[int],
        fresh: set[int],
        end_slot: int,
        suppressed: Suppressed,
        doubtful: Collection[int],
    ) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """What stays closed for sure, and what is set aside: windows, from the first to the last of these, × meters."""
        shape = (windows[-1] - windows[0] + 1, self.layout.meters)
        refused, aside = np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
        for window in windows:
            row = window - windows[0]
            if window in fresh and self.layout.closes[window] <= end_slot:
                refused[row] = self.refuses(window)
            elif self.layout.kind == "billing":
                aside[row] = self.counts(window) < self._due(window, end_slot)
            else:
                aside[row] = window in doubtful
            refused[row] |= suppressed.get(window, False)
        return refused, aside & ~refused

    def _due(self, window: int, end_slot: int) -> int:
        """How many readings of a meter a window could have up to a slot."""
        low, high = self.layout.edges[window], self.layout.edges[window + 1]
        return min(int(high), end_slot) - max(int(low), self.layout.first_slot)

    def has_gaps(self, window: int, end_slot: int) -> bool:
        """Whether some meter has measured a part of a window up to a slot, and not all of it."""
        counts = self.counts(window)
        return bool(((counts > 0) & (counts < self._due(window, end_slot))).any())

    def _leave_out(self, window: int, meter: int) -> None:
        lanes = self.layout.meters if self.layout.kind == "billing" else 1
        left_out = self._left_out.setdefault(window, np.zeros(lanes, np.bool_))
        left_out[meter if self.layout.kind == "billing" else 0] = True

    def refuses(self, window: int) -> NDArray[np.bool_]:
        """For each meter, whether rules 1 and 2 refuse this window by the counts so far."""
        counts = self.counts(window)
        if self.layout.kind == "demand":
            slots = int(self.layout.edges[window + 1] - self.layout.edges[window])
            return np.full(len(counts), refuse_demand(self._rules, counts, slots) is not None)
        grid = self.layout.grid
        length, span = grid.length, int(grid.edges[window + 1] - grid.edges[window])
        return np.array(
            [refuse_billing(self._rules, count, self._interval, length, span) is not None for count in counts.tolist()]
        )

    def _pack_joint(self, closing: int, pieces: Pieces) -> Iterator[tuple[Place, list[int], list[int]]]:
        if not len(pieces):
            return
        bundle = self.layout.bundle(closing, self.closed)
        lanes = self.layout.lane(bundle, pieces.windows, pieces.meters)
        plaintexts, within = np.divmod(lanes, self.layout.plan.capacity)
        addends = pieces.ordinals
        if self.layout.kind == "demand":
            addends = addends * self.layout.meters + pieces.meters
        total = self.layout.lanes(bundle)
        for plaintext in _ranked(plaintexts)[0].tolist():
            here = plaintexts == plaintext
            rows, row = _ranked(addends[here])
            width = min(self.layout.plan.capacity, total - plaintext * self.layout.plan.capacity)
            values = np.zeros((len(rows), width), np.int64)
            values[row, within[here]] = pieces.values[here]
            yield (closing, plaintext, -1, -1), pack(self.layout.plan, values), rows.tolist()

    def _pack_aside(self, closing: int, pieces: Pieces) -> Iterator[tuple[Place, list[int], list[int]]]:
        # The pieces of one meter and window follow one another, and are counted from 0.
        starts = np.flatnonzero(pieces.ordinals == 0)
        runs = zip(pieces.windows[starts].tolist(), pieces.meters[starts].tolist(), starts.tolist(), strict=True)
        ends = dict(pairwise([*starts.tolist(), len(pieces)]))
        for window, meter, start in sorted(runs):
            for (_, plaintext, _, _), packed, addends in self._pack_joint(closing, pieces[start : ends[start]]):
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
        end = int(self.layout.closes.searchsorted(slot, side="right"))
        return list(dict.fromkeys(self.layout.closes[self.closed : end].tolist()))

    def close(self, scheme: Scheme, public: PublicKey, closing: int, suppressed: Suppressed) -> ClosedBundle:
        """Close a bundle; ``suppressed``: what rule 4 suppresses of it, as far as that is still apart."""
        windows = self.layout.bundle(closing, self.closed)
        for place in sorted(place for place in self._sums if place[0] == closing and place[2] >= 0):
            held, (_, plaintext, window, meter) = self._sums.pop(place), place
            if (self.refuses(window) | suppressed.get(window, False))[meter]:
                self._leave_out(window, meter)
            else:
                self.add(scheme, public, (closing, plaintext, -1, -1), held)
        plaintexts = -(-self.layout.lanes(windows) // self.layout.plan.capacity)
        none = np.zeros(self.layout.meters if self.layout.kind == "billing" else 1, np.bool_)
        closed = ClosedBundle(
            windows,
            np.array([self.counts(window) for window in windows], np.int64),
            np.array([self._absent.pop(window, 0) for window in windows], np.int64),
            [self._sums.pop((closing, plaintext, -1, -1), None) for plaintext in range(plaintexts)],
            np.concatenate([self._left_out.pop(window, none) for window in windows]),
        )
        for window in windows:
            self._counts.pop(window, None)
        self.closed = windows.stop
        return closed

    @property
    def is_open(self) -> bool:
        """Whether a window has readings that is not closed."""
        return bool(self._counts)

    @property
    def open_sums(self) -> int:
        """How many ciphertexts are kept."""
        return len(self._sums)

    def snapshot(self, scheme: Scheme, public: PublicKey) -> list[Any]:
        """Everything, as plain values for a message."""
        return [
            self.closed,
            [[*place, *scheme.dump(public, total)] for place, total in self._sums.items()],
            [[window, counts.astype("<i8").tobytes()] for window, counts in self._counts.items()],
            [list(absent) for absent in self._absent.items()],
            [[window, left_out.tobytes()] for window, left_out in self._left_out.items()],
        ]

    def restore(self, scheme: Scheme, public: PublicKey, snapshot: list[Any]) -> None:
        """The reverse of :meth:`snapshot`; raises :class:`MalformedMessage`."""
        try:
            closed, sums, counts, absent, *rest = snapshot
            self.closed = int(closed)
            self._sums = {(int(a), int(b), int(c), int(d)): scheme.load(public, [blob]) for a, b, c, d, blob in sums}
            self._counts = {
                int(window): np.frombuffer(data, "<i8").reshape(self.layout.meters).copy() for window, data in counts
            }
            self._absent = {int(window): int(readings) for window, readings in absent}
            self._left_out = {
                int(window): np.frombuffer(data, np.bool_).copy() for each in rest for window, data in each
            }
        except (TypeError, ValueError) as error:
            raise MalformedMessage("the PES's kept state does not read back.") from error


def _ranked(numbers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The distinct ones of small numbers from 0 on, ascending, and for each number its place among these."""
    places = np.zeros(int(numbers.max()) + 1, np.int64)
    places[numbers] = 1
    (distinct,) = places.nonzero()
    places[distinct] = np.arange(len(distinct))
    return distinct, places[numbers]
