"""Cuts a text file into lines and fields without making a Python object of each.

``delimited`` reads meters' rows with it: files come in chunks of whole lines, fields as places in a buffer.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError
from smarter_plugins.sources.meter_files import unreadable

CHUNK = 1 << 18  # bytes read at once; with more, the columns leave the cache
_LINE_FEED, _CARRIAGE_RETURN, _QUOTE = 10, 13, 34
_BLANKS = np.array([chr(code).isspace() and code < 128 for code in range(256)])


def fields_of(line: str, delimiter: str) -> list[str]:
    """The fields of one line, unquoted and stripped."""
    plain = line.strip("\r\n")
    try:
        fields = next(csv.reader([plain], delimiter=delimiter), [])
    except csv.Error:  # a field beyond reason, or a lone carriage return: its value is named as it stands
        fields = plain.split(delimiter)
    return [field.strip() for field in fields]


def shown(text: str) -> str:
    """A field as an error quotes it."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def chunks(path: Path, first: int = CHUNK) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Whole lines of a file as bytes, each chunk with its first row's number.

    About :data:`CHUNK` bytes at a time; ``first`` at first, for whoever needs but a few rows, then more and more.
    """
    number, rest = 1, b""
    try:
        with path.open("rb") as file:
            while True:
                piece = file.read(first)
                first = min(2 * first, CHUNK)
                if number == 1 and not rest:
                    if b"\0" in piece or piece.startswith(b"PK\x03\x04"):
                        raise DataError(f"{path}: the file is no CSV text; save it as CSV in UTF-8.")
                    piece = piece.removeprefix(b"\xef\xbb\xbf")
                text = rest + piece if piece or not rest else rest + b"\n"
                if not text:
                    return
                end = text.rfind(b"\n") + 1
                if not end and len(text) > CHUNK:
                    raise DataError(
                        f"{path}, row {number}: the row is longer than {CHUNK} bytes; save the file as CSV text."
                    )
                lines, rest = text[:end], text[end:]
                if lines:
                    yield np.frombuffer(lines, np.uint8), number
                    number += lines.count(b"\n")
                if not piece and not rest:
                    return
    except OSError as error:
        raise unreadable(path, error) from error


class Lines:
    """The lines of a chunk, and where the fields of a column are in them."""

    def __init__(self, text: NDArray[np.uint8], delimiter: str) -> None:
        self.text = text
        code = ord(delimiter)
        self._ends = np.flatnonzero((text == _LINE_FEED) | (text == code))
        self._last = np.flatnonzero(text[self._ends] == _LINE_FEED)  # each line's last field, as index of _ends
        self._first = np.concatenate([[0], self._last[:-1] + 1])
        line_ends = self._ends[self._last]
        self.starts = np.concatenate([[0], line_ends[:-1] + 1])
        self.ends = line_ends
        quotes = int(np.count_nonzero(text == _QUOTE))
        self._unquote = bool(quotes) and self._only_around_fields(quotes)
        self.quoted = bool(quotes) and not self._unquote  # only a CSV reader can tell the fields of such lines

    def __len__(self) -> int:
        return len(self.starts)

    def _only_around_fields(self, quotes: int) -> bool:
        """Whether all quotes stand in pairs around whole fields, so that none hides a delimiter."""
        starts = np.concatenate([[0], self._ends[:-1] + 1])
        ends = self._ends - (self.text[self._ends - 1] == _CARRIAGE_RETURN)
        wide = ends - starts >= 2
        opened = wide & (self.text[starts] == _QUOTE)
        closed = wide & (self.text[ends - 1] == _QUOTE)
        return bool(np.array_equal(opened, closed)) and 2 * int(np.count_nonzero(opened)) == quotes

    def column(
        self, column: int, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_]]:
        """Start and end of a column's field in each row, unquoted and stripped, and a mask of rows that have one."""
        place = self._first[rows] + column
        there = place <= self._last[rows]
        place = np.where(there, place, 0)
        ends = self._ends[place]
        starts = self.starts[rows] if column == 0 else self._ends[place - 1] + 1
        starts = np.where(there, starts, ends)
        starts, ends = self._stripped(starts, ends)
        if self._unquote:
            around = (self.text[starts] == _QUOTE) & (starts < ends)
            starts, ends = self._stripped(starts + around, ends - around)
        return starts, ends, there

    def _stripped(
        self, starts: NDArray[np.int64], ends: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        while np.any(blank := _BLANKS[self.text[starts]] & (starts < ends)):
            starts = starts + blank
        while np.any(blank := _BLANKS[self.text[ends - 1]] & (starts < ends)):
            ends = ends - blank
        return starts, ends

    def equal(self, column: int, rows: NDArray[np.int64], text: bytes) -> NDArray[np.bool_]:
        """Which rows have exactly ``text`` in a column; a row that lacks it has an empty one."""
        starts, ends, there = self.column(column, rows)
        same: NDArray[np.bool_] = (there | (not text)) & (ends - starts == len(text))
        for place, code in enumerate(text):
            same &= self.text.take(starts + place, mode="clip") == code
        return same

    def distinct(self, column: int, rows: NDArray[np.int64]) -> set[str]:
        """The texts that appear in a column; an empty one where a row lacks it."""
        starts, ends, _ = self.column(column, rows)
        widths = ends - starts
        places = np.arange(max(1, int(widths.max(initial=0))))
        codes = self.text.take(starts[:, None] + places, mode="clip")
        codes = np.ascontiguousarray(np.where(places < widths[:, None], codes, 0))
        texts = np.unique(codes.view(f"S{len(places)}"))
        return {bytes(text).decode("utf-8", "replace") for text in texts}

    def line(self, row: int) -> str:
        """A row as text, without its line feed."""
        return bytes(self.text[self.starts[row] : self.ends[row]]).decode("utf-8", "replace")
