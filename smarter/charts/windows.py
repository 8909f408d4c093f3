"""Charts over time: a neighbourhood's demand windows, one household's billing windows."""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby, islice

from smarter.charts.drawing import BLOCK, CROSS, DOTS, HOLLOW, LINE, SMALLEST, ZERO, Series, clip, draw, too_small
from smarter.charts.marks import COLOURS
from smarter.charts.scales import Scale, time_ticks, value_scale
from smarter.keys.naming import short
from smarter.model.clock import zone
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import WindowRow, usual_length
from smarter.model.windows import spell

SUMS, OWN = COLOURS["sum"], COLOURS["clear"]
"""What sums are drawn in, and what is made of one's own readings in the clear."""
FINE = 4
"""Parts of a dot: so that each dot has some that are wholly its own, wherever rounding puts its border."""

CLOSED = ("refused", "withheld", "held", "lost")
"""Statuses of windows that were measured, and not released."""


def demand_chart(
    rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool, tint: str = SUMS
) -> str:
    """Mean power of each demand window in kW over local time, at most ``width`` columns and ``height`` lines.

    Incomplete windows, scaled to what was measured, are hollow; refused ones are crosses on the floor, missing ones
    gaps. Without ``colour`` there is no escape code in it; ``tint`` is of complete windows: they are sums, unless it is
    one's own.
    """
    return _windows_chart(
        rows, timezone, lambda row: row.mean_kw, "kW", "mean power", LINE, (width, height), colour, tint
    )


def household_chart(
    rows: Sequence[WindowRow], timezone: str, *, width: int, height: int, colour: bool, tint: str = SUMS
) -> str:
    """Energy of each of one household's billing windows in kWh; marks and sizes as in :func:`demand_chart`.

    An incomplete window shows what was measured in it, since that is what is billed.
    """

    def kilowatt_hours(row: WindowRow) -> float | None:
        return None if row.energy is None else row.energy / MWH_PER_KWH

    return _windows_chart(rows, timezone, kilowatt_hours, "kWh", "energy", BLOCK, (width, height), colour, tint)


def cost_chart(
    rows: Sequence[WindowRow],
    timezone: str,
    *,
    costs: Mapping[int, Decimal | None],
    currency: str,
    width: int,
    height: int,
    colour: bool,
) -> str:
    """What each of one household's windows costs, by its start (epoch seconds); marks as in :func:`demand_chart`."""

    def cost(row: WindowRow) -> float | None:
        found = costs[row.start]
        return None if found is None else float(found)

    return _windows_chart(rows, timezone, cost, currency, "cost", BLOCK, (width, height), colour, OWN)


