"""The shipped keywraps: each keeps what a keywrap promises, and either reads what the other wrote."""

from __future__ import annotations

import base64
import functools
import hashlib
import pickle
from typing import Any

import pytest
from Crypto.PublicKey import RSA
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)
from pydantic import ValidationError

from smarter.api import AuthenticationFailed, DamagedKeys, KeyPair, Keywrap, OutOfBounds, PublicKey
from smarter.api.testing import KeywrapConformance
from smarter_plugins.keywraps import register_keywraps
from smarter_plugins.keywraps.pycryptodome_rsa_oaep import PycryptodomeRsaOaep
from smarter_plugins.keywraps.rsa_oaep import RsaOaep

KEYWRAPS = (RsaOaep, PycryptodomeRsaOaep)
both = pytest.mark.parametrize("plugin", KEYWRAPS, ids=lambda plugin: plugin.name)
PAIRS = [(RsaOaep, PycryptodomeRsaOaep), (PycryptodomeRsaOaep, RsaOaep)]
either_way = pytest.mark.parametrize(("writer", "reader"), PAIRS, ids=lambda plugin: plugin.name)


class TestRsaOaep(KeywrapConformance):
    plugin = RsaOaep
    options = {"key_bits": 2048}


class TestPycryptodomeRsaOaep(KeywrapConformance):
    plugin = PycryptodomeRsaOaep
    options = {"key_bits": 2048}


def made(plugin: type[Keywrap], bits: int = 2048) -> Keywrap:
    return plugin(plugin.Options.model_validate({"key_bits": bits}))


@functools.cache
def key_pair(plugin: type[Keywrap], bits: int = 2048) -> KeyPair:
    return made(plugin, bits).generate()


@functools.cache
def openssl_key(exponent: int = 65_537) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(exponent, 2048)


def spki(key: Any) -> bytes:
    form: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return form


def test_the_hook_registers_the_keywraps_by_the_names_that_scenarios_use() -> None:
    registered: list[type[Keywrap]] = []
    register_keywraps(registered.append)
    assert [keywrap.name for keywrap in registered] == ["rsa-oaep", "pycryptodome-rsa-oaep"]


@both
def test_a_key_has_the_size_that_the_options_ask_for_and_exponent_65537(plugin: type[Keywrap]) -> None:
    assert made(plugin).options.key_bits == 2048
    assert plugin().options.key_bits == 3072
    for bits in (1024, 1032, 2048):
        keys = key_pair(plugin, bits)
        numbers = load_pem_public_key(made(plugin).dump_public(keys.public)).public_numbers()  # type: ignore[union-attr]
        assert keys.public.bits == bits == numbers.n.bit_length()  # type: ignore[union-attr]
        assert numbers.e == 65_537  # type: ignore[union-attr]


@both
@pytest.mark.parametrize("bits", [0, 512, 1016, 1023, 2047, 2049, 3071, 16_392])
def test_sizes_that_make_no_key_are_refused_by_the_options(plugin: type[Keywrap], bits: int) -> None:
    with pytest.raises(ValidationError, match="key_bits"):
        made(plugin, bits)


@both
def test_keys_under_2048_bits_need_insecure_demo_and_say_why(plugin: type[Keywrap]) -> None:
    assert made(plugin, 2048).demo_reason() is None
    assert made(plugin, 3072).demo_reason() is None
    reason = made(plugin, 2040).demo_reason()
    assert reason is not None
    assert plugin.name in reason
    assert "2040-bit keys can be factored" in reason


@either_way
def test_either_keywrap_reads_and_uses_the_keys_of_the_other(writer: type[Keywrap], reader: type[Keywrap]) -> None:
    keys, one, other = key_pair(writer), made(writer), made(reader)
    public = other.load_public(one.dump_public(keys.public))
    private = other.load_private(one.dump_private(keys.private))
    assert public == keys.public
    assert private.fingerprint == keys.private.fingerprint
    assert other.dump_public(public) == one.dump_public(keys.public)
    assert other.dump_private(private) == one.dump_private(keys.private)
    there = one.wrap(keys.public, b"K" * 32, context=b"deployment")
    back = other.wrap(keys.public, b"K" * 32, context=b"deployment")
    assert other.unwrap(private, there, context=b"deployment") == b"K" * 32
    assert one.unwrap(keys.private, back, context=b"deployment") == b"K" * 32
    with pytest.raises(AuthenticationFailed):
        other.unwrap(private, there, context=b"another")


