"""Many powers of one n-th residue modulo n², from a table of its powers; ``paillier`` blinds with it.

Windows of a fixed base (Brickell, Gordon, McCurley and Wilson, EUROCRYPT '92), with one thing added. Every unit
modulo n² is ``c * (1 + n*e)`` with ``c`` and ``e`` below n, and ``(1 + n*e)(1 + n*f) = 1 + n*(e + f)``. So the table
keeps ``c`` and ``e`` of each power apart: a step multiplies by the half-length ``c`` only, and the ``e`` add up as
plain integers, to be folded in once at the end, where they cost nothing on top of the message's own ``1 + n*m``.

The ``e`` are rows of 32-bit words, which numpy gathers and adds without an object a number, and which processes may
share; each process has the ``c`` as objects of its own.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smarter.api import DamagedKeys

WINDOWS = range(2, 13)
BUILD_STEPS = 1.8
"""One table entry costs as much as so many steps (measured at 3072 bits: 10.0 against 5.5 µs)."""
POWMOD_STEPS = 1.7
"""One exponent bit of ``powmod`` costs as much as so many steps (measured at 3072 bits: 9.4 against 5.5 µs)."""
ENTRY_OVERHEAD_BYTES = 72
"""Beside its digits, ``c`` takes an object, an allocation and a place in a list (measured)."""
CHUNK = 256
PIECE = 1024
"""Entries that are written, and read, together."""

HEADER = struct.Struct("<8sBBxxI16s")
"""Magic, version, window, exponent bits, and the key's fingerprint. All numbers are little-endian."""
MAGIC = b"SMRTBASE"
VERSION = 1


