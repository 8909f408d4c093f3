"""Writes a scenario's text into its file: whole or not at all, and over nothing that its author has not seen.

The app saves so.
"""

from __future__ import annotations

import stat
from pathlib import Path

from smarter.errors import MachineError, UsageError
from smarter.export.files import replacing


class FileTaken(UsageError):
    """Another text stands where this one would; the message says which file."""


def save_scenario(path: Path, text: str, *, over: str | None = None, force: bool = False) -> None:
    """Write ``text`` into ``path``.

    Args:
        path: the file; what a link leads to is written, the link stays.
        text: of the scenario, with the line ends that it is to have.
        over: what the file may hold so far; None: it must not be there.
        force: write over whatever is there.

    Raises:
        FileTaken: the file holds something else.
        MachineError: it cannot be written.
    """
    real = path.resolve()
    try:
        mode = stat.S_IMODE(real.stat().st_mode) if real.exists() else None
        if not force and mode is not None and (over is None or real.read_bytes() != over.encode()):
            said = "is there already" if over is None else "was changed by somebody else since it was read here"
            raise FileTaken(f"{path} {said}; replace it, or choose another name.")
        with replacing(real, 0o666 if mode is None else mode) as file:
            file.write(text)
        if mode is not None:
            real.chmod(mode)
    except FileNotFoundError as error:
        raise MachineError(f"{path} cannot be written: there is no folder {path.parent}; make it first.") from error
    except OSError as error:
        raise MachineError(f"{path} cannot be written: {error.strerror}; choose another place.") from error
