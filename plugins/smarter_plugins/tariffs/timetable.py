"""Which label of a time-of-use tariff holds at a moment of the local clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta

from smarter_plugins.tariffs.hours import DAY, WEEKDAYS, Rule, Span, clock

WEEK = 7 * DAY


class Overlap(ValueError):
    """Two labels at one time. ``label``: one of them, whose hours can be changed."""

    def __init__(self, label: str, message: str) -> None:
        super().__init__(message)
        self.label = label


class Timetable:
    """A week of labels. ``default`` holds whenever no rule does.

    Raises:
        Overlap: two labels hold at one time.
    """

    def __init__(self, default: str, rules: Mapping[str, Sequence[Rule]]) -> None:
        self.default = default
        self._spans: list[list[tuple[Span, str]]] = [[] for _ in WEEKDAYS]
        for label, alternatives in rules.items():
            for rule in alternatives:
                for weekday, span in rule.spans():
                    self._spans[weekday].append((span, label))
        self._refuse_overlaps()

    def changes(self) -> set[int]:
        """Seconds after midnight at which some label begins or ends."""
        return {moment % DAY for day in self._spans for span, _ in day for moment in span}

    def label_at(self, moment: datetime, is_holiday: Callable[[date], bool]) -> str:
        """The label that holds when the local clock shows ``moment``.

        What passes midnight belongs to the day that it began on; a holiday has none, neither of its own nor of the
        evening before.
        """
        today, second = moment.date(), moment.hour * 3_600 + moment.minute * 60 + moment.second
        if is_holiday(today):
            return self.default
        for (start, end), label in self._spans[today.weekday()]:
            if start <= second < end:
                return label
        for (_, end), label in self._spans[today.weekday() - 1]:
            if second + DAY < end and not is_holiday(today - timedelta(1)):
                return label
        return self.default

    def _refuse_overlaps(self) -> None:
        spans = [
            (start + weekday * DAY, end + weekday * DAY, label)
            for weekday, day in enumerate(self._spans)
            for (start, end), label in day
        ]
        # Sunday night runs into Monday.
        spans += [(start - WEEK, end - WEEK, label) for start, end, label in spans if end > WEEK]
        spans.sort()
        for number, (_, end, label) in enumerate(spans):
            for other_start, _, other in spans[number + 1 :]:
                if other_start >= end:
                    break
                if other != label:
                    when = f"{WEEKDAYS[other_start // DAY % 7].capitalize()} {clock(other_start)}"
                    raise Overlap(other, f"{label} and {other} both hold on {when}; let their hours not overlap")
