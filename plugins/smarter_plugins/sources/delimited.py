"""Streams the rows of one meter out of a delimited text file, whatever its size.

``umass`` and ``csv`` describe the file (:class:`Layout`) and hand out :class:`DelimitedMeter`. Rows are read
columnar, chunk by chunk; a row that cannot be read so is read again by itself, exactly, or named in an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smarter.api import DataError, Rows, SourceMeter
from smarter.api.source import Quantity
from smarter_plugins.sources import decimals
from smarter_plugins.sources.lines import CHUNK, Lines, chunks, fields_of, shown
from smarter_plugins.sources.meter_files import digest, natural
from smarter_plugins.sources.stamps import ISO_8601, StampReader

_ROW = 64  # bytes, about
_LOOK = 64 * _ROW  # bytes read for the first rows


@dataclass(frozen=True)
class Layout:
    """How a file is written.

    Attributes:
        stamp: the stamp's column, by name or counted from 1.
        value: the value's column.
        meter: the column with the meter's name, in a file of many meters.
        delimiter: between columns.
        mark: the decimal mark.
        exponent: the power of ten that turns a value into µW or µWh.
        stamps: reads stamps.
        offset: whether stamps carry an offset.
        advice: what to do about stamps that do when they should not.
    """

    stamp: str | int = 1
    value: str | int = 2
    meter: str | int | None = None
    delimiter: str = ","
    mark: str = "."
    exponent: int = 9
    stamps: StampReader = ISO_8601
    offset: bool = False
    advice: str = ""


@dataclass(frozen=True)
class _Columns:
    """A layout with its columns found, as indexes from 0."""

    stamp: int
    value: int
    meter: int | None
    header_row: int


def first_row(path: Path, layout: Layout) -> tuple[list[str], _Columns]:
    """The fields of the first row of data, and where the columns are.

    Raises:
        DataError: the file is empty or no text, or lacks a column.
    """
    columns: _Columns | None = None
    for chunk, number in chunks(path, _LOOK):
        lines = bytes(chunk).decode("utf-8", "replace").split("\n")[:-1]
        for row, line in enumerate(lines, number):
            fields = fields_of(line, layout.delimiter)
            if not any(fields):
                continue
            if columns is not None:
                return fields, columns
            columns = _find(path, layout, fields, row)
            if not columns.header_row:
                return fields, columns
    if columns is None:
        raise DataError(f"{path}: the file is empty; put the meter's rows into it or remove it.")
    raise DataError(f"{path}: the file holds a header and no rows; put the meter's rows into it or remove it.")


def _find(path: Path, layout: Layout, fields: list[str], row: int) -> _Columns:
    def index(column: str | int, what: str) -> int:
        if isinstance(column, int):
            if column > len(fields):
                raise DataError(
                    f"{path}, row {row}: there is no column {column} for the {what}, only {len(fields)}; "
                    "correct the file, or the column or the delimiter in the scenario."
                )
            return column - 1
        if column not in fields:
            raise DataError(
                f"{path}, row {row}: there is no column {column!r} for the {what}, only "
                f"{', '.join(map(repr, fields))}; correct the column or the delimiter in the scenario."
            )
        return fields.index(column)

    stamp, value = index(layout.stamp, "stamp"), index(layout.value, "value")
    meter = None if layout.meter is None else index(layout.meter, "meter")
    named = any(isinstance(column, str) for column in (layout.stamp, layout.value, layout.meter))
    if not named:
        named = not _is_number(fields[value], layout) and not _is_stamp(fields[stamp], layout)
    return _Columns(stamp, value, meter, row if named else 0)


def _is_number(text: str, layout: Layout) -> bool:
    try:
        decimals.exact(text, layout.exponent, layout.mark)
    except ValueError as error:
        return "number" not in str(error)
    return True


def _is_stamp(text: str, layout: Layout) -> bool:
    try:
        layout.stamps.one(text)
    except ValueError:
        return False
    return True


class DelimitedMeter(SourceMeter):
    """One meter in a delimited text file."""

    def __init__(
        self, name: str, path: Path, layout: Layout, *, quantity: Quantity = "power", only: str | None = None
    ) -> None:
        """``only``: the text in the meter column that marks its rows; None when all rows are its own."""
        self.name = name
        self.origin = str(path)
        self.quantity = quantity
        self.clock = "utc" if layout.offset else "local"
        self._path = path
        self._layout = layout
        self._only = only

    def digest(self) -> str:
        return digest(self._path)

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        _, columns = first_row(self._path, self._layout)
        for text, number in chunks(self._path, min(block * _ROW, CHUNK)):
            rows = self._read(Lines(text, self._layout.delimiter), number, columns, after, before)
            for start in range(0, len(rows), block):
                part = slice(start, start + block)
                yield Rows(rows.stamps[part], rows.values[part], rows.numbers[part])

    def _read(self, lines: Lines, number: int, columns: _Columns, after: int | None, before: int | None) -> Rows:
        layout = self._layout
        rows = np.arange(max(0, min(columns.header_row + 1 - number, len(lines))), len(lines))
        if self._only is not None and columns.meter is not None and not lines.quoted:
            there = lines.column(columns.meter, rows)[2]
            rows = rows[lines.equal(columns.meter, rows, self._only.encode()) | ~there]
        starts, ends, there = lines.column(columns.stamp, rows)
        stamps, good = layout.stamps.parse(lines.text, starts, ends, offset=layout.offset)
        good &= there
        if lines.quoted:
            good[:] = False
        inside = np.ones(len(rows), np.bool_)
        for row in np.flatnonzero(~good):
            stamp = self._slow_stamp(lines.line(int(rows[row])), number + int(rows[row]), columns)
            inside[row] = stamp is not None
            stamps[row] = stamp or 0
        if after is not None:
            inside &= stamps >= after
        if before is not None:
            inside &= stamps <= before
        rows, stamps = rows[inside], stamps[inside]
        starts, ends, there = lines.column(columns.value, rows)
        values, good = decimals.parse(lines.text, starts, ends, layout.exponent, layout.mark)
        good &= there
        if lines.quoted:
            good[:] = False
        for row in np.flatnonzero(~good):
            values[row] = self._slow_value(lines.line(int(rows[row])), number + int(rows[row]), columns)
        return Rows(stamps, values, rows + number)

    def _slow_stamp(self, line: str, row: int, columns: _Columns) -> int | None:
        """The stamp of one row; None when the row is not this meter's or is blank."""
        layout = self._layout
        fields = fields_of(line, layout.delimiter)
        if not any(fields):
            return None
        if self._only is not None and columns.meter is not None:
            self._check_length(fields, columns.meter, row, "meter")
            if fields[columns.meter] != self._only:
                return None
        self._check_length(fields, columns.stamp, row, "stamp")
        text = fields[columns.stamp]
        try:
            stamp, offset = layout.stamps.one(text)
        except (ValueError, OverflowError) as error:
            wanted = layout.stamps.pattern or "like 2016-01-31 23:59:00"
            raise DataError(
                f"{self.origin}, row {row}: the stamp {shown(text)} is no date and time {wanted}; "
                "correct or remove the row."
            ) from error
        if offset != layout.offset:
            problem = "carries an offset" if offset else "carries no offset, unlike the first"
            advice = layout.advice or "write all stamps of a file the same way."
            raise DataError(f"{self.origin}, row {row}: the stamp {shown(text)} {problem}; {advice}")
        return stamp

    def _slow_value(self, line: str, row: int, columns: _Columns) -> int:
        fields = fields_of(line, self._layout.delimiter)
        self._check_length(fields, columns.value, row, "value")
        text = fields[columns.value]
        return value_of(text, self.origin, row, self._layout.exponent, self._layout.mark)

    def _check_length(self, fields: list[str], column: int, row: int, what: str) -> None:
        if column >= len(fields):
            raise DataError(
                f"{self.origin}, row {row}: there is no column {column + 1} for the {what}; complete or remove the row."
            )


