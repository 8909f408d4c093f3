"""One meter's day, reading by reading, with one of them marked: what its customer sees; the app draws it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby

from smarter.charts.drawing import LINE, SMALLEST, ZERO, Series, clip, draw, too_small
from smarter.charts.marks import COLOURS, MARKS
from smarter.charts.scales import Scale, time_ticks, value_scale
from smarter.model.clock import zone
from smarter.model.readings import MWH_PER_KWH


def day_chart(
    energies: Sequence[int | None],
    start: int,
    interval: int,
    place: int,
    timezone: str,
    *,
    width: int,
    height: int,
    colour: bool,
) -> str:
    """Mean power in kW over local time, at most ``width`` columns and ``height`` lines; missing readings are gaps.

    Args:
        energies: mWh of readings that are ``interval`` seconds long, the first from ``start`` (epoch seconds) on.
        place: of the reading that is marked.
        timezone: IANA name.
        width: columns.
        height: lines.
        colour: with escape codes.
    """
    if width < SMALLEST[0] or height < SMALLEST[1]:
        return clip(too_small(width, height), width)
    power = [None if energy is None else energy * 3600 / interval / MWH_PER_KWH for energy in energies]
    known = [value for value in power if value is not None]
    up = value_scale(min(known, default=0.0), max(known, default=0.0), max(2, (height - 1) // 2))
    end = start + interval * len(energies)
    cells = width - max(len(label) for _, label in up.ticks) - 1
    ticks = time_ticks(start, end, zone(timezone), cells)
    hours = Scale(0, (end - start) / 3600, [((at - start) / 3600, label) for at, label in ticks])

    series = [Series((0, hours.high), (0, 0), ZERO)] if up.low < 0 else []
    for run in _runs(power):
        middles = [(place + 0.5) * interval / 3600 for place, _ in run]
        series.append(Series(middles, [value for _, value in run], LINE))
    moment = datetime.fromtimestamp(start + place * interval, zone(timezone))
    title = f"kW  {moment:%Y-%m-%d}, reading by reading"
    marked = power[place]
    if marked is not None:
        at = (place + 0.5) * interval / 3600
        series.append(Series([at], [marked], MARKS["clear"], COLOURS["clear"], joined=False))
        title += f"   {MARKS['clear']} {moment:%H:%M}, {marked:,.3f} kW"
    return "\n".join([clip(title, width), *draw(series, hours, up, (width, height - 1), colour)])


def _runs(power: Sequence[float | None]) -> Iterator[list[tuple[int, float]]]:
    """Stretches without a gap: place and value."""
    for there, group in groupby(enumerate(power), lambda each: each[1] is not None):
        if there:
            yield [(place, value) for place, value in group if value is not None]
