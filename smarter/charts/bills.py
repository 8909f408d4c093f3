"""The chart of bills: a bar a meter."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from smarter.charts.drawing import BAR, SMALLEST, Series, clip, draw, too_small
from smarter.charts.scales import Scale, inside, value_scale
from smarter.keys.naming import short
from smarter.model.bills import Bill

LOWEST = 4
"""Lines that hold a heading, a bar and the axis with its numbers."""


def bills_chart(bills: Sequence[Bill], *, width: int, height: int, colour: bool) -> str:
    """A bar a meter: the sum of its bills, largest first. What does not fit in ``height`` is counted beneath."""
    if width < SMALLEST[0] or height < LOWEST or not bills:
        return clip("No bills to draw." if not bills else too_small(width, height), width)
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
    labels = [f"{short(meter)} {text:>{wide}}" for (meter, _), text in zip(shown, texts, strict=True)]
    values = [float(amount or 0) for _, amount in shown]
    cells = width - len(labels[0]) - 1
    if cells < 8:
        return clip(too_small(width, height), width)
    across = value_scale(min(values), max(values), max(2, cells // 12))
    across = Scale(across.low, across.high, inside(across, cells))
    places = range(len(shown), 0, -1)
    series = [
        Series((0, value), (place, place), BAR, "green" if value >= 0 else "blue")
        for place, value in zip(places, values, strict=True)
        if value
    ]
    down = Scale(1, len(shown), list(zip(places, labels, strict=True)))
    title = f"{bills[0].currency}  billed to each meter"
    lines = [clip(title, width), *draw(series, across, down, (width, len(shown) + 2), colour)]
    if left := len(ranked) - len(shown):
        least = f", down to {min(rest):,}" if rest else ""
        lines.append(clip(f"and {left:,} more meters{least}", width))
    return "\n".join(lines)
