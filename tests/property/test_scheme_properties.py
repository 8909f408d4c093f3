"""Schemes over any numbers: what they add, scale and refuse, and that tables and plain powers agree."""

from __future__ import annotations

import math
from collections import Counter
from functools import cache
from itertools import product

import pytest
from gmpy2 import mpz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smarter.api import AuthenticationFailed, DamagedKeys, KeyPair, PrivateKey, Scheme
from smarter.api.testing.schemes import SeededRandomness
from smarter_plugins.schemes import paillier_keys
from smarter_plugins.schemes.fixed_base import FixedBase, best_window, steps, table_bytes
from smarter_plugins.schemes.lightphe import PaillierLightPhe
from smarter_plugins.schemes.paillier import Paillier
from smarter_plugins.schemes.paillier_keys import PaillierPublic, private_material
from smarter_plugins.schemes.phe import PaillierPhe
from smarter_plugins.schemes.plain import Plain

KEY_BITS = 256
BOUND = 1 << 190
INTEGERS = st.integers(-BOUND, BOUND)
SCHEMES = pytest.mark.parametrize("plugin", [Paillier, PaillierPhe, PaillierLightPhe, Plain])

few = settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])


@cache
def made(plugin: type[Scheme]) -> tuple[Scheme, KeyPair]:
    scheme = plugin(plugin.Options.model_validate({"key_bits": KEY_BITS}))
    return scheme, scheme.generate()


@SCHEMES
@few
@given(st.lists(st.tuples(INTEGERS, INTEGERS), max_size=5))
def test_sums_of_ciphertexts_are_ciphertexts_of_sums(plugin: type[Scheme], pairs: list[tuple[int, int]]) -> None:
    scheme, keys = made(plugin)
    left = scheme.encrypt(keys.public, [one for one, _ in pairs])
    right = scheme.encrypt(keys.public, [two for _, two in pairs])
    total = scheme.add(keys.public, left, right)
    assert scheme.decrypt(keys.private, total) == [one + two for one, two in pairs]


@SCHEMES
@few
@given(INTEGERS, st.integers(-(1 << 48), 1 << 48))
def test_a_scaled_ciphertext_is_a_ciphertext_of_the_product(plugin: type[Scheme], plaintext: int, factor: int) -> None:
    scheme, keys = made(plugin)
    scaled = scheme.scale(keys.public, scheme.encrypt(keys.public, [plaintext]), [factor])
    assert scheme.decrypt(keys.private, scaled) == [plaintext * factor]


@SCHEMES
@few
@given(st.binary(max_size=80))
def test_bytes_are_a_ciphertext_or_refused(plugin: type[Scheme], blob: bytes) -> None:
    scheme, keys = made(plugin)
    try:
        batch = scheme.load(keys.public, [blob])
    except AuthenticationFailed:
        return
    assert scheme.dump(keys.public, batch) == [blob]