def value_of(text: str, origin: str, row: int, exponent: int, mark: str = ".") -> int:
    """One value, exactly, or a :class:`DataError` that names the row."""
    if not text:
        raise DataError(f"{origin}, row {row}: the value is empty; fill it in or remove the row.")
    try:
        return decimals.exact(text, exponent, mark)
    except ValueError as error:
        raise DataError(f"{origin}, row {row}: the value {shown(text)} {error}; correct or remove the row.") from error


def meter_names(path: Path, layout: Layout) -> list[str]:
    """The names in the meter column of a file, in natural order. Reads the whole file once.

    Raises:
        DataError: a row without the column, or with an empty name.
    """
    _, columns = first_row(path, layout)
    if columns.meter is None:
        return []
    names: set[str] = set()
    for text, number in chunks(path):
        lines = Lines(text, layout.delimiter)
        rows = np.arange(max(0, min(columns.header_row + 1 - number, len(lines))), len(lines))
        if not lines.quoted:
            found = lines.distinct(columns.meter, rows)
            names |= found - {""}
            rows = rows[lines.equal(columns.meter, rows, b"")] if "" in found else rows[:0]
        for row in rows:
            fields = fields_of(lines.line(int(row)), layout.delimiter)
            if not any(fields):
                continue
            name = fields[columns.meter] if columns.meter < len(fields) else ""
            if not name:
                raise DataError(
                    f"{path}, row {number + int(row)}: there is no meter's name in column {columns.meter + 1}; "
                    "complete or remove the row."
                )
            names.add(name)
    return sorted(names, key=natural)


def with_offset(layout: Layout, path: Path) -> bool:
    """Whether the stamp of the file's first row of data carries an offset; False when it is no stamp.

    Raises:
        DataError: the file is empty or no text, or lacks a column.
    """
    fields, columns = first_row(path, layout)
    try:
        return layout.stamps.one(fields[columns.stamp])[1]
    except (ValueError, OverflowError, IndexError):
        return False  # reading the rows names what is wrong
