"""Known answers for scheme ``paillier``: keys, ciphertexts, sums and products with injected randomness, and what
must be refused. ``make_paillier.py`` made them, without the plugin's code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from smarter.api import AuthenticationFailed, DamagedKeys, KeyPair, PrivateKey, PublicKey
from smarter.api.testing.schemes import SeededRandomness
from smarter_plugins.schemes.paillier import Paillier, PaillierOptions

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("paillier.json").read_text(encoding="utf-8"))
KEYS = {key["name"]: key for key in VECTORS["keys"]}

REASONS = {
    "bad-public-half": "private key",
    "bad-primes-of-another-modulus": "do not make its modulus",
    "bad-primes-zero": "do not make its modulus",
    "bad-composite-factor": "no primes fit",
    "bad-equal-primes": "no primes fit",
    "bad-prime-one-mod-four": "no primes fit",
    "bad-base-no-residue": "n-th residue",
    "bad-version": "format version 2",
    "bad-half": "public key",
    "bad-scheme": "use the scheme that made them",
    "bad-size-of-zero": "reads as 0 bits",
    "bad-size-of-four-gigabits": "reads as 4294967295 bits",
    "bad-even-modulus": "no odd number",
    "bad-modulus-a-bit-short": "no odd number",
    "bad-base-zero": "no unit",
    "bad-base-one": "no unit",
    "bad-base-shares-a-factor": "no unit",
    "bad-base-beyond-modulus-squared": "no unit",
}


def of_name(cases: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", VECTORS[cases], ids=lambda case: f"{case['name']}")


def of_key(cases: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "case", VECTORS[cases], ids=lambda case: f"{case['key']}-{case.get('blinding', case.get('factor', ''))}"
    )


def scheme(key: str, blinding: str = "djn") -> Paillier:
    return Paillier(PaillierOptions.model_validate({"key_bits": KEYS[key]["key_bits"], "blinding": blinding}))


def public(key: str) -> PublicKey:
    return scheme(key).load_public(bytes.fromhex(KEYS[key]["public"]))


def private(key: str) -> PrivateKey:
    return scheme(key).load_private(bytes.fromhex(KEYS[key]["private"]))


@of_name("keys")
def test_a_seed_gives_its_key_and_the_key_its_bytes(case: dict[str, Any]) -> None:
    pair = scheme(case["name"]).generate(random=SeededRandomness(case["seed"]))
    material = pair.private.material
    found = {"p": material.p, "q": material.q, "n": material.public.modulus, "hs": material.public.residue}
    assert {name: f"{int(number):x}" for name, number in found.items()} == {name: case[name] for name in found}
    assert scheme(case["name"]).dump_public(pair.public).hex() == case["public"]
    assert scheme(case["name"]).dump_private(pair.private).hex() == case["private"]
    assert pair.public.fingerprint == case["fingerprint"]


@of_key("encryptions")
@pytest.mark.parametrize("tabled", [False, True])
def test_a_seed_gives_its_ciphertexts_with_a_table_and_without(case: dict[str, Any], tabled: bool) -> None:
    plugin, key = scheme(case["key"], case["blinding"]), public(case["key"])
    plaintexts = [int(plaintext) for plaintext in case["plaintexts"]]
    if tabled:
        plugin.prepare(key, 200)
        batch = plugin.encrypt(key, plaintexts, random=SeededRandomness(case["seed"]))
        blobs = plugin.dump(key, batch)
    else:
        random = SeededRandomness(case["seed"])
        blobs = [blob for one in plaintexts for blob in plugin.dump(key, plugin.encrypt(key, [one], random=random))]
    assert [blob.hex() for blob in blobs] == case["ciphertexts"]


@of_key("holder-encryptions")
def test_a_seed_gives_the_holder_the_textbooks_ciphertexts(case: dict[str, Any]) -> None:
    plugin, pair = scheme(case["key"]), KeyPair(public(case["key"]), private(case["key"]))
    plaintexts = [int(plaintext) for plaintext in case["plaintexts"]]
    batch = plugin.encrypt_as_holder(pair, plaintexts, random=SeededRandomness(case["seed"]))
    assert [blob.hex() for blob in plugin.dump(pair.public, batch)] == case["ciphertexts"]
    assert plugin.decrypt(pair.private, batch) == plaintexts


@of_key("encryptions")
def test_ciphertexts_decrypt_to_their_plaintexts(case: dict[str, Any]) -> None:
    plugin = scheme(case["key"])
    batch = plugin.load(public(case["key"]), [bytes.fromhex(blob) for blob in case["ciphertexts"]])
    assert plugin.decrypt(private(case["key"]), batch) == [int(one) for one in case["plaintexts"]]


@of_key("sums")
def test_ciphertexts_add_to_the_sum_in_the_vector(case: dict[str, Any]) -> None:
    plugin, key = scheme(case["key"]), public(case["key"])
    total = plugin.total(key, plugin.load(key, [bytes.fromhex(blob) for blob in case["ciphertexts"]]))
    assert plugin.dump(key, total)[0].hex() == case["ciphertext"]
    assert plugin.decrypt(private(case["key"]), total) == [int(case["plaintext"])]


@of_key("products")
def test_a_ciphertext_scales_to_the_product_in_the_vector(case: dict[str, Any]) -> None:
    plugin, key = scheme(case["key"]), public(case["key"])
    batch = plugin.load(key, [bytes.fromhex(case["ciphertext"])])
    product = plugin.scale(key, batch, [int(case["factor"])])
    assert plugin.dump(key, product)[0].hex() == case["product"]
    assert plugin.decrypt(private(case["key"]), product) == [int(case["plaintext"])]


@of_name("bad-ciphertexts")
def test_bad_ciphertexts_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(AuthenticationFailed, match="paillier ciphertext"):
        scheme(case["key"]).load(public(case["key"]), [bytes.fromhex(case["ciphertext"])])


@of_name("bad-public-keys")
def test_bad_public_keys_are_refused_for_what_is_bad_in_them(case: dict[str, Any]) -> None:
    with pytest.raises(DamagedKeys, match=REASONS.get(case["name"])):
        Paillier().load_public(bytes.fromhex(case["public"]))


@of_name("bad-private-keys")
def test_bad_private_keys_are_refused_for_what_is_bad_in_them(case: dict[str, Any]) -> None:
    with pytest.raises(DamagedKeys, match=REASONS.get(case["name"])):
        Paillier().load_private(bytes.fromhex(case["private"]))
