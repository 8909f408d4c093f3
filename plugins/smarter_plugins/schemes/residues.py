"""How signed plaintexts and ciphertexts lie in Z_n and Z_n², and how a ciphertext lies in bytes.

The three Paillier plugins call it, so that their ciphertexts under one modulus read the same.
"""

from __future__ import annotations

from typing import Any

from smarter.api import AuthenticationFailed


def signed_bits(modulus: int) -> int:
    """The largest ``b`` with ``2^(b-1) < n/2``: a modulus of k bits carries plaintexts of k - 1."""
    return int(modulus.bit_length()) - 1


def centred(residue: int, modulus: int) -> int:
    """The signed integer of least magnitude that a residue in [0, n) stands for."""
    return int(residue if 2 * residue < modulus else residue - modulus)


def ciphertext_bytes(modulus: int) -> int:
    """The length in bytes of every ciphertext under ``modulus``: twice its bits, rounded up."""
    return (2 * int(modulus.bit_length()) + 7) // 8


def dump_ciphertext(value: int, modulus: int) -> bytes:
    """Big-endian, of :func:`ciphertext_bytes` bytes."""
    return int(value).to_bytes(ciphertext_bytes(modulus), "big")


def load_ciphertext(data: bytes, modulus: Any, name: str) -> int:
    """The reverse of :func:`dump_ciphertext`, as a Python integer.

    Raises:
        AuthenticationFailed: the length differs, the number is not in (0, n²), or it shares a factor with n.
    """
    from gmpy2 import gcd

    expected = ciphertext_bytes(modulus)
    if len(data) != expected:
        raise AuthenticationFailed(
            f"a {name} ciphertext under this key has {expected} bytes, this one {len(data)}; "
            "it is damaged or belongs to another key."
        )
    value = int.from_bytes(data, "big")
    if not 0 < value < modulus * modulus or gcd(value, modulus) != 1:
        raise AuthenticationFailed(
            f"a number of {value.bit_length()} bits is no {name} ciphertext under this key; "
            "it is damaged or belongs to another key."
        )
    return value
