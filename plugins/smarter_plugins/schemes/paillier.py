"""Scheme ``paillier``: Paillier's cryptosystem on gmpy2, made for many encryptions under one public key.

The PES encrypts and adds with it, the releaser decrypts.

Ciphertexts are ``(1 + n*m) * blinding mod n²`` (Paillier, EUROCRYPT '99, scheme 1 with g = 1 + n). Semantic
security rests on the decisional composite residuosity assumption (DCRA). Where the blinding comes from:

- ``djn`` (default): ``hs^r`` with r of ⌈|n|/2⌉ bits (Damgård, Jurik and Nielsen, "A generalization of Paillier's
  public-key system with applications to electronic voting", IJIS 9, 2010, section 4.2). Beyond DCRA it assumes
  that such short powers of hs cannot be told from all of them. The powers come from a table; which entries are
  looked up shows in the cache, so whoever shares the processor's caches with the encrypting process may learn r.
- ``exact``: ``r^n`` with r uniform in Z*_n, the textbook distribution under DCRA alone; no table, no secret index.

Decryption raises to secret powers with GMP's ordinary ``powm``, which is not constant in time.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from smarter.api import SYSTEM_RANDOMNESS, KeyPair, PrivateKey, PublicKey, Randomness, Scheme
from smarter_plugins.schemes import paillier_keys
from smarter_plugins.schemes.fixed_base import FixedBase, best_window
from smarter_plugins.schemes.key_form import byte_count
from smarter_plugins.schemes.key_size import KeySizeOptions, small_key_reason
from smarter_plugins.schemes.residues import centred, dump_ciphertext, load_ciphertext, signed_bits

TABLES_KEPT = 4


class PaillierOptions(KeySizeOptions):
    """Size, blinding and memory."""

    blinding: Literal["djn", "exact"] = Field(
        "djn",
        description="djn: short powers of a fixed residue, from tables, fast. exact: the textbook distribution "
        "without the short-exponent assumption, some twenty times slower.",
    )
    table_mb: int = Field(
        64, ge=1, le=4096, description="Megabytes that the table of a public key may take in a process."
    )


@dataclass
class _Usage:
    """What a process knows of one public key's use: encryptions so far and to come, and its table."""

    made: int = 0
    expected: int = 0
    table: FixedBase | None = None


_usages: OrderedDict[str, _Usage] = OrderedDict()
_usages_lock = threading.Lock()


def _renew_lock() -> None:
    global _usages_lock
    _usages_lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    # A worker forked while another thread makes a table would wait for that thread, which it does not have.
    os.register_at_fork(after_in_child=_renew_lock)


