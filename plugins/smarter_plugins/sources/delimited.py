"""Streams rows out of delimited text files, whatever their size, columnar and chunk by chunk.

A row that cannot be read so is read again by itself, exactly, or named in an error. ``umass`` and ``csv`` hand out
:class:`DelimitedMeter` for a file of one meter; a file of many is read with :class:`RowReader`, too.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, Rows, SourceMeter
from smarter.api.source import Quantity
from smarter_plugins.sources import decimals
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.layouts import Columns, Layout, first_row
from smarter_plugins.sources.lines import Chunks, Lines, fields_of, shown

ROW = 64  # bytes, about
_LOOKS = 16  # at the rest of a file, before it is left
_LOOK = 1 << 12  # bytes, each time


class RowReader:
    """Reads the rows of a file's chunks."""

    def __init__(self, file: InputFile, layout: Layout, columns: Columns) -> None:
        self.columns = columns
        self._layout = layout
        self._origin = str(file.path)

    def data(self, lines: Lines, number: int) -> NDArray[np.int64]:
        """The lines that are no header; ``number`` is that of the first line, here and below."""
        return np.arange(max(0, min(self.columns.header_row + 1 - number, len(lines))), len(lines))

    def stamps(self, lines: Lines, rows: NDArray[np.int64], number: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The stamps of rows, and a mask of those that are not blank.

        Raises:
            DataError: a stamp that is none.
        """
        stamps, good = self.plain_stamps(lines, rows)
        filled = np.ones(len(rows), np.bool_)
        for place in np.flatnonzero(~good):
            stamp = self._slow_stamp(lines.line(int(rows[place])), number + int(rows[place]))
            filled[place] = stamp is not None
            stamps[place] = stamp or 0
        return stamps, filled

    def plain_stamps(self, lines: Lines, rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The stamps of rows as far as they are read columnar, and a mask of those that are."""
        starts, ends, there = lines.column(self.columns.stamp, rows)
        stamps, good = self._layout.stamps.parse(lines.text, starts, ends, offset=self._layout.offset)
        return stamps, good & there & (not lines.quoted)

    def values(self, lines: Lines, rows: NDArray[np.int64], number: int) -> NDArray[np.int64]:
        """The values of rows, in µW or µWh.

        Raises:
            DataError: a value that is no number.
        """
        layout = self._layout
        starts, ends, there = lines.column(self.columns.value, rows)
        self._check_fields(lines, rows, number)
        values, good = decimals.parse(lines.text, starts, ends, layout.exponent, layout.mark)
        for place in np.flatnonzero(~(good & there & (not lines.quoted))):
            values[place] = self._slow_value(lines.line(int(rows[place])), number + int(rows[place]))
        return values

    def _slow_stamp(self, line: str, row: int) -> int | None:
        """The stamp of one row; None when the row is blank."""
        layout = self._layout
        fields = fields_of(line, layout.delimiter)
        if not any(fields):
            return None
        self._check_length(fields, self.columns.stamp, row, "stamp")
        text = fields[self.columns.stamp]
        try:
            stamp, offset = layout.stamps.one(text)
        except (ValueError, OverflowError) as error:
            wanted = layout.stamps.pattern or "like 2016-01-31 23:59:00"
            again = "the heading again, and " if fields == list(self.columns.names) else ""
            raise DataError(
                f"{self._origin}, row {row}: the stamp {shown(text)} is {again}no date and time {wanted}; "
                "correct or remove the row."
            ) from error
        if offset != layout.offset:
            problem = "carries an offset" if offset else "carries no offset, unlike the first"
            advice = layout.advice or "write all stamps of a file the same way."
            raise DataError(f"{self._origin}, row {row}: the stamp {shown(text)} {problem}; {advice}")
        return stamp

    def _slow_value(self, line: str, row: int) -> int:
        fields = fields_of(line, self._layout.delimiter)
        self._check_length(fields, self.columns.value, row, "value")
        self._check_most(fields, row)
        return value_of(fields[self.columns.value], self._origin, row, self._layout.exponent, self._layout.mark)

    def _check_fields(self, lines: Lines, rows: NDArray[np.int64], number: int) -> None:
        """Refuse the first row with more fields than the heading; blank ones do not count."""
        if lines.quoted:
            return  # each row is read by itself
        counts = lines.fields(rows)
        if not len(over := np.flatnonzero(counts > self.columns.fields)):
            return
        starts, ends, _ = lines.column(self.columns.fields, rows[over])
        for place in over[(starts < ends) | (counts[over] > self.columns.fields + 1)]:
            line = lines.line(int(rows[place]))
            self._check_most(fields_of(line, self._layout.delimiter), number + int(rows[place]))

    def _check_most(self, fields: list[str], row: int) -> None:
        most = self.columns.fields
        if len(fields) <= most or not any(fields[most:]):
            return
        wanted = f"heading (row {self.columns.header_row})" if self.columns.header_row else "layout"
        wanted = wanted if self.columns.header_row or self._layout.fields else "first row"
        raise DataError(
            f"{self._origin}, row {row}: the row has {len(fields)} fields, and the {wanted} has {most}; quote numbers "
            "with a decimal comma or separate columns by another character, or correct the row."
        )

    def _check_length(self, fields: list[str], column: int, row: int, what: str) -> None:
        if column >= len(fields):
            raise DataError(
                f"{self._origin}, row {row}: there is no column {column + 1} for the {what}; "
                "complete or remove the row."
            )


class DelimitedMeter(SourceMeter):
    """One meter in a delimited text file of its own."""

    def __init__(self, name: str, path: Path, layout: Layout, *, quantity: Quantity = "power") -> None:
        self.name = name
        self.origin = str(path)
        self.part = ""
        self.quantity = quantity
        self.clock = "utc" if layout.offset else "local"
        self._file = InputFile(path)
        self._layout = layout

    def digest(self) -> str:
        return self._file.digest()

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        _, columns = first_row(self._file, self._layout)
        reader = RowReader(self._file, self._layout, columns)
        chunks = Chunks(self._file, block * ROW)
        while (rows := self._read(chunks, reader, after, before)) is not None:
            yield from parts(rows, block)

    def _read(self, chunks: Chunks, reader: RowReader, after: int | None, before: int | None) -> Rows | None:
        """The rows of the next chunk that lie inside; None when no more do."""
        chunk = next(chunks, None)
        if chunk is None:
            return None
        lines = Lines(chunk.text, self._layout.delimiter)
        rows = reader.data(lines, chunk.number)
        stamps, inside = reader.stamps(lines, rows, chunk.number)
        beyond = before is not None and inside.any() and stamps[inside].min() > before
        if before is not None and beyond and self._rest_is_after(before, chunks.offset, reader):
            return None
        if after is not None:
            inside &= stamps >= after
        if before is not None:
            inside &= stamps <= before
        rows = rows[inside]
        return Rows(stamps[inside], reader.values(lines, rows, chunk.number), rows + chunk.number)

    def _rest_is_after(self, before: int, offset: int, reader: RowReader) -> bool:
        """Whether the rest of the file, wherever it is looked at, lies after ``before`` and is in order.

        A file whose rows are not in order is read on: those inside must be found, for the caller to judge.
        """
        latest = before + 1
        last = max(offset, self._file.size - _LOOK + 1)
        for place in np.unique(np.linspace(offset, last, _LOOKS, dtype=np.int64)):
            piece = self._file.read(int(place), _LOOK)
            if not piece:
                break  # there is no rest
            first = piece.find(b"\n") + 1 if place > offset else 0
            end = piece.rfind(b"\n") + 1 if len(piece) == _LOOK else len(piece)
            lines = Lines(np.frombuffer(piece[first:end] + b"\n", np.uint8), self._layout.delimiter)
            stamps, good = reader.plain_stamps(lines, np.arange(len(lines)))
            stamps = stamps[good]
            if not len(stamps) or stamps.min() <= before or stamps[0] < latest or np.any(np.diff(stamps) < 0):
                return False
            latest = stamps[0]
        return True


def parts(rows: Rows, block: int) -> Iterator[Rows]:
    """Rows in blocks of at most ``block``."""
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        yield Rows(rows.stamps[part], rows.values[part], rows.numbers[part])


def value_of(text: str, origin: str, row: int, exponent: int, mark: str = ".") -> int:
    """One value, exactly, or a :class:`DataError` that names the row."""
    if not text:
        raise DataError(f"{origin}, row {row}: the value is empty; fill it in or remove the row.")
    try:
        return decimals.exact(text, exponent, mark)
    except ValueError as error:
        raise DataError(f"{origin}, row {row}: the value {shown(text)} {error}; correct or remove the row.") from error
