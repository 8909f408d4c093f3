"""The shipped ciphers: each keeps what a cipher promises, and agrees with another implementation of its mode."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import aead
from hypothesis import given
from hypothesis import strategies as st

from smarter.api import AuthenticationFailed, Cipher, OutOfBounds
from smarter.api.testing import CipherConformance
from smarter_plugins.ciphers import register_ciphers
from smarter_plugins.ciphers.encrypt_then_mac import PycryptodomeCbcHmac, PycryptodomeCtrHmac
from smarter_plugins.ciphers.pyca import AesGcm, ChaCha20Poly1305Cipher
from smarter_plugins.ciphers.pycryptodome import (
    CCM_TEXT_BYTES,
    PycryptodomeCcm,
    PycryptodomeEax,
    PycryptodomeGcm,
    PycryptodomeOcb,
    PycryptodomeSiv,
)


class TestAesGcm(CipherConformance):
    plugin = AesGcm


class TestChaCha20Poly1305(CipherConformance):
    plugin = ChaCha20Poly1305Cipher


class TestPycryptodomeGcm(CipherConformance):
    plugin = PycryptodomeGcm


class TestPycryptodomeCcm(CipherConformance):
    plugin = PycryptodomeCcm


class TestPycryptodomeEax(CipherConformance):
    plugin = PycryptodomeEax


class TestPycryptodomeOcb(CipherConformance):
    plugin = PycryptodomeOcb


class TestPycryptodomeSiv(CipherConformance):
    plugin = PycryptodomeSiv


class TestPycryptodomeCbcHmac(CipherConformance):
    plugin = PycryptodomeCbcHmac


class TestPycryptodomeCtrHmac(CipherConformance):
    plugin = PycryptodomeCtrHmac


def test_the_hook_registers_the_ciphers_by_the_names_that_scenarios_use() -> None:
    registered: list[type[Cipher]] = []
    register_ciphers(registered.append)
    assert {cipher.name: cipher.key_bytes for cipher in registered} == {
        "aes-gcm": 32,
        "chacha20-poly1305": 32,
        "pycryptodome-aes-gcm": 32,
        "pycryptodome-aes-ccm": 32,
        "pycryptodome-aes-eax": 32,
        "pycryptodome-aes-ocb": 32,
        "pycryptodome-aes-siv": 64,
        "pycryptodome-aes-cbc-hmac": 64,
        "pycryptodome-aes-ctr-hmac": 64,
    }


def seal_by_pyca(mode: str, key: bytes, nonce: bytes, text: bytes, aad: bytes) -> bytes:
    """What OpenSSL makes of it, in the layout of each mode's standard."""
    if mode == "siv":
        return aead.AESSIV(key).encrypt(text, [aad, nonce])
    library: Any = {"gcm": aead.AESGCM, "ccm": aead.AESCCM, "ocb": aead.AESOCB3}[mode](key)
    sealed: bytes = library.encrypt(nonce, text, aad)
    return sealed


@pytest.mark.parametrize(
    ("mode", "cipher"),
    [("gcm", PycryptodomeGcm), ("ccm", PycryptodomeCcm), ("ocb", PycryptodomeOcb), ("siv", PycryptodomeSiv)],
)
@given(data=st.data())
def test_pycryptodomes_modes_give_the_bytes_that_openssl_gives(mode: str, cipher: type[Cipher], data: Any) -> None:
    key = data.draw(st.binary(min_size=cipher.key_bytes, max_size=cipher.key_bytes), label="key")
    nonce = data.draw(st.binary(min_size=12, max_size=12), label="nonce")
    text, aad = data.draw(st.binary(max_size=80), label="text"), data.draw(st.binary(max_size=80), label="aad")
    if mode == "siv" and key[:32] == key[32:]:
        return  # OpenSSL refuses equal halves
    keyed = cipher().keyed(key)
    sealed = seal_by_pyca(mode, key, nonce, text, aad)
    assert keyed.seal(nonce, text, aad) == sealed
    assert keyed.open(nonce, sealed, aad) == text


def test_both_gcms_open_what_the_other_sealed() -> None:
    one, other = AesGcm().keyed(bytes(range(32))), PycryptodomeGcm().keyed(bytes(range(32)))
    assert other.open(bytes(12), one.seal(bytes(12), b"text", b"aad"), b"aad") == b"text"
    assert one.open(bytes(12), other.seal(bytes(12), b"text", b"aad"), b"aad") == b"text"


def test_ccm_refuses_a_text_longer_than_its_length_field_can_say() -> None:
    with pytest.raises(OutOfBounds, match="16777215 bytes at once, this text has 16777216"):
        PycryptodomeCcm().keyed(bytes(32)).seal(bytes(12), bytes(CCM_TEXT_BYTES + 1), b"")


def test_siv_with_a_repeated_nonce_shows_only_that_two_texts_are_equal() -> None:
    keyed = PycryptodomeSiv().keyed(bytes(range(64)))
    one, same, other = (keyed.seal(bytes(12), text, b"") for text in (b"a" * 32, b"a" * 32, b"a" * 31 + b"b"))
    assert one == same
    # The texts differ in their last byte alone; the tag, the IV of the whole, differs and so does the first block.
    assert one[:16] != other[:16]
    assert one[16:32] != other[16:32]


@pytest.mark.parametrize("cipher", [PycryptodomeCbcHmac, PycryptodomeCtrHmac])
def test_a_composite_decrypts_nothing_before_its_tag_has_verified(
    cipher: type[Cipher], monkeypatch: pytest.MonkeyPatch
) -> None:
    keyed = cipher().keyed(bytes(range(64)))
    sealed = keyed.seal(bytes(12), b"a text of thirty-two bytes, yes.", b"aad")
    decrypted: list[bytes] = []
    decrypt = keyed._decrypt  # type: ignore[attr-defined]
    monkeypatch.setattr(keyed, "_decrypt", lambda nonce, text: decrypted.append(text) or decrypt(nonce, text))
    for place in range(len(sealed)):
        forged = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(AuthenticationFailed):
            keyed.open(bytes(12), forged, b"aad")
    assert decrypted == []
    keyed.open(bytes(12), sealed, b"aad")
    assert len(decrypted) == 1


@pytest.mark.parametrize("cipher", [PycryptodomeCbcHmac, PycryptodomeCtrHmac])
def test_a_composites_tag_is_compared_in_constant_time(cipher: type[Cipher], monkeypatch: pytest.MonkeyPatch) -> None:
    keyed = cipher().keyed(bytes(range(64)))
    sealed = keyed.seal(bytes(12), b"text", b"aad")
    compared: list[tuple[int, int]] = []
    compare = hmac.compare_digest

    def spied(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", spied)
    keyed.open(bytes(12), sealed, b"aad")
    assert compared == [(32, 32)]
