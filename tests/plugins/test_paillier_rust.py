"""Scheme ``paillier-rust``: what pypaillier makes is Paillier's by plain arithmetic, and shared with ``paillier``."""

from __future__ import annotations

import json
import sys
from math import gcd, lcm
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from smarter.api import AuthenticationFailed, Ciphertexts, DamagedKeys, KeyPair, MissingExtra, OutOfBounds, PublicKey
from smarter_plugins.schemes import paillier_rust
from smarter_plugins.schemes.paillier import Paillier, PaillierOptions
from smarter_plugins.schemes.paillier_rust import PaillierRust, RustOptions

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "paillier.json").read_text(encoding="utf-8")
)
KEYS = {key["name"]: key for key in VECTORS["keys"]}
SIZED = "2048"
"""The one key of the vectors that pypaillier takes."""


def scheme(bits: int = 2048) -> PaillierRust:
    return PaillierRust(RustOptions(key_bits=bits))


@pytest.fixture(scope="module")
def keys() -> KeyPair:
    pytest.importorskip("paillier", reason="the extra rust is not installed")
    return KeyPair(
        scheme().load_public(bytes.fromhex(KEYS[SIZED]["public"])),
        scheme().load_private(bytes.fromhex(KEYS[SIZED]["private"])),
    )


def numbers(keys: KeyPair, batch: Ciphertexts) -> list[int]:
    return [int.from_bytes(blob, "big") for blob in scheme().dump(keys.public, batch)]


def textbook(ciphertext: int) -> int:
    """Paillier 1999, scheme 1, with g = 1 + n, in Python's own integers: L(c^lambda) / lambda mod n, signed."""
    n = int(KEYS[SIZED]["n"], 16)
    exponent = lcm(int(KEYS[SIZED]["p"], 16) - 1, int(KEYS[SIZED]["q"], 16) - 1)
    residue = (pow(ciphertext, exponent, n * n) - 1) // n * pow(exponent, -1, n) % n
    return residue if 2 * residue < n else residue - n


def blinding(ciphertext: int, plaintext: int) -> int:
    """What is left of a ciphertext without its plaintext."""
    n = int(KEYS[SIZED]["n"], 16)
    return ciphertext * pow(1 + n * plaintext, -1, n * n) % (n * n)


