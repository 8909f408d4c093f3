"""Decimal texts become whole numbers of a small unit, exactly: ties to even, and no float in between.

The file sources call it with a buffer and the places of the texts in it; what the columnar way cannot
read (an exponent, more than 18 digits, not a number at all) is left to :func:`exact`, one text at a time.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal

import numpy as np
from numpy.typing import NDArray

LARGEST = 2**63 - 1
_DIGITS = 18  # every integer of 18 digits fits an int64
_WIDEST = _DIGITS + 2  # and its sign and decimal mark
_POWERS = 10 ** np.arange(_DIGITS + 1, dtype=np.int64)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")
_EXACT = Context(prec=20_000, rounding=ROUND_HALF_EVEN)


def exact(text: str, exponent: int, mark: str = ".") -> int:
    """``text`` × 10^``exponent`` as an integer, ties to even.

    Raises:
        ValueError: the text is no finite number, or the result is beyond an int64; the message says which.
    """
    plain = text if mark == "." else text.replace(".", "?").replace(mark, ".")
    if not _NUMBER.fullmatch(plain) or len(plain) > 1_000:
        raise ValueError("is no finite number")
    number = Decimal(plain)
    if number and number.adjusted() + exponent > 18:
        raise ValueError("is beyond what a meter can show")
    if number.adjusted() + exponent < -2:
        return 0
    result = int(number.scaleb(exponent, _EXACT).to_integral_value(ROUND_HALF_EVEN, _EXACT))
    if abs(result) > LARGEST:
        raise ValueError("is beyond what a meter can show")
    return result


def parse(
    text: NDArray[np.uint8],
    starts: NDArray[np.int64],
    ends: NDArray[np.int64],
    exponent: int,
    mark: str = ".",
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Parse many decimal texts at once.

    Args:
        text: uint8, a buffer that holds them all.
        starts: int64, where each text begins in it.
        ends: int64, where each ends (exclusive).
        exponent: the power of ten to multiply by.
        mark: the decimal mark.

    Returns:
        int64 results and a mask of those that are right; the rest is for :func:`exact`.
    """
    if not len(starts):
        return np.zeros(0, np.int64), np.zeros(0, np.bool_)
    first = text[np.minimum(starts, len(text) - 1)]
    negative = first == ord("-")
    begins = starts + (negative | (first == ord("+")))
    lengths = ends - begins
    good = (lengths > 0) & (lengths <= _WIDEST - 1)
    mantissa = np.zeros(len(starts), np.int64)
    digits = np.zeros(len(starts), np.int8)
    decimals = np.zeros(len(starts), np.int8)
    marks = np.zeros(len(starts), np.bool_)
    mark_code = ord(mark)
    for place in range(int(lengths[good].max(initial=0))):
        codes = text.take(begins + place, mode="clip")
        inside = lengths > place
        figure = codes - np.uint8(ord("0"))  # wraps round below "0"
        is_digit = (figure < 10) & inside
        is_mark = (codes == mark_code) & inside
        good &= is_digit | (is_mark & ~marks) | ~inside
        marks |= is_mark
        mantissa = np.where(is_digit, mantissa * 10 + figure, mantissa)
        digits += is_digit
        decimals += is_digit & marks
    good &= (digits > 0) & (digits <= _DIGITS)
    np.negative(mantissa, out=mantissa, where=negative)
    return scaled(mantissa, exponent - decimals.astype(np.int64), good)


def scaled(
    mantissa: NDArray[np.int64], shift: NDArray[np.int64], good: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """``mantissa`` × 10^``shift``, ties to even; where it would overflow, the mask that comes back says no.

    Mantissas have at most 18 digits, shifts are from -18 to 18.
    """
    factor = _POWERS[np.clip(shift, 0, _DIGITS)]
    if np.any(good & (np.abs(mantissa) >= LARGEST // int(factor.max(initial=1)))):
        good = good & (np.abs(mantissa) <= LARGEST // factor)
    result = np.where(good, mantissa, 0) * factor
    down = np.flatnonzero(good & (shift < 0))
    if len(down):
        divisor = _POWERS[-shift[down]]
        quotient, rest = np.divmod(mantissa[down], divisor)
        up = (2 * rest > divisor) | ((2 * rest == divisor) & (quotient % 2 == 1))
        result[down] = quotient + up
    return result, good
