"""How plaintexts, ciphertexts and n-th residues lie in Z_n and Z_n², and how a ciphertext lies in bytes.

The Paillier plugins call it, so that their ciphertexts under one modulus read the same.
"""

from __future__ import annotations

from typing import Any

from smarter.api import AuthenticationFailed, Randomness


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


def short_power(residue: Any, modulus_square: Any, exponent: bytes, exponent_bits: int) -> Any:
    """``residue`` to the big-endian ``exponent``, surplus high bits of which are ignored."""
    from gmpy2 import powmod

    return powmod(residue, int.from_bytes(exponent, "big") & ((1 << exponent_bits) - 1), modulus_square)


def nth_residue(modulus: Any, modulus_square: Any, random: Randomness) -> Any:
    """``r^n mod n²`` for r uniform in Z*_n, by n alone."""
    from gmpy2 import gcd, powmod

    bound = int(modulus)
    root = random.below(bound)
    while gcd(root, modulus) != 1:
        root = random.below(bound)
    return powmod(root, modulus, modulus_square)


def pth_residue(prime: Any, prime_square: Any, random: Randomness) -> Any:
    """``r^p mod p²`` for r uniform in Z*_p: what an n-th residue is modulo p², for a p that divides n."""
    from gmpy2 import powmod

    return powmod(1 + random.below(int(prime) - 1), prime, prime_square)
