"""An audit log's files: where its committed part ends, appending to it, and the small files that hold its head.

``log`` writes through here, ``check`` reads; both hold the log's lock meanwhile.
"""

from __future__ import annotations

import contextlib
import mmap
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from smarter.errors import AlteredLog, MachineError
from smarter.state.audit.lines import HEAD_BYTES, SIGNED, Head, Line, hashed, read_head, read_line


@dataclass(frozen=True)
class Tail:
    """Where the committed part of a log ends: with its last signed line.

    Attributes:
        line: that line.
        before: what it is chained to, or None when it is the first.
        size: bytes up to its end; what follows was never committed.
        torn: how many bytes follow.
        only: whether no line before it is signed.
    """

    line: Line
    before: bytes | None
    size: int
    torn: int
    only: bool


def find_tail(path: Path) -> tuple[Tail | None, int]:
    """The end of the committed part, or None when there is none, and how many bytes the file has.

    Raises:
        AlteredLog: the last signed line was changed.
    """
    if not path.exists() or not path.stat().st_size:
        return None, 0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        size = len(data)
        end = data.rfind(b"\n") + 1
        place = data.rfind(SIGNED, 0, end)
        if place < 0:
            return None, size
        end, start = data.find(b"\n", place) + 1, data.rfind(b"\n", 0, place) + 1
        try:
            line = read_line(data[start : end - 1])
        except ValueError as error:
            raise AlteredLog(0, "changed", f"the last signed entry of the audit log {path} was changed") from error
        before = hashed(data[data.rfind(b"\n", 0, start - 1) + 1 : start - 1]) if start else None
        return Tail(line, before, end, size - end, data.rfind(SIGNED, 0, start) < 0), size


def append(path: Path, data: bytes, size: int) -> None:
    """Put ``data`` behind the first ``size`` bytes, durably; what follows those is cut off."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.ftruncate(handle, size)
        os.lseek(handle, size, os.SEEK_SET)
        try:
            written = 0
            while written < len(data):
                written += os.write(handle, memoryview(data)[written:])
            os.fsync(handle)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(handle, size)
            error.filename = error.filename or str(path)
            raise
    finally:
        os.close(handle)
    if new:
        _sync_folder(path.parent)


def load_head(path: Path) -> Head | None:
    """The head that a file holds; None when there is no such file.

    Raises:
        AlteredLog: it holds none.
    """
    try:
        with path.open("rb") as file:
            data = file.read(HEAD_BYTES + 1)
    except FileNotFoundError:
        return None
    return read_head(data, str(path))


def keep_head(path: Path, head: Head) -> None:
    """Put a head into a file, durably: after a loss of power it holds the old one or the new one."""
    new = not path.exists()
    if new:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.tmp")
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.write(handle, f"{head.text()}\n".encode())
        os.fsync(handle)
    except OSError as error:
        error.filename = error.filename or str(path)
        raise
    finally:
        os.close(handle)
    beside.replace(path)
    if new:
        _sync_folder(path.parent)


@contextmanager
def anchoring(place: Path) -> Iterator[None]:
    """Say of an :class:`OSError` that a head cannot be kept in ``place``, outside of the state, or read from there."""
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"the head of the audit log cannot be kept in {place.parent} ({error.strerror}); name another folder in "
            "SMARTER_ANCHOR, or none by leaving that empty."
        ) from error


def is_line_of(path: Path, head: Head, tail: Tail) -> bool:
    """Whether the committed part of a log, which ends with ``tail``, has the very line that a head was made of."""
    last = tail.line.entry.number
    if head.number >= last:
        return head.number == last and (head.hash, head.seal) == (tail.line.hash, tail.line.seal)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        mark = f'{{"number":{head.number},'.encode()
        # In a text its quotes would be escaped, and no line holds a line's end.
        start = 0 if data[: len(mark)] == mark else data.rfind(b"\n" + mark, 0, tail.size) + 1
        try:
            line = read_line(data[start : data.find(b"\n", start)])
        except ValueError:
            return False
    return (head.number, head.hash, head.seal) == (line.entry.number, line.hash, line.seal)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