class TestCiphertexts:
    def test_they_decrypt_by_the_textbook(self, keys: KeyPair) -> None:
        bound = 1 << (scheme().plaintext_bits(keys.public) - 1)
        plaintexts = [0, 1, -1, 1234, -1234, bound - 1, -bound]
        found = numbers(keys, scheme().encrypt(keys.public, plaintexts))
        assert [textbook(ciphertext) for ciphertext in found] == plaintexts

    def test_each_is_blinded_by_another_nth_residue(self, keys: KeyPair) -> None:
        n = int(KEYS[SIZED]["n"], 16)
        order = (int(KEYS[SIZED]["p"], 16) - 1) * (int(KEYS[SIZED]["q"], 16) - 1)
        plaintexts = [7] * 5 + [-7] * 5
        found = numbers(keys, scheme().encrypt(keys.public, plaintexts))
        blindings = [blinding(one, plaintext) for one, plaintext in zip(found, plaintexts, strict=True)]
        assert len({*blindings, 1}) == 11
        # Of full length, so that they hide; of an order that divides (p-1)(q-1), so that decrypting takes them away.
        assert all(one.bit_length() > 4096 - 64 and gcd(one, n) == 1 for one in blindings)
        assert all(pow(one, order, n * n) == 1 for one in blindings)

    def test_the_exponents_that_blind_have_half_the_bits_of_the_modulus(self, keys: KeyPair) -> None:
        assert paillier_rust._library_key(keys.public.material.modulus).exponent_bits == 1024

    def test_the_table_is_made_before_the_first_encryption_of_a_run(self, keys: KeyPair) -> None:
        paillier_rust._library_key.cache_clear()
        scheme().prepare(keys.public, 1)
        assert paillier_rust._library_key.cache_info().currsize == 1

    def test_a_sum_is_the_product_and_a_rerandomised_one_is_not(self, keys: KeyPair) -> None:
        square = int(KEYS[SIZED]["n"], 16) ** 2
        batch = scheme().encrypt(keys.public, [40, -42, 5])
        one, two, three = numbers(keys, batch)
        total = scheme().total(keys.public, batch)
        assert numbers(keys, total) == [one * two * three % square]
        (fresh,) = numbers(keys, scheme().rerandomise(keys.public, total))
        assert fresh != one * two * three % square
        assert textbook(fresh) == 3

    def test_a_total_of_more_than_pypaillier_adds_at_once_is_whole(
        self, keys: KeyPair, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paillier_rust, "MOST_ADDENDS", 3)
        for count in range(1, 9):
            batch = scheme().encrypt(keys.public, [10**i for i in range(count)])
            assert scheme().decrypt(keys.private, scheme().total(keys.public, batch)) == [int("1" * count)]

    def test_blindings_made_ahead_embed_a_plaintext(self, keys: KeyPair) -> None:
        blindings = scheme().encrypt(keys.public, [0, 0])
        batch = scheme().encrypt_with(keys.public, [-3, 4], blindings)
        assert [textbook(one) for one in numbers(keys, batch)] == [-3, 4]

    def test_a_factor_beyond_pypailliers_range_is_refused(self, keys: KeyPair) -> None:
        most = keys.public.material.modulus >> 21
        batch = scheme().encrypt(keys.public, [1, 1])
        product = scheme().scale(keys.public, batch, [most, -most])
        assert scheme().decrypt(keys.private, product) == [most, -most]
        for factor in (most + 1, -most - 1):
            with pytest.raises(OutOfBounds, match=r"n/2\^21"):
                scheme().scale(keys.public, batch, [1, factor])


class TestWithPaillier:
    def test_the_two_read_each_others_keys_and_ciphertexts_and_add_them(self, keys: KeyPair) -> None:
        ours, theirs = scheme(), Paillier(PaillierOptions(key_bits=2048))
        public = theirs.load_public(ours.dump_public(keys.public))
        private = theirs.load_private(ours.dump_private(keys.private))
        assert public.fingerprint == private.fingerprint == keys.public.fingerprint
        bound = 1 << (theirs.plaintext_bits(public) - 1)
        assert ours.plaintext_bits(keys.public) == theirs.plaintext_bits(public)
        plaintexts = [0, 1, -1, bound - 1, -bound]
        to_theirs = theirs.load(public, ours.dump(keys.public, ours.encrypt(keys.public, plaintexts)))
        assert theirs.decrypt(private, to_theirs) == plaintexts
        to_ours = ours.load(keys.public, theirs.dump(public, theirs.encrypt(public, plaintexts)))
        assert ours.decrypt(keys.private, to_ours) == plaintexts
        mixed = ours.add(keys.public, to_ours, ours.encrypt(keys.public, [1, -1, 1, 0, 0]))
        assert ours.decrypt(keys.private, mixed) == [1, 0, 0, bound - 1, -bound]


def cases(name: str) -> pytest.MarkDecorator:
    """Cases of the vectors that concern ciphertexts under the key that pypaillier takes, or keys alone."""
    found = [case for case in VECTORS[name] if case.get("key", SIZED) == SIZED]
    return pytest.mark.parametrize(
        "case", found, ids=lambda case: str(case.get("name") or case.get("factor") or case.get("blinding", "sum"))
    )


