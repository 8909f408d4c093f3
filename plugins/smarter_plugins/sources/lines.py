"""Cuts a text file into lines and fields without making a Python object of each.

``delimited`` reads meters' rows with it: files come in chunks of whole lines, fields as places in a buffer.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError
from smarter_plugins.sources.input_file import InputFile

CHUNK = 1 << 18  # bytes read at once; with more, the columns leave the cache
_ZIP, _GZIP, _BYTE_ORDER = b"PK\x03\x04", b"\x1f\x8b", b"\xef\xbb\xbf"
_JSON = re.compile(rb'\s*(?:\{\s*"[^"\n]*"\s*:|\[\s*[\[{])')
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


class Chunk(NamedTuple):
    """Whole lines of a file.

    Attributes:
        text: uint8, their bytes; the last one ends in a line feed even where the file does not.
        number: of the first row, as a person counts.
        offset: of the first byte in the file.
    """

    text: NDArray[np.uint8]
    number: int
    offset: int


class Chunks(Iterator[Chunk]):
    """A file as chunks of whole lines, about :data:`CHUNK` bytes each; none of them is kept.

    Args:
        file: to read.
        first: bytes of the first chunk at most, for whoever needs but a few rows; then come more and more.
        offset: where to begin: the first byte of a row, which is row ``number``.
        end: where to stop, behind a row; None for the end of the file.

    Attributes:
        offset: of what comes next.
    """

    def __init__(
        self, file: InputFile, first: int | None = None, *, offset: int = 0, number: int = 1, end: int | None = None
    ) -> None:
        self._file, self._end = file, end
        self._size, self._number = min(first or CHUNK, CHUNK), number
        self.offset = offset

    def __next__(self) -> Chunk:
        while True:
            size = self._size if self._end is None else min(self._size, self._end - self.offset)
            piece = self._file.read(self.offset, size)
            if not piece:
                raise StopIteration
            if len(piece) < size and not piece.endswith(b"\n"):
                piece += b"\n"
            self._size = min(2 * self._size, CHUNK)
            if whole := piece.rfind(b"\n") + 1:
                return self._cut(piece, whole)
            if size >= CHUNK:
                raise DataError(
                    f"{self._file.path}, row {self._number}: the row is longer than {CHUNK} bytes; "
                    "save the file as CSV text."
                )

    def _cut(self, piece: bytes, whole: int) -> Chunk:
        mark = 0
        if self.offset == 0:
            if piece.startswith(_GZIP):
                raise DataError(f"{self._file.path}: the file is compressed (gzip); unpack it, and name what is in it.")
            if b"\0" in piece or piece.startswith(_ZIP):
                raise DataError(f"{self._file.path}: the file is no CSV text; save it as CSV in UTF-8.")
            if _JSON.match(piece):
                raise DataError(f"{self._file.path}: the file is JSON, not delimited text; save it as CSV.")
            mark = len(_BYTE_ORDER) if piece.startswith(_BYTE_ORDER) else 0
        chunk = Chunk(np.frombuffer(piece, np.uint8, whole - mark, mark), self._number, self.offset + mark)
        self.offset += whole
        self._number += piece.count(b"\n", 0, whole)
        return chunk


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

    def fields(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """How many fields each row has, as delimiters tell."""
        counts: NDArray[np.int64] = self._last[rows] - self._first[rows] + 1
        return counts

    def longest(self, column: int, rows: NDArray[np.int64]) -> tuple[int, int]:
        """Bytes of the longest text in a column, and its row; 0 where there is no row."""
        if not len(rows):
            return 0, 0
        starts, ends, _ = self.column(column, rows)
        place = int(np.argmax(ends - starts))
        return int(ends[place] - starts[place]), int(rows[place])

    def texts(self, column: int, rows: NDArray[np.int64]) -> tuple[list[bytes], NDArray[np.int64]]:
        """The texts that appear in a column, and which of them each row has; an empty one where a row lacks it."""
        starts, ends, _ = self.column(column, rows)
        widths = ends - starts
        places = np.arange(max(1, int(widths.max(initial=0))))
        codes = self.text.take(starts[:, None] + places, mode="clip")
        codes = np.ascontiguousarray(np.where(places < widths[:, None], codes, 0))
        if len(rows) and np.array_equal(codes, np.broadcast_to(codes[0], codes.shape)):
            return codes[:1].view(f"S{len(places)}").ravel().tolist(), np.zeros(len(rows), np.int64)
        found, which = np.unique(codes.view(f"S{len(places)}").ravel(), return_inverse=True)
        return found.tolist(), which

    def line(self, row: int) -> str:
        """A row as text, without its line feed."""
        return bytes(self.text[self.starts[row] : self.ends[row]]).decode("utf-8", "replace")