def steps(exponent_bits: int, window: int) -> int:
    """Multiplications for one power, and rows of a table."""
    return -(-exponent_bits // window)


def table_bytes(modulus_bits: int, exponent_bits: int, window: int) -> int:
    """Memory that a table takes, in bytes."""
    residue = -(-modulus_bits // 64) * 8 + ENTRY_OVERHEAD_BYTES
    return _entries(exponent_bits, window) * (residue + _width(modulus_bits))


def _entries(exponent_bits: int, window: int) -> int:
    """Rows of 2^window each; where they are odd, a 1 to go with the last."""
    rows = steps(exponent_bits, window)
    return (rows << window) + rows % 2


def _width(modulus_bits: int) -> int:
    """Bytes of a number in the table: whole words of 32 bits."""
    return -(-modulus_bits // 32) * 4


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


@dataclass(frozen=True, repr=False)
class FixedBase:
    """The table of one base.

    Attributes:
        modulus: n, an ``mpz``.
        square: n².
        exponent_bits: the longest exponent it can raise to.
        window: bits of an exponent that one step takes care of, 1 to 12.
        residues: ``c`` of each entry, row by row: entry d of row i is the base to the ``d * 2^(window*i)``.
        lifts: ``e`` of each entry, a row of ``<u4`` words, the least first.
    """

    modulus: Any
    square: Any
    exponent_bits: int
    window: int
    residues: list[Any]
    lifts: NDArray[np.uint32]

    @classmethod
    def make(cls, modulus: Any, base: Any, exponent_bits: int, window: int) -> FixedBase:
        """Make the table of ``base``, a unit modulo n²."""
        from gmpy2 import mpz

        square = modulus * modulus
        width = _width(modulus.bit_length())
        residues: list[Any] = []
        lifts = bytearray()
        for _ in range(steps(exponent_bits, window)):
            for residue, lift in _row(modulus, base, 1 << window):
                residues.append(residue)
                lifts += lift.to_bytes(width, "little")
            for _ in range(window):
                base = base * base % square
        for _ in range(_entries(exponent_bits, window) - len(residues)):
            residues.append(mpz(1))
            lifts += bytes(width)
        return cls(modulus, square, exponent_bits, window, residues, _words(lifts, width))

    @classmethod
    def read(cls, data: memoryview | bytes, modulus: Any, base: Any, exponent_bits: int, name: bytes) -> FixedBase:
        """The table that another process has written: ``lifts`` stay in ``data``, which is not copied.

        Raises:
            DamagedKeys: the bytes are no table for this base, or unfinished.
        """
        from gmpy2 import mpz, powmod

        bits = modulus.bit_length()
        width = _width(bits)
        try:
            magic, version, window, of_bits, of_name = HEADER.unpack_from(data)
            whole = (
                (magic, version, of_bits, of_name) == (MAGIC, VERSION, exponent_bits, name)
                and 1 <= window <= WINDOWS[-1]
                and len(data) == HEADER.size + 2 * width * _entries(exponent_bits, window)
            )
        except struct.error:
            whole = False
        if not whole:
            raise DamagedKeys(f"{len(data)} bytes are no table of the key {name.hex()[:8]}; make it anew.")
        middle = HEADER.size + width * _entries(exponent_bits, window)
        residues: list[Any] = []
        for start in range(HEADER.size, middle, PIECE * width):
            places = range(start, min(start + PIECE * width, middle), width)
            residues += [mpz.from_bytes(data[place : place + width], "little") for place in places]
            _let_go(data)
        table = cls(modulus, modulus * modulus, exponent_bits, window, residues, _words(data[middle:], width))
        # All ones look up the last entry of each row, which a table that was not written to its end does not have.
        ((power, lift),) = table.powers(b"\xff" * -(-exponent_bits // 8), 1)
        if power * (1 + modulus * lift) % table.square != powmod(base, (1 << exponent_bits) - 1, table.square):
            raise DamagedKeys(f"the table of the key {name.hex()[:8]} is damaged; make it anew.")
        return table

    def write(self, name: bytes) -> Iterator[bytes]:
        """The table for other processes: a header with the key's ``name`` (16 bytes), every ``c``, every ``e``.

        It comes in pieces: as a whole it would take as much memory as the table itself.
        """
        width = _width(self.modulus.bit_length())
        yield HEADER.pack(MAGIC, VERSION, self.window, self.exponent_bits, name)
        for start in range(0, len(self.residues), PIECE):
            yield b"".join(residue.to_bytes(width, "little") for residue in self.residues[start : start + PIECE])
        for start in range(0, len(self.lifts), PIECE):
            yield self.lifts[start : start + PIECE].tobytes()

    def powers(self, exponents: bytes, count: int) -> Iterator[tuple[Any, int]]:
        """Yield ``count`` powers as pairs (r, e): the power is ``r * (1 + n*e) mod n²``; ``e`` is not reduced.

        Args:
            exponents: the exponents, big-endian, each of as many whole bytes as ``exponent_bits`` take; surplus
                high bits are ignored.
            count: how many.
        """
        square, residues = self.square, self.residues
        for start in range(0, count, CHUNK):
            places = self._places(exponents, start, min(start + CHUNK, count))
            for row, lift in zip(places.tolist(), self._sums(places), strict=True):
                entries = iter(row)
                # By pairs, since the product of two residues is below n² as it is: a reduction less.
                power = residues[next(entries)] * residues[next(entries)]
                for low, high in zip(entries, entries, strict=True):
                    power = power * (residues[low] * residues[high]) % square
                yield power, lift

    def _places(self, exponents: bytes, start: int, stop: int) -> NDArray[np.intp]:
        """Which entries make the powers from ``start`` to ``stop``: a row each, of an even number of places."""
        width = -(-self.exponent_bits // 8)
        rows = steps(self.exponent_bits, self.window)
        raw = np.frombuffer(exponents, np.uint8)[start * width : stop * width].reshape(stop - start, width)
        bits = np.zeros((stop - start, (rows + rows % 2) * self.window), np.uint16)
        bits[:, : self.exponent_bits] = np.unpackbits(raw, axis=1)[:, ::-1][:, : self.exponent_bits]
        weights = (1 << np.arange(self.window)).astype(np.uint16)
        digits = bits.reshape(stop - start, rows + rows % 2, self.window) @ weights
        places: NDArray[np.intp] = digits + (np.arange(rows + rows % 2, dtype=np.intp) << self.window)
        return places

    def _sums(self, places: NDArray[np.intp]) -> Iterator[int]:
        """The sum of the lifts of each row of ``places``."""
        words = self.lifts.shape[1]
        gathered = np.empty((places.shape[1], words), "<u4")
        sums = np.empty((len(places), words), "<u8")
        for row, total in zip(places, sums, strict=True):
            # Without a mode numpy gathers into a copy first. No place is out of the table.
            np.take(self.lifts, row, axis=0, out=gathered, mode="clip")
            np.add.reduce(gathered, axis=0, dtype="<u8", out=total)
        # The words of a sum have grown beyond their 32 bits: what has, counts for the next word.
        low, high = (sums.view("<u4")[:, half::2].tobytes() for half in (0, 1))
        for start in range(0, len(low), 4 * words):
            part = slice(start, start + 4 * words)
            yield int.from_bytes(low[part], "little") + (int.from_bytes(high[part], "little") << 32)


def _row(modulus: Any, base: Any, count: int) -> Iterator[tuple[Any, Any]]:
    """``c`` and ``e`` of base^0, base^1, ... base^(count - 1)."""
    from gmpy2 import f_divmod, invert, mpz

    carry, first = f_divmod(base, modulus)
    first_inverse = invert(first, modulus)
    first_lift = carry * first_inverse % modulus
    residue, inverse, lift = mpz(1), mpz(1), mpz(0)
    yield residue, lift
    for _ in range(count - 1):
        carry, residue = f_divmod(residue * first, modulus)
        inverse = inverse * first_inverse % modulus
        lift = (lift + first_lift + carry * inverse) % modulus
        yield residue, lift


def _let_go(data: memoryview | bytes) -> None:
    """Keep no pages of a mapped file that were read through: a process would hold each residue twice at its peak."""
    mapped = data.obj if isinstance(data, memoryview) else None
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def _words(data: memoryview | bytes | bytearray, width: int) -> NDArray[np.uint32]:
    """Numbers of ``width`` bytes in a row, as rows of their words."""
    words: NDArray[np.uint32] = np.frombuffer(data, "<u4").reshape(-1, width // 4)
    return words
