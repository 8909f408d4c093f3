"""Small private files: written whole or not at all, mode 0600, read with a bound.

Keystores and key files go through here; an :class:`OSError` passes through to ``cli``.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

_FOLDER_MODE = 0o700
_FILE_MODE = 0o600


def write_private(path: Path, data: bytes) -> None:
    """Replace ``path`` by ``data``, mode 0600: after a crash the old or the new file is there, whole."""
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
        for left in path.parent.glob(f".{path.name}.*.tmp"):
            left.unlink(missing_ok=True)
        sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    if os.name == "nt":  # which cannot open a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
