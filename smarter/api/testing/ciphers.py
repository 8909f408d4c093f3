"""What every cipher promises, as a suite that its author runs in three lines::

    from smarter.api.testing import CipherConformance

    class TestMine(CipherConformance):
        plugin = MyCipher

pytest runs it; the tests of the shipped ciphers do so too.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from smarter.api.cipher import Cipher, KeyedCipher
from smarter.errors import AuthenticationFailed
from smarter.model import views

BLOCK = 16
"""Bytes; the longest block that two sealed texts are searched for in common."""
LENGTHS = (0, 1, 15, 16, 17, 31, 32, 33, 240, 4096)


def _distinct(count: int, label: str) -> bytes:
    """``count`` bytes that look random and are the same in every run."""
    return hashlib.shake_256(label.encode()).digest(count)


class CipherConformance:
    """Subclass it and set ``plugin``; ``options`` too if the cipher needs any.

    Attributes:
        plugin: the cipher under test.
        options: what a scenario would say, as a mapping.
    """

    plugin: ClassVar[type[Cipher]]
    options: ClassVar[Mapping[str, Any]] = {}

    @pytest.fixture
    def cipher(self) -> Cipher:
        return self.plugin(self.plugin.Options.model_validate(dict(self.options)))

    @pytest.fixture
    def key(self) -> bytes:
        return _distinct(self.plugin.key_bytes, "key")

    @pytest.fixture
    def keyed(self, cipher: Cipher, key: bytes) -> KeyedCipher:
        return cipher.keyed(key)

    @pytest.fixture
    def nonce(self) -> bytes:
        return _distinct(self.plugin.nonce_bytes, "nonce")

    def test_it_has_a_name_a_summary_and_the_meters_nonces(self) -> None:
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", self.plugin.name)
        assert self.plugin.summary
        assert self.plugin.nonce_bytes == 12
        stated = self.plugin.capabilities()
        assert stated["key_bytes"] == self.plugin.key_bytes
        assert stated["overhead_bytes"] == self.plugin.overhead_bytes

    @pytest.mark.parametrize("length", LENGTHS)
    def test_what_is_sealed_opens(self, keyed: KeyedCipher, nonce: bytes, length: int) -> None:
        plaintext = _distinct(length, "text")
        for aad in (b"", b"a", _distinct(60, "aad"), _distinct(1000, "aad")):
            sealed = keyed.seal(nonce, plaintext, aad)
            assert keyed.open(nonce, sealed, aad) == plaintext
            assert length < len(sealed) <= length + self.plugin.overhead_bytes

    def test_sealed_text_hides_the_plaintext(self, keyed: KeyedCipher, nonce: bytes) -> None:
        plaintext = _distinct(64, "text")
        sealed = keyed.seal(nonce, plaintext, b"aad")
        for start in range(len(plaintext) - 3):
            assert plaintext[start : start + 4] not in sealed

    def test_equal_texts_share_no_block_within_or_between_nonces(self, keyed: KeyedCipher) -> None:
        blocks: list[bytes] = []
        for counter in range(20):
            nonce = counter.to_bytes(self.plugin.nonce_bytes, "big")
            sealed = keyed.seal(nonce, bytes(8 * BLOCK), b"")
            blocks += [sealed[start : start + BLOCK] for start in range(0, len(sealed) - BLOCK + 1, BLOCK)]
        assert len(set(blocks)) == len(blocks)

    def test_no_keystream_is_used_for_two_nonces(self, keyed: KeyedCipher) -> None:
        text = _distinct(4 * BLOCK, "text")
        overlaps = []
        for one, other in ((1, 2), (1, 1 << 32), (255, 256), (0, 1 << 95)):
            sealed = [keyed.seal(count.to_bytes(self.plugin.nonce_bytes, "big"), text, b"") for count in (one, other)]
            overlaps += [left == right for left, right in zip(*sealed, strict=True)]
        # By chance one byte in 256 is equal; a shared keystream makes at least a whole block so.
        assert sum(overlaps) < len(overlaps) // 10

    @pytest.mark.parametrize("length", [0, 5, 16])
    def test_every_flipped_bit_is_refused(self, keyed: KeyedCipher, nonce: bytes, length: int) -> None:
        sealed = keyed.seal(nonce, _distinct(length, "text"), b"aad")
        for bit in range(8 * len(sealed)):
            flipped = bytearray(sealed)
            flipped[bit // 8] ^= 1 << bit % 8
            with pytest.raises(AuthenticationFailed):
                keyed.open(nonce, bytes(flipped), b"aad")

    def test_every_shorter_or_longer_text_is_refused(self, keyed: KeyedCipher, nonce: bytes) -> None:
        sealed = keyed.seal(nonce, _distinct(40, "text"), b"aad")
        damaged = [sealed[:end] for end in range(len(sealed))]
        damaged += [sealed[start:] for start in range(1, len(sealed))]
        damaged += [sealed + b"\0", b"\0" + sealed, sealed + bytes(BLOCK), sealed + sealed, bytes(len(sealed))]
        for text in damaged:
            with pytest.raises(AuthenticationFailed):
                keyed.open(nonce, text, b"aad")

    def test_another_key_is_refused(self, cipher: Cipher, keyed: KeyedCipher, key: bytes, nonce: bytes) -> None:
        sealed = keyed.seal(nonce, b"some text, sealed", b"aad")
        for other in (bytes(len(key)), key[::-1], bytes(byte ^ 1 for byte in key)):
            with pytest.raises(AuthenticationFailed):
                cipher.keyed(other).open(nonce, sealed, b"aad")

    def test_every_byte_of_the_key_matters(self, cipher: Cipher, keyed: KeyedCipher, key: bytes, nonce: bytes) -> None:
        plaintext = b"some text, sealed"
        sealed = keyed.seal(nonce, plaintext, b"aad")
        for place in range(len(key)):
            other = key[:place] + bytes([key[place] ^ 1]) + key[place + 1 :]
            # A composite's tag may verify when only the cipher's half of its key differs; the text must then differ.
            try:
                opened = cipher.keyed(other).open(nonce, sealed, b"aad")
            except AuthenticationFailed:
                continue
            assert opened != plaintext, f"byte {place} of {len(key)} is not used"

    def test_another_nonce_is_refused(self, keyed: KeyedCipher, nonce: bytes) -> None:
        sealed = keyed.seal(nonce, b"some text, sealed", b"aad")
        for bit in range(8 * len(nonce)):
            other = bytearray(nonce)
            other[bit // 8] ^= 1 << bit % 8
            with pytest.raises(AuthenticationFailed):
                keyed.open(bytes(other), sealed, b"aad")

    def test_other_associated_data_are_refused(self, keyed: KeyedCipher, nonce: bytes) -> None:
        for aad in (b"", b"aad", _distinct(32, "aad")):
            sealed = keyed.seal(nonce, b"some text, sealed", aad)
            others = [aad + b"\0", b"\0" + aad, aad + aad + b"x", b"other", *[aad[:end] for end in range(len(aad))]]
            for other in others:
                with pytest.raises(AuthenticationFailed):
                    keyed.open(nonce, sealed, other)

    def test_no_byte_moves_between_nonce_text_and_associated_data(self, keyed: KeyedCipher) -> None:
        size = self.plugin.nonce_bytes
        aad, nonce, text = _distinct(48, "aad"), _distinct(size, "nonce"), _distinct(48, "text")
        sealed = keyed.seal(nonce, text, aad)
        for count in (1, 8, size, 16, 32):
            row = aad + nonce + sealed
            for cut in (len(aad) - count, len(aad) + count):
                with pytest.raises(AuthenticationFailed):
                    keyed.open(row[cut : cut + size], row[cut + size :], row[:cut])
            for moved_aad, moved in (
                (aad[:-count], aad[-count:] + sealed),
                (aad + sealed[:count], sealed[count:]),
                (aad[count:], sealed + aad[:count]),
            ):
                with pytest.raises(AuthenticationFailed):
                    keyed.open(nonce, moved, moved_aad)

    def test_a_refusal_gives_nothing_of_the_text_out(self, keyed: KeyedCipher, nonce: bytes) -> None:
        plaintext = b"reading of household seven: 1234 mWh"
        sealed = keyed.seal(nonce, plaintext, b"aad")
        with pytest.raises(AuthenticationFailed) as refused:
            keyed.open(nonce, sealed, b"another")
        told = str(refused.value) + repr(refused.value.args) + repr(vars(refused.value))
        assert "household" not in told
        assert plaintext.hex() not in told

    def test_keys_of_another_length_are_refused(self, cipher: Cipher, key: bytes) -> None:
        for wrong in (b"", key[:-1], key + b"\0", key + key, key[: len(key) // 2]):
            with pytest.raises(ValueError, match="key"):
                cipher.keyed(wrong)

    def test_nonces_of_another_length_are_refused_on_both_sides(self, keyed: KeyedCipher, nonce: bytes) -> None:
        sealed = keyed.seal(nonce, b"text", b"aad")
        for wrong in (b"", nonce[:-1], nonce + b"\0", nonce[:8], nonce + bytes(4)):
            with pytest.raises(ValueError, match="nonce"):
                keyed.seal(wrong, b"text", b"aad")
            with pytest.raises(ValueError, match="nonce"):
                keyed.open(wrong, sealed, b"aad")

    def test_one_keyed_cipher_serves_many_frames_in_any_order(self, cipher: Cipher, key: bytes) -> None:
        keyed = cipher.keyed(key)
        frames = {
            count.to_bytes(self.plugin.nonce_bytes, "big"): _distinct(count * 7, f"{count}") for count in range(12)
        }
        sealed = {nonce: keyed.seal(nonce, text, nonce) for nonce, text in frames.items()}
        for nonce in reversed(frames):
            with pytest.raises(AuthenticationFailed):
                keyed.open(nonce, sealed[nonce][:-1], nonce)
            assert keyed.open(nonce, sealed[nonce], nonce) == frames[nonce]
            # A process that starts again sets its key up again.
            assert cipher.keyed(key).open(nonce, sealed[nonce], nonce) == frames[nonce]

    def test_opening_counts_in_the_view_and_refusals_do_not(self, keyed: KeyedCipher, nonce: bytes) -> None:
        with views.acting(views.View()) as view:
            sealed = keyed.seal(nonce, bytes(100), b"aad")
            assert (view.opened, view.bytes_clear) == (0, 0)
            with pytest.raises(AuthenticationFailed):
                keyed.open(nonce, sealed, b"another")
            assert (view.opened, view.bytes_clear) == (0, 0)
            keyed.open(nonce, sealed, b"aad")
            keyed.open(nonce, sealed, b"aad")
            assert (view.opened, view.bytes_clear) == (2, 200)

    def test_it_shows_no_key(self, keyed: KeyedCipher, key: bytes) -> None:
        shown = repr(keyed) + str(keyed)
        assert key.hex() not in shown
        assert repr(key) not in shown
