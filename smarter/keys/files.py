"""Small private files: written whole or not at all, mode 0600, read with a bound.

Keystores and key files go through here; an :class:`OSError` passes through to ``cli``.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


def write_private(path: Path, data: bytes, *, overwrite: bool = False) -> None:
    """Replace ``path`` by ``data``, mode 0600: after a crash the old or the new file is there, whole.

    ``overwrite``: what was in the old file, and in what a killed call has left beside it, is overwritten afterwards, as
    far as file system and disk let it.
    """
    before = path.open("r+b") if overwrite and path.exists() else None
    path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename = error.filename or str(path)  # a full disk is reported without it
        raise
    sync_folder(path.parent)
    if before is not None:
        _zero(before)
        for left in _leftovers(path):
            _zero(left.open("r+b"))
            left.unlink()
        sync_folder(path.parent)


def read_private(path: Path, limit: int) -> bytes:
    """At most ``limit`` + 1 bytes of ``path``, so that the caller sees when there are more.

    A mode that lets others read it is tightened where the system allows.
    """
    with path.open("rb") as file:
        if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & ~_FILE_MODE:
            with contextlib.suppress(OSError):
                path.chmod(_FILE_MODE)
        return file.read(limit + 1)


def remove_private(path: Path) -> None:
    """Remove ``path``, and what a killed :func:`write_private` may have left beside it."""
    path.unlink(missing_ok=True)
    if path.parent.is_dir():
        for left in _leftovers(path):
            left.unlink(missing_ok=True)
        sync_folder(path.parent)


def _leftovers(path: Path) -> Iterator[Path]:
    return path.parent.glob(f".{path.name}.*.tmp")


def _zero(file: BinaryIO) -> None:
    with file:
        file.write(bytes(os.fstat(file.fileno()).st_size))
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
