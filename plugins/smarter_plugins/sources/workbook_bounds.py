"""Measures a workbook before it is parsed: how much its parts inflate to, and how many cells its sheets span.

The library that parses XLSX keeps a place for every cell of the rectangle that a sheet spans. A file of five kilobytes
can span 17 billion cells, so that the process takes all memory or aborts. Sizes that a file declares are not trusted.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from struct import unpack_from
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from smarter.api import DataError
from smarter_plugins.sources.bounds import beyond

_MIB = 1 << 20
_PIECE = 1 << 20  # bytes inflated at once
_END = 22  # bytes of the archive's end record
_MOST_PARTS, _MOST_DIRECTORY = 10_000, 1 << 20
_OTHER_FORMATS = ("content.xml", "xl/workbook.bin")
_MOST_ROWS, _MOST_COLUMNS = 1 << 20, 1 << 14
_NARROW = 8
"""Columns of a sheet that needs no closer look, if all its cells say where they are."""

_PREFIXED = tuple(b":" + tag + end for tag in (b"c", b"row") for end in (b" ", b"\t", b"\r", b"\n", b"/", b">"))
_WIDE = re.compile(rb"""<c(?=[\s/>])(?!\s+r="[A-Ha-h][0-9]{1,7}"[\s/>])""")
_TAG = re.compile(rb"""<(?:[^<>\s/:]+:)?(row|c)(?=[\s/>])((?:[^<>"']|"[^"<>]*"|'[^'<>]*')*)(>?)""")
_ATTRIBUTE = re.compile(rb"""([^\s=/]+)\s*=\s*["']([^"']*)["']""")
_PLACE = re.compile(rb"([A-Za-z]*)([0-9]*)")
_TEXT = re.compile(rb"<(?:[^<>\s/:]+:)?si(?=[\s/>])")
_WIDE_CHARACTERS = (b"\xff\xfe", b"\xfe\xff", b"<\0", b"\0<")


@dataclass(frozen=True)
class WorkbookBounds:
    """The most that a workbook may be.

    Attributes:
        file_mib: MiB of the file.
        unpacked_mib: MiB of its parts, with the texts that its cells repeat.
        cells: of the rectangle that a sheet spans, and of those that it writes.
    """

    file_mib: int = 64
    unpacked_mib: int = 512
    cells: int = _NARROW * _MOST_ROWS


def check_size(path: Path, size: int, bounds: WorkbookBounds) -> None:
    """Refuse a file of more bytes than the bound; raises :class:`DataError`."""
    if size > bounds.file_mib * _MIB:
        raise beyond(path, f"the workbook is larger than {bounds.file_mib:,} MiB", "workbook_mib", "save it as CSV")


def check(path: Path, data: bytes, bounds: WorkbookBounds) -> None:
    """Refuse a workbook that parsing would make too large, or that is none.

    Raises:
        DataError: beyond a bound, or an archive that readers could take apart in different ways.
    """
    check_size(path, len(data), bounds)
    unpacked = texts = longest = 0
    for part in _parts(path, data):
        for closely in (bounds.cells < _NARROW * _MOST_ROWS, True):
            measure, size = _Measure(path, bounds, closely=closely), 0
            for piece in _inflated(path, data, part):
                size += len(piece)
                if unpacked + size > bounds.unpacked_mib * _MIB:
                    problem = f"the workbook inflates to more than {bounds.unpacked_mib:,} MiB"
                    raise beyond(path, problem, "unpacked_mib", "save it as CSV")
                measure.take(piece)
            measure.finish()
            if closely or not measure.wide:
                break
        unpacked, texts, longest = unpacked + size, texts + measure.repeated, max(longest, measure.longest)
    if unpacked + texts * longest > bounds.unpacked_mib * _MIB:
        problem = f"the texts that the workbook's cells repeat may make more than {bounds.unpacked_mib:,} MiB"
        raise beyond(path, problem, "unpacked_mib", "shorten the longest one, save it as CSV")


def _no_workbook(path: Path, reason: object) -> DataError:
    return DataError(
        f"{path}: the file is no XLSX workbook that can be read ({reason}); save it again as XLSX, or as CSV."
    )


def _parts(path: Path, data: bytes) -> list[ZipInfo]:
    """The parts of an archive that has one reading only: its end record is its last bytes, its parts few."""
    if not data.startswith(b"PK\x03\x04") or data[-_END : -_END + 4] != b"PK\x05\x06":
        raise _no_workbook(path, "no plain ZIP archive")
    disk, first, here, count, size, offset, comment = unpack_from("<4H2LH", data, len(data) - _END + 4)
    if disk or first or here != count or comment or offset + size != len(data) - _END:
        raise _no_workbook(path, "an odd ZIP archive")
    if count > _MOST_PARTS or size > _MOST_DIRECTORY:
        raise _no_workbook(path, f"more than {_MOST_PARTS:,} parts")
    try:
        parts = ZipFile(BytesIO(data)).infolist()
    except (BadZipFile, NotImplementedError, ValueError) as error:
        raise _no_workbook(path, error) from error
    names = [part.orig_filename for part in parts]
    if len(parts) != count or len(set(names)) != count:
        raise _no_workbook(path, "parts of one name")
    if other := next((name for name in names if name.lower() in _OTHER_FORMATS), None):
        raise _no_workbook(path, f"{other} in it belongs to another format")
    return parts


def _inflated(path: Path, data: bytes, part: ZipInfo) -> Iterator[bytes]:
    """What a part holds, piece by piece, whatever size it declares."""
    start = part.header_offset
    if part.flag_bits & 1 or part.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise _no_workbook(path, f"{part.filename[:80]!r} is encrypted or packed in another way")
    if data[start : start + 4] != b"PK\x03\x04" or start + 30 > len(data):
        raise _no_workbook(path, "a part without its header")
    name, extra = unpack_from("<2H", data, start + 26)
    start += 30 + name + extra
    packed = data[start : start + part.compress_size]
    if part.compress_type == ZIP_STORED:
        yield from (packed[place : place + _PIECE] for place in range(0, len(packed), _PIECE))
        return
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        while packed and not inflater.eof:
            yield inflater.decompress(packed, _PIECE)
            packed = inflater.unconsumed_tail
        while not inflater.eof and (rest := inflater.decompress(b"", _PIECE)):
            yield rest
    except zlib.error as error:
        raise _no_workbook(path, error) from error


class _Measure:
    """What one part of a workbook holds, whichever it is: a workbook may call any part its sheet.

    Attributes:
        wide: whether a cell is beyond the first columns, or does not begin with its place: look closely then.
        repeated: cells that may repeat a shared text.
        longest: bytes of the longest shared text.
    """

    def __init__(self, path: Path, bounds: WorkbookBounds, *, closely: bool) -> None:
        self._path, self._bounds, self._closely = path, bounds, closely
        self._rest: bytes | None = None
        self._cells = self._texts = 0
        self._rows = self._row = self._columns = self._column = 0
        self._text: int | None = None
        self.wide = False
        self.repeated = self.longest = 0

    def take(self, piece: bytes) -> None:
        """Look at the whole tags of a piece; the rest waits for the next."""
        if self._rest is None and piece.startswith(_WIDE_CHARACTERS):
            raise _no_workbook(self._path, "a part is in UTF-16")
        whole = (self._rest or b"") + piece
        cut = whole.rfind(b"<")
        cut = len(whole) if cut < 0 else cut
        self._rest = whole[cut:]
        if len(self._rest) > _PIECE:
            raise _no_workbook(self._path, "a tag or text is longer than 1 MiB")
        self._look(whole[:cut])

    def finish(self) -> None:
        """Look at what is left."""
        self._look(self._rest or b"")
        self.longest = max(self.longest, self._text or 0)

    def _look(self, piece: bytes) -> None:
        prefixed = any(mark in piece for mark in _PREFIXED)
        self.repeated += piece.count(b'"s"') + piece.count(b"'s'")
        self._cells += piece.count(b"<c") + (piece.count(b":c") if prefixed else 0)
        self._look_at_texts(piece)
        if self._closely:
            self._look_at_places(piece)
        elif not self.wide:
            self.wide = prefixed or _WIDE.search(piece) is not None
        spanned = min(self._rows, _MOST_ROWS) * min(self._columns, _MOST_COLUMNS)
        if max(spanned, self._cells, self._texts) > self._bounds.cells:
            problem = f"a sheet of the workbook spans or holds more than {self._bounds.cells:,} cells"
            raise beyond(self._path, problem, "workbook_cells", "delete what is beside and below its rows")

    def _look_at_texts(self, piece: bytes) -> None:
        starts = [found.start() for found in _TEXT.finditer(piece)] if b"si" in piece else []
        self._texts += len(starts)
        if self._text is not None:
            self._text += starts[0] if starts else len(piece)
            self.longest = max(self.longest, self._text)
        if starts:
            self.longest = max(self.longest, *(end - start for start, end in pairwise(starts)), 0)
            self._text = len(piece) - starts[-1]

    def _look_at_places(self, piece: bytes) -> None:
        for tag, attributes, end in _TAG.findall(piece):
            if not end:
                raise _no_workbook(self._path, "a row or cell has an odd tag")
            place = next((value for name, value in _ATTRIBUTE.findall(attributes) if name == b"r"), b"")
            letters, digits = _PLACE.match(place).groups()  # type: ignore[union-attr] # it matches anything
            if tag == b"row":
                self._row, self._column = int(digits[:8]) if digits else self._row + 1, 0
                continue
            self._row = int(digits[:8]) if digits else max(self._row, 1)
            self._column = _number(letters) if letters else self._column + 1
            self._rows, self._columns = max(self._rows, self._row), max(self._columns, self._column)


def _number(letters: bytes) -> int:
    """The number of a column, counted from 1."""
    number = 0
    for letter in letters[:4].upper():
        number = number * 26 + letter - 64
    return number
