"""Codes that people type: 128 random bits in Crockford's base 32, in groups, with a character that shows typos.

Invitations and recoveries use them. The last character is a checksum over GF(32): it notices every single wrong
character and every two that changed places, so that a typo is told apart from a code that is none.
"""

from __future__ import annotations

import re

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import UsageError
from smarter.keys.derive import derive, joined

CODE_BYTES = 16
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: without I, L, O and U."""
_DIGITS = 26  # of 5 bits, of which the first two are 0
_GROUP = 4
_ALIKE = str.maketrans("OIL", "011")
_VALUE = {digit: value for value, digit in enumerate(ALPHABET)}


def new_code(random: Randomness = SYSTEM_RANDOMNESS) -> bytes:
    """A fresh code."""
    return random.bytes(CODE_BYTES)


def spell_code(code: bytes) -> str:
    """A code as people read it, such as ``0K3D-…-7QX``."""
    number = int.from_bytes(code, "big")
    values = [number >> 5 * place & 31 for place in reversed(range(_DIGITS))]
    text = "".join(ALPHABET[value] for value in [*values, _checksum(values)])
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def read_code(text: str) -> bytes:
    """The reverse of :func:`spell_code`; case, hyphens and spaces do not matter, and O, I, L are 0, 1, 1.

    Raises:
        UsageError: it has a typo, or is no code at all.
    """
    letters = re.sub(r"[\s-]", "", text).upper().translate(_ALIKE)
    if len(letters) != _DIGITS + 1:
        raise UsageError(f"a code has {_DIGITS + 1} letters and digits, this one {len(letters)}: copy all of it.")
    if strange := sorted(set(letters) - set(ALPHABET)):
        raise UsageError(f"the code has a typo: {strange[0]!r} is in no code; compare it with what you were given.")
    values = [_VALUE[letter] for letter in letters]
    if _checksum(values[:-1]) != values[-1] or values[0] > 7:
        raise UsageError("the code has a typo: its last character does not fit; compare it with what you were given.")
    number = 0
    for value in values[:-1]:
        number = number << 5 | value
    return number.to_bytes(CODE_BYTES, "big")


def key_from(code: bytes, use: bytes, *bound: bytes) -> bytes:
    """A key of 32 bytes for one use of a code, bound to what it is used on; 128 random bits need no stretching."""
    return derive(code, info=joined(b"smarter code, version 1", use, *bound), length=32)


def _checksum(values: list[int]) -> int:
    """Each value times another power of a generator of GF(32), modulo x⁵ + x² + 1, added up; its own is the 0th."""
    total = 0
    for value in values:
        total = _times_generator(total ^ value)
    return total


def _times_generator(value: int) -> int:
    value <<= 1
    return value ^ 0b100101 if value & 0b100000 else value
