"""Paillier keys fit for Damgård–Jurik–Nielsen blinding: made, checked, written and read; ``paillier`` calls it.

p and q stand in the private material alone; the public material is n, n² and the n-th residue ``hs``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from smarter.api import DamagedKeys, KeyPair, PrivateKey, PublicKey, Randomness
from smarter_plugins.schemes.key_form import byte_count, fingerprint, read_key, write_key

SCHEME = "paillier"
SIEVE_BOUND = 1 << 14
PRIMALITY_ROUNDS = 48
"""gmpy2 counts Baillie-PSW as 24 rounds; the rest are Miller-Rabin."""


@dataclass(frozen=True)
class PaillierPublic:
    """What encrypting takes.

    Attributes:
        modulus: n, an ``mpz``.
        square: n².
        residue: hs = h^n mod n² with h = -x² mod n; its powers blind.
    """

    modulus: Any
    square: Any
    residue: Any


@dataclass(frozen=True, repr=False)
class PaillierPrivate:
    """What the holder of p and q has beside them; constants of Paillier 1999, section 7 (Chinese remaindering).

    Attributes:
        public: the public half.
        p: a prime, ``mpz``, 3 mod 4.
        q: the other.
        p_square: p².
        q_square: q².
        p_factor: L_p((1 + n)^(p-1) mod p²)^-1 mod p.
        q_factor: likewise for q.
        p_inverse: p^-1 mod q.
        p_square_inverse: p^-2 mod q².
    """

    public: PaillierPublic
    p: Any
    q: Any
    p_square: Any
    q_square: Any
    p_factor: Any
    q_factor: Any
    p_inverse: Any
    p_square_inverse: Any


def generate(bits: int, random: Randomness) -> KeyPair:
    """A key whose n has exactly ``bits`` bits; p is the longer prime by one bit when they are odd.

    p ≡ q ≡ 3 mod 4 and gcd(p-1, q-1) = 2, as Damgård, Jurik and Nielsen ask for (IJIS 9, 2010, section 4.1).
    """
    from gmpy2 import gcd, mpz, powmod

    while True:
        p, q = prime((bits + 1) // 2, random), prime(bits // 2, random)
        if _fit(p, q):
            break
    modulus = p * q
    while True:
        x = mpz(random.below(int(modulus)))
        if gcd(x, modulus) == 1:
            break
    square = modulus * modulus
    residue = powmod(-x * x % modulus, modulus, square)
    private = private_material(PaillierPublic(modulus, square, residue), p, q)
    return KeyPair(named_public(private.public), _named_private(private))


def prime(bits: int, random: Randomness) -> Any:
    """A random prime, 3 mod 4, whose two highest bits are set: so a product of two is never a bit short.

    Each candidate is drawn afresh; stepping on from one draw would favour primes after long gaps. Fermat's test comes
    before the others: nearly no other number passes it, and other threads go on meanwhile, which ``is_prime`` lets
    none.
    """
    from gmpy2 import context, gcd, is_prime, mpz, powmod

    small = _primorial(min(SIEVE_BOUND, 1 << (bits // 2)))
    width = byte_count(bits)
    high = mpz(3) << (bits - 2)
    mask = (mpz(1) << bits) - 1
    with context(allow_release_gil=True):
        while True:
            candidate = mpz(int.from_bytes(random.bytes(width), "big")) & mask | high | 3
            if (
                gcd(candidate, small) == 1
                and powmod(2, candidate - 1, candidate) == 1
                and is_prime(candidate, PRIMALITY_ROUNDS)
            ):
                return candidate


@cache
def _primorial(bound: int) -> Any:
    from gmpy2 import primorial

    return primorial(bound)


def _fit(p: Any, q: Any) -> bool:
    from gmpy2 import gcd

    return bool(p != q and p % 4 == 3 and q % 4 == 3 and gcd(p - 1, q - 1) == 2 and gcd(p * q, (p - 1) * (q - 1)) == 1)


def private_material(public: PaillierPublic, p: Any, q: Any) -> PaillierPrivate:
    """p and q with the constants that decrypting and encrypting by them take."""
    from gmpy2 import invert

    # (1 + n)^(p-1) = 1 + n(p-1) mod p², and L_p of it is q(p-1) = -q mod p.
    return PaillierPrivate(
        public,
        p,
        q,
        p_square=p * p,
        q_square=q * q,
        p_factor=invert(-q % p, p),
        q_factor=invert(-p % q, q),
        p_inverse=invert(p, q),
        p_square_inverse=invert(p * p, q * q),
    )


def named_public(material: PaillierPublic) -> PublicKey:
    """The key as the core handles it."""
    return PublicKey(fingerprint(write_public(material)), material.modulus.bit_length(), material)


def _named_private(material: PaillierPrivate) -> PrivateKey:
    public = named_public(material.public)
    return PrivateKey(public.fingerprint, public.bits, material)


def _public_widths(bits: int) -> list[int]:
    return [byte_count(bits), byte_count(2 * bits)]


def _private_widths(bits: int) -> list[int]:
    return [byte_count((bits + 1) // 2), byte_count(bits // 2), *_public_widths(bits)]


def write_public(material: PaillierPublic) -> bytes:
    """n and hs."""
    bits = material.modulus.bit_length()
    return write_key(SCHEME, "public", bits, [material.modulus, material.residue], _public_widths(bits))


def read_public(data: bytes) -> PublicKey:
    """The reverse of :func:`write_public`.

    Raises:
        DamagedKeys: n is not odd or not of the stated size; hs is no unit modulo n². That hs is an n-th residue
            only the holder of p and q can check, and :func:`read_private` does.
    """
    bits, (modulus, residue) = read_key(data, SCHEME, "public", _public_widths)
    return named_public(_checked_public(bits, modulus, residue))


def _checked_public(bits: int, modulus: int, residue: int) -> PaillierPublic:
    from gmpy2 import gcd, mpz

    if modulus.bit_length() != bits or modulus % 2 == 0:
        raise DamagedKeys(f"the {SCHEME} key is damaged: its modulus is no odd number of {bits} bits.")
    n = mpz(modulus)
    square = n * n
    if not 1 < residue < square or gcd(residue, n) != 1:
        raise DamagedKeys(f"the {SCHEME} key is damaged: its blinding base is no unit of its modulus.")
    return PaillierPublic(n, square, mpz(residue))


def write_private(material: PaillierPrivate) -> bytes:
    """p, q, n and hs; not encrypted."""
    public = material.public
    bits = public.modulus.bit_length()
    numbers = [material.p, material.q, public.modulus, public.residue]
    return write_key(SCHEME, "private", bits, numbers, _private_widths(bits))


def read_private(data: bytes) -> PrivateKey:
    """The reverse of :func:`write_private`.

    Raises:
        DamagedKeys: p and q are no primes fit for the scheme, do not make n, or hs is no n-th residue.
    """
    from gmpy2 import is_prime, mpz, powmod

    bits, (first, second, modulus, residue) = read_key(data, SCHEME, "private", _private_widths)
    public = _checked_public(bits, modulus, residue)
    p, q = mpz(first), mpz(second)
    if p * q != public.modulus:
        raise DamagedKeys(f"the private {SCHEME} key is damaged: its primes do not make its modulus.")
    if not (is_prime(p) and is_prime(q) and _fit(p, q)):
        raise DamagedKeys(f"the private {SCHEME} key is damaged: its factors are no primes fit for the scheme.")
    # An n-th residue has order (p-1)(q-1) or less: anything else would not blind but change the plaintext.
    order = (p - 1) * (q - 1)
    if powmod(residue, order, p * p) != 1 or powmod(residue, order, q * q) != 1:
        raise DamagedKeys(f"the private {SCHEME} key is damaged: its blinding base is no n-th residue.")
    return _named_private(private_material(public, p, q))
