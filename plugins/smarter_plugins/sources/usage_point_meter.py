"""One meter of a Green Button file: its readings as rows, in order of time, exact, and net of what was fed in.

``green_button`` hands it out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, RegisterRules, Rows, SourceContext, SourceMeter
from smarter_plugins.sources import decimals
from smarter_plugins.sources.espi import BOUNDS, FeedBounds, read
from smarter_plugins.sources.feed_parts import Readings, joined
from smarter_plugins.sources.lines import shown
from smarter_plugins.sources.meter_files import digest
from smarter_plugins.sources.reading_types import Measure
from smarter_plugins.sources.usage_points import Series, key_of

MOST_SORTED = 8_000_000
"""Readings of a meter that are put in order of time in memory."""


@dataclass(frozen=True, eq=False)
class _Taken:
    """Readings with stamps and values as rows have them, all of them, and which lie within what is asked for."""

    stamps: NDArray[np.int64]
    values: NDArray[np.int64]
    inside: NDArray[np.bool_]
    lines: NDArray[np.int64]

    def at(self, places: NDArray[np.int64]) -> _Taken:
        return _Taken(self.stamps[places], self.values[places], self.inside[places], self.lines[places])


class UsagePointMeter(SourceMeter):
    """One usage point. A row is a reading; rows are counted in order of time, in which a file need not have them."""

    clock = "utc"

    def __init__(
        self,
        name: str,
        path: Path,
        part: str,
        series: Sequence[Series],
        context: SourceContext,
        bounds: FeedBounds = BOUNDS,
        rules: RegisterRules = RegisterRules(),  # noqa: B008 - frozen
    ) -> None:
        """``part``: which usage point of the file; ``series``: one, or one a direction; ``rules``: of registers."""
        self.name = name
        self.part = part
        self.origin = str(path)
        self.quantity = series[0].measure.quantity
        self._rules = rules
        # A net register counts down while energy is fed in; of one with two directions each is looked at for itself.
        net = len(series) > 1 or series[0].measure.flow == "net"
        self.register = RegisterRules("export") if net else rules
        self.lengths_checked = self.quantity != "register" and all(each.measure.interval for each in series)
        self._path = path
        self._bounds = bounds
        self._series = series
        self._interval = context.interval
        self._zone = ZoneInfo(context.timezone)

    def digest(self) -> str:
        return digest(self._path)

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        number = 1
        for readings in self._in_order(after, before):
            stamps = readings.stamps
            numbers = np.arange(number, number + len(stamps), dtype=np.int64)
            chosen = np.flatnonzero(readings.inside)
            for start in range(0, len(chosen), block):
                rows = chosen[start : start + block]
                yield Rows(stamps[rows], readings.values[rows], numbers[rows])
            number += len(stamps)
            if before is not None and len(stamps) and int(stamps[-1]) > before:
                return

    def _in_order(self, after: int | None, before: int | None) -> Iterator[_Taken]:
        """The usage point's net readings in order of time: as the file is read where it has them so."""
        (first, *others) = self._series
        if first.ordered and not others and self.quantity != "register":
            for readings in self._read(first):
                yield self._take(first.measure, readings, after, before)
            return
        taken = [self._sorted(each, after, before) for each in self._series]
        yield taken[0] if not others else self._net(taken)

    def _read(self, series: Series) -> Iterator[Readings]:
        for part in read(self._path, self._bounds):
            if isinstance(part, Readings) and key_of(part.entry) in series.keys:
                yield part

    def _sorted(self, series: Series, after: int | None, before: int | None) -> _Taken:
        parts: list[Readings] = []
        count = 0
        for part in self._read(series):
            parts.append(part)
            count += len(part)
            if count > MOST_SORTED:
                raise DataError(
                    f"{self.origin}, {series.resource.called}: there are more than {MOST_SORTED:,} readings to put in "
                    "order of time; sort them by their start in the file, or split it."
                )
        if not parts:
            raise DataError(f"{self.origin}: the file has changed while it was read; start again.")
        taken = self._take(series.measure, joined(parts), after, before)
        return taken.at(np.argsort(taken.stamps, kind="stable"))

    def _take(self, measure: Measure, readings: Readings, after: int | None, before: int | None) -> _Taken:
        """Readings as a meter's rows have them; what the hints leave out is not checked, and its value is 0."""
        stamps = readings.starts
        if measure.quantity == "register":
            stamps = stamps + np.maximum(readings.durations, 0)
        inside = np.ones(len(stamps), np.bool_)
        if after is not None:
            inside &= stamps >= after
        if before is not None:
            inside &= stamps <= before
        chosen = np.flatnonzero(inside)
        if measure.quantity != "register" and (after is not None or before is not None):
            # A look at the whole file judges nothing: whoever looks is told of all the intervals in it.
            self._check_durations(measure, readings, chosen)
        values = np.zeros(len(stamps), np.int64)
        values[chosen] = self._values(measure, readings, chosen)
        return _Taken(stamps, values, inside, readings.lines)

    def _check_durations(self, measure: Measure, readings: Readings, chosen: NDArray[np.int64]) -> None:
        lasts = readings.durations[chosen]
        lasts = np.where(lasts < 0, measure.interval or self._interval, lasts)
        fits = lasts == self._interval
        if measure.quantity == "power":
            fits |= lasts == 0  # measured at that moment, and taken for the mean from then on
        if not fits.all():
            place = int(np.argmin(fits))
            wanted = _spelt(self._interval)
            last = int(lasts[place])
            found = _spelt(last)
            way_out = f"set windows.reading to {found}, or " if last and 86_400 % last == 0 else ""
            where = self._where(readings.lines, readings.starts, int(chosen[place]))
            raise DataError(
                f"{where} lasts {found}, and windows.reading is {wanted}; {way_out}choose a span in which all last "
                f"{wanted}."
            )

    def _values(self, measure: Measure, readings: Readings, chosen: NDArray[np.int64]) -> NDArray[np.int64]:
        shift = np.full(len(chosen), measure.exponent, np.int64)
        values, good = decimals.scaled(readings.values[chosen], shift, np.ones(len(chosen), np.bool_))
        if readings.odd:
            good &= ~np.isin(chosen, list(readings.odd))
        for row in np.flatnonzero(~good):
            place = int(chosen[row])
            text = readings.odd.get(place, str(readings.values[place]))
            where = self._where(readings.lines, readings.starts, place)
            if not text:
                raise DataError(f"{where} has no value; fill it in or remove the reading.")
            try:
                values[row] = decimals.exact(text, measure.exponent)
            except ValueError as error:
                raise DataError(f"{where} has the value {shown(text)}, which {error}; correct or remove it.") from error
        return -values if measure.flow == "reverse" else values

    def _net(self, taken: Sequence[_Taken]) -> _Taken:
        """What was drawn less what was fed in, where both were read: one that is missing is not zero."""
        alone = [self._without_repeats(each) for each in taken]
        if self.quantity == "register":
            alone = [self._risen(each, series) for each, series in zip(alone, self._series, strict=True)]
        stamps = alone[0].stamps
        for each in alone[1:]:
            stamps = np.intersect1d(stamps, each.stamps, assume_unique=True)
        parts = [each.at(np.searchsorted(each.stamps, stamps)) for each in alone]
        values = sum((part.values for part in parts), np.zeros(len(stamps), np.int64))
        return _Taken(stamps, values, parts[0].inside, parts[0].lines)

    def _risen(self, taken: _Taken, series: Series) -> _Taken:
        """One direction's register, settled where it falls, as it must be before two are subtracted."""
        sign = -1 if series.measure.flow == "reverse" else 1
        both = np.append(False, taken.inside[1:] & taken.inside[:-1])
        falls = both & (np.diff(sign * taken.values, prepend=sign * taken.values[:1]) < 0)
        if not falls.any() or self._rules.falls == "export":
            return taken
        if self._rules.rolls_at is None:
            place = int(np.argmax(falls))
            raise DataError(
                f"{self._where(taken.lines, taken.stamps, place)} has a register of {series.resource.called} below "
                f"that of line {taken.lines[place - 1]}; correct or remove it, or set option register of the source: "
                "falls: rollover with digits: N (it ran past its last digit), or falls: export (it counts down)."
            )
        values = taken.values + sign * self._rules.rolls_at * np.cumsum(falls)
        return _Taken(taken.stamps, values, taken.inside, taken.lines)

    def _without_repeats(self, taken: _Taken) -> _Taken:
        again = np.diff(taken.stamps) == 0
        differs = again & (np.diff(taken.values) != 0)
        if differs.any():
            place = int(np.argmax(differs))
            raise DataError(
                f"{self._where(taken.lines, taken.stamps, place + 1)} repeats that of line {taken.lines[place]} with "
                "another value; remove the wrong one."
            )
        return taken.at(np.flatnonzero(np.append(True, ~again)))

    def _where(self, lines: NDArray[np.int64], stamps: NDArray[np.int64], place: int) -> str:
        moment = datetime.fromtimestamp(int(stamps[place]), self._zone).isoformat(" ")
        return f"{self.origin}, line {lines[place]}: the reading of {moment}"


def _spelt(seconds: int) -> str:
    """A length of time as scenarios write it."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
