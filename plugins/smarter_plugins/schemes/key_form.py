"""The byte form of a scheme's keys: a header with a format version, then integers of fixed width.

The scheme plugins write and read their keys with it; only a keystore may hold a private half.

Layout: ``SMRTKEY`` ‖ version (1 byte) ‖ ``P`` or ``S`` (public or secret half) ‖ length of the scheme's name
(1 byte) ‖ name ‖ bits (4 bytes) ‖ the integers. All numbers are big-endian.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal

from smarter.api import DamagedKeys

MAGIC = b"SMRTKEY"
VERSION = 1
SMALLEST_BITS = 64
LARGEST_BITS = 16_384

Half = Literal["public", "private"]


def _header(scheme: str, half: Half) -> bytes:
    name = scheme.encode("ascii")
    return MAGIC + bytes([VERSION]) + (b"P" if half == "public" else b"S") + bytes([len(name)]) + name


def write_key(scheme: str, half: Half, bits: int, numbers: Sequence[int], widths: Sequence[int]) -> bytes:
    """The byte form of one half of a key; ``widths`` are the numbers' lengths in bytes."""
    body = b"".join(int(number).to_bytes(width, "big") for number, width in zip(numbers, widths, strict=True))
    return _header(scheme, half) + bits.to_bytes(4, "big") + body


def read_key(data: bytes, scheme: str, half: Half, widths: Callable[[int], Sequence[int]]) -> tuple[int, list[int]]:
    """Bits and numbers of a key; ``widths`` gives the numbers' lengths in bytes for a size in bits.

    Raises:
        DamagedKeys: another kind of key, another version, a size that is none, or bytes missing or left over.
    """
    header = _header(scheme, half)
    if not data.startswith(MAGIC):
        raise DamagedKeys(f"these {len(data)} bytes are no key of a scheme; restore the key from its backup.")
    if len(data) > len(MAGIC) and data[len(MAGIC)] != VERSION:
        raise DamagedKeys(
            f"the key is of format version {data[len(MAGIC)]}, this Smarter reads version {VERSION}; "
            "use the Smarter that wrote it."
        )
    if not data.startswith(header):
        raise DamagedKeys(f"these bytes are no {half} key of scheme {scheme}; use the scheme that made them.")
    start = len(header) + 4
    bits = int.from_bytes(data[len(header) : start], "big")
    if len(data) < start or not SMALLEST_BITS <= bits <= LARGEST_BITS:
        raise DamagedKeys(f"the {half} key of scheme {scheme} is damaged: its size reads as {bits} bits.")
    sizes = widths(bits)
    if len(data) != start + sum(sizes):
        raise DamagedKeys(
            f"the {half} key of scheme {scheme} is damaged: {len(data)} bytes where {bits} bits take "
            f"{start + sum(sizes)}."
        )
    numbers = []
    for size in sizes:
        numbers.append(int.from_bytes(data[start : start + size], "big"))
        start += size
    return bits, numbers


def fingerprint(public_form: bytes) -> str:
    """Hexadecimal SHA-256 of a public key's byte form, first 32 digits."""
    return hashlib.sha256(public_form).hexdigest()[:32]


def byte_count(bits: int) -> int:
    """How many bytes hold so many bits."""
    return (bits + 7) // 8
