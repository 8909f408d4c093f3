"""Figures in words, and which of them are worth a bar; ``cli`` prints them, the app shows them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smarter.bench.figures import BenchReport, Figure, Row

DIGITS = 3
SECONDS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
BYTES = {"GB": 1e9, "MB": 1e6, "kB": 1e3}
KILOBYTES_FROM = 10_000
MEASURED = frozenset({*SECONDS, "×"})
"""Units in which a whole number is one by chance; others count."""
PER, PER_SECOND, PER_READING = "per ", "/s", "per reading"


def worded(value: float, unit: str) -> str:
    """``value`` to three digits, with its unit: ``1.12 ms``."""
    number, shown = _shown(value, unit)
    return f"{number(value)} {shown}".strip()


def spread(figure: Figure, unit: str) -> str:
    """Quickest and slowest run in the unit that the median is shown in, and how many runs: ``1.10–1.19 ×5``."""
    if figure.low == figure.high and unit not in SECONDS:
        return ""  # counted rather than measured
    if figure.runs == 1:
        return "×1"
    number, _ = _shown(figure.median, unit)
    low, high = number(figure.low), number(figure.high)
    return f"{low}–{high} ×{figure.runs}" if low != high else f"×{figure.runs}"


def tick(value: float, unit: str) -> str:
    """A round ``value`` of an axis with its unit: ``10 ms``."""
    if not value:
        return "0"
    number, shown = _shown(value, unit)
    written = number(value)
    return f"{written.rstrip('0').rstrip('.') if '.' in written else written} {shown}".strip()


def _shown(value: float, unit: str) -> tuple[Callable[[float], str], str]:
    """How numbers of about this size are written, and in which unit."""
    factor, shown = 1.0, unit
    if unit in SECONDS:
        value, factor = value * SECONDS[unit], SECONDS[unit]
        shown = next((name for name, size in SECONDS.items() if value >= size), "ns") if value else "s"
        factor, value = factor / SECONDS[shown], value / SECONDS[shown]
    elif unit == "bytes":
        shown = next((name for name, size in BYTES.items() if value >= max(size, KILOBYTES_FROM)), "bytes")
        factor = 1 / BYTES.get(shown, 1.0)
        value *= factor
    whole = not value or (shown not in MEASURED and float(value).is_integer())
    places = 0 if whole else max(0, DIGITS - 1 - math.floor(math.log10(abs(value)) + 1e-9))
    return lambda number: f"{number * factor:,.{min(places, DIGITS)}f}", shown


@dataclass(frozen=True)
class Comparison:
    """Rows of several subjects that say the same thing under the same conditions."""

    title: str
    rows: tuple[Row, ...]


def comparisons(report: BenchReport) -> list[Comparison]:
    """For each group the rate that most subjects share, per reading before others, under the largest key and frame.

    Operations are ordered by how long they take; what else there is, as it was measured.
    """
    found = []
    for group in dict.fromkeys(row.group for row in report.rows):
        rows = [row for row in report.rows if row.group == group and (PER in row.what or PER_SECOND in row.unit)]
        bits, frame = (max((getattr(row, fact) or 0 for row in rows), default=0) for fact in ("key_bits", "frame"))
        alike = [row for row in rows if row.key_bits in (None, bits) and row.frame in (None, frame)]
        shared = [tuple(row for row in alike if _said(row) == said) for said in dict.fromkeys(map(_said, alike))]
        best = max(shared, key=_worth, default=())
        if len({row.subject for row in best}) > 1 and all(row.figure.median > 0 for row in best):
            if report.kind == "operations":
                best = tuple(sorted(best, key=lambda row: row.figure.median))
            if group == "scheme":
                best = tuple(own_sized(row, bits) for row in best)
            conditions = [best[0].what, f"{bits}-bit key" if bits else "", f"frames of {frame}" if frame else ""]
            found.append(Comparison(", ".join(filter(None, conditions)), best))
    return found


def own_sized(row: Row, bits: int | None) -> Row:
    """A row of a scheme that knows but one size of key says so, beside others that have keys of so many ``bits``."""
    if not bits or row.key_bits is not None:
        return row
    return row.model_copy(update={"subject": f"{row.subject}, own key size"})


def _said(row: Row) -> tuple[str, str]:
    return row.what, row.unit


def _worth(rows: Sequence[Row]) -> tuple[bool, int]:
    subjects = len({row.subject for row in rows})
    return PER_READING in rows[0].what and subjects > 1, subjects