class Paillier(Scheme):
    """Paillier with Damgård–Jurik–Nielsen blinding; see the module for what each path assumes."""

    name = "paillier"
    summary = "Paillier on gmpy2 with fixed-base tables; fast, the default."
    Options = PaillierOptions
    embeds = True

    def demo_reason(self) -> str | None:
        return small_key_reason(self.name, self.options.key_bits)

    def generate(self, *, random: Randomness = SYSTEM_RANDOMNESS) -> KeyPair:
        return paillier_keys.generate(self.options.key_bits, random)

    def prepare(self, public: PublicKey, encryptions: int) -> None:
        """Say how many encryptions and re-randomisations are to come, and make the table that pays for them.

        Without it, the table grows when as many have been made as would have paid for a larger one.
        """
        if self.options.blinding == "djn":
            self._table(public, encryptions)

    def plaintext_bits(self, public: PublicKey) -> int:
        return signed_bits(public.material.modulus)

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        modulus, square = public.material.modulus, public.material.square
        blindings = self._blindings(public, len(plaintexts), random)
        return [
            power * (1 + modulus * ((plaintext + lift) % modulus)) % square
            for plaintext, (power, lift) in zip(plaintexts, blindings, strict=True)
        ]

    def _embed(self, public: PublicKey, plaintexts: Sequence[int]) -> Sequence[Any]:
        modulus = public.material.modulus
        return [1 + modulus * (plaintext % modulus) for plaintext in plaintexts]

    def _add(self, public: PublicKey, left: Sequence[Any], right: Sequence[Any]) -> Sequence[Any]:
        square = public.material.square
        return [one * other % square for one, other in zip(left, right, strict=True)]

    def _scale(self, public: PublicKey, values: Sequence[Any], factors: Sequence[int]) -> Sequence[Any]:
        from gmpy2 import powmod

        square = public.material.square
        return [powmod(value, factor, square) for value, factor in zip(values, factors, strict=True)]

    def _rerandomise(self, public: PublicKey, values: Sequence[Any], random: Randomness) -> Sequence[Any]:
        zeros = self._encrypt(public, [0] * len(values), random)
        return self._add(public, values, zeros)

    def _decrypt(self, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        from gmpy2 import powmod

        key = private.material
        p, q, modulus = key.p, key.q, key.public.modulus
        plaintexts = []
        for value in values:
            of_p = (powmod(value, p - 1, key.p_square) - 1) // p * key.p_factor % p
            of_q = (powmod(value, q - 1, key.q_square) - 1) // q * key.q_factor % q
            plaintexts.append(centred(of_p + p * ((of_q - of_p) * key.p_inverse % q), modulus))
        return plaintexts

    def _dump(self, public: PublicKey, value: Any) -> bytes:
        return dump_ciphertext(value, public.material.modulus)

    def _load(self, public: PublicKey, data: bytes) -> Any:
        from gmpy2 import mpz

        return mpz(load_ciphertext(data, public.material.modulus, self.name))

    def dump_public(self, public: PublicKey) -> bytes:
        return paillier_keys.write_public(public.material)

    def load_public(self, data: bytes) -> PublicKey:
        return paillier_keys.read_public(data)

    def dump_private(self, private: PrivateKey) -> bytes:
        return paillier_keys.write_private(private.material)

    def load_private(self, data: bytes) -> PrivateKey:
        return paillier_keys.read_private(data)

    def _blindings(self, public: PublicKey, count: int, random: Randomness) -> Iterator[tuple[Any, Any]]:
        """Fresh n-th residues as pairs (r, e), each standing for ``r * (1 + n*e) mod n²``."""
        if self.options.blinding == "exact":
            return _textbook_blindings(public, count, random)
        exponent_bits = (public.bits + 1) // 2
        width = byte_count(exponent_bits)
        exponents = random.bytes(count * width)
        table = self._table(public, count, making=True)
        if table is not None:
            return table.powers(exponents, count)
        return _plain_powers(public, exponents, exponent_bits)

    def _table(self, public: PublicKey, count: int, *, making: bool = False) -> FixedBase | None:
        """The key's table in this process, made or made larger when the expected count pays for it."""
        with _usages_lock:
            usage = _usages.setdefault(public.fingerprint, _Usage())
            _usages.move_to_end(public.fingerprint)
            while len(_usages) > TABLES_KEPT:
                _usages.popitem(last=False)
            if making:
                # As many again as there have been: so a larger table never costs more than it could have saved.
                ahead = max(count, usage.made, usage.expected)
                usage.made += count
                usage.expected = max(0, usage.expected - count)
            else:
                ahead = usage.expected = max(count, usage.expected)
            exponent_bits = (public.bits + 1) // 2
            current = usage.table.window if usage.table else None
            window = best_window(public.bits, exponent_bits, ahead, self.options.table_mb << 20, current)
            if window is not None and window != current:
                # Let the smaller one go first: the budget is for one.
                usage.table = None
                key = public.material
                usage.table = FixedBase(key.modulus, key.residue, exponent_bits, window)
            return usage.table


def _plain_powers(public: PublicKey, exponents: bytes, exponent_bits: int) -> Iterator[tuple[Any, int]]:
    from gmpy2 import powmod

    width = byte_count(exponent_bits)
    mask = (1 << exponent_bits) - 1
    for start in range(0, len(exponents), width):
        exponent = int.from_bytes(exponents[start : start + width], "big") & mask
        yield powmod(public.material.residue, exponent, public.material.square), 0


def _textbook_blindings(public: PublicKey, count: int, random: Randomness) -> Iterator[tuple[Any, int]]:
    from gmpy2 import gcd, powmod

    modulus, square = public.material.modulus, public.material.square
    bound = int(modulus)
    for _ in range(count):
        root = random.below(bound)
        while gcd(root, modulus) != 1:
            root = random.below(bound)
        yield powmod(root, modulus, square), 0
