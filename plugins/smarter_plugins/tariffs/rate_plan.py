"""The options of ``time-of-use``: rates by label, the hours of every label but one, seasons and public holidays.

In a scenario the hours of a label stand under the label's own name beside ``rates``; so its keys are known only once
``rates`` is read.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, ConfigDict, Field, model_validator

from smarter.api import PluginOptions
from smarter_plugins.tariffs.hours import Rule, Rules
from smarter_plugins.tariffs.money import ExportingOptions, Rate
from smarter_plugins.tariffs.public_holidays import Holidays
from smarter_plugins.tariffs.refusal import refuse, unknown_key
from smarter_plugins.tariffs.timetable import Overlap, Timetable

MonthDay = tuple[int, int]
_LEAP_YEAR = [date(2000, 1, 1) + timedelta(days) for days in range(366)]


class RatePlan(PluginOptions):
    """Rates by label, and under each label's name when it holds; the one without hours holds at all other times."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Rules] = Field(init=False)

    rates: dict[str, Rate] = Field(
        {},
        description='Money per kWh by label, such as {off-peak: "0.09", peak: "0.24"}. The hours of a label stand '
        "under its name; the one label without hours holds at all other times.",
    )

    @property
    def rules(self) -> dict[str, tuple[Rule, ...]]:
        """The hours given, by label."""
        return dict(self.__pydantic_extra__ or {})

    @model_validator(mode="before")
    @classmethod
    def _hours_have_a_rate(cls, given: Any) -> Any:
        """Every key that is no option must be a label."""
        if not isinstance(given, Mapping):
            return given
        known = {field.alias or name for name, field in cls.model_fields.items()}
        labels = _labels(given)
        for label in sorted(_labels({"rates": given.get("rates")}) & known):
            refuse(
                ("rates", label), given["rates"].get(label), f"{label!r} is a key of its own; call the label otherwise"
            )
        for key in [key for key in given if key not in known | labels]:
            if isinstance(given[key], Mapping | list) and not difflib.get_close_matches(key, labels | known, 1):
                refuse((key,), given[key], f"hours of {key!r} stand here, but rates has no {key!r}: give it a rate")
            refuse((key,), given[key], unknown_key(key, labels | known))
        return given


def _labels(given: Mapping[str, Any]) -> set[str]:
    """The labels of a plan that has not been checked yet: its own and its seasons'."""
    seasons = given.get("seasons")
    plans = [given, *(seasons if isinstance(seasons, list | tuple) else ())]
    rates = [plan.get("rates") for plan in plans if isinstance(plan, Mapping)]
    return {str(label) for labels in rates if isinstance(labels, Mapping) for label in labels}


def _month_day(text: Any) -> str:
    """The text of a day of the year, ``06-01``."""
    found = re.fullmatch(r"([0-9]{1,2})-([0-9]{1,2})", text.strip()) if isinstance(text, str) else None
    try:
        day = date(2000, *map(int, found.groups())) if found else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError(f'{text!r:.40} is no day of the year; write month and day, such as "06-01"')
    return f"{day:%m-%d}"


class Season(RatePlan):
    """A part of every year with rates of its own. Labels that it gives no hours have those at the top."""

    name: str = Field(min_length=1, description="What bills call it.")
    from_: Annotated[str, BeforeValidator(_month_day)] = Field(
        alias="from", description='Its first day, month and day: "06-01".'
    )
    to: Annotated[str, BeforeValidator(_month_day)] = Field(
        description='Its last day, "09-30"; before its first day it lies in the year after.'
    )

    def days(self) -> set[MonthDay]:
        """The days of the year, of a leap year, that are in it."""
        first, last = (tuple(map(int, text.split("-"))) for text in (self.from_, self.to))
        days = [(day.month, day.day) for day in _LEAP_YEAR]
        if first <= last:
            return {day for day in days if first <= day <= last}
        return {day for day in days if day >= first or day <= last}


class TimeOfUseOptions(ExportingOptions, RatePlan):
    """Options of ``time-of-use``."""

    model_config = ConfigDict(extra="allow")

    seasons: tuple[Season, ...] = Field((), description="Parts of the year with rates of their own.")
    holidays: Holidays | None = Field(
        None, description="Public holidays, on which the label without hours holds all day."
    )

    @model_validator(mode="after")
    def _make_timetables(self) -> Self:
        self.timetables()
        self.season_of()
        return self

    def timetables(self) -> dict[int, Timetable]:
        """A timetable a season, by its index; -1 is the rest of the year, where there are rates for it."""
        tables = {}
        if self.rates:
            rules = {label: rules for label, rules in self.rules.items() if label in self.rates}
            tables[-1] = _timetable((), self.rates, rules)
        elif not self.seasons:
            refuse(("rates",), {}, 'it is missing: give a rate to each label, such as {off-peak: "0.09", peak: "0.24"}')
        for index, season in enumerate(self.seasons):
            place = ("seasons", index)
            if not season.rates:
                refuse((*place, "rates"), {}, "a season has rates of its own, and this one none")
            rules = {label: rules for label, rules in {**self.rules, **season.rules}.items() if label in season.rates}
            tables[index] = _timetable(place, season.rates, rules)
        return tables

    def season_of(self) -> dict[MonthDay, int]:
        """The index of the season that each day of the year is in; -1 for none."""
        seasons: dict[MonthDay, int] = {}
        names: set[str] = set()
        for index, season in enumerate(self.seasons):
            if season.name in names:
                refuse(("seasons", index, "name"), season.name, f"two seasons are called {season.name!r}; rename one")
            names.add(season.name)
            if twice := sorted(seasons.keys() & season.days()):
                other = self.seasons[seasons[twice[0]]].name
                said = f"{season.name} and {other} share days, the first {_text(twice[0])}; let each day be in one"
                refuse(("seasons", index), season.name, said)
            seasons |= dict.fromkeys(season.days(), index)
        missing = [(day.month, day.day) for day in _LEAP_YEAR if (day.month, day.day) not in seasons]
        if missing and not self.rates:
            said = f"no season has the day {_text(missing[0])}; add one that has, or rates for the rest of the year"
            refuse(("seasons",), self.seasons, said)
        return seasons | dict.fromkeys(missing, -1)


def _text(day: MonthDay) -> str:
    return f"{day[0]:02}-{day[1]:02}"


def _timetable(
    place: tuple[str | int, ...], rates: Mapping[str, Any], rules: Mapping[str, tuple[Rule, ...]]
) -> Timetable:
    """The timetable of a plan at ``place``, or a refusal there."""
    without = [label for label in rates if label not in rules]
    if not without:
        said = "every label has hours; leave those of one out, and it holds at all other times"
        refuse((*place, "rates"), rates, said)
    if len(without) > 1:
        said = f"{' and '.join(map(repr, without))} have no hours; only one label may go without, for all other times"
        refuse((*place, "rates"), rates, said)
    try:
        return Timetable(without[0], rules)
    except Overlap as error:
        refuse((*place, error.label), rules[error.label], str(error))
