"""Where the axes of a chart are labelled, and with what: round values, local hours, days and months.

``windows`` and ``bills`` make their scales here; ``drawing`` puts them on the picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from smarter.model.clock import DAY


@dataclass(frozen=True)
class Scale:
    """One axis: its limits, and where it is labelled with what."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]] = ()


def value_scale(least: float, most: float, labels: int) -> Scale:
    """From zero, or below, to the most, with about so many round labels."""
    low, high = min(least, 0.0), max(most, 0.0)
    if low == high:
        high = 1.0
    rough = (high - low) / labels
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * 0.999)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    labelled = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return Scale(low, high, [(index * step, f"{index * step:,.{places}f}") for index in labelled])


def time_ticks(start: int, end: int, tz: ZoneInfo, cells: int) -> list[tuple[int, str]]:
    """Local midnights, or whole hours under two days: the closest ticks whose labels have room."""
    steps: list[list[tuple[int, str]]] = []
    if end - start < 2 * DAY:
        steps += [_hours(start, end, tz, every) for every in (1, 2, 3, 6, 12)]
    steps += [_days(start, end, tz, every, dated=dated) for every in (1, 2) for dated in (True, False)]
    steps += [_days(start, end, tz, 7, dated=True)]
    steps += [_months(start, end, tz, every, dated=dated) for every in (1, 3, 6) for dated in (True, False)]
    steps += [_months(start, end, tz, 12, dated=True)]
    for ticks in steps:
        fitting = inside(Scale(start, end, ticks), cells)
        if len(fitting) > 1 and len(fitting) == len(inside(Scale(start, end, ticks), cells, crowded=True)):
            return [(int(at), label) for at, label in fitting]
    return [(start, f"{datetime.fromtimestamp(start, tz):%Y-%m-%d %H:%M}")]


def inside(scale: Scale, cells: int, *, crowded: bool = False) -> list[tuple[float, str]]:
    """The ticks whose centred labels lie within the axis and, unless ``crowded``, two blanks apart."""
    kept: list[tuple[float, str]] = []
    free = 0
    for at, label in scale.ticks:
        place = round((at - scale.low) / (scale.high - scale.low) * (cells - 1))
        left = max(place - len(label) // 2, 0)
        if left + len(label) <= cells and (crowded or left >= free):
            kept.append((at, label))
            free = left + len(label) + 2
    return kept


def _hours(start: int, end: int, tz: ZoneInfo, every: int) -> list[tuple[int, str]]:
    ticks: dict[str, int] = {}
    # Some zones are a quarter of an hour off the hours of UTC.
    for at in range(-(-start // 900) * 900, end + 1, 900):
        local = datetime.fromtimestamp(at, tz)
        if local.minute == 0 and local.hour % every == 0:
            form = "%a %-d %b" if local.hour == 0 else "%H:%M"
            # A clock put back shows an hour twice: the first is labelled.
            ticks.setdefault(f"{local:%Y-%m-%d}/{_form(local, form)}", at)
    return [(at, name.split("/")[1]) for name, at in ticks.items()]


def _days(start: int, end: int, tz: ZoneInfo, every: int, *, dated: bool) -> list[tuple[int, str]]:
    """Days, or Mondays when ``every`` is 7; with the month where it changes when ``dated``."""
    ticks, month = [], 0
    day = datetime.fromtimestamp(start, tz).date()
    if every == 7:
        day += timedelta(days=-day.weekday() % 7)
    while (at := _midnight(day, tz)) <= end:
        if at >= start:
            form = "%a %-d" if every < 7 else "%-d"
            ticks.append((at, _form(day, f"{form} %b" if dated and day.month != month else form)))
            month = day.month
        day += timedelta(days=every)
    return ticks


def _months(start: int, end: int, tz: ZoneInfo, every: int, *, dated: bool) -> list[tuple[int, str]]:
    ticks, year = [], 0
    day = datetime.fromtimestamp(start, tz).date().replace(day=1)
    while (at := _midnight(day, tz)) <= end:
        if at >= start and (day.month - 1) % every == 0:
            ticks.append((at, f"{day:%b %Y}" if dated and day.year != year else f"{day:%b}"))
            year = day.year
        day = (day + timedelta(days=32)).replace(day=1)
    return ticks


def _form(day: date, form: str) -> str:
    """``strftime`` with %-d, which not every platform has."""
    return day.strftime(form.replace("%-d", str(day.day)))


def _midnight(day: date, tz: ZoneInfo) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=tz).timestamp())
