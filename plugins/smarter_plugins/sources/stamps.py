"""Stamp texts become seconds since 1970 of the clock they were written by, many at a time.

ISO 8601 and formats of fixed width are read columnar; every other stamp goes through ``datetime``, one by
one. The file sources call it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_DATE = ("%Y", "%m", "%d")
_TIME = {"%H": (24, 3600), "%M": (60, 60), "%S": (60, 1)}  # below what, and seconds of one
_WIDTHS = {"%Y": 4, "%m": 2, "%d": 2, "%H": 2, "%M": 2, "%S": 2}
_ISO = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M",
)
_DATE_TIME = 19  # characters of an ISO stamp without its offset
_OFFSET = 6  # characters of +01:00
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - wall clocks have no offset here
_YEARS = (np.arange(10_000) - 1970).astype("datetime64[Y]").astype("datetime64[D]").astype(np.int64)
_LEAP = np.diff(_YEARS, append=_YEARS[-1] + 365) == 366
_LENGTHS = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_MONTHS = np.concatenate([[0, 0], np.cumsum(_LENGTHS[1:-1])])


@dataclass(frozen=True, eq=False)
class _Layout:
    """A stamp format of fixed width.

    Attributes:
        width: characters.
        fields: where the digits of each date or time part are.
        date: the places of the date's digits.
        literals: place and code of each character that is no digit.
    """

    width: int
    fields: Mapping[str, slice]
    date: NDArray[np.int64]
    literals: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, pattern: str) -> _Layout | None:
        """The layout of a ``strptime`` format; None when its width is not fixed or a date part is missing."""
        parts = re.findall(r"%.|[^%]", pattern)
        names = [part for part in parts if part.startswith("%")]
        if len(set(names)) != len(names) or not set(_DATE) <= set(names) <= _WIDTHS.keys():
            return None
        if not pattern.isascii():
            return None
        fields: dict[str, slice] = {}
        literals = []
        place = 0
        for part in parts:
            if part in _WIDTHS:
                fields[part] = slice(place, place + _WIDTHS[part])
            else:
                literals.append((place, ord(part)))
            place += _WIDTHS.get(part, 1)
        date = np.concatenate([np.arange(place)[fields[part]] for part in _DATE])
        return cls(place, fields, date, tuple(literals))

    def parse(self, codes: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Seconds of at least one stamp, given as uint8 (width, n), and a mask of those that are right."""
        good = np.ones(codes.shape[1], np.bool_)
        for place, code in self.literals:
            good &= codes[place] == code
        figures = codes - np.uint8(ord("0"))  # wraps round below "0"
        # Rows of one day follow one another: its date is worked out once.
        date = figures[self.date]
        starts = np.append(0, np.flatnonzero((date[:, 1:] != date[:, :-1]).any(axis=0)) + 1)
        days, real = self._days(figures[:, starts])
        lengths = np.diff(starts, append=len(good))
        good &= np.repeat(real, lengths)
        seconds = np.repeat(days * 86_400, lengths)
        for part, (most, unit) in _TIME.items():
            if part in self.fields:
                tens, ones = figures[self.fields[part]]
                number = tens * np.uint8(10) + ones
                good &= (tens < 10) & (ones < 10) & (number < most)
                seconds += number * np.int32(unit)
        return seconds, good

    def _days(self, figures: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Days since 1970 of dates given as figures (width, n), and a mask of those that are right."""
        good = (figures[self.date] < 10).all(axis=0)
        year, month, day = (_number(figures[self.fields[part]]) for part in _DATE)
        good &= (year > 0) & (month > 0) & (month < 13)
        year, month = np.where(good, year, 1970), np.where(good, month, 1)
        leap = _LEAP[year]
        good &= (day > 0) & (day <= _LENGTHS[month] + (leap & (month == 2)))
        return _YEARS[year] + _MONTHS[month] + (leap & (month > 2)) + day - 1, good


def _number(figures: NDArray[np.uint8]) -> NDArray[np.int64]:
    """The number that each column of figures writes."""
    return 10 ** np.arange(len(figures))[::-1] @ figures.astype(np.int64)


_YEAR, _MONTH, _DAY = {"%Y", "%y"}, {"%m", "%b", "%B"}, {"%d"}
_DATES = ({"%Y", "%j"}, {"%y", "%j"}, {"%G", "%V", "%u"}, {"%G", "%V", "%a"}, {"%G", "%V", "%A"}, {"%c"}, {"%x"})


def format_problem(pattern: str) -> str | None:
    """Why stamps of a ``strptime`` format do not name one moment of the clock each; None where they do."""
    parts = set(re.findall(r"%.", pattern.replace("%%", "")))
    by_week = any({week, day} <= parts for week in ("%U", "%W") for day in ("%w", "%u", "%a", "%A"))
    if not (
        (parts & _YEAR and parts & _MONTH and parts & _DAY)
        or any(date <= parts for date in _DATES)
        or (parts & _YEAR and by_week)
    ):
        return "has no whole date; it needs year, month and day, such as %Y-%m-%d"
    if "%I" in parts and "%p" not in parts:
        return "has hours to 12 (%I) without %p for AM and PM; use %H for hours to 24"
    return None


@dataclass(frozen=True)
class StampReader:
    """Reads stamps of one format; None is ISO 8601."""

    pattern: str | None = None

    @cached_property
    def _layouts(self) -> Sequence[_Layout]:
        layouts = map(_Layout.of, _ISO if self.pattern is None else [self.pattern])
        return [layout for layout in layouts if layout]

    def one(self, text: str) -> tuple[int, bool]:
        """Seconds since 1970 of one stamp, and whether it carried an offset (then they are of UTC).

        Raises:
            ValueError: the text is no stamp of this format.
        """
        if self.pattern is None:
            if not re.match(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ]|$)", text):
                raise ValueError(text)
            stamp = datetime.fromisoformat(text)
        else:
            stamp = datetime.strptime(text, self.pattern)  # noqa: DTZ007 - an offset is optional
        if stamp.microsecond:
            raise ValueError(text)
        offset = stamp.tzinfo is not None
        plain = stamp.astimezone(UTC).replace(tzinfo=None) if offset else stamp
        return int((plain - _EPOCH).total_seconds()), offset

    def parse(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], ends: NDArray[np.int64], *, offset: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Read many stamps at once.

        Args:
            text: uint8, a buffer that holds them all.
            starts: int64, where each begins in it.
            ends: int64, where each ends (exclusive).
            offset: whether stamps with an offset are wanted, or those without.

        Returns:
            int64 seconds and a mask of those that are right; the rest is for :meth:`one`.
        """
        lengths = ends - starts
        if offset:
            return self._with_offset(text, starts, lengths)
        seconds = np.zeros(len(starts), np.int64)
        good = np.zeros(len(starts), np.bool_)
        for layout in self._layouts:
            left = np.flatnonzero(~good & (lengths == layout.width))
            if len(left):
                codes = np.ascontiguousarray(_windows(text, starts[left], layout.width).T)
                seconds[left], good[left] = layout.parse(codes)
        return seconds, good

    def _with_offset(
        self, text: NDArray[np.uint8], starts: NDArray[np.int64], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """ISO stamps that end in Z or in an offset like +01:00."""
        long = np.zeros(len(starts), np.bool_) if self.pattern else lengths == _DATE_TIME + _OFFSET
        short = np.zeros(len(starts), np.bool_) if self.pattern else lengths == _DATE_TIME + 1
        short &= text.take(starts + _DATE_TIME, mode="clip") == ord("Z")
        plain = np.where(long | short, starts, 0)
        ends = np.where(long | short, starts + _DATE_TIME, 0)
        seconds, good = self.parse(text, plain, ends, offset=False)
        rows = np.flatnonzero(good & long)
        if len(rows):
            marks = _windows(text, starts[rows] + _DATE_TIME, _OFFSET)
            figures = (marks - np.uint8(ord("0"))).astype(np.int64)
            hours, minutes = figures[:, 1] * 10 + figures[:, 2], figures[:, 4] * 10 + figures[:, 5]
            east = np.where(marks[:, 0] == ord("+"), 1, -1)
            seconds[rows] -= east * (hours * 3600 + minutes * 60)
            good[rows] = (
                ((marks[:, 0] == ord("+")) | (marks[:, 0] == ord("-")))
                & (marks[:, 3] == ord(":"))
                & (figures[:, [1, 2, 4, 5]] < 10).all(axis=1)
                & (hours < 24)
                & (minutes < 60)
            )
        return seconds, good


def _windows(text: NDArray[np.uint8], starts: NDArray[np.int64], width: int) -> NDArray[np.uint8]:
    return np.lib.stride_tricks.sliding_window_view(text, width)[starts]


ISO_8601 = StampReader()
