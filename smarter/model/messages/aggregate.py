"""What the PES asks the releaser to open: the packed sums of windows that close together, and what went in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.errors import MalformedMessage
from smarter.model.cells import ALL_FLAGS
from smarter.model.messages import wire
from smarter.model.messages.frame import PSEUDONYM_BYTES
from smarter.model.windows import WindowKind

SIGNING_CONTEXT = b"smarter aggregate 1"
LARGEST_COUNT = (1 << 32) - 1
"""Of readings in a window, as far as a record can count."""


@dataclass(frozen=True, eq=False)
class CellTable:
    """In which sums the readings of one billing window are: rule 4 of the releaser judges by it.

    Attributes:
        starts: of the demand windows inside the billing window, int64 epoch seconds, ascending.
        cells: :class:`~smarter.model.cells.Cell` flags, uint8, shape meters × demand windows.
    """

    starts: NDArray[np.int64]
    cells: NDArray[np.uint8]


@dataclass(frozen=True)
class Aggregate:
    """Sums of one kind, of one neighbourhood, over windows that close together.

    Lanes lie in this order: ``demand``: one a window; ``billing``: all meters of the first window, then of the next.

    Attributes:
        deployment: 16 bytes.
        kind: ``demand`` or ``billing``.
        neighbourhood: its id.
        meters: the neighbourhood's pseudonyms, in lane order.
        interval: seconds of a slot.
        length: nominal seconds of a window.
        starts: epoch seconds, one a window.
        ends: likewise.
        slots: how many slots each window has.
        counts: readings that went in, shape windows × meters.
        absent: for each window, how many readings are not due since their meters take no part in it; none of a bill's.
        key: fingerprint of the scheme key.
        lane_bytes: lane width; ``bound`` and ``capacity`` likewise of the lane plan.
        ciphertexts: one per ``capacity`` lanes, in order; empty where the PES left all lanes empty.
        left_out: for each lane whether the PES left readings out of it that it counts, so that its sum is not theirs.
        tables: one for each billing window; none of demand.
    """

    deployment: bytes
    kind: WindowKind
    neighbourhood: str
    meters: tuple[bytes, ...]
    interval: int
    length: int
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]
    slots: NDArray[np.int64]
    counts: NDArray[np.int64]
    absent: NDArray[np.int64]
    key: str
    bound: int
    lane_bytes: int
    capacity: int
    ciphertexts: tuple[bytes, ...]
    left_out: NDArray[np.bool_]
    tables: tuple[CellTable, ...] = ()

    @property
    def lanes(self) -> int:
        """How many lanes there are in all."""
        return len(self.starts) * (len(self.meters) if self.kind == "billing" else 1)

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        return wire.encode(
            "aggregate",
            [
                self.deployment,
                self.kind,
                self.neighbourhood,
                list(self.meters),
                self.interval,
                self.length,
                *(
                    np.asarray(column, "<i8").tobytes()
                    for column in (self.starts, self.ends, self.slots, self.counts, self.absent)
                ),
                self.key,
                self.bound,
                self.lane_bytes,
                self.capacity,
                list(self.ciphertexts),
                np.asarray(self.left_out, np.uint8).tobytes(),
                [[np.asarray(t.starts, "<i8").tobytes(), t.cells.tobytes()] for t in self.tables],
            ],
        )

    @classmethod
    def decode(cls, data: bytes) -> Aggregate:
        """The reverse; raises :class:`MalformedMessage` also where shapes contradict each other."""
        columns: list[type | tuple[type, ...]] = [bytes] * 5
        lanes: list[type | tuple[type, ...]] = [str, int, int, int, list, bytes, list]
        fields = wire.decode("aggregate", data, [bytes, str, str, list, int, int, *columns, *lanes])
        deployment, kind, neighbourhood, meters, interval, length = fields[:6]
        key, bound, lane_bytes, capacity, ciphertexts, left_out, tables = fields[11:]
        if kind not in ("demand", "billing") or not all(isinstance(m, bytes) for m in meters + ciphertexts):
            raise MalformedMessage("an aggregate message is of no known kind.")
        if any(len(column) % 8 for column in fields[6:11]):
            raise MalformedMessage("an aggregate message has a torn column.")
        starts, ends, slots, counts, absent = (np.frombuffer(column, "<i8") for column in fields[6:11])
        if not len(starts) == len(ends) == len(slots) == len(absent) or len(counts) != len(starts) * len(meters):
            raise MalformedMessage("an aggregate message's columns are of different lengths.")
        message = cls(
            deployment,
            kind,
            neighbourhood,
            tuple(meters),
            interval,
            length,
            starts,
            ends,
            slots,
            counts.reshape(len(starts), len(meters)),
            absent,
            key,
            bound,
            lane_bytes,
            capacity,
            tuple(ciphertexts),
            np.frombuffer(left_out, np.uint8).astype(np.bool_),
            tuple(_table(each, len(meters)) for each in tables),
        )
        if min(interval, length, bound, lane_bytes, capacity) < 1 or len(ciphertexts) != -(-message.lanes // capacity):
            raise MalformedMessage("an aggregate message's lanes contradict its ciphertexts.")
        if lane_bytes > 8 or bound >= 1 << min(8 * lane_bytes - 1, 62):
            raise MalformedMessage("an aggregate message's totals do not fit its lanes.")
        if len(left_out) != message.lanes or any(byte > 1 for byte in left_out):
            raise MalformedMessage("an aggregate message does not say of each lane whether it was left out.")
        message._check_columns()
        message._check_tables()
        return message

    def _check_columns(self) -> None:
        """Refuse what would slip past the release rules: a meter or a moment that comes twice, a count below none."""
        if any(len(meter) != PSEUDONYM_BYTES for meter in self.meters) or len(set(self.meters)) < len(self.meters):
            raise MalformedMessage("an aggregate message names a meter twice, or one that cannot be.")
        if (self.starts >= self.ends).any() or (self.ends[:-1] > self.starts[1:]).any():
            raise MalformedMessage("an aggregate message's windows are not side by side.")
        most = LARGEST_COUNT // max(len(self.meters), 1)
        if any(((column < 0) | (column > most)).any() for column in (self.slots, self.counts)):
            raise MalformedMessage("an aggregate message counts readings that cannot be.")
        due = self.slots * len(self.meters) if self.kind == "demand" else np.zeros_like(self.slots)
        if ((self.absent < 0) | (self.absent > due)).any():
            raise MalformedMessage("an aggregate message counts readings as not due that cannot be.")

    def _check_tables(self) -> None:
        """Refuse tables that are not of these windows, or name demand windows outside of them."""
        if len(self.tables) != (len(self.starts) if self.kind == "billing" else 0):
            raise MalformedMessage("an aggregate message has tables of other windows than its own.")
        for start, end, table in zip(self.starts, self.ends, self.tables, strict=False):
            inside = (table.starts >= start) & (table.starts < end)
            if not inside.all() or (table.starts[1:] <= table.starts[:-1]).any():
                raise MalformedMessage("an aggregate message's table names demand windows that cannot be.")


def _table(fields: object, meters: int) -> CellTable:
    if not isinstance(fields, list) or len(fields) != 2 or not all(isinstance(each, bytes) for each in fields):
        raise MalformedMessage("an aggregate message has a table that is none.")
    starts, cells = fields
    if len(starts) % 8 or len(cells) != meters * (len(starts) // 8) or any(flags > ALL_FLAGS for flags in cells):
        raise MalformedMessage("an aggregate message has a table that is torn.")
    return CellTable(np.frombuffer(starts, "<i8"), np.frombuffer(cells, np.uint8).reshape(meters, len(starts) // 8))
