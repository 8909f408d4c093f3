"""Tariff ``time-of-use``: rates by hour of the day, day of the week, season and public holiday."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from smarter.api import BillLine, MeteredWindow, Tariff
from smarter_plugins.tariffs.lines import Lines
from smarter_plugins.tariffs.rate_plan import TimeOfUseOptions


class TimeOfUse(Tariff):
    """A window has the price of the moment at which it starts on the local clock."""

    name = "time-of-use"
    summary = "Rates by hour, weekday, season and public holiday."
    Options = TimeOfUseOptions

    def __init__(self, options: TimeOfUseOptions) -> None:
        super().__init__(options)
        self._options = options
        self._timetables = options.timetables()
        self._season_of = options.season_of()
        self._is_holiday = options.holidays.calendar() if options.holidays else _never

    def changes(self) -> Sequence[int]:
        """Wherever a label begins or ends on some day, and midnight, when a weekend, season or holiday may begin."""
        return sorted({0}.union(*(table.changes() for table in self._timetables.values())))

    def lines(self, windows: Sequence[MeteredWindow]) -> Sequence[BillLine]:
        """A line a season and label in the order of the options, and with ``export_rate`` one of its exports."""
        lines = Lines()
        export_rate = self._options.export_rate
        for index, window in enumerate(windows):
            season = self._season_of[window.start.month, window.start.day]
            label = self._timetables[season].label_at(window.start, self._is_holiday)
            rates = self._options.seasons[season].rates if season >= 0 else self._options.rates
            name = f"{self._options.seasons[season].name} {label}" if season >= 0 else label
            place = (season, list(rates).index(label))
            if window.energy < 0 and export_rate is not None:
                lines.add((*place, 1), f"{name} export", export_rate, window.energy, index)
            else:
                lines.add((*place, 0), name, rates[label], window.energy, index)
        return lines.bill()


def _never(_: date) -> bool:
    return False
