"""Which scenarios there are: those shipped, those of the working directory and of other folders; the app lists them.

A YAML file that is plainly something else is passed over; one that is a scenario, but a wrong one, says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from smarter.scenario.document import MAX_CHARACTERS
from smarter.scenario.loading import examine, shipped_folder
from smarter.scenario.model import Scenario
from smarter.scenario.problems import Problem

SUFFIXES = (".yaml", ".yml")
_KEY = re.compile(r"""^['"]?([A-Za-z]+)['"]?\s*:""", re.MULTILINE)
_TELLING = {"neighbourhoods", "neighborhoods"}
_TYPICAL = {"windows", "frame", "grace", "pes", "crypto", "tariff", "release"}
_ENOUGH = 2


@dataclass(frozen=True)
class Entry:
    """One file.

    Attributes:
        shipped: whether it came with Smarter.
        text: what is in it; empty when it cannot be read.
        found: the scenario, or what is wrong with it.
    """

    path: Path
    shipped: bool
    text: str
    found: Scenario | tuple[Problem, ...]

    @property
    def name(self) -> str:
        """What a list calls it: the bare name of a shipped one, the file's of others."""
        return self.path.stem if self.shipped else self.path.name

    @property
    def reference(self) -> str:
        """What ``smarter run`` takes: a shipped one's name, a path from the working directory where that is short."""
        return reference_of(self.path)

    @property
    def description(self) -> str:
        """What the scenario says of itself, or the first thing that is wrong with it."""
        return self.found.description if isinstance(self.found, Scenario) else str(self.found[0])


@dataclass(frozen=True)
class Shelf:
    """The scenarios of one folder, by name; ``problem``: why they cannot be listed."""

    title: str
    entries: tuple[Entry, ...]
    problem: str = ""


def reference_of(path: Path) -> str:
    """What ``smarter run`` takes for a scenario's file."""
    if path.parent == shipped_folder():
        return path.stem
    here = _here()
    near = here is not None and path.is_relative_to(here)
    return str(path.relative_to(here) if near and here is not None else path)


def catalogue(folders: Sequence[Path], others: Iterable[Path] = ()) -> Iterator[Shelf]:
    """All scenarios, shelf by shelf: shipped, of the working directory, of ``folders``; then other single files."""
    seen: set[Path] = set()
    shipped = sorted(shipped_folder().glob("*.yaml"))
    yield Shelf("shipped", tuple(_fresh(shipped, seen, shipped=True)))
    here = _here()
    yield Shelf("this folder", (), "it is gone") if here is None else _shelf("this folder", here, seen)
    for folder in folders:
        yield _shelf(str(folder), folder.expanduser() if here is None else here / folder.expanduser(), seen)
    if left := tuple(_fresh(others, seen)):
        yield Shelf("elsewhere", left)


def _here() -> Path | None:
    """The working directory, if it is still there."""
    try:
        return Path.cwd()
    except OSError:
        return None


def _shelf(title: str, folder: Path, seen: set[Path]) -> Shelf:
    try:
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except FileNotFoundError:
        return Shelf(title, (), "there is no such folder")
    except OSError as error:
        return Shelf(title, (), f"it cannot be read: {error.strerror}")
    return Shelf(title, tuple(entry for entry in _fresh(files, seen) if _is_scenario(entry)))


def _fresh(files: Iterable[Path], seen: set[Path], *, shipped: bool = False) -> Iterator[Entry]:
    """Those that are on no shelf before."""
    for path in files:
        real = path.resolve()
        if real not in seen and path.is_file():
            seen.add(real)
            yield read_entry(path, shipped=shipped)


def read_entry(path: Path, *, shipped: bool = False) -> Entry:
    """Read one file and see what it is."""
    try:
        if path.stat().st_size > MAX_CHARACTERS:
            return _unread(path, shipped, f"has over {MAX_CHARACTERS} bytes; a scenario has few.")
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        return _unread(path, shipped, "is not UTF-8 text; a scenario is a YAML file.")
    except OSError as error:
        return _unread(path, shipped, f"cannot be read: {error.strerror}.")
    found = examine(text, path)
    return Entry(path, shipped, text, found if isinstance(found, Scenario) else tuple(found))


def _unread(path: Path, shipped: bool, said: str) -> Entry:
    return Entry(path, shipped, "", (Problem(None, "", said, path.name),))


def _is_scenario(entry: Entry) -> bool:
    """Whether it is one, or was meant to be."""
    keys = set(_KEY.findall(entry.text))
    return isinstance(entry.found, Scenario) or bool(keys & _TELLING) or len(keys & _TYPICAL) >= _ENOUGH
