"""A meter file as long as it is read: open only while a piece of it is, and refused once it has changed.

The file sources read through it, so that neither the number of meters nor the length of a run uses up what the
system lets a process open.
"""

from __future__ import annotations

import os
import time
from io import BytesIO
from pathlib import Path

from smarter.api import DataError
from smarter_plugins.sources.meter_files import digest, unreadable

_SETTLED = 2_000_000_000
"""Nanoseconds after which another change of a file cannot bear the same time any more, on any file system."""

_Mark = tuple[int, int, int]


class InputFile:
    """One file, which must stay as it was when it was first read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._mark: _Mark | None = None
        self._digest: tuple[_Mark, str] | None = None

    @property
    def size(self) -> int:
        """Bytes of the file as it was when it was first read; 0 before."""
        return self._mark[1] if self._mark else 0

    def size_now(self) -> int:
        """Bytes of the file as it is now, before any of it is read; raises as :meth:`read` does."""
        try:
            return self.path.stat().st_size
        except OSError as error:
            raise unreadable(self.path, error) from error

    def read(self, offset: int, size: int) -> bytes:
        """``size`` bytes from ``offset`` on; fewer at the end of the file only.

        Raises:
            DataError: the file cannot be read, or is another than it was.
            MachineError: too many files are open.
        """
        try:
            with self.path.open("rb") as file:
                file.seek(offset)
                piece = file.read(size)
                mark = _mark(os.fstat(file.fileno()))
        except OSError as error:
            raise unreadable(self.path, error) from error
        self._mark = self._mark or mark
        if mark != self._mark:
            raise DataError(f"{self.path}: the file has changed while it was read; start again.")
        return piece

    def whole(self) -> BytesIO:
        """All of the file; raises as :meth:`read` does."""
        return BytesIO(self.read(0, -1))

    def digest(self) -> str:
        """Hexadecimal SHA-256 of the file's bytes as they are now, worked out once for all who ask.

        Raises:
            DataError: the file cannot be read.
            MachineError: too many files are open.
        """
        try:
            before = _mark(self.path.stat())
            if self._digest and self._digest[0] == before:
                return self._digest[1]
            found = digest(self.path)
            if before == _mark(self.path.stat()) and time.time_ns() - before[2] > _SETTLED:
                self._digest = before, found
        except OSError as error:
            raise unreadable(self.path, error) from error
        return found


def _mark(stat: os.stat_result) -> _Mark:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
