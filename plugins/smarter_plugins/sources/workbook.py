"""One meter in an XLSX workbook: stamps in the first column, kW in the second, of its first sheet.

``umass`` hands it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, Rows, SourceMeter
from smarter_plugins.sources import decimals
from smarter_plugins.sources.delimited import parts, value_of
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.stamps import ISO_8601
from smarter_plugins.sources.workbook_bounds import WorkbookBounds, check, check_size

if TYPE_CHECKING:
    from python_calamine import CalamineSheet

_EXPONENT = 9  # kW to µW
_SECOND = timedelta(seconds=1)
_BEFORE_EPOCH = datetime(1970, 1, 1) - _SECOND / 2  # noqa: DTZ001 - wall clocks have no offset here
_TOGETHER = 16_384  # rows
_LOOKS = 256  # at the rest of a sheet, before it is left


class WorkbookMeter(SourceMeter):
    """One meter in a workbook. XLSX has at most 1,048,576 rows: those that lie inside are kept while they are read."""

    def __init__(self, name: str, path: Path, bounds: WorkbookBounds = WorkbookBounds()) -> None:  # noqa: B008 - frozen
        self.name = name
        self.origin = str(path)
        self.part = ""
        self._file = InputFile(path)
        self._bounds = bounds
        self._checked = False  # the file stays as it is: InputFile refuses another

    def digest(self) -> str:
        return self._file.digest()

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        for rows in list(self._inside(after, before)):  # so that the sheet, which is larger, is let go
            yield from parts(rows, block)

    def _inside(self, after: int | None, before: int | None) -> Iterator[Rows]:
        sheet = self._sheet()
        for cells, numbers in self._filled(sheet):
            stamps = self._stamps([row[0] for row in cells], numbers)
            if before is not None and stamps.min() > before and self._rest_is_after(sheet, int(numbers[-1]), before):
                return
            inside = np.ones(len(stamps), np.bool_)
            if after is not None:
                inside &= stamps >= after
            if before is not None:
                inside &= stamps <= before
            values = self._values([cells[place][1] for place in np.flatnonzero(inside)], numbers[inside])
            yield Rows(stamps[inside], values, numbers[inside])

    def _sheet(self) -> CalamineSheet:
        import python_calamine

        check_size(self._file.path, self._file.size_now(), self._bounds)
        whole = self._file.whole()
        if not self._checked:
            check(self._file.path, whole.getvalue(), self._bounds)
            self._checked = True
        try:
            return python_calamine.CalamineWorkbook.from_filelike(whole).get_sheet_by_index(0)
        except python_calamine.CalamineError as error:
            raise DataError(
                f"{self.origin}: the file is no XLSX workbook that can be read ({error}); "
                "save it again as XLSX, or as CSV."
            ) from error

    def _filled(self, sheet: CalamineSheet) -> Iterator[tuple[list[list[Any]], NDArray[np.int64]]]:
        """The rows that hold anything, without the header, and their numbers; some thousands at a time."""
        filled = ((number, row) for number, row in enumerate(_rows(sheet), 1) if row.count("") < len(row))
        first = next(filled, None)
        if first is None:
            raise DataError(f"{self.origin}: the first sheet is empty; put the meter's rows into it.")
        if len(first[1]) < 2:
            raise DataError(f"{self.origin}: the first sheet has one column; it needs the stamp and the kW.")
        if _is_header(first[1]):
            first = next(filled, None)
            if first is None:
                raise DataError(
                    f"{self.origin}: the first sheet holds a header and no rows; put the meter's rows into it."
                )
        rows = chain([first], filled)
        while together := list(islice(rows, _TOGETHER)):
            yield [row for _, row in together], np.array([number for number, _ in together], np.int64)

    def _rest_is_after(self, sheet: CalamineSheet, row: int, before: int) -> bool:
        """Whether the rows behind a row, wherever they are looked at, lie after ``before`` and are in order.

        A sheet whose rows are not in order is read on: those inside must be found, for the caller to judge.
        """
        rest = sheet.total_height - row
        step = max(1, rest // _LOOKS)
        looked = islice(_rows(sheet), row + (rest - 1) % step, None, step)  # the last row is one of them
        try:
            stamps = [self._stamp(cells[0], row) for cells in looked if cells.count("") < len(cells)]
        except DataError:
            return False
        in_order = all(earlier <= later for earlier, later in pairwise(stamps))
        return in_order and all((stamp - _BEFORE_EPOCH) // _SECOND > before for stamp in stamps)

    def _stamps(self, cells: list[Any], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        if {type(cell) for cell in cells} != {datetime}:
            cells = [self._stamp(cell, int(number)) for cell, number in zip(cells, numbers, strict=True)]
        # a serial number of days as a float is off by some microseconds
        return np.array([(cell - _BEFORE_EPOCH) // _SECOND for cell in cells], np.int64)

    def _stamp(self, cell: Any, row: int) -> datetime:
        if isinstance(cell, date):
            return cell if isinstance(cell, datetime) else datetime.combine(cell, time())
        try:
            seconds, offset = ISO_8601.one(cell.strip())
        except (AttributeError, ValueError, OverflowError) as error:
            raise DataError(
                f"{self.origin}, row {row}: the stamp {cell!r} is no date and time; "
                "format the cell as one, or correct or remove the row."
            ) from error
        if offset:
            raise DataError(f"{self.origin}, row {row}: the stamp {cell!r} carries an offset; write wall-clock time.")
        return np.datetime64(seconds, "s").astype(datetime)  # type: ignore[no-any-return] # numpy says Any

    def _values(self, cells: list[Any], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """µW of float cells: a float's decimal text is its ``repr``, the shortest that gives it back."""
        texts = [repr(cell) if isinstance(cell, float) else _text(cell) for cell in cells]
        joined = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
        ends = np.cumsum([len(text.encode()) + 1 for text in texts], dtype=np.int64) - 1
        starts = np.concatenate([[0], ends[:-1] + 1]).astype(np.int64)[: len(texts)]
        values, good = decimals.parse(joined, starts, ends, _EXPONENT)
        for place in np.flatnonzero(~good):
            values[place] = value_of(texts[place], self.origin, int(numbers[place]), _EXPONENT)
        return values


def _text(cell: Any) -> str:
    if isinstance(cell, int) and not isinstance(cell, bool):
        return repr(cell)
    return str(cell).strip()


def _is_header(row: list[Any]) -> bool:
    stamp, value = row[:2]
    if isinstance(stamp, date) or not isinstance(value, str):
        return False
    try:
        decimals.exact(value.strip(), _EXPONENT)
    except ValueError:
        pass
    else:
        return False
    try:
        ISO_8601.one(str(stamp).strip())
    except ValueError:
        return True
    return False


def _rows(sheet: CalamineSheet) -> Iterator[list[Any]]:
    """All rows from the first on, each from column A on."""
    left = sheet.start[1] if sheet.start else 0
    return ([""] * left + row for row in sheet.iter_rows()) if left else iter(sheet.iter_rows())
