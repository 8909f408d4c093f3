"""Public keys as PEM and JWK, against published examples and pyca/cryptography, and what is refused as one."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from smarter.errors import DataError
from smarter.keys import signing
from smarter.keys.entries import PublicEntry
from smarter.keys.naming import fingerprint
from smarter.keys.public import LONGEST, of_entry, own_form, read_public
from smarter.registry import registry

RFC_7638 = {
    "kty": "RSA",
    "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3"
    "oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6q"
    "MQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzK"
    "nqDKgw",
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
"""Section 3.1."""
RFC_8037 = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
"""Appendix A.2, whose thumbprint is in A.3."""


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65_537, key_size=2048)


def pem_of(key: Any) -> bytes:
    return bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))


def form(**members: object) -> bytes:
    return json.dumps(members).encode()


def test_thumbprints_are_those_of_rfc_7638_and_rfc_8037() -> None:
    assert read_public(form(**RFC_7638), "").thumbprint == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    assert read_public(form(**RFC_8037), "").thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_an_rsa_key_goes_there_and_back_in_both_forms_and_is_the_librarys(key: rsa.RSAPrivateKey) -> None:
    half = read_public(pem_of(key), "")
    assert (half.kind, half.bits, half.pem().encode()) == ("rsa", 2048, pem_of(key))
    jwk = json.loads(half.jwk())
    assert jwk["kid"] == half.thumbprint
    numbers = [int.from_bytes(base64.urlsafe_b64decode(jwk[name] + "=="), "big") for name in ("n", "e")]
    assert rsa.RSAPublicNumbers(numbers[1], numbers[0]) == key.public_key().public_numbers()
    assert read_public(half.jwk().encode(), "") == half


def test_an_ed25519_key_goes_there_and_back_in_both_forms_and_is_the_librarys() -> None:
    key = ed25519.Ed25519PrivateKey.generate()
    half = read_public(pem_of(key), "")
    assert (half.kind, half.bits, half.pem().encode()) == ("ed25519", 256, pem_of(key))
    assert base64.urlsafe_b64decode(json.loads(half.jwk())["x"] + "=") == key.public_key().public_bytes_raw()
    assert read_public(b"\n  " + half.jwk().encode(), "") == half


def test_a_keystores_key_is_named_in_these_forms_as_in_the_keystore() -> None:
    keywrap = registry().get("keywrap", "rsa-oaep")
    plugin = keywrap(keywrap.Options(key_bits=1024))
    pair = plugin.generate()
    data = plugin.dump_public(pair.public)
    entry = PublicEntry("unwrap", pair.public.fingerprint, plugin.name, "2026-01-01T00:00:00+00:00", True, data)
    half = of_entry(entry)
    assert half is not None, "of any size: the user knows it is small"
    assert (half.fingerprint, half.pem().encode()) == (pair.public.fingerprint, data)
    public, _ = signing.generate()
    signer = PublicEntry("sign", fingerprint(public), signing.PLUGIN, "2026-01-01T00:00:00+00:00", True, public)
    half = of_entry(signer)
    assert half is not None
    assert (half.fingerprint, half.pem()) == (signer.fingerprint, signing.pem_of(public))


def test_a_schemes_key_has_only_smarters_own_form() -> None:
    found = registry().get("scheme", "paillier")
    scheme = found(found.Options(key_bits=512))
    public = scheme.generate().public
    data = scheme.dump_public(public)
    entry = PublicEntry("aggregate", public.fingerprint, "paillier", "2026-01-01T00:00:00+00:00", True, data)
    assert of_entry(entry) is None
    own = json.loads(own_form(entry))
    assert (own["format"], own["version"], own["plugin"]) == ("smarter-public-key", 1, "paillier")
    again = scheme.load_public(base64.urlsafe_b64decode(own["public"] + "=" * (-len(own["public"]) % 4)))
    assert again.fingerprint == own["fingerprint"] == public.fingerprint


def test_a_key_that_is_too_small_says_how_large_it_must_be() -> None:
    small = pem_of(rsa.generate_private_key(public_exponent=65_537, key_size=1024))
    with pytest.raises(DataError, match=r"theirs\.pem: an RSA key of 1,024 bits, 2,048 to 16,384"):
        read_public(small, "theirs.pem")


def test_a_private_key_is_refused_and_nothing_of_it_shown(key: rsa.RSAPrivateKey) -> None:
    for layout in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        pem = key.private_bytes(Encoding.PEM, layout, NoEncryption())
        with pytest.raises(DataError, match="it is a PRIVATE key") as refused:
            read_public(pem, "k.pem")
        assert pem.split(b"\n")[1].decode() not in str(refused.value)
    with pytest.raises(DataError, match="it is a PRIVATE key"):
        read_public(form(**RFC_8037, d="nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A"), "k.jwk")


def test_keys_of_other_kinds_are_refused() -> None:
    with pytest.raises(DataError, match="neither an RSA nor an Ed25519 key"):
        read_public(pem_of(ec.generate_private_key(ec.SECP256R1())), "")
    with pytest.raises(DataError, match="neither an RSA nor an Ed25519 key"):
        read_public(form(kty="EC", crv="P-256", x="AQ", y="AQ"), "")
    with pytest.raises(DataError, match="it is a PRIVATE key"):
        read_public(form(kty="oct", k="AQ"), "")


N = RFC_7638["n"]
BAD = {
    "empty": b"",
    "no key": b"hello",
    "no object": b"{",
    "deep": b'{"a":' + b"[" * 60_000,
    "cut": b"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n",
    "large": b" " * (LONGEST + 1),
    "a number as a number": form(kty="RSA", n=5, e="AQAB"),
    "padded": form(kty="RSA", n=N + "==", e="AQAB"),
    "a leading nought": form(kty="RSA", n=N, e="AAEAAQ"),
    "spare bits": form(**{**RFC_8037, "x": RFC_8037["x"][:-1] + "p"}),
    "an even modulus": form(kty="RSA", n=N[:-1] + "A", e="AQAB"),
    "an even exponent": form(kty="RSA", n=N, e="Ag"),
    "an exponent of 1": form(kty="RSA", n=N, e="AQ"),
    "a short Ed25519 key": form(kty="OKP", crv="Ed25519", x="AQID"),
    "a member twice": b'{"kty": "OKP", ' + form(**RFC_8037)[1:],
    "no utf-8": b'{"kty": "\xff"}',
}


@pytest.mark.parametrize("what", BAD)
def test_bytes_that_are_no_public_key_are_refused_by_name(what: str) -> None:
    with pytest.raises(DataError, match=r"^theirs: "):
        read_public(BAD[what], "theirs")


def test_two_keys_in_one_file_are_one_too_many(key: rsa.RSAPrivateKey) -> None:
    with pytest.raises(DataError, match="more than one key"):
        read_public(pem_of(key) * 2, "")
    assert load_pem_public_key(pem_of(key) * 2), "which the library would take the first of"