@either_way
def test_content_sealed_by_one_keywrap_opens_with_the_other(writer: type[Keywrap], reader: type[Keywrap]) -> None:
    keys, one, other = key_pair(writer), made(writer), made(reader)
    wrapped, sealer = one.sealer(keys.public, context=b"delivery")
    private = other.load_private(one.dump_private(keys.private))
    opener = other.opener(private, wrapped, context=b"delivery")
    assert opener.open(bytes(12), sealer.seal(bytes(12), b"total 42", b"aad"), b"aad") == b"total 42"


@both
def test_the_fingerprint_is_the_hash_of_the_subject_public_key_info(plugin: type[Keywrap]) -> None:
    der = openssl_key().public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    public = made(plugin).load_public(spki(openssl_key()))
    assert public.fingerprint == hashlib.sha256(der).hexdigest()[:32]
    assert made(plugin).dump_public(public) == spki(openssl_key())


@both
def test_the_padding_is_oaep_with_sha_256_twice_and_the_context_as_label(plugin: type[Keywrap]) -> None:
    keywrap, library = made(plugin), openssl_key()
    private = keywrap.load_private(library.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()))
    oaep = padding.OAEP(mgf=padding.MGF1(SHA256()), algorithm=SHA256(), label=b"deployment")
    wrapped = keywrap.wrap(keywrap.load_public(spki(library)), b"K" * 32, context=b"deployment")
    assert library.decrypt(wrapped, oaep) == b"K" * 32
    assert keywrap.unwrap(private, library.public_key().encrypt(b"K" * 32, oaep), context=b"deployment") == b"K" * 32
    weaker = padding.OAEP(mgf=padding.MGF1(SHA1()), algorithm=SHA256(), label=b"deployment")
    with pytest.raises(AuthenticationFailed):
        keywrap.unwrap(private, library.public_key().encrypt(b"K" * 32, weaker), context=b"deployment")


@both
def test_secrets_beyond_64_bytes_or_the_keys_room_are_refused(plugin: type[Keywrap]) -> None:
    keywrap = made(plugin)
    with pytest.raises(OutOfBounds, match="up to 64 bytes under a key of 2048 bits, this secret has 65"):
        keywrap.wrap(key_pair(plugin).public, bytes(65), context=b"")
    small = key_pair(plugin, 1024)
    assert keywrap.unwrap(small.private, keywrap.wrap(small.public, bytes(62), context=b""), context=b"") == bytes(62)
    with pytest.raises(OutOfBounds, match="up to 62 bytes under a key of 1024 bits, this secret has 63"):
        keywrap.wrap(small.public, bytes(63), context=b"")


@both
def test_a_pem_with_another_programs_line_ends_is_the_same_key(plugin: type[Keywrap]) -> None:
    form = spki(openssl_key())
    body = b"".join(form.splitlines()[1:-1])
    for text in (
        form.replace(b"\n", b"\r\n"),
        form.strip(),
        b" \n" + form + b"\t\n\n",
        b"-----BEGIN PUBLIC KEY-----\n" + body + b"\n-----END PUBLIC KEY-----\n",
    ):
        assert made(plugin).load_public(text) == made(plugin).load_public(form)


