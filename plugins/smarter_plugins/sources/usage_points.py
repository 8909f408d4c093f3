"""The usage points of a Green Button file and the series of readings that each has, related by their links.

``green_button`` makes a meter of each that measures electricity. Links are followed as the standard writes them, by
their addresses, and by the one candidate there is where a file leaves them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from smarter.api import DataError
from smarter_plugins.sources.bounds import refuse_too_many
from smarter_plugins.sources.espi import BOUNDS, FeedBounds, read
from smarter_plugins.sources.feed_parts import Readings, Resource
from smarter_plugins.sources.reading_types import Measure, measure

_SERVICES = {1: "gas", 2: "water", 3: "time", 4: "heat", 5: "refuse", 6: "sewerage", 7: "rates", 8: "a licence"}
_ELECTRICITY = "0"

_MASK = (1 << 64) - 1

Key = tuple[str, str]
"""What tells blocks of different MeterReadings apart: the address of their collection, else their own."""


@dataclass
class Tally:
    """The readings that one key has: how many, since when, and whether each starts no earlier than the one before.

    Attributes:
        sums: of the values, and of each value times its start, modulo 2^64: equal for equal readings in any order.
    """

    count: int = 0
    first: int = 0
    last: int = 0
    ordered: bool = True
    sums: tuple[int, int] = (0, 0)

    def add(self, readings: Readings) -> None:
        """Count more of them, in file order."""
        starts = readings.starts
        before = self.last if self.count else int(starts[0])
        self.ordered &= bool(np.all(np.diff(starts, prepend=before) >= 0))
        self.first = min(self.first, int(starts.min())) if self.count else int(starts.min())
        self.last, self.count = int(starts[-1]), self.count + len(readings)
        with np.errstate(over="ignore"):
            found = int(readings.values.sum()), int((readings.values * starts).sum())
        self.sums = (self.sums[0] + found[0]) & _MASK, (self.sums[1] + found[1]) & _MASK


@dataclass(frozen=True)
class Series:
    """One MeterReading with readings.

    Attributes:
        resource: its entry.
        keys: of its blocks.
        measure: how to take its readings.
        first: start of the earliest, epoch seconds of UTC.
        ordered: whether the file has them in order of time.
        readings: how many, and their sums as of :class:`Tally`.
    """

    resource: Resource
    keys: frozenset[Key]
    measure: Measure
    first: int
    ordered: bool
    readings: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True)
class UsagePoint:
    """One place where a service is measured.

    Attributes:
        resource: its entry.
        series: those of its MeterReadings that measure active energy or power, in file order.
        others: what the rest of it measures, in words.
        offset: seconds from UTC to its standard time, where the file says so.
    """

    resource: Resource
    series: tuple[Series, ...]
    others: tuple[str, ...]
    offset: int | None


def key_of(block: Resource) -> Key:
    """The key of a block's readings."""
    return block.up, "" if block.up else block.own


def usage_points(path: Path, wanted: str | None = None, bounds: FeedBounds = BOUNDS) -> list[UsagePoint]:
    """Read a file through once, and say what is in it.

    Args:
        path: the file.
        wanted: the title of the MeterReadings to take, or the end of their address; None takes all.
        bounds: the most that the file may be.

    Raises:
        DataError: as of :func:`espi.read`, no usage point, a link that leads nowhere, an unknown unit.
    """
    feed = _Feed(path)
    for part in read(path, bounds):
        if isinstance(part, Readings):
            feed.tallies.setdefault(key_of(part.entry), (part.entry, Tally()))[1].add(part)
        else:
            feed.resources.setdefault(part.kind, []).append(part)
            refuse_too_many(path, len(feed.of("UsagePoint")), bounds.meters)
    return feed.usage_points(wanted)