def _windows_chart(
    rows: Sequence[WindowRow],
    timezone: str,
    value_of: Callable[[WindowRow], float | None],
    unit: str,
    what: str,
    marker: str,
    size: tuple[int, int],
    colour: bool,
    tint: str,
) -> str:
    width, height = size
    if not rows:
        return clip("No windows to draw.", width)
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return clip(too_small(width, height), width)
    start, end = rows[0].start, rows[-1].end
    legend = _packed(_legend(rows, timezone), width)[: height - 6]
    plot_height = height - 1 - len(legend)

    values = array("d", (value for row in rows if (value := value_of(row)) is not None))
    labels = max(2, min(plot_height // 2, 4 + plot_height // 6))
    up = value_scale(min(values, default=0.0), max(values, default=0.0), labels)
    cells = width - max(len(label) for _, label in up.ticks) - 1
    moments = time_ticks(start, end, zone(timezone), cells)
    hours = Scale(0, (end - start) / 3600, [((moment - start) / 3600, label) for moment, label in moments])

    series: list[Series] = []
    if up.low < 0:
        series.append(Series((0, hours.high), (0, 0), ZERO))
    for run in _runs(rows, value_of, "complete"):
        room = cells * DOTS * (run.ends[-1] - run.starts[0]) / (end - start)
        points = _filled(run, start, hours.high, cells * DOTS) if marker == BLOCK else _outline(run, start, room)
        series.append(Series([x for x, _ in points], [y for _, y in points], marker, tint))
    for statuses, mark, other in ((("incomplete",), HOLLOW, None), (CLOSED, CROSS, "red")):
        marked = [(row, value_of(row)) for row in rows if row.status in statuses]
        if marked:
            x = [((row.start + row.end) / 2 - start) / 3600 for row, _ in marked]
            y = [max(up.low, 0.0) if value is None else value for _, value in marked]
            series.append(Series(x, y, mark, other, joined=False))

    length = spell(usual_length(rows))
    holder = rows[0].holder if rows[0].kind == "demand" else short(rows[0].holder)
    title = f"{unit}  {what} of {holder}, in windows of {length}"
    return "\n".join([clip(title, width), *draw(series, hours, up, (width, plot_height), colour), *legend])


def _legend(rows: Sequence[WindowRow], timezone: str) -> list[str]:
    first, last = (datetime.fromtimestamp(at, zone(timezone)) for at in (rows[0].start, rows[-1].end))
    counts = Counter(row.status for row in rows)
    words = {
        "incomplete": f"{HOLLOW} incomplete",
        **{status: f"{CROSS} {status}" for status in CLOSED},
        "missing": "gaps: missing",
        "erased": "gaps: erased",
    }
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


class _Run:
    """Neighbouring windows as steps, in a few bytes each: a long run has very many."""

    def __init__(self) -> None:
        self.starts, self.ends, self.values = array("q"), array("q"), array("d")

    def steps(self, since: int) -> Iterator[tuple[float, float, float]]:
        """From which hour to which hour after ``since`` each value lasts."""
        for start, end, value in zip(self.starts, self.ends, self.values, strict=True):
            yield (start - since) / 3600, (end - since) / 3600, value


def _runs(rows: Sequence[WindowRow], value_of: Callable[[WindowRow], float | None], status: str) -> Iterator[_Run]:
    """Stretches of neighbouring windows of a status, with their values."""
    for mine, group in groupby(rows, lambda row: row.status == status):
        run = _Run()
        for row in group:
            if mine and (value := value_of(row)) is not None:
                run.starts.append(row.start)
                run.ends.append(row.end)
                run.values.append(value)
        if run.values:
            yield run


def _outline(run: _Run, since: int, room: float) -> list[tuple[float, float]]:
    """The steps' upper edge; with many to a dot, the least and the most of each dot's: no peak gets lost."""
    many = int(len(run.values) / max(room, 1))
    if many < 4:
        return [point for left, right, value in run.steps(since) for point in ((left, value), (right, value))]
    points = []
    steps = run.steps(since)
    while chunk := list(islice(steps, many)):
        middle = (chunk[0][0] + chunk[-1][1]) / 2
        points += [(middle, min(step[2] for step in chunk)), (middle, max(step[2] for step in chunk))]
    return points


def _filled(run: _Run, since: int, hours: float, dots: int) -> list[tuple[float, float]]:
    """The area between the steps and zero, hatched so closely that it is solid.

    ``dots`` last for so many ``hours``. With many strokes to a dot, the longest in either direction of each
    :data:`FINE` part of one: no peak gets lost, and drawing takes no more memory than the picture is wide.
    """
    crowded = len(run.values) > FINE * dots
    longest: dict[tuple[float, bool], tuple[float, float]] = {}
    for left, right, value in run.steps(since):
        count = max(2, math.ceil((right - left) / (hours / dots)))
        for index in range(count):
            x = left + (right - left) * index / count
            place = (math.floor(x / hours * dots * FINE) if crowded else x), value < 0
            if place not in longest or abs(value) > abs(longest[place][1]):
                longest[place] = x, value
    return [point for x, value in longest.values() for point in ((x, 0.0), (x, value), (x, 0.0))]