class TestVectors:
    def test_a_key_has_the_bytes_of_the_vector(self, keys: KeyPair) -> None:
        assert scheme().dump_public(keys.public).hex() == KEYS[SIZED]["public"]
        assert scheme().dump_private(keys.private).hex() == KEYS[SIZED]["private"]
        assert keys.public.fingerprint == KEYS[SIZED]["fingerprint"]

    @cases("encryptions")
    def test_ciphertexts_decrypt_to_their_plaintexts(self, case: dict[str, Any], keys: KeyPair) -> None:
        blobs = [bytes.fromhex(blob) for blob in case["ciphertexts"]]
        batch = scheme().load(keys.public, blobs)
        assert scheme().decrypt(keys.private, batch) == [int(one) for one in case["plaintexts"]]
        assert scheme().dump(keys.public, batch) == blobs

    @cases("sums")
    def test_ciphertexts_add_to_the_sum(self, case: dict[str, Any], keys: KeyPair) -> None:
        batch = scheme().load(keys.public, [bytes.fromhex(blob) for blob in case["ciphertexts"]])
        total = scheme().total(keys.public, batch)
        assert scheme().dump(keys.public, total)[0].hex() == case["ciphertext"]
        assert scheme().decrypt(keys.private, total) == [int(case["plaintext"])]

    @cases("products")
    def test_a_ciphertext_scales_to_the_product(self, case: dict[str, Any], keys: KeyPair) -> None:
        batch = scheme().load(keys.public, [bytes.fromhex(case["ciphertext"])])
        product = scheme().scale(keys.public, batch, [int(case["factor"])])
        assert scheme().dump(keys.public, product)[0].hex() == case["product"]
        assert scheme().decrypt(keys.private, product) == [int(case["plaintext"])]

    @pytest.mark.parametrize("case", VECTORS["bad-ciphertexts"], ids=lambda case: f"{case['key']}-{case['name']}")
    def test_bad_ciphertexts_are_refused(self, case: dict[str, Any]) -> None:
        public: PublicKey = Paillier().load_public(bytes.fromhex(KEYS[case["key"]]["public"]))
        with pytest.raises(AuthenticationFailed, match="paillier-rust ciphertext"):
            scheme().load(public, [bytes.fromhex(case["ciphertext"])])

    @cases("bad-public-keys")
    def test_bad_public_keys_are_refused(self, case: dict[str, Any]) -> None:
        with pytest.raises(DamagedKeys) as refused:
            scheme().load_public(bytes.fromhex(case["public"]))
        assert "none of paillier-rust" not in str(refused.value), "refused for its size, not for what is bad in it"

    @cases("bad-private-keys")
    def test_bad_private_keys_are_refused(self, case: dict[str, Any]) -> None:
        with pytest.raises(DamagedKeys) as refused:
            scheme().load_private(bytes.fromhex(case["private"]))
        assert "none of paillier-rust" not in str(refused.value), "refused for its size, not for what is bad in it"

    def test_sound_keys_that_pypaillier_does_not_take_are_refused(self) -> None:
        for half, load in (("public", scheme().load_public), ("private", scheme().load_private)):
            with pytest.raises(DamagedKeys, match="a key of 512 bits is none of paillier-rust"):
                load(bytes.fromhex(KEYS["512"][half]))


class TestSizes:
    @pytest.mark.parametrize("bits", [2047, 256, 8193])
    def test_sizes_that_pypaillier_does_not_take_are_refused_with_the_way_out(self, bits: int) -> None:
        with pytest.raises(ValidationError, match=f"2048 to 8192 bits, not {bits}; scheme paillier takes others"):
            RustOptions(key_bits=bits)

    def test_sizes_of_no_whole_bytes_work(self) -> None:
        pytest.importorskip("paillier", reason="the extra rust is not installed")
        plugin = scheme(2051)
        pair = plugin.generate()
        bound = 1 << (plugin.plaintext_bits(pair.public) - 1)
        batch = plugin.encrypt(pair.public, [bound - 1, -bound])
        loaded = plugin.load(pair.public, plugin.dump(pair.public, batch))
        assert plugin.decrypt(pair.private, loaded) == [bound - 1, -bound]
        assert pair.public.bits == 2051


def test_without_the_extra_the_command_that_brings_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paillier", None)
    paillier_rust._library_key.cache_clear()
    public = Paillier().load_public(bytes.fromhex(KEYS[SIZED]["public"]))
    with pytest.raises(MissingExtra, match=r"pip install 'smarter-metering\[rust\]' brings it"):
        scheme().encrypt(public, [1])
