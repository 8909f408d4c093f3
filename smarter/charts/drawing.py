"""Series of points on two scales become lines of text, by plotext; ``windows`` and ``bills`` call it.

plotext's versions 5 and 6 share nothing but the name: this is the one place that knows them.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from smarter.charts.scales import Scale

SMALLEST = (30, 8)
"""Columns and rows below which a chart would say nothing."""

DOTS = 2
"""Across a cell, in the markers ``LINE`` and ``BLOCK``."""
LINE, BLOCK, HOLLOW, CROSS, BAR, ZERO = "braille", "hd", "○", "✕", "█", "─"
_PLOTEXT = threading.Lock()  # plotext draws on one figure for the whole process


@dataclass(frozen=True)
class Series:
    """Points of one marker and colour, joined to a line or not."""

    x: Sequence[float]
    y: Sequence[float]
    marker: str
    colour: str | None = None
    joined: bool = True


def draw(series: Sequence[Series], across: Scale, up: Scale, size: tuple[int, int], colour: bool) -> list[str]:
    """The lines of a picture of exactly ``size`` columns and rows at most, drawn by the plotext that is installed."""
    import plotext

    across, up = _wide(across), _wide(up)
    with _PLOTEXT:
        six = hasattr(plotext, "figure") and hasattr(plotext.figure, "signal")
        text = (_with_six if six else _with_five)(plotext, series, across, up, size)
        if not colour:
            text = plotext.uncolorize(text)
    return [line.rstrip() for line in text.rstrip("\n").splitlines()]


def _wide(scale: Scale) -> Scale:
    """A scale of one value, such as that of a single bar, with room around it.

    plotext 6 writes to standard error, in colours, that values are too close together on any other.
    """
    return scale if scale.low < scale.high else replace(scale, low=scale.low - 0.5, high=scale.high + 0.5)


def _with_six(plotext: Any, series: Sequence[Series], across: Scale, up: Scale, size: tuple[int, int]) -> str:
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


def _with_five(plotext: Any, series: Sequence[Series], across: Scale, up: Scale, size: tuple[int, int]) -> str:
    plotext.clear_figure()
    plotext.limit_size(False, False)
    try:
        plotext.plot_size(*size)
        plotext.theme("clear")
        for one in series:
            mark = plotext.plot if one.joined else plotext.scatter
            mark(list(one.x), list(one.y), marker=one.marker, color=one.colour or "default")
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


def too_small(width: int, height: int) -> str:
    """What is shown in place of a chart that has no room."""
    return f"No room for a chart in {width} × {height}."


def clip(text: str, width: int) -> str:
    """A line of text, cut to ``width`` columns."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
