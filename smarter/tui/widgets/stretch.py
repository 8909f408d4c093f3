"""Which stretch of time a chart shows of all there is: zoomed and panned, never beyond either end."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Stretch:
    """From ``start`` to ``end`` of what lies between ``first`` and ``last``; all in epoch seconds.

    Attributes:
        least: the shortest stretch that one can zoom to, in seconds.
    """

    start: float
    end: float
    first: float
    last: float
    least: float

    @classmethod
    def whole(cls, first: float, last: float, least: float) -> Stretch:
        """All there is."""
        return cls(first, last, first, last, min(least, last - first))

    @property
    def is_whole(self) -> bool:
        """Whether all there is is shown."""
        return self.start <= self.first and self.end >= self.last

    def zoomed(self, factor: float, at: float = 0.5) -> Stretch:
        """``factor`` times closer; what lies at the share ``at`` of the width stays there, if it can."""
        length = min(max((self.end - self.start) / factor, self.least), self.last - self.first)
        return self._placed(self.start + at * (self.end - self.start - length), length)

    def moved(self, share: float) -> Stretch:
        """Later by this share of its length, or earlier if it is negative."""
        length = self.end - self.start
        return self._placed(self.start + share * length, length)

    def around(self, start: float, end: float) -> Stretch:
        """From ``start`` to ``end``, or a little around it when that is too short."""
        length = max(end - start, self.least)
        return self._placed((start + end - length) / 2, length)

    def with_least(self, least: float) -> Stretch:
        """The same with another shortest stretch."""
        other = replace(self, least=min(least, self.last - self.first))
        return other.around(self.start, self.end)

    def _placed(self, start: float, length: float) -> Stretch:
        start = max(min(start, self.last - length), self.first)
        return replace(self, start=start, end=min(start + length, self.last))
