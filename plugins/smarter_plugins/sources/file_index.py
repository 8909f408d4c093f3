"""Where in a file of many meters the rows of each are, found while the file is read once for their names.

:class:`smarter_plugins.sources.shared_file.SharedFile` asks it what to read. It grows with the file by a few bytes per
hundred rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError
from smarter_plugins.sources.bounds import LONGEST_NAME, MOST_METERS, refuse_too_many
from smarter_plugins.sources.delimited import RowReader
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.lines import Chunk, Chunks, Lines, fields_of

TOGETHER = 1024
"""Rows of a meter that a segment holds on average, if it is not too long: what is handed out a few rows at a time is
dear."""
LONGEST = 500_000
"""Rows of a segment after which no chunk is added to it."""

_ALONE = 1.5
"""So many times what its rows alone would take may a meter's stretch be, to be read for itself."""

_MOST_BYTES = 4 * LONGEST_NAME  # in UTF-8

LEAST, MOST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


class Names:
    """The names in the meter column of a file, numbered from 0 as they come."""

    def __init__(self, path: Path, delimiter: str, column: int, most: int = MOST_METERS) -> None:
        self._most = most
        self._path, self._delimiter, self._column = path, delimiter, column
        self._numbers: dict[str, int] = {}
        self._complete = False

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def found(self) -> list[str]:
        """The names by number."""
        return list(self._numbers)

    def of(self, lines: Lines, rows: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """The number of each row's name, -1 where there is none; ``number`` is that of the first line.

        Raises:
            DataError: a row without the column, or with an empty or too long name, or too many names.
        """
        if lines.quoted:
            return np.array([self._slow(lines, int(row), number) for row in rows], np.int64)
        longest, row = lines.longest(self._column, rows)
        if longest > _MOST_BYTES:
            raise self._too_long(number + row)
        texts, which = lines.texts(self._column, rows)
        known = [self._number(text.decode("utf-8", "replace").strip()) for text in texts]
        found = np.array(known, np.int64)[which]
        for row in rows[found < 0]:
            self._slow(lines, int(row), number)
        return found

    def _slow(self, lines: Lines, row: int, number: int) -> int:
        fields = fields_of(lines.line(row), self._delimiter)
        if not any(fields):
            return -1
        name = fields[self._column] if self._column < len(fields) else ""
        if not name:
            raise DataError(
                f"{self._path}, row {number + row}: there is no meter's name in column {self._column + 1}; "
                "complete or remove the row."
            )
        if len(name) > LONGEST_NAME:
            raise self._too_long(number + row)
        return self._number(name)

    def _too_long(self, row: int) -> DataError:
        return DataError(
            f"{self._path}, row {row}: the meter's name is longer than {LONGEST_NAME} characters; correct the row, or "
            "the column or the delimiter in the scenario."
        )

    def complete(self) -> None:
        """From now on no name is new."""
        self._complete = True

    def _number(self, name: str) -> int:
        if self._complete or not name:
            return self._numbers.get(name, -1)
        found = self._numbers.setdefault(name, len(self._numbers))
        if found >= self._most:
            refuse_too_many(self._path, len(self._numbers), self._most)
        return found


class Stretches(NamedTuple):
    """Where rows are, each stretch one meter's from its first row to its last; columns of one length, int64.

    Attributes:
        meter: the number of its name.
        offset, end: bytes, from the first of its rows to behind the last.
        number: of the first of them, as a person counts.
        rows: how many they are; others' may stand between them.
        least, most: of their stamps; of all numbers, where a stamp cannot be read columnar.
    """

    meter: NDArray[np.int64]
    offset: NDArray[np.int64]
    end: NDArray[np.int64]
    number: NDArray[np.int64]
    rows: NDArray[np.int64]
    least: NDArray[np.int64]
    most: NDArray[np.int64]

    def merged(self) -> Stretches:
        """One stretch a meter, of stretches in the order of the file."""
        order = np.argsort(self.meter, kind="stable")
        meter = self.meter[order]
        starts = np.flatnonzero(np.diff(meter, prepend=-1))
        first, last = order[starts], order[np.append(starts[1:], len(order))[: len(starts)] - 1]
        return Stretches(
            meter[starts],
            self.offset[first],
            self.end[last],
            self.number[first],
            np.add.reduceat(self.rows[order], starts),
            np.minimum.reduceat(self.least[order], starts),
            np.maximum.reduceat(self.most[order], starts),
        )


class Stretch(NamedTuple):
    """What to read at once: bytes from ``offset`` to ``end``, of which the first row is row ``number``.

    Attributes:
        segment: the segment that this is all of; None when it is one meter's own part of one.
    """

    offset: int
    end: int
    number: int
    segment: int | None


class FileIndex:
    """A file as segments: a chunk each, or as many as make reading them worth while for all meters in them.

    Raises:
        DataError: the file cannot be read, or a row has no meter's name.
    """

    def __init__(self, file: InputFile, delimiter: str, reader: RowReader, names: Names) -> None:
        self._delimiter, self._reader, self._names = delimiter, reader, names
        merged: list[Stretches] = []
        parts: list[Stretches] = []
        seen: set[int] = set()
        rows = 0
        for part in map(self._of_chunk, Chunks(file)):
            parts.append(part)
            seen.update(part.meter.tolist())
            rows += int(part.rows.sum())
            if rows >= min(TOGETHER * len(seen), LONGEST) > 0:
                merged.append(_joined(parts).merged())
                parts, rows = [], 0
                seen.clear()
        merged += [_joined(parts).merged()] if rows else []
        names.complete()
        self._segments = [
            Stretch(int(each.offset.min()), int(each.end.max()), int(each.number.min()), segment)
            for segment, each in enumerate(merged)
        ]
        lengths = [len(each.meter) for each in merged]
        # Where a meter's rows stand (nearly) alone, others gain nothing by its reading.
        shares = [each.rows * ((each.end.max() - each.offset.min()) / each.rows.sum()) for each in merged]
        found = _joined(merged)
        order = np.argsort(found.meter, kind="stable")
        self._stretches = Stretches(*(column[order] for column in found))
        self._segment = np.repeat(np.arange(len(merged)), lengths)[order]
        self._alone = (found.end - found.offset <= _ALONE * np.concatenate(shares))[order]
        self._bounds = np.searchsorted(self._stretches.meter, np.arange(len(names) + 1))

    def stretches(self, meter: int, low: int, high: int) -> list[Stretch]:
        """What is to be read for a meter, in order, to find its rows with stamps from ``low`` to ``high``."""
        mine = slice(*self._bounds[meter : meter + 2])
        wanted = (self._stretches.least[mine] <= high) & (self._stretches.most[mine] >= low)
        return [self._stretch(int(place)) for place in np.flatnonzero(wanted) + self._bounds[meter]]

    def _stretch(self, place: int) -> Stretch:
        if not self._alone[place]:
            return self._segments[int(self._segment[place])]
        found = self._stretches
        return Stretch(int(found.offset[place]), int(found.end[place]), int(found.number[place]), None)

    def _of_chunk(self, chunk: Chunk) -> Stretches:
        lines = Lines(chunk.text, self._delimiter)
        rows = self._reader.data(lines, chunk.number)
        meters = self._names.of(lines, rows, chunk.number)
        rows, meters = rows[meters >= 0], meters[meters >= 0]
        stamps, good = self._reader.plain_stamps(lines, rows)
        return Stretches(
            meters,
            chunk.offset + lines.starts[rows],
            chunk.offset + lines.ends[rows] + 1,
            chunk.number + rows,
            np.ones(len(rows), np.int64),
            np.where(good, stamps, LEAST),
            np.where(good, stamps, MOST),
        ).merged()


def _joined(parts: Sequence[Stretches]) -> Stretches:
    return Stretches(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))
