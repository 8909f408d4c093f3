"""Charts of demand, bills and households as text for a terminal; ``cli`` prints them, the app shows them.

Drawn with plotext, whose versions 5 and 6 share nothing but the name: ``_draw`` is the one place that knows them.
"""

from __future__ import annotations

import math
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

from smarter.model.bills import Bill
from smarter.model.clock import DAY, zone
from smarter.model.results import WindowRow
from smarter.model.windows import spell
from smarter.parties.mdms.demand import MWH_PER_KWH, mean_kw

SMALLEST = (30, 8)
"""Columns and rows below which a chart would say nothing."""

_DOTS = 2  # across a cell, in the markers below
_LINE, _BLOCK, _HOLLOW, _CROSS, _BAR, _ZERO = "braille", "hd", "○", "✕", "█", "─"
_PLOTEXT = threading.Lock()  # plotext draws on one figure for the whole process


@dataclass(frozen=True)
class _Series:
    """Points of one marker and colour, joined to a line or not."""

    x: Sequence[float]
    y: Sequence[float]
    marker: str
    colour: str | None = None
    joined: bool = True


@dataclass(frozen=True)
class _Scale:
    """One axis: its limits, and where it is labelled with what."""

    low: float
    high: float
    ticks: Sequence[tuple[float, str]] = ()


def demand_chart(rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool) -> str:
    """Mean power of each demand window in kW over local time, at most ``width`` columns and ``height`` lines.

    Incomplete windows, scaled to what was measured, are hollow; refused ones are crosses on the floor, missing ones
    gaps. Without ``colour`` there is no escape code in it.
    """
    return _windows_chart(rows, timezone, mean_kw, "kW", "mean power", _LINE, (width, height), colour)


def household_chart(rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool) -> str:
    """Energy of each of one household's billing windows in kWh; marks and sizes as in :func:`demand_chart`.

    An incomplete window shows what was measured in it, since that is what is billed.
    """

    def kilowatt_hours(row: WindowRow) -> float | None:
        return None if row.energy is None else row.energy / MWH_PER_KWH

    return _windows_chart(rows, timezone, kilowatt_hours, "kWh", "energy", _BLOCK, (width, height), colour)


