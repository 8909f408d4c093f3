"""One delimited text file with the rows of many meters, read once for all that are read in step.

``csv`` hands out its meters. Where a meter's rows stand together it reads its own; where meters are mixed, whoever
comes first to a stretch of the file reads it for all who have come that far.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from weakref import WeakSet

import numpy as np
from numpy.typing import NDArray

from smarter.api import Rows, SourceMeter
from smarter.api.source import Quantity
from smarter_plugins.sources.bounds import MOST_METERS
from smarter_plugins.sources.delimited import ROW, RowReader, parts
from smarter_plugins.sources.file_index import LEAST, MOST, FileIndex, Names, Stretch
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.layouts import Layout, first_row
from smarter_plugins.sources.lines import Chunk, Chunks, Lines

MOST_AHEAD = 16_000_000
"""Rows that are kept at most for meters that lag behind; what is given up is read again when it is wanted."""


@dataclass(eq=False)
class _Underway:
    """A meter that is being read.

    Attributes:
        meter: the number of its name.
        low, high: the stamps wanted.
        left: what is still to be read for it.
        ahead: what was read for it, with where, and it has not taken.
    """

    meter: int
    low: int
    high: int
    left: deque[Stretch]
    ahead: deque[tuple[Stretch, Rows]] = field(default_factory=deque)

    @property
    def rows_ahead(self) -> int:
        """How many rows wait for it."""
        return sum(len(rows) for _, rows in self.ahead)

    def give_up(self) -> None:
        """Forget what waits; it is to be read again."""
        self.left.extendleft(stretch for stretch, _ in reversed(self.ahead))
        self.ahead.clear()


class SharedFile:
    """A file of many meters, and how far each that is being read has come."""

    def __init__(self, path: Path, layout: Layout, most: int = MOST_METERS) -> None:
        """Read it once, for the names of its meters, ``most`` at most, and where their rows are.

        Raises:
            DataError: it cannot be read, lacks a column, has a row without a meter's name, or too many names.
        """
        self.layout = layout
        self._file = InputFile(path)
        _, columns = first_row(self._file, layout)
        assert columns.meter is not None
        self._reader = RowReader(self._file, layout, columns)
        self._names = Names(path, layout.delimiter, columns.meter, most)
        self._index = FileIndex(self._file, layout.delimiter, self._reader, self._names)
        self._underway: WeakSet[_Underway] = WeakSet()

    def meters(self, quantity: Quantity) -> list[SharedMeter]:
        """Its meters, as their names come in it."""
        return [SharedMeter(self, name, number, quantity) for number, name in enumerate(self._names.found)]

    def rows(self, meter: int, block: int, low: int, high: int) -> Iterator[Rows]:
        """The rows of a meter with stamps from ``low`` to ``high``; from now on others read for it, too."""
        underway = _Underway(meter, low, high, deque(self._index.stretches(meter, low, high)))
        self._underway.add(underway)
        return self._blocks(underway, block)

    def _blocks(self, underway: _Underway, block: int) -> Iterator[Rows]:
        while underway.ahead or underway.left:
            if underway.ahead:
                yield from parts(underway.ahead.popleft()[1], block)
            elif underway.left[0].segment is None:
                for columns in self._columns(underway.left.popleft(), [underway], block * ROW):
                    yield from parts(Rows(*columns[1:]), block)
            else:
                self._read_on(underway)

    def _read_on(self, underway: _Underway) -> None:
        """Read a segment for all who have come to it."""
        segment = underway.left[0]
        together = [other for other in self._underway if other.left and other.left[0] is segment]
        meters, *columns = map(np.concatenate, zip(*self._columns(segment, together), strict=True))
        order = np.argsort(meters, kind="stable")
        starts = np.flatnonzero(np.diff(meters[order], prepend=-1))
        places = {int(meters[mine[0]]): mine for mine in np.split(order, starts[1:]) if len(mine)}
        for other in together:
            other.left.popleft()
            if other.meter in places:
                other.ahead.append((segment, Rows(*(column[places[other.meter]] for column in columns))))
        self._give_up(underway)

    def _give_up(self, underway: _Underway) -> None:
        """Let those go that have most ahead, when it is too much in all."""
        # Of equals the last by name goes first: meters are read in order, so it is wanted last.
        lagging = sorted(self._underway, key=lambda other: (other.rows_ahead, other.meter), reverse=True)
        held = sum(other.rows_ahead for other in lagging)
        for other in lagging:
            if held > MOST_AHEAD and other is not underway:
                held -= other.rows_ahead
                other.give_up()

    def _columns(
        self, stretch: Stretch, together: Sequence[_Underway], first: int | None = None
    ) -> Iterator[tuple[NDArray[np.int64], ...]]:
        """Meters, stamps, values and numbers of the rows of a stretch that are wanted, chunk by chunk."""
        low, high = np.full(len(self._names), MOST), np.full(len(self._names), LEAST)
        for each in together:
            low[each.meter], high[each.meter] = min(low[each.meter], each.low), max(high[each.meter], each.high)
        chunks = Chunks(self._file, first, offset=stretch.offset, number=stretch.number, end=stretch.end)
        return map(partial(self._of_chunk, low, high), chunks)

    def _of_chunk(self, low: NDArray[np.int64], high: NDArray[np.int64], chunk: Chunk) -> tuple[NDArray[np.int64], ...]:
        lines = Lines(chunk.text, self.layout.delimiter)
        rows = self._reader.data(lines, chunk.number)
        meters = self._names.of(lines, rows, chunk.number)
        sought = (meters >= 0) & (low <= high)[meters]
        rows, meters = rows[sought], meters[sought]
        stamps, inside = self._reader.stamps(lines, rows, chunk.number)
        inside &= (stamps >= low[meters]) & (stamps <= high[meters])
        rows = rows[inside]
        return meters[inside], stamps[inside], self._reader.values(lines, rows, chunk.number), rows + chunk.number

    def digest(self) -> str:
        """Of the file."""
        return self._file.digest()

    def __str__(self) -> str:
        return str(self._file.path)


class SharedMeter(SourceMeter):
    """One of the meters in a file."""

    def __init__(self, file: SharedFile, name: str, number: int, quantity: Quantity) -> None:
        self.name = name
        self.origin = str(file)
        self.part = name
        self.quantity = quantity
        self.clock = "utc" if file.layout.offset else "local"
        self._file, self._number = file, number

    def digest(self) -> str:
        return self._file.digest()

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        low, high = LEAST if after is None else after, MOST if before is None else before
        return self._file.rows(self._number, block, low, high)
