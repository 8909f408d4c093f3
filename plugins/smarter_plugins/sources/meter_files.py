"""Finds the files of a source's meters and names the meters after them.

``umass`` and ``csv`` call it with their ``path`` option: a file, a folder or a pattern.
"""

from __future__ import annotations

import errno
import hashlib
import re
from collections.abc import Collection, Iterable
from pathlib import Path

from smarter.api import DataError, MachineError

_WILD = re.compile(r"[*?\[]")


def natural(name: str) -> tuple[tuple[tuple[int, int, str], ...], str]:
    """A sort key by which apt2 comes before apt10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return tuple((0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts), name


def find(path: Path, suffixes: Collection[str]) -> dict[str, Path]:
    """The files at ``path``, each by the name of its meter, which is its stem; in natural order.

    A folder gives the files in it (not in folders below it) that end in one of ``suffixes``, hidden ones
    and Excel's lock files left out; so does a pattern. A file is taken as it is.

    Raises:
        DataError: nothing there, or two files for one name.
    """
    kinds = " or ".join(suffixes)
    if path.is_file():
        files = [path]
    elif path.is_dir():
        files = _readable(path.iterdir(), suffixes)
        if not files:
            raise DataError(f"{path}: the folder holds no {kinds} file; put one file per meter into it.")
    elif _WILD.search(str(path)):
        files = _readable(_matches(path), suffixes)
        if not files:
            raise DataError(f"{path}: the pattern matches no {kinds} file; correct the path.")
    else:
        raise DataError(
            f"{path}: there is no such file or folder; correct the path (in a scenario it counts from its file)."
        )
    named: dict[str, Path] = {}
    for file in sorted(files, key=lambda file: (natural(file.stem), str(file))):
        if file.stem in named:
            raise DataError(
                f"{named[file.stem]} and {file}: two files for one meter {file.stem!r}; remove or rename one of them."
            )
        named[file.stem] = file
    return named


def beside(path: Path, suffixes: Collection[str]) -> str:
    """What to say of a file that is no meter's and was found in a folder; empty where a file was named."""
    if not path.is_dir():
        return ""
    return (
        f" Each {', '.join(suffixes)} file of the folder is read as a meter's: move others out of it, or give a "
        f"pattern such as {path.name}/*{next(iter(suffixes))}."
    )


def _readable(files: Iterable[Path], suffixes: Collection[str]) -> list[Path]:
    return [
        file
        for file in files
        if file.suffix.lower() in suffixes and not file.name.startswith((".", "~$")) and file.is_file()
    ]


def _matches(path: Path) -> list[Path]:
    """Files that match a pattern; parts before it that exist are taken as they are, brackets and all."""
    folder, parts = Path(path.anchor), list(path.parts[1:] if path.anchor else path.parts)
    while parts and (folder / parts[0]).exists():
        folder /= parts.pop(0)
    return list(folder.glob(str(Path(*parts)))) if parts else [folder]


def digest(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes.

    Raises:
        DataError: the file cannot be read.
        MachineError: too many files are open.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path: Path, error: OSError) -> DataError | MachineError:
    """What to raise when the system does not give a file out: it is the file's fault, or the machine's."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return MachineError(
            f"{path}: the file cannot be opened ({error.strerror}); allow more of them (ulimit -n) or end programs "
            "that hold many open, then start again."
        )
    return DataError(f"{path}: the file cannot be read ({error.strerror}); see that it is there and readable.")
