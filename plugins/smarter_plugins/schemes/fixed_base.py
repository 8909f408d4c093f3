"""Many powers of one n-th residue modulo n², from a table of its powers; ``paillier`` blinds with it.

Windows of a fixed base (Brickell, Gordon, McCurley and Wilson, EUROCRYPT '92), with one thing added. Every unit
modulo n² is ``c * (1 + n*e)`` with ``c`` and ``e`` below n, and ``(1 + n*e)(1 + n*f) = 1 + n*(e + f)``. So the table
keeps ``c`` and ``e`` of each power apart: a step multiplies by the half-length ``c`` only, and the ``e`` add up as
plain integers, to be folded in once at the end, where they cost nothing on top of the message's own ``1 + n*m``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

WINDOWS = range(2, 13)
BUILD_STEPS = 1.7
"""One table entry costs as much as so many steps (measured at 3072 bits: 9.4 against 5.6 µs)."""
POWMOD_STEPS = 1.7
"""One exponent bit of ``powmod`` costs as much as so many steps (measured at 3072 bits: 9.4 against 5.6 µs)."""
ENTRY_OVERHEAD_BYTES = 2 * (32 + 16 + 8)
"""Beside their digits, two numbers take an object, an allocation and a place in a list each."""
CHUNK = 256


def steps(exponent_bits: int, window: int) -> int:
    """Multiplications for one power, and rows of a table."""
    return -(-exponent_bits // window)


def table_bytes(modulus_bits: int, exponent_bits: int, window: int) -> int:
    """Memory that a table takes, in bytes."""
    entry = 2 * -(-modulus_bits // 64) * 8 + ENTRY_OVERHEAD_BYTES
    return (steps(exponent_bits, window) << window) * entry


def best_window(
    modulus_bits: int, exponent_bits: int, powers: int, budget: int, current: int | None = None
) -> int | None:
    """The window that makes ``powers`` more powers soonest, its table's making included.

    Args:
        modulus_bits: bits of n.
        exponent_bits: bits of an exponent.
        powers: how many are to be expected.
        budget: bytes that the table may take.
        current: the window of the table at hand, if there is one.

    Returns:
        ``current`` when nothing beats what is at hand; None: no table, ``powmod``.
    """
    if current is None:
        best, least = None, POWMOD_STEPS * exponent_bits * powers
    else:
        best, least = current, float(steps(exponent_bits, current) * powers)
    for window in WINDOWS:
        if table_bytes(modulus_bits, exponent_bits, window) > budget:
            break
        rows = steps(exponent_bits, window)
        # Getting from row to row squares as often as one powmod does.
        cost = POWMOD_STEPS * exponent_bits + BUILD_STEPS * (rows << window) + rows * powers
        if cost < least:
            best, least = window, cost
    return best


class FixedBase:
    """The table of one base.

    Attributes:
        window: bits of an exponent that one step takes care of.
        exponent_bits: the longest exponent it can raise to.
    """

    def __init__(self, modulus: Any, base: Any, exponent_bits: int, window: int) -> None:
        """Make the table: ``steps * 2^window`` entries.

        Args:
            modulus: n, an ``mpz``.
            base: a unit modulo n².
            exponent_bits: of every exponent.
            window: 1 to 12 bits.
        """
        self.window = window
        self.exponent_bits = exponent_bits
        self._modulus = modulus
        self._square = modulus * modulus
        rows = []
        for _ in range(steps(exponent_bits, window)):
            rows.append(self._row(base))
            for _ in range(window):
                base = base * base % self._square
        if len(rows) % 2:
            rows.append(([1], [0]))
        self._pairs = [(*rows[i], *rows[i + 1]) for i in range(0, len(rows), 2)]

    def _row(self, base: Any) -> tuple[list[Any], list[Any]]:
        """``c`` and ``e`` of base^0, base^1, ... base^(2^window - 1)."""
        from gmpy2 import f_divmod, invert, mpz

        modulus = self._modulus
        carry, first = f_divmod(base, modulus)
        first_inverse = invert(first, modulus)
        first_lift = carry * first_inverse % modulus
        residue, inverse, lift = mpz(1), mpz(1), mpz(0)
        residues, lifts = [residue], [lift]
        for _ in range((1 << self.window) - 1):
            carry, residue = f_divmod(residue * first, modulus)
            inverse = inverse * first_inverse % modulus
            lift = (lift + first_lift + carry * inverse) % modulus
            residues.append(residue)
            lifts.append(lift)
        return residues, lifts

    def powers(self, exponents: bytes, count: int) -> Iterator[tuple[Any, Any]]:
        """Yield ``count`` powers as pairs (r, e): the power is ``r * (1 + n*e) mod n²``; ``e`` is not reduced.

        Args:
            exponents: the exponents, big-endian, each of as many whole bytes as ``exponent_bits`` take; surplus
                high bits are ignored.
            count: how many.
        """
        square = self._square
        for start in range(0, count, CHUNK):
            stop = min(start + CHUNK, count)
            for digits in self._digits(exponents, start, stop):
                power, lift = 1, 0
                places = iter(digits)
                # By pairs, since the product of two residues is below n² as it is: a reduction less.
                for low, high, (residues, lifts, others, other_lifts) in zip(places, places, self._pairs, strict=True):
                    power = power * (residues[low] * others[high]) % square
                    lift += lifts[low] + other_lifts[high]
                yield power, lift

    def _digits(self, exponents: bytes, start: int, stop: int) -> list[list[int]]:
        """The exponents from ``start`` to ``stop`` in base 2^window, least digit first."""
        width = -(-self.exponent_bits // 8)
        rows = 2 * len(self._pairs)
        raw = np.frombuffer(exponents, np.uint8)[start * width : stop * width].reshape(stop - start, width)
        bits = np.zeros((stop - start, rows * self.window), np.uint16)
        bits[:, : self.exponent_bits] = np.unpackbits(raw, axis=1)[:, ::-1][:, : self.exponent_bits]
        weights = (1 << np.arange(self.window)).astype(np.uint16)
        digits: list[list[int]] = (bits.reshape(stop - start, rows, self.window) @ weights).tolist()
        return digits
