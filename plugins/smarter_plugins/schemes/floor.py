"""The raw multiplications that an encryption from a fixed-base table needs; ``paillier`` states them for a benchmark.

Two floors, both for the window of the table at hand:

- *its own multiplications*: what the loop of ``fixed_base`` does with half-length residues, taken in pairs, and what
  ``paillier`` does to put the message in. Drawing exponents, cutting them into digits, looking entries up, adding
  lifts and checking bounds are not in it.
- *full multiplications mod n²*: what the same windows take by the textbook, one multiplication of full length and
  one reduction each (Brickell, Gordon, McCurley and Wilson, EUROCRYPT '92), and one more for the message.
"""

from __future__ import annotations

import secrets
from typing import Any

from smarter.api import Floor


def floors(modulus: Any, rows: int, encryptions: int) -> tuple[Floor, Floor]:
    """What so many encryptions need modulo the square of ``modulus``, an ``mpz``, by a table of so many rows.

    The operands are random and stay in the processor's caches, which entries of a large table do not.
    """
    from gmpy2 import mpz

    square = modulus * modulus
    operands = [mpz(secrets.randbelow(int(modulus))) for _ in range(rows + rows % 2)]
    first, *pairs = zip(operands[::2], operands[1::2], strict=True)
    message = operands[0]
    full = [one * other for one, other in zip(operands, reversed(operands), strict=True)][:rows]

    def own() -> None:
        for _ in range(encryptions):
            power = first[0] * first[1]
            for one, other in pairs:
                power = power * (one * other) % square
            power * (modulus * message) % square

    def textbook() -> None:
        for _ in range(encryptions):
            power, *others = full
            for other in others:
                power = power * other % square
            power * (modulus * message) % square

    return (
        Floor("its own multiplications", {"n × n": len(pairs) + 2, "n² × n², reduced": len(pairs) + 1}, own),
        Floor("full multiplications mod n²", {"n × n": 1, "n² × n², reduced": rows}, textbook),
    )