@SCHEMES
@settings(few, max_examples=60)
@given(st.data())
def test_a_flipped_bit_in_a_private_key_is_refused_or_is_another_key(plugin: type[Scheme], data: st.DataObject) -> None:
    scheme, keys = made(plugin)
    form = bytearray(scheme.dump_private(keys.private))
    bit = data.draw(st.integers(0, 8 * len(form) - 1))
    form[bit // 8] ^= 1 << (bit % 8)
    try:
        loaded = scheme.load_private(bytes(form))
    except DamagedKeys:
        return
    assert plugin is Plain
    assert loaded.fingerprint != keys.private.fingerprint


@few
@given(
    window=st.integers(1, 9),
    exponent_bits=st.integers(1, 150),
    draws=st.lists(st.binary(min_size=19, max_size=19), max_size=4),
)
def test_a_table_raises_as_pow_does(window: int, exponent_bits: int, draws: list[bytes]) -> None:
    _, keys = made(Paillier)
    modulus, base = keys.public.material.modulus, keys.public.material.residue
    width = (exponent_bits + 7) // 8
    raw = [draw[:width] for draw in [*draws, bytes(19), b"\xff" * 19]]
    table = FixedBase.make(modulus, base, exponent_bits, window)
    powers = list(table.powers(b"".join(raw), len(raw)))
    exponents = [int.from_bytes(one, "big") % (1 << exponent_bits) for one in raw]
    n = int(modulus)
    found = [int(power) * (1 + n * int(lift)) % n**2 for power, lift in powers]
    assert found == [pow(int(base), exponent, n**2) for exponent in exponents]


@few
@given(plaintexts=st.lists(INTEGERS, min_size=1, max_size=4), seed=st.text(max_size=8))
def test_what_the_holder_encrypts_decrypts_and_is_blinded_by_an_nth_residue(plaintexts: list[int], seed: str) -> None:
    scheme, keys = made(Paillier)
    batch = scheme.encrypt_as_holder(keys, plaintexts, random=SeededRandomness(seed))
    assert scheme.decrypt(keys.private, batch) == plaintexts
    n = int(keys.public.material.modulus)
    # Only n-th residues are 1 when raised to the order of their group, (p-1)(q-1).
    order = int((keys.private.material.p - 1) * (keys.private.material.q - 1))
    for plaintext, value in zip(plaintexts, batch.values, strict=True):
        blinding = int(value) * pow(1 + n * plaintext, -1, n**2) % n**2
        assert pow(blinding, order, n**2) == 1


class Scripted:
    """Randomness that draws what it is told to."""

    def __init__(self, *numbers: int) -> None:
        self._numbers = list(numbers)

    def below(self, bound: int) -> int:
        number = self._numbers.pop(0)
        assert 0 <= number < bound
        return number

    def bytes(self, count: int) -> bytes:
        raise AssertionError("the holder's blinding draws numbers below a bound")


@pytest.mark.parametrize(("p", "q"), [(7, 11), (11, 7), (11, 19), (7, 23), (19, 23)])
def test_the_holders_blindings_are_the_textbooks_each_as_often(p: int, q: int) -> None:
    n = p * q
    public = PaillierPublic(mpz(n), mpz(n * n), mpz(pow(4, n, n * n)))
    private = private_material(public, mpz(p), mpz(q))
    named = paillier_keys.named_public(public)
    pair = KeyPair(named, PrivateKey(named.fingerprint, named.bits, private))
    drawn = Counter(
        int(Paillier().encrypt_as_holder(pair, [0], random=Scripted(a, b)).values[0])
        for a, b in product(range(p - 1), range(q - 1))
    )
    textbook = Counter(pow(r, n, n * n) for r in range(n) if math.gcd(r, n) == 1)
    assert drawn == textbook
    assert len(drawn) == (p - 1) * (q - 1)


def test_powers_of_more_than_a_chunk_come_in_order() -> None:
    _, keys = made(Paillier)
    n, base = keys.public.material.modulus, keys.public.material.residue
    exponents = SeededRandomness("chunks").bytes(2 * 700)
    table = FixedBase.make(n, base, 16, 4)
    found = [int(power * (1 + n * lift) % n**2) for power, lift in table.powers(exponents, 700)]
    assert found == [
        pow(int(base), int.from_bytes(exponents[i : i + 2], "big"), int(n) ** 2) for i in range(0, 1400, 2)
    ]


@given(
    bits=st.sampled_from([256, 2048, 3072, 4096]),
    powers=st.integers(0, 10**7),
    megabytes=st.integers(1, 512),
    current=st.none() | st.integers(2, 12),
)
def test_a_chosen_table_keeps_its_budget_and_is_never_smaller_than_the_one_at_hand(
    bits: int, powers: int, megabytes: int, current: int | None
) -> None:
    window = best_window(bits, bits // 2, powers, megabytes << 20, current)
    if window is not None and window != current:
        assert table_bytes(bits, bits // 2, window) <= megabytes << 20
        assert current is None or steps(bits // 2, window) < steps(bits // 2, current)
    if current is not None:
        assert window is not None
