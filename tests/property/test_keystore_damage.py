"""A keystore file that differs in anything is refused whole, never half-read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.errors import DamagedKeys
from smarter.keys import envelope
from smarter.keys.keystore import KeyEntry, Keystore, public_entries
from smarter.keys.unlock import KeyFileUnlock

PRIVATE = b"of nobody"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    keystore = Keystore.create(folder, "mdms", KeyFileUnlock(folder))
    for purpose in ("deliver", "sign"):
        keystore.add(
            KeyEntry.fresh(purpose, fingerprint="0123456789abcdef", plugin="rsa-oaep", public=b"open", private=PRIVATE)
        )
    keystore.save()
    while not json.loads((folder / "mdms.keys").read_bytes())["ciphertext"].endswith("="):
        # A longer name of its deployment, until base64 has spare bits.
        keystore.pins = replace(keystore.pins, deployment=f"{keystore.pins.deployment}0")
        keystore.save()
    return folder


@pytest.fixture(scope="module")
def secret(folder: Path) -> bytes:
    return (folder / "mdms.key").read_bytes()


@pytest.fixture(scope="module")
def whole(folder: Path) -> bytes:
    return (folder / "mdms.keys").read_bytes()


def test_flipping_any_one_bit_is_refused_with_and_without_the_secret(folder: Path, whole: bytes, secret: bytes) -> None:
    elsewhere = folder / "flipped"
    elsewhere.mkdir()
    (elsewhere / "mdms.key").write_bytes(secret)
    path = elsewhere / "mdms.keys"
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        with pytest.raises(DamagedKeys):
            public_entries(elsewhere, "mdms")
        with pytest.raises(DamagedKeys):
            Keystore.open(elsewhere, "mdms", KeyFileUnlock(elsewhere))
    path.write_bytes(whole)
    assert Keystore.open(elsewhere, "mdms", KeyFileUnlock(elsewhere)).current("sign").private == PRIVATE


def mended(fields: dict[str, object]) -> bytes:
    """The file of these fields with a digest that fits."""
    rest = {name: value for name, value in fields.items() if name != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()
    rest["digest"] = hashlib.sha256(text).hexdigest()
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def opened(data: bytes, secret: bytes) -> list[KeyEntry]:
    sealed = envelope.read(data, "mdms.keys")
    return envelope.unseal(sealed, envelope.Lock(sealed.kind, sealed.kdf, sealed.kdf.root(secret))).entries


def test_flipping_any_one_bit_and_mending_the_digest_opens_nothing(whole: bytes, secret: bytes) -> None:
    """The digest tells of damage; against an attacker stand the check value and the sealing."""
    assert json.loads(whole)["ciphertext"].endswith("=")  # spare bits, which must be nought
    reached = 0
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            forged = mended(json.loads(damaged))
        except ValueError:
            continue  # no JSON that any digest would fit
        if forged != whole:  # the flip was in the digest itself
            reached += 1
            with pytest.raises(DamagedKeys):
                opened(forged, secret)
    assert reached > len(whole)
    assert [key.private for key in opened(mended(json.loads(whole)), secret)] == [PRIVATE, PRIVATE]


@pytest.mark.parametrize(
    ("written", "instead"),
    [(b"{", b"{ "), (b'"party"', b'"p\\u0061rty"'), (b'{"', b'{"party":"mdms","')],
)
def test_the_same_content_in_another_form_is_refused(whole: bytes, written: bytes, instead: bytes) -> None:
    again = whole.replace(written, instead, 1)
    assert json.loads(again) == json.loads(whole)
    with pytest.raises(DamagedKeys):
        envelope.read(again, "mdms.keys")


@given(st.data())
def test_a_file_that_is_cut_or_rewritten_anywhere_is_refused(whole: bytes, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    damaged = whole[:start] + data.draw(st.binary(max_size=40)) + whole[end:]
    if damaged != whole:
        with pytest.raises(DamagedKeys):
            envelope.read(damaged, "mdms.keys")


@given(value=st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists))
def test_a_field_of_another_type_is_refused_even_under_a_right_digest(
    whole: bytes, secret: bytes, value: object
) -> None:
    fields = json.loads(whole)
    for name in fields.keys() - {"digest"}:
        forged = mended({**fields, name: value})
        if forged != whole:
            with pytest.raises(DamagedKeys):
                opened(forged, secret)
