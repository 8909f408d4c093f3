"""Bars of quantities that may lie powers of ten apart: a bar a subject, its value beside it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smarter.charts.drawing import BAR, SMALLEST, Series, clip, draw, too_small
from smarter.charts.scales import Scale, inside, value_scale

LOGARITHMIC_FROM = 20
"""How many times the smallest the largest must be before the axis counts powers of ten."""
FEWEST_CELLS = 8
LINE_DOWN = "│"


@dataclass(frozen=True)
class Bar:
    """``text`` is ``value``, which is above zero, in words; an ``apart`` bar has another colour."""

    label: str
    value: float
    text: str
    apart: bool = False


def bars_chart(
    title: str,
    bars: Sequence[Bar],
    spell: Callable[[float], str],
    *,
    width: int,
    colour: bool,
    measure: Bar | None = None,
) -> str:
    """A bar each, in the order given; where values lie far apart, on an axis of powers of ten, which is said.

    Args:
        title: what is drawn.
        bars: at least one.
        spell: puts a value of the axis in words.
        width: columns, at most.
        colour: whether there may be escape codes.
        measure: the bar, among them, that the others are measured from: a line down the chart, named beside the title.
    """
    labels = [max(len(getattr(bar, part)) for bar in bars) for part in ("label", "text")]
    cells = width - sum(labels) - 3
    if width < SMALLEST[0] or cells < FEWEST_CELLS:
        return clip(too_small(width, len(bars)), width)
    least, most = min(bar.value for bar in bars), max(bar.value for bar in bars)
    by_powers = most > least * LOGARITHMIC_FROM
    if by_powers:
        # A little lower, so that the smallest has a bar too.
        low, high = math.floor(math.log10(least * 0.9)), math.ceil(math.log10(most))
        across = Scale(low, high, _powers(low, high, spell, cells))
        title += " (logarithmic)"
    else:
        across = value_scale(0, most, max(2, cells // 12))
        across = Scale(across.low, across.high, [(at, spell(at)) for at, _ in across.ticks])
        across = Scale(across.low, across.high, inside(across, cells))
    places = range(len(bars), 0, -1)
    series = [
        Series(
            (across.low, math.log10(bar.value) if by_powers else bar.value),
            (place, place),
            BAR,
            None if bar is measure else "red" if bar.apart else "cyan",
        )
        for place, bar in zip(places, bars, strict=True)
    ]
    if measure is not None:
        at = math.log10(measure.value) if by_powers else measure.value
        series.append(Series((at, at), (1, len(bars)), LINE_DOWN))
        title += f"   {LINE_DOWN} {measure.label}"
    beside = [f"{bar.label:<{labels[0]}}  {bar.text:>{labels[1]}}" for bar in bars]
    down = Scale(1, len(bars), list(zip(places, beside, strict=True)))
    return "\n".join([clip(title, width), *draw(series, across, down, (width, len(bars) + 2), colour)])


def _powers(low: int, high: int, spell: Callable[[float], str], cells: int) -> list[tuple[float, str]]:
    """Every power of ten, or every second, third, ... one: as many as have room."""
    for every in range(1, high - low + 1):
        scale = Scale(low, high, [(power, spell(10.0**power)) for power in range(low, high + 1, every)])
        if inside(scale, cells) == inside(scale, cells, crowded=True):
            return inside(scale, cells)
    return [(low, spell(10.0**low))]
