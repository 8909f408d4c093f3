"""Charts over time: a neighbourhood's demand windows, one household's billing windows."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from smarter.charts.drawing import BLOCK, CROSS, DOTS, HOLLOW, LINE, SMALLEST, ZERO, Series, clip, draw, too_small
from smarter.charts.scales import Scale, time_ticks, value_scale
from smarter.keys.naming import short
from smarter.model.clock import zone
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import WindowRow, usual_length
from smarter.model.windows import spell


def demand_chart(rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool) -> str:
    """Mean power of each demand window in kW over local time, at most ``width`` columns and ``height`` lines.

    Incomplete windows, scaled to what was measured, are hollow; refused ones are crosses on the floor, missing ones
    gaps. Without ``colour`` there is no escape code in it.
    """
    return _windows_chart(rows, timezone, lambda row: row.mean_kw, "kW", "mean power", LINE, (width, height), colour)


def household_chart(rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool) -> str:
    """Energy of each of one household's billing windows in kWh; marks and sizes as in :func:`demand_chart`.

    An incomplete window shows what was measured in it, since that is what is billed.
    """

    def kilowatt_hours(row: WindowRow) -> float | None:
        return None if row.energy is None else row.energy / MWH_PER_KWH

    return _windows_chart(rows, timezone, kilowatt_hours, "kWh", "energy", BLOCK, (width, height), colour)


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
        return clip("No windows to draw.", width)
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return clip(too_small(width, height), width)
    start, end = rows[0].start, rows[-1].end
    legend = _packed(_legend(rows, timezone), width)[: height - 6]
    plot_height = height - 1 - len(legend)

    values = [value for row in rows if (value := value_of(row)) is not None]
    up = value_scale(min(values, default=0.0), max(values, default=0.0), max(2, plot_height // 2))
    cells = width - max(len(label) for _, label in up.ticks) - 1
    moments = time_ticks(start, end, zone(timezone), cells)
    hours = Scale(0, (end - start) / 3600, [((moment - start) / 3600, label) for moment, label in moments])

    series: list[Series] = []
    if up.low < 0:
        series.append(Series((0, hours.high), (0, 0), ZERO))
    for run in _runs(rows, value_of, "complete"):
        steps = [((row.start - start) / 3600, (row.end - start) / 3600, value) for row, value in run]
        room = cells * DOTS * (run[-1][0].end - run[0][0].start) / (end - start)
        points = _filled(steps, hours.high / (cells * DOTS)) if marker == BLOCK else _outline(steps, room)
        series.append(Series([x for x, _ in points], [y for _, y in points], marker, "green"))
    for status, mark, tint in (("incomplete", HOLLOW, None), ("refused", CROSS, "red")):
        marked = [(row, value_of(row)) for row in rows if row.status == status]
        if marked:
            x = [((row.start + row.end) / 2 - start) / 3600 for row, _ in marked]
            y = [max(up.low, 0.0) if value is None else value for _, value in marked]
            series.append(Series(x, y, mark, tint, joined=False))

    length = spell(usual_length(rows))
    holder = rows[0].holder if rows[0].kind == "demand" else short(rows[0].holder)
    title = f"{unit}  {what} of {holder}, in windows of {length}"
    return "\n".join([clip(title, width), *draw(series, hours, up, (width, plot_height), colour), *legend])


def _legend(rows: Sequence[WindowRow], timezone: str) -> list[str]:
    first, last = (datetime.fromtimestamp(at, zone(timezone)) for at in (rows[0].start, rows[-1].end))
    counts = Counter(row.status for row in rows)
    words = {"incomplete": f"{HOLLOW} incomplete", "refused": f"{CROSS} refused", "missing": "gaps: missing"}
    marks = [f"{word} {counts[status]:,}" for status, word in words.items() if counts[status]]
    return [f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M}, {timezone}", *marks]


def _packed(items: Sequence[str], width: int) -> list[str]:
    """Items put on as few lines as they fit on, none of them broken."""
    lines: list[str] = []
    for item in items:
        if lines and len(lines[-1]) + 3 + len(item) <= width:
            lines[-1] += f"   {item}"
        else:
            lines.append(clip(item, width))
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
