"""When a label of a time-of-use tariff holds: days of the week and hours of the day, as scenarios write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler, field_validator, model_validator

from smarter.api import PluginOptions
from smarter_plugins.tariffs.refusal import refuse, unknown_key

DAY = 86_400
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_RANGE = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")

Span = tuple[int, int]
"""Seconds after midnight at which something begins and ends; an end over 86,400 is on the next day."""


class OneOrMore:
    """Marks a list that may be written as its one entry, for the JSON Schema."""

    @classmethod
    def __get_pydantic_json_schema__(cls, core_schema: Any, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core_schema)
        return {"anyOf": [schema["items"], schema]}


class Rule(PluginOptions):
    """Hours of some days of the week."""

    days: str = Field("mon-sun", description="Days of the week: mon-fri, or sat,sun, or mon,wed-fri.")
    hours: Annotated[tuple[str, ...], OneOrMore] = Field(
        ("00:00-24:00",),
        min_length=1,
        description='Times of day: ["15:00-21:00"]; one that passes midnight begins on the days named.',
    )

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, given: Any) -> Any:
        for key in given if isinstance(given, Mapping) else ():
            if key not in cls.model_fields:
                refuse((key,), given[key], unknown_key(key, cls.model_fields))
        return given

    @field_validator("days", mode="before")
    @classmethod
    def _as_one_text(cls, given: Any) -> Any:
        return ",".join(map(str, given)) if isinstance(given, list | tuple) else given

    @field_validator("days")
    @classmethod
    def _are_days(cls, given: str) -> str:
        weekdays(given)
        return given

    @field_validator("hours", mode="before")
    @classmethod
    def _as_a_list(cls, given: Any) -> Any:
        return [part.strip() for part in given.split(",")] if isinstance(given, str) else given

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            span(text)
        return given

    def spans(self) -> list[tuple[int, Span]]:
        """Each day of the week (0 is Monday) with each span that begins on it."""
        return [(day, span(text)) for day in sorted(weekdays(self.days)) for text in self.hours]


def _one_or_more(given: Any) -> Any:
    if given and isinstance(given, Mapping | Rule):
        return [given]
    if isinstance(given, list | tuple) and given:
        return given
    raise ValueError('its hours belong here, such as {days: mon-fri, hours: ["15:00-21:00"]}')


Rules = Annotated[tuple[Rule, ...], BeforeValidator(_one_or_more), OneOrMore]
"""One rule or several, any of which may hold."""


def weekdays(text: str) -> frozenset[int]:
    """The days that ``mon-fri`` or ``sat,sun`` names; 0 is Monday. A range may pass over the weekend: ``fri-mon``.

    Raises:
        ValueError: it names no days.
    """
    days: set[int] = set()
    for part in text.split(","):
        first, dash, last = (name.strip() for name in part.partition("-"))
        low = _weekday(first, text)
        high = _weekday(last, text) if dash else low
        days.update((low + step) % 7 for step in range((high - low) % 7 + 1))
    return frozenset(days)


def _weekday(name: str, text: str) -> int:
    for number, weekday in enumerate(WEEKDAYS):
        if len(name) >= 3 and weekday.startswith(name.lower()):
            return number
    raise ValueError(f"{text!r} names no days; write them like mon-fri, sat,sun or mon,wed-fri")


def span(text: str) -> Span:
    """The seconds after midnight between which ``15:00-21:00`` holds; the end is not part of it.

    Raises:
        ValueError: it is no such range, or an empty one.
    """
    if not (found := _RANGE.fullmatch(text.strip())):
        raise ValueError(f'{text!r} is no range of hours; write it in quotes, like "15:00-21:00"')
    hour, minute, last_hour, last_minute = map(int, found.groups())
    start, end = (hour * 60 + minute) * 60, (last_hour * 60 + last_minute) * 60
    if minute > 59 or last_minute > 59 or start >= DAY or end > DAY:
        raise ValueError(f"{text!r} is no range of hours: a day has 00:00 to 24:00, and begins before it ends")
    if start == end:
        raise ValueError(f'{text!r} is empty; the whole day is "00:00-24:00"')
    return (start, end) if start < end else (start, end + DAY)


def clock(second: int) -> str:
    """A second of the day as people write it, to the minute."""
    return f"{second // 3_600 % 24:02}:{second // 60 % 60:02}"
