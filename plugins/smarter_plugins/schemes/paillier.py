"""Scheme ``paillier``: Paillier's cryptosystem on gmpy2, made for many encryptions under one public key.

The PES encrypts and adds with it, the releaser decrypts.

Ciphertexts are ``(1 + n*m) * blinding mod n²`` (Paillier, EUROCRYPT '99, scheme 1 with g = 1 + n). Semantic
security rests on the decisional composite residuosity assumption (DCRA). Where the blinding comes from:

- ``djn`` (default): ``hs^r`` with r of ⌈|n|/2⌉ bits (Damgård, Jurik and Nielsen, "A generalization of Paillier's
  public-key system with applications to electronic voting", IJIS 9, 2010, section 4.2). Beyond DCRA it assumes
  that such short powers of hs cannot be told from all of them. The powers come from a table; which entries are
  looked up shows in the cache, so whoever shares the processor's caches with the encrypting process may learn r.
- ``exact``: ``r^n`` with r uniform in Z*_n, the textbook distribution under DCRA alone; no table, no secret index.
- the holder of p and q, whatever the option (``encrypt_as_holder``): ``a^p mod p²`` with a uniform in Z*_p, ``b^q
  mod q²`` with b uniform in Z*_q, joined by the Chinese remainder theorem. DCRA alone, too, as it is the textbook
  distribution and not one close to it. Let r be uniform in Z*_n. Then r mod p and r mod q are uniform in Z*_p and
  Z*_q and independent. By the binomial theorem ``(r + kp)^p = r^p mod p²``: the p-th power modulo p² is a function
  of r mod p. So ``r^n = (r^q)^p mod p²`` is that function of r^q mod p, which is uniform in Z*_p, as raising to the
  q permutes Z*_p: gcd(q, p-1) = 1, since a key has gcd(n, (p-1)(q-1)) = 1. Likewise modulo q².

Decryption and the holder's encryption raise to secret powers with GMP's ordinary ``powm``, which is not constant in
time; so does ``exact``, where the base is the secret.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from smarter.api import SYSTEM_RANDOMNESS, Floor, KeyPair, PrivateKey, PublicKey, Randomness, Scheme
from smarter_plugins.schemes import paillier_keys
from smarter_plugins.schemes.fixed_base import FixedBase, best_window, steps
from smarter_plugins.schemes.floor import floors
from smarter_plugins.schemes.key_form import byte_count
from smarter_plugins.schemes.key_size import KeySizeOptions, small_key_reason
from smarter_plugins.schemes.residues import (
    centred,
    dump_ciphertext,
    load_ciphertext,
    nth_residue,
    pth_residue,
    short_power,
    signed_bits,
)

TABLES_KEPT = 4


class PaillierOptions(KeySizeOptions):
    """Size, blinding, memory, and what is made ahead."""

    blinding: Literal["djn", "exact"] = Field(
        "djn",
        description="djn: short powers of a fixed residue, from tables, fast. exact: the textbook distribution "
        "without the short-exponent assumption, twenty to thirty times slower.",
    )
    table_mb: int = Field(
        64,
        ge=1,
        le=4096,
        description="Megabytes that a public key's table may take. 128 make encryption at 3072 bits a sixth faster.",
    )
    precompute: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="Blindings kept ready, sealed, in the state folder: made before the first reading is opened, "
        "each used once; for a PES without spare cores.",
    )


@dataclass
class _Usage:
    """What a process knows of one public key's use: encryptions so far and to come, its table, and who made that."""

    made: int = 0
    expected: int = 0
    table: FixedBase | None = None
    taken: bool = False


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
    parallel_decrypt = True

    @property
    def precompute(self) -> int:
        return int(self.options.precompute)

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

    def prepared(self, public: PublicKey) -> Iterable[bytes] | None:
        with _usages_lock:
            usage = _usages.get(public.fingerprint)
            table = usage.table if usage and self.options.blinding == "djn" else None
        return table.write(bytes.fromhex(public.fingerprint)) if table else None

    def take_prepared(self, public: PublicKey, data: memoryview | bytes) -> None:
        """Look powers up in a table made elsewhere; while it serves, encrypting makes no larger one."""
        if self.options.blinding != "djn":
            return
        key, name = public.material, bytes.fromhex(public.fingerprint)
        table = FixedBase.read(data, key.modulus, key.residue, _exponent_bits(public), name)
        with _usages_lock:
            usage = _usage_of(public)
            usage.table, usage.taken = table, True

    def floors(self, public: PublicKey, encryptions: int) -> Sequence[Floor]:
        """With ``djn``, by the window of the table at hand, or of the one that so many encryptions pay for."""
        table = self._table(public, encryptions) if self.options.blinding == "djn" else None
        if table is None:
            return ()
        return floors(public.material.modulus, steps(table.exponent_bits, table.window), encryptions)

    def plaintext_bits(self, public: PublicKey) -> int:
        return signed_bits(public.material.modulus)

    def _encrypt(self, public: PublicKey, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        return _blinded(public, plaintexts, self._blindings(public, len(plaintexts), random))

    def _encrypt_as_holder(self, pair: KeyPair, plaintexts: Sequence[int], random: Randomness) -> Sequence[Any]:
        return _blinded(pair.public, plaintexts, _holder_blindings(pair.private, len(plaintexts), random))

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
        return [
            _plaintext(key, powmod(value, key.p - 1, key.p_square), powmod(value, key.q - 1, key.q_square))
            for value in values
        ]

    def _decrypt_by(self, threads: int, private: PrivateKey, values: Sequence[Any]) -> list[int]:
        """By p and by q apart, so that even one ciphertext keeps two threads busy."""
        from concurrent.futures import ThreadPoolExecutor

        from gmpy2 import powmod_base_list

        key, count = private.material, len(values)
        exponents = [key.p - 1] * count + [key.q - 1] * count
        squares = [key.p_square] * count + [key.q_square] * count
        with ThreadPoolExecutor(threads) as pool:
            # Of gmpy2's powers the one that lets other threads run whatever the thread's context says.
            lists = pool.map(powmod_base_list, [[value] for value in (*values, *values)], exponents, squares)
            powers = [power for (power,) in lists]
        return [_plaintext(key, *of_both) for of_both in zip(powers[:count], powers[count:], strict=True)]

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

    def _blindings(self, public: PublicKey, count: int, random: Randomness) -> Iterator[tuple[Any, int]]:
        """Fresh n-th residues as pairs (r, e), each standing for ``r * (1 + n*e) mod n²``."""
        key = public.material
        if self.options.blinding == "exact":
            return ((nth_residue(key.modulus, key.square, random), 0) for _ in range(count))
        bits = _exponent_bits(public)
        width = byte_count(bits)
        exponents = random.bytes(count * width)
        table = self._table(public, count, making=True)
        if table is not None:
            return table.powers(exponents, count)
        starts = range(0, count * width, width)
        return ((short_power(key.residue, key.square, exponents[i : i + width], bits), 0) for i in starts)

    def _table(self, public: PublicKey, count: int, *, making: bool = False) -> FixedBase | None:
        """The key's table in this process, made or made larger when the expected count pays for it."""
        with _usages_lock:
            usage = _usage_of(public)
            if making:
                # As many again as there have been: so a larger table never costs more than it could have saved.
                ahead = max(count, usage.made, usage.expected)
                usage.made += count
                usage.expected = max(0, usage.expected - count)
                if usage.taken:
                    return usage.table
            else:
                ahead = usage.expected = max(count, usage.expected)
            bits = _exponent_bits(public)
            current = usage.table.window if usage.table else None
            window = best_window(public.bits, bits, ahead, self.options.table_mb << 20, current)
            if window is not None and window != current:
                # Let the smaller one go first: the budget is for one.
                usage.table, usage.taken = None, False
                usage.table = FixedBase.make(public.material.modulus, public.material.residue, bits, window)
            return usage.table


def _usage_of(public: PublicKey) -> _Usage:
    """The key's, kept as the latest used; the lock is held."""
    usage = _usages.setdefault(public.fingerprint, _Usage())
    _usages.move_to_end(public.fingerprint)
    while len(_usages) > TABLES_KEPT:
        _usages.popitem(last=False)
    return usage


def _exponent_bits(public: PublicKey) -> int:
    """Bits of r in ``hs^r``: half of those of n, rounded up."""
    return (public.bits + 1) // 2


def _holder_blindings(private: PrivateKey, count: int, random: Randomness) -> Iterator[tuple[Any, int]]:
    key = private.material
    for _ in range(count):
        of_p = pth_residue(key.p, key.p_square, random)
        of_q = pth_residue(key.q, key.q_square, random)
        yield of_p + key.p_square * ((of_q - of_p) * key.p_square_inverse % key.q_square), 0


def _blinded(public: PublicKey, plaintexts: Sequence[int], blindings: Iterator[tuple[Any, int]]) -> list[Any]:
    modulus, square = public.material.modulus, public.material.square
    return [
        power * (1 + modulus * ((plaintext + lift) % modulus)) % square
        for plaintext, (power, lift) in zip(plaintexts, blindings, strict=True)
    ]


def _plaintext(key: paillier_keys.PaillierPrivate, power_of_p: Any, power_of_q: Any) -> int:
    """The signed plaintext from the ciphertext's powers c^(p-1) mod p² and c^(q-1) mod q²."""
    of_p = (power_of_p - 1) // key.p * key.p_factor % key.p
    of_q = (power_of_q - 1) // key.q * key.q_factor % key.q
    return centred(of_p + key.p * ((of_q - of_p) * key.p_inverse % key.q), key.public.modulus)
