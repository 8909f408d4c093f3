"""A part of a whole in words: "a twelfth", "about 17 %"."""

from __future__ import annotations

from fractions import Fraction

_NAMES = {
    1: "all",
    2: "half",
    3: "a third",
    4: "a quarter",
    5: "a fifth",
    6: "a sixth",
    7: "a seventh",
    8: "an eighth",
    9: "a ninth",
    10: "a tenth",
    11: "an eleventh",
    12: "a twelfth",
}


def portion(part: int, whole: int) -> str:
    """How much ``part`` of ``whole`` is; ``whole`` is at least 1."""
    share = Fraction(part, whole)
    if share.numerator == 1:
        return _NAMES.get(share.denominator, f"one in {share.denominator:,}")
    percent = 100 * share
    if 0 < percent < 1:
        return "less than 1 %"
    return f"{percent.numerator} %" if percent.denominator == 1 else f"about {round(percent)} %"
