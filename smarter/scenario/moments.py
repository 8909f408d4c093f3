"""Local dates and times as a scenario writes them; the models in :mod:`smarter.scenario.model` use them.

A scenario's times carry no offset: each neighbourhood reads them on its own clock, by :func:`epoch`.
"""

from __future__ import annotations

from datetime import date, datetime, time
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema


def parse_moment(value: object) -> datetime:
    """A naive datetime of ``2016-01-01`` (its midnight), ``2016-01-01 18:00`` or a date or datetime object.

    Raises:
        ValueError: it is none, or it carries an offset.
    """
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value.strip())
        except ValueError:
            raise ValueError(f"{str(value)!r} is no date or time: write 2016-01-31 or 2016-01-31 18:00") from None
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    else:
        raise ValueError(f"{value!r} is no date or time: write 2016-01-31 or 2016-01-31 18:00")
    if moment.tzinfo is not None:
        raise ValueError(f"{str(value)!r} carries an offset: write the neighbourhood's local time without one")
    if moment.microsecond:
        raise ValueError(f"{str(value)!r} is finer than a second")
    return moment


def moment_text(moment: datetime) -> str:
    """``2016-01-01`` for a midnight, ``2016-01-01 18:00`` otherwise; with seconds where there are any."""
    if moment.time() == time():
        return moment.date().isoformat()
    return moment.isoformat(" ", "seconds" if moment.second else "minutes")


def epoch(moment: datetime, timezone: str) -> int:
    """Seconds since 1970-01-01T00:00Z of a local moment.

    Of a time that occurs twice the first is meant; one that the clock skips is as far behind the skip as it says.
    """
    return int(moment.replace(tzinfo=ZoneInfo(timezone), fold=0).timestamp())


def _parsed(value: Any) -> datetime:
    return parse_moment(value)


Moment = Annotated[
    datetime,
    BeforeValidator(_parsed),
    PlainSerializer(moment_text, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "description": "A date, or a local date and time without an offset."}),
]
"""A local moment without an offset."""