@dataclass
class _Feed:
    """What a file holds, before it is related."""

    path: Path
    resources: dict[str, list[Resource]] = field(default_factory=dict)
    tallies: dict[Key, tuple[Resource, Tally]] = field(default_factory=dict)

    def of(self, kind: str) -> Sequence[Resource]:
        return self.resources.get(kind, ())

    def usage_points(self, wanted: str | None) -> list[UsagePoint]:
        points = self.of("UsagePoint")
        if not points:
            raise DataError(f"{self.path}: the file has no UsagePoint; name a Green Button file with usage data.")
        blocks: dict[int, list[Key]] = {}
        for key, (entry, _) in self.tallies.items():
            blocks.setdefault(id(self._owner(entry, self.of("MeterReading"))), []).append(key)
        meant: dict[int, list[Resource]] = {}
        for reading in self.of("MeterReading"):
            if id(reading) in blocks:
                meant.setdefault(id(self._owner(reading, points)), []).append(reading)
        return [self._point(point, meant.get(id(point), []), blocks, wanted) for point in points]

    def _point(
        self, point: Resource, readings: Sequence[Resource], blocks: dict[int, list[Key]], wanted: str | None
    ) -> UsagePoint:
        service = point.fields.get("ServiceCategory/kind", _ELECTRICITY)
        if service != _ELECTRICITY:
            name = _SERVICES.get(int(service), "") if service.isdecimal() else ""
            return UsagePoint(point, (), (name or f"service {service:.40}",), None)
        series, others = [], []
        for reading in readings:
            if wanted is not None and wanted != reading.title and not f"/{reading.own}".endswith(f"/{wanted}"):
                continue
            found = measure(str(self.path), self._type(reading))
            if isinstance(found, str):
                others.append(found)
                continue
            tallies = [self.tallies[key][1] for key in blocks[id(reading)]]
            series.append(
                Series(
                    reading,
                    frozenset(blocks[id(reading)]),
                    found,
                    min(tally.first for tally in tallies),
                    len(tallies) == 1 and tallies[0].ordered,
                    tuple((tally.count, *tally.sums) for tally in tallies),
                )
            )
        return UsagePoint(point, tuple(series), tuple(dict.fromkeys(others)), self._offset(point))

    def _owner(self, part: Resource, candidates: Sequence[Resource]) -> Resource:
        """The one of ``candidates`` that ``part`` belongs to.

        Raises:
            DataError: none, or several alike.
        """
        linked = [each for each in candidates if {part.up, part.own} & set(each.related) - {""}]
        linked = linked or [
            each for each in candidates if each.own and f"{part.up or part.own}/".startswith(each.own + "/")
        ]
        loose = [each for each in candidates if not each.own or not (part.up or part.own)]
        for found in (linked, loose):
            if len(found) == 1:
                return found[0]
            if found:
                break
        kind = "MeterReading" if part.kind == "IntervalBlock" else "UsagePoint"
        problem = f"several entries {kind} claim it" if linked or loose else f"no entry {kind} of the file links to it"
        raise DataError(f"{self.path}, {part.called}: {problem}; complete its links, or download the file whole.")

    def _type(self, reading: Resource) -> Resource:
        """Its ReadingType."""
        types = self.of("ReadingType")
        linked = [each for each in types if each.own and each.own in reading.related]
        named = any("ReadingType" in address for address in reading.related)
        found = linked or [each for each in types if not named or not each.own]
        if len(found) == 1:
            return found[0]
        problem = f"{len(found)} entries ReadingType could be its" if found else "its ReadingType is not in the file"
        raise DataError(
            f"{self.path}, {reading.called}: {problem}, so that the unit is unknown; complete its links, or download "
            "the file whole."
        )

    def _offset(self, point: Resource) -> int | None:
        clocks = self.of("LocalTimeParameters")
        linked = [each for each in clocks if each.own and each.own in point.related] or clocks
        text = linked[0].fields.get("tzOffset", "") if len(linked) == 1 else ""
        return int(text) if text.removeprefix("-").isdecimal() and len(text) < 8 else None