@functools.cache
def damaged_public_keys() -> dict[str, bytes]:
    form, key = spki(openssl_key()), openssl_key()
    der = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)

    def armoured(data: bytes, label: bytes = b"PUBLIC KEY") -> bytes:
        middle = base64.encodebytes(data)
        return b"-----BEGIN " + label + b"-----\n" + middle + b"-----END " + label + b"-----\n"

    pkcs1 = key.public_key().public_bytes(Encoding.DER, PublicFormat.PKCS1)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    numbers = key.public_key().public_numbers()
    even = der.replace(numbers.n.to_bytes(256, "big"), (numbers.n - 1).to_bytes(256, "big"))
    exponent_one = der[:-3] + b"\0\0\1"
    exponent_even = der[:-3] + b"\1\0\0"
    return {
        "a DER form": der,
        "a text after it": form + b"and more",
        "two keys": form + form,
        "no base64": form.replace(b"MII", b"M!I"),
        "a form feed in it": form.replace(b"\n", b"\f"),
        "nothing in it": armoured(b""),
        "a byte after the DER": armoured(der + b"\0"),
        "a byte short": armoured(der[:-1]),
        "PKCS#1": armoured(pkcs1),
        "PKCS#1 by its own label": armoured(pkcs1, b"RSA PUBLIC KEY"),
        "a private key": armoured(private),
        "a private key by its own label": armoured(private, b"PRIVATE KEY"),
        "an OpenSSH line": key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH),
        "another kind of key, Ed25519": spki(ed25519.Ed25519PrivateKey.generate()),
        "another kind of key, EC": spki(ec.generate_private_key(ec.SECP256R1())),
        "an even modulus": armoured(even),
        "exponent 1": armoured(exponent_one),
        "an even exponent": armoured(exponent_even),
        "512 bits": armoured(RSA.construct((2**511 + 187, 65_537)).export_key("DER")),
        "four megabytes": b"-----BEGIN PUBLIC KEY-----\n" + b" " * 4_000_000 + b"-----END PUBLIC KEY-----\n",
    }


@both
def test_a_pem_whose_base64_ends_in_unused_bits_is_refused(plugin: type[Keywrap]) -> None:
    numbers = openssl_key().public_key().public_numbers()
    der = RSA.construct((numbers.n << 8 | 1, 65_537)).export_key("DER")  # a byte more, so that base64 must fill up
    form = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(der) + b"-----END PUBLIC KEY-----\n"
    assert made(plugin).load_public(form).bits == 2056
    end = form.index(b"=")
    changed = form[: end - 1] + bytes([form[end - 1] + 1]) + form[end:]
    with pytest.raises(DamagedKeys, match="no base64"):
        made(plugin).load_public(changed)


@both
def test_what_is_no_public_rsa_key_is_refused_and_named(plugin: type[Keywrap]) -> None:
    for what, form in damaged_public_keys().items():
        with pytest.raises(DamagedKeys, match=f"public key of keywrap {plugin.name} ") as refused:
            made(plugin).load_public(form)
        assert str(refused.value).count(". ") == 0, what


def test_512_bit_public_keys_are_refused_for_their_size() -> None:
    with pytest.raises(DamagedKeys, match="has 512 bits, where 1024 to 16384 can be"):
        made(PycryptodomeRsaOaep).load_public(damaged_public_keys()["512 bits"])


@both
def test_what_is_no_private_rsa_key_is_refused_and_shown_to_nobody(plugin: type[Keywrap]) -> None:
    key = openssl_key()
    form = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    numbers = key.private_numbers()
    wrong = []
    for number in (numbers.p, numbers.q, numbers.d, numbers.dmp1, numbers.dmq1, numbers.iqmp, numbers.public_numbers.n):
        size = (number.bit_length() + 7) // 8
        wrong.append(form.replace(number.to_bytes(size, "big"), (number ^ 2).to_bytes(size, "big")))
    other = ec.generate_private_key(ec.SECP256R1())
    assert form not in wrong
    forms = (
        key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption()),
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, BestAvailableEncryption(b"passphrase")),
        key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()),
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        other.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
        form[:-1] + bytes([form[-1] ^ 1]),
        *wrong,
        form + bytes(40_000),
    )
    for damaged in forms:
        with pytest.raises(DamagedKeys, match=f"private key of keywrap {plugin.name} ") as refused:
            made(plugin).load_private(damaged)
        assert damaged[-16:].hex() not in str(refused.value)


@both
def test_a_private_key_cannot_be_pickled_by_mistake(plugin: type[Keywrap]) -> None:
    with pytest.raises((TypeError, pickle.PicklingError)):
        pickle.dumps(key_pair(plugin).private)


def test_a_public_key_of_one_keywrap_serves_the_other_as_it_is() -> None:
    keys = key_pair(RsaOaep)
    assert isinstance(keys.public, PublicKey)
    wrapped = made(PycryptodomeRsaOaep).wrap(keys.public, b"K" * 32, context=b"c")
    assert made(RsaOaep).unwrap(keys.private, wrapped, context=b"c") == b"K" * 32
