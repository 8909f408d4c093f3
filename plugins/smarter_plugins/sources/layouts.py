"""How a delimited text file is written, and where in it the columns are.

``umass`` and ``csv`` describe their files so; whoever reads rows of them finds the columns here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smarter.api import DataError
from smarter_plugins.sources import decimals
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.lines import Chunks, fields_of
from smarter_plugins.sources.lines import shown as shown_field
from smarter_plugins.sources.stamps import ISO_8601, StampReader

_SHOWN = 20  # columns that an error names
_LOOK = 1 << 12  # bytes read for the first rows


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
        beside: a sentence for a file that seems to be no meter's, with the space before it.
        fields: the most fields of a row in a file without a heading; None takes those of its first row.
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
    beside: str = ""
    fields: int | None = None


@dataclass(frozen=True)
class Columns:
    """A layout with its columns found, as indexes from 0.

    Attributes:
        stamp, value, meter: the columns.
        header_row: number of the row with the heading; 0 where there is none.
        fields: how many a row has at most, by the heading or, without one, the first row.
        names: the heading; empty where there is none.
    """

    stamp: int
    value: int
    meter: int | None
    header_row: int
    fields: int
    names: tuple[str, ...] = ()


def first_row(file: InputFile, layout: Layout) -> tuple[list[str], Columns]:
    """The fields of the first row of data, and where the columns are.

    Raises:
        DataError: the file is empty or no text, or lacks a column.
    """
    path = file.path
    columns: Columns | None = None
    for chunk in Chunks(file, _LOOK):
        lines = bytes(chunk.text).decode("utf-8", "replace").split("\n")[:-1]
        for row, line in enumerate(lines, chunk.number):
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


def _find(path: Path, layout: Layout, fields: list[str], row: int) -> Columns:
    def index(column: str | int, what: str) -> int:
        if isinstance(column, int):
            if column > len(fields):
                raise DataError(
                    f"{path}, row {row}: there is no column {column} for the {what}, only {len(fields)}; "
                    f"correct the file, or the column or the delimiter in the scenario.{layout.beside}"
                )
            return column - 1
        if column not in fields:
            raise DataError(
                f"{path}, row {row}: there is no column {column!r} for the {what}, only "
                f"{_few(fields)}; correct the column or the delimiter in the scenario, or give the column's number."
                f"{layout.beside}"
            )
        if fields.count(column) > 1:
            numbers = [number for number, name in enumerate(fields, 1) if name == column]
            raise DataError(
                f"{path}, row {row}: {len(numbers)} columns are called {column!r}: {_and(numbers)}; give the number of "
                f"the one for the {what} in the scenario."
            )
        return fields.index(column)

    stamp, value = index(layout.stamp, "stamp"), index(layout.value, "value")
    meter = None if layout.meter is None else index(layout.meter, "meter")
    named = any(isinstance(column, str) for column in (layout.stamp, layout.value, layout.meter))
    if not named:
        named = not _is_number(fields[value], layout) and not _is_stamp(fields[stamp], layout)
    if named:
        return Columns(stamp, value, meter, row, len(fields), tuple(fields))
    return Columns(stamp, value, meter, 0, layout.fields or len(fields))


def _and(numbers: list[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _few(fields: list[str]) -> str:
    """The first of many columns, as an error names them."""
    shown = ", ".join(map(shown_field, fields[:_SHOWN]))
    return shown if len(fields) <= _SHOWN else f"{shown} and {len(fields) - _SHOWN:,} more"


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


def with_offset(layout: Layout, file: InputFile) -> bool:
    """Whether the stamp of the file's first row of data carries an offset; False when it is no stamp.

    Raises:
        DataError: the file is empty or no text, or lacks a column.
    """
    fields, columns = first_row(file, layout)
    try:
        return layout.stamps.one(fields[columns.stamp])[1]
    except (ValueError, OverflowError, IndexError):
        return False  # reading the rows names what is wrong
