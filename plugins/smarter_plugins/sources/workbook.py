"""One meter in an XLSX workbook: stamps in the first column, kW in the second, of its first sheet.

``umass`` hands it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, Rows, SourceMeter
from smarter_plugins.sources import decimals
from smarter_plugins.sources.delimited import value_of
from smarter_plugins.sources.meter_files import digest, unreadable
from smarter_plugins.sources.stamps import ISO_8601

_EXPONENT = 9  # kW to µW
_SECOND = timedelta(seconds=1)
_BEFORE_EPOCH = datetime(1970, 1, 1) - _SECOND / 2  # noqa: DTZ001 - wall clocks have no offset here


class WorkbookMeter(SourceMeter):
    """One meter in a workbook. A sheet is read whole: XLSX has at most 1,048,576 rows."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.origin = str(path)
        self._path = path

    def digest(self) -> str:
        return digest(self._path)

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        cells, numbers = self._cells()
        stamps = self._stamps([row[0] for row in cells], numbers)
        inside = np.ones(len(stamps), np.bool_)
        if after is not None:
            inside &= stamps >= after
        if before is not None:
            inside &= stamps <= before
        chosen = np.flatnonzero(inside)
        values = self._values([cells[place][1] for place in chosen], numbers[chosen])
        stamps, numbers = stamps[chosen], numbers[chosen]
        for start in range(0, len(values), block):
            part = slice(start, start + block)
            yield Rows(stamps[part], values[part], numbers[part])

    def _cells(self) -> tuple[list[list[Any]], NDArray[np.int64]]:
        """Stamp and value cells of the rows that hold anything, without the header, and their numbers."""
        import python_calamine

        try:
            with self._path.open("rb") as file:
                table = python_calamine.CalamineWorkbook.from_filelike(file).get_sheet_by_index(0)
                cells = table.to_python(skip_empty_area=False)
        except OSError as error:
            raise unreadable(self._path, error) from error
        except python_calamine.CalamineError as error:
            raise DataError(
                f"{self.origin}: the file is no XLSX workbook that can be read ({error}); "
                "save it again as XLSX, or as CSV."
            ) from error
        numbers = [number for number, row in enumerate(cells, 1) if row.count("") < len(row)]
        if not numbers:
            raise DataError(f"{self.origin}: the first sheet is empty; put the meter's rows into it.")
        kept = [cells[number - 1] for number in numbers]
        if len(kept[0]) < 2:
            raise DataError(f"{self.origin}: the first sheet has one column; it needs the stamp and the kW.")
        if _is_header(kept[0]):
            kept, numbers = kept[1:], numbers[1:]
            if not kept:
                raise DataError(
                    f"{self.origin}: the first sheet holds a header and no rows; put the meter's rows into it."
                )
        return kept, np.array(numbers, np.int64)

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
