"""What a Green Button file is made of, once read: resources that link to one another, and readings in columns.

``espi`` takes them out of the XML, ``usage_points`` relates them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Resource:
    """What one entry of the feed holds, but for readings.

    Attributes:
        kind: its element's name, such as ``UsagePoint``.
        line: of the file, on which it begins.
        fields: texts of its elements by their path below it, such as ``ServiceCategory/kind``.
        id: the entry's, as the file writes it; empty where it has none, like ``title``, ``own`` and ``up``.
        title: the entry's.
        own: its address (link ``self``), from behind ``/resource/`` on.
        up: the address of the collection that it is in.
        related: the addresses of what belongs to it.
    """

    kind: str
    line: int
    fields: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    title: str = ""
    own: str = ""
    up: str = ""
    related: tuple[str, ...] = ()

    @property
    def called(self) -> str:
        """How an error names it."""
        names = [repr(self.title)] if self.title else []
        return " ".join([self.kind, *names, f"({self.own or self.id}, line {self.line})".replace("(, ", "(")])


@dataclass(frozen=True, eq=False)
class Readings:
    """Consecutive readings of one entry, columnar.

    Attributes:
        entry: the IntervalBlock's; its links say whose they are.
        starts: int64, epoch seconds of UTC.
        durations: int64 seconds; -1 where the file has none.
        values: int64, as the file writes them; 0 for those in ``odd``.
        lines: int64, of the file.
        odd: texts of values that are no whole number of up to 18 digits, by place.
    """

    entry: Resource
    starts: NDArray[np.int64]
    durations: NDArray[np.int64]
    values: NDArray[np.int64]
    lines: NDArray[np.int64]
    odd: Mapping[int, str]

    def __len__(self) -> int:
        return len(self.starts)


def joined(parts: Sequence[Readings]) -> Readings:
    """Several runs of readings as one, under the entry of the first."""
    odd: dict[int, str] = {}
    first = 0
    for part in parts:
        odd.update((first + place, text) for place, text in part.odd.items())
        first += len(part)

    def whole(name: str) -> NDArray[np.int64]:
        return np.concatenate([getattr(part, name) for part in parts])

    return Readings(parts[0].entry, whole("starts"), whole("durations"), whole("values"), whole("lines"), odd)


def address(href: str) -> str:
    """A link's address in the form in which links are compared: some files mix full and relative ones."""
    return (href.partition("/resource/")[2] or href).strip().rstrip("/")
