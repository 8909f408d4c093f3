"""Replacing a file as a whole: whatever happens in between, the old or the new one is there.

``tiny`` writes its file through :func:`replace_file`; ``sqlite`` puts a new one in place with :func:`put_in_place`.
"""

from __future__ import annotations

import os
from pathlib import Path

PRIVATE = 0o600


def temporary_beside(path: Path) -> Path:
    """The one name under which a new version of ``path`` grows: what a crash leaves there, the next write removes."""
    return path.with_name(f".{path.name}.tmp")


def create_private(path: Path) -> int:
    """An open descriptor of a new, empty file of mode 0600; what was there before is gone."""
    path.unlink(missing_ok=True)
    return os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), PRIVATE)


def replace_file(path: Path, data: bytes) -> None:
    """Make ``data`` the content of ``path``, durably.

    Raises:
        OSError: with the file's name; ``path`` is as it was (unless its folder could not be written out).
    """
    temporary = temporary_beside(path)
    try:
        with os.fdopen(create_private(temporary), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        put_in_place(temporary, path)
    except OSError as error:
        # A full disk is reported without the file's name.
        error.filename = error.filename or str(path)
        temporary.unlink(missing_ok=True)
        raise


def put_in_place(temporary: Path, path: Path) -> None:
    """Rename ``temporary``, whose bytes are on the disk, to ``path``, and write the folder out."""
    os.replace(temporary, path)  # noqa: PTH105 - the name under which its atomicity is documented
    if os.name == "nt":  # which cannot open a folder
        return
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