def bills_chart(bills: Sequence[Bill], *, width: int, height: int, colour: bool) -> str:
    """A bar a meter: the sum of its bills, largest first. What does not fit in ``height`` is counted beneath."""
    if width < SMALLEST[0] or height < 4 or not bills:
        return _clip("No bills to draw." if not bills else _too_small(width, height), width)
    amounts: dict[str, Decimal | None] = {}
    for bill in bills:
        before = amounts.get(bill.meter)
        amounts[bill.meter] = before if bill.amount is None else (before or Decimal(0)) + bill.amount
    # A meter without any amount comes last.
    ranked = sorted(amounts.items(), key=lambda item: (item[1] is None, -(item[1] or 0), item[0]))
    # Around the bars: the heading, the axis with its numbers, and the line on what was left out.
    shown = ranked if len(ranked) <= height - 3 else ranked[: height - 4]
    rest = [amount for _, amount in ranked[len(shown) :] if amount is not None]

    texts = ["missing" if amount is None else f"{amount:,}" for _, amount in shown]
    wide = max(map(len, texts))
    labels = [f"{meter[:8]}… {text:>{wide}}" for (meter, _), text in zip(shown, texts, strict=True)]
    values = [float(amount or 0) for _, amount in shown]
    cells = width - len(labels[0]) - 1
    if cells < 8:
        return _clip(_too_small(width, height), width)
    across = _value_scale(min(values), max(values), max(2, cells // 12))
    across = _Scale(across.low, across.high, _inside(across, cells))
    places = range(len(shown), 0, -1)
    series = [
        _Series((0, value), (place, place), _BAR, "green" if value >= 0 else "blue")
        for place, value in zip(places, values, strict=True)
        if value
    ]
    down = _Scale(1, len(shown), list(zip(places, labels, strict=True)))
    title = f"{bills[0].currency}  billed to each meter"
    lines = [_clip(title, width), *_draw(series, across, down, (width, len(shown) + 2), colour)]
    if left := len(ranked) - len(shown):
        least = f", down to {min(rest):,}" if rest else ""
        lines.append(_clip(f"and {left:,} more meters{least}", width))
    return "\n".join(lines)


def _windows_chart(
    rows: Sequence[WindowRow],
    timezone: str,
    value_of: Callable[[WindowRow], float | None],
    unit: str,
    what: str,
    marker: str,
    size: tuple[int, int],
    colour: bool,
) -> str:
    width, height = size
    if not rows:
        return _clip("No windows to draw.", width)
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return _clip(_too_small(width, height), width)
    start, end = rows[0].start, rows[-1].end
    legend = _packed(_legend(rows, timezone), width)[: height - 6]
    plot_height = height - 1 - len(legend)

    values = [value for row in rows if (value := value_of(row)) is not None]
    up = _value_scale(min(values, default=0.0), max(values, default=0.0), max(2, plot_height // 2))
    cells = width - max(len(label) for _, label in up.ticks) - 1
    moments = _time_ticks(start, end, zone(timezone), cells)
    hours = _Scale(0, (end - start) / 3600, [((moment - start) / 3600, label) for moment, label in moments])

    series: list[_Series] = []
    if up.low < 0:
        series.append(_Series((0, hours.high), (0, 0), _ZERO))
    for run in _runs(rows, value_of, "complete"):
        steps = [((row.start - start) / 3600, (row.end - start) / 3600, value) for row, value in run]
        room = cells * _DOTS * (run[-1][0].end - run[0][0].start) / (end - start)
        points = _filled(steps, hours.high / (cells * _DOTS)) if marker == _BLOCK else _outline(steps, room)
        series.append(_Series([x for x, _ in points], [y for _, y in points], marker, "green"))
    for status, mark, tint in (("incomplete", _HOLLOW, None), ("refused", _CROSS, "red")):
        marked = [(row, value_of(row)) for row in rows if row.status == status]
        if marked:
            x = [((row.start + row.end) / 2 - start) / 3600 for row, _ in marked]
            y = [max(up.low, 0.0) if value is None else value for _, value in marked]
            series.append(_Series(x, y, mark, tint, joined=False))

    length = spell(Counter(row.end - row.start for row in rows).most_common(1)[0][0])
    holder = rows[0].holder if rows[0].kind == "demand" else f"{rows[0].holder[:8]}…"
    title = f"{unit}  {what} of {holder}, in windows of {length}"
    return "\n".join([_clip(title, width), *_draw(series, hours, up, (width, plot_height), colour), *legend])


def _legend(rows: Sequence[WindowRow], timezone: str) -> list[str]:
    first, last = (datetime.fromtimestamp(at, zone(timezone)) for at in (rows[0].start, rows[-1].end))
    counts = Counter(row.status for row in rows)
    words = {"incomplete": f"{_HOLLOW} incomplete", "refused": f"{_CROSS} refused", "missing": "gaps: missing"}
    marks = [f"{word} {counts[status]:,}" for status, word in words.items() if counts[status]]
    return [f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, {timezone}", *marks]


def _packed(items: Sequence[str], width: int) -> list[str]:
    """Items put on as few lines as they fit on, none of them broken."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= width:
            lines[-1] += f"   {item}"
        else:
            lines.append(_clip(item, width))
    return lines


def _runs(
    rows: Sequence[WindowRow], value_of: Callable[[WindowRow], float | None], status: str
) -> Iterator[list[tuple[WindowRow, float]]]:
    """Stretches of neighbouring windows of a status, with their values."""
    for mine, group in groupby(rows, lambda row: row.status == status):
        run = [(row, value) for row in group if (value := value_of(row)) is not None]
        if mine and run:
            yield run


def _outline(steps: Sequence[tuple[float, float, float]], room: float) -> list[tuple[float, float]]:
    """The steps' upper edge; with many to a dot, the least and the most of each dot's: no peak gets lost."""
    many = int(len(steps) / max(room, 1))
    if many < 4:
        return [point for left, right, value in steps for point in ((left, value), (right, value))]
    points = []
    for at in range(0, len(steps), many):
        chunk = steps[at : at + many]
        middle = (chunk[0][0] + chunk[-1][1]) / 2
        points += [(middle, min(step[2] for step in chunk)), (middle, max(step[2] for step in chunk))]
    return points


def _filled(steps: Sequence[tuple[float, float, float]], dot: float) -> list[tuple[float, float]]:
    """The area between the steps and zero, hatched so closely that it is solid."""
    points = []
    for left, right, value in steps:
        count = max(2, math.ceil((right - left) / dot))
        for index in range(count):
            x = left + (right - left) * index / count
            points += [(x, 0.0), (x, value), (x, 0.0)]
    return points


def _value_scale(least: float, most: float, labels: int) -> _Scale:
    """From zero, or below, to the most, with about so many round labels."""
    low, high = min(least, 0.0), max(most, 0.0)
    if low == high:
        high = 1.0
    rough = (high - low) / labels
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(nice * power for nice in (1, 2, 5, 10) if nice * power >= rough * 0.999)
    places = max(0, -math.floor(math.log10(step) + 1e-9))
    inside = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
    return _Scale(low, high, [(index * step, f"{index * step:,.{places}f}") for index in inside])


def _time_ticks(start: int, end: int, tz: ZoneInfo, cells: int) -> list[tuple[int, str]]:
    """Local midnights, or whole hours under two days: the closest ticks whose labels have room."""
    steps: list[list[tuple[int, str]]] = []
    if end - start < 2 * DAY:
        steps += [_hours(start, end, tz, every) for every in (1, 2, 3, 6, 12)]
    steps += [_days(start, end, tz, every, dated=dated) for every in (1, 2) for dated in (True, False)]
    steps += [_days(start, end, tz, 7, dated=True)]
    steps += [_months(start, end, tz, every, dated=dated) for every in (1, 3, 6) for dated in (True, False)]
    steps += [_months(start, end, tz, 12, dated=True)]
    for ticks in steps:
        fitting = _inside(_Scale(start, end, ticks), cells)
        if len(fitting) > 1 and len(fitting) == len(_inside(_Scale(start, end, ticks), cells, crowded=True)):
            return [(int(at), label) for at, label in fitting]
    return [(start, f"{datetime.fromtimestamp(start, tz):%Y-%m-%d %H:%M}")]


def _inside(scale: _Scale, cells: int, *, crowded: bool = False) -> list[tuple[float, str]]:
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


def _too_small(width: int, height: int) -> str:
    return f"No room for a chart in {width} × {height}."


def _clip(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def _draw(series: Sequence[_Series], across: _Scale, up: _Scale, size: tuple[int, int], colour: bool) -> list[str]:
    """The lines of a picture of exactly ``size`` columns and rows at most, drawn by the plotext that is installed."""
    import plotext

    with _PLOTEXT:
        six = hasattr(plotext, "figure") and hasattr(plotext.figure, "signal")
        text = (_with_six if six else _with_five)(plotext, series, across, up, size)
        if not colour:
            text = plotext.uncolorize(text)
    return [line.rstrip() for line in text.rstrip("\n").splitlines()]


def _with_six(plotext: Any, series: Sequence[_Series], across: _Scale, up: _Scale, size: tuple[int, int]) -> str:
    figure = plotext.figure
    figure.clear()
    plotext.terminal.limit(False, False)
    try:
        figure.plot_size(*size).theme("colorless").canvas("default")
        for one in series:
            pixel = plotext.pixel(one.colour) if one.colour else None
            marker = plotext.marker(one.marker, pixel)
            figure.draw(figure.signal(list(one.x), list(one.y), marker=marker).lines(one.joined))
        figure.axes(False)
        for axis, side, scale in (("x", "lower", across), ("y", "left", up)):
            figure.axes(True, axis=axis, side=side)
            ruler = figure.ruler(axis, side).lim(scale.low, scale.high)
            ruler.ticks([at for at, _ in scale.ticks], labels=[label for _, label in scale.ticks])
        return str(figure.build().string())
    finally:
        plotext.terminal.limit()
        figure.clear()


def _with_five(plotext: Any, series: Sequence[_Series], across: _Scale, up: _Scale, size: tuple[int, int]) -> str:
    plotext.clear_figure()
    plotext.limit_size(False, False)
    try:
        plotext.plot_size(*size)
        plotext.theme("clear")
        for one in series:
            draw = plotext.plot if one.joined else plotext.scatter
            draw(list(one.x), list(one.y), marker=one.marker, color=one.colour or "default")
        plotext.xlim(across.low, across.high)
        plotext.ylim(up.low, up.high)
        plotext.xticks([at for at, _ in across.ticks], [label for _, label in across.ticks])
        plotext.yticks([at for at, _ in up.ticks], [label for _, label in up.ticks])
        plotext.xaxes(True, False)
        plotext.yaxes(True, False)
        return str(plotext.build())
    finally:
        plotext.limit_size(True, True)
        plotext.clear_figure()
