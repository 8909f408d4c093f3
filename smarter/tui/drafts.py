"""Changes of scenarios that are not saved: page 1 keeps them while others are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smarter.scenario.catalogue import Entry


@dataclass(frozen=True)
class Draft:
    """A text, and the file's own that it was made from."""

    entry: Entry
    text: str


class Drafts:
    """By file; what is as its file has it is none."""

    def __init__(self) -> None:
        self._by_path: dict[Path, Draft] = {}

    def __bool__(self) -> bool:
        return bool(self._by_path)

    def __contains__(self, path: Path) -> bool:
        return path in self._by_path

    @property
    def paths(self) -> frozenset[Path]:
        """Whose changes are not saved."""
        return frozenset(self._by_path)

    @property
    def first(self) -> Draft:
        """The one that has been there for longest."""
        return next(iter(self._by_path.values()))

    def of(self, path: Path) -> Draft | None:
        """The changes of one file."""
        return self._by_path.get(path)

    def note(self, entry: Entry, text: str) -> bool:
        """Keep a text; whether that made, or ended, a draft."""
        before = self._by_path.get(entry.path)
        base = before.entry if before is not None else entry
        if text == base.text:
            return self.drop(entry.path)
        self._by_path[entry.path] = Draft(base, text)
        return before is None

    def drop(self, path: Path) -> bool:
        """Forget the changes of one file; whether there were any."""
        return self._by_path.pop(path, None) is not None
