"""Makes ``composites.json``: ``python tests/vectors/make_composites.py``. Run once; the tests only read its file.

Everything is computed a second time here, by OpenSSL's plain modes (through pyca/cryptography) and Python's ``hmac``,
from the description in ``encrypt_then_mac.py`` and with none of its code: so the file says what the two composites
should give, not what they give.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PROVENANCE = (
    "Made by tests/vectors/make_composites.py with OpenSSL's CBC, CTR and ECB and Python's hmac, not with the plugins. "
    "All values are hexadecimal. Each bad- case differs from a good one in what its name says, and must be refused; "
    "those named bad-signed- carry a tag that is right for what they hold."
)
CBC, CTR = "pycryptodome-aes-cbc-hmac", "pycryptodome-aes-ctr-hmac"
LENGTHS = (0, 1, 15, 16, 17, 32, 100, 240)


def drawn(label: str, count: int) -> bytes:
    return hashlib.shake_256(f"smarter composites {label}".encode()).digest(count)


def run(key: bytes, mode: modes.Mode, text: bytes) -> bytes:
    encryptor = Cipher(algorithms.AES(key), mode).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def padded(text: bytes) -> bytes:
    count = 16 - len(text) % 16
    return text + bytes([count]) * count


def cbc_blocks(key: bytes, nonce: bytes, blocks: bytes) -> bytes:
    iv_key = hmac.new(key[:32], b"smarter pycryptodome-aes-cbc-hmac iv key", hashlib.sha256).digest()
    return run(key[:32], modes.CBC(run(iv_key, modes.ECB(), nonce + bytes(4))), blocks)


def text_of(cipher: str, key: bytes, nonce: bytes, plaintext: bytes) -> bytes:
    if cipher == CBC:
        return cbc_blocks(key, nonce, padded(plaintext))
    return run(key[:32], modes.CTR(nonce + bytes(4)), plaintext)


def tag_of(key: bytes, nonce: bytes, text: bytes, aad: bytes) -> bytes:
    lengths = b"".join(len(part).to_bytes(8, "big") for part in (aad, nonce, text))
    return hmac.new(key[32:], lengths + aad + nonce + text, hashlib.sha256).digest()


def good_cases() -> Iterator[dict[str, str]]:
    for cipher in (CBC, CTR):
        for number, length in enumerate(LENGTHS):
            label = f"{cipher} {length}"
            key, nonce = drawn(f"{label} key", 64), drawn(f"{label} nonce", 12)
            plaintext, aad = drawn(f"{label} text", length), drawn(f"{label} aad", 23 * (number % 4))
            text = text_of(cipher, key, nonce, plaintext)
            yield {
                "name": f"{length}-bytes",
                "cipher": cipher,
                "key": key.hex(),
                "nonce": nonce.hex(),
                "aad": aad.hex(),
                "plaintext": plaintext.hex(),
                "sealed": (text + tag_of(key, nonce, text, aad)).hex(),
            }


def bad_cases() -> Iterator[dict[str, str]]:
    for cipher in (CBC, CTR):
        key, nonce = drawn(f"{cipher} bad key", 64), drawn(f"{cipher} bad nonce", 12)
        plaintext, aad = drawn(f"{cipher} bad text", 40), drawn(f"{cipher} bad aad", 24)
        text = text_of(cipher, key, nonce, plaintext)
        tag = tag_of(key, nonce, text, aad)

        def mac(message: bytes, digest: Callable[..., object] = hashlib.sha256, key: bytes = key) -> bytes:
            return hmac.new(key[32:], message, digest).digest()[:32]

        def signed(
            forged: bytes, key: bytes = key, nonce: bytes = nonce, aad: bytes = aad
        ) -> tuple[bytes, bytes, bytes, bytes]:
            return key, nonce, aad, forged + tag_of(key, nonce, forged, aad)

        lengths = b"".join(len(part).to_bytes(8, "big") for part in (aad, nonce, text))
        whole = lengths + aad + nonce + text
        cases = {
            "bad-nothing": (key, nonce, aad, b""),
            "bad-tag-alone": (key, nonce, aad, tag),
            "bad-no-tag": (key, nonce, aad, text),
            "bad-tag-first-bit": (key, nonce, aad, text + bytes([tag[0] ^ 128]) + tag[1:]),
            "bad-tag-last-bit": (key, nonce, aad, text + tag[:-1] + bytes([tag[-1] ^ 1])),
            "bad-tag-zero": (key, nonce, aad, text + bytes(32)),
            "bad-tag-half": (key, nonce, aad, text + tag[:16]),
            "bad-tag-a-byte-long": (key, nonce, aad, text + tag + b"\0"),
            "bad-tag-before-text": (key, nonce, aad, tag + text),
            "bad-text-first-bit": (key, nonce, aad, bytes([text[0] ^ 128]) + text[1:] + tag),
            "bad-text-last-bit": (key, nonce, aad, text[:-1] + bytes([text[-1] ^ 1]) + tag),
            "bad-text-a-block-short": (key, nonce, aad, text[:-16] + tag),
            "bad-text-blocks-swapped": (key, nonce, aad, text[16:32] + text[:16] + text[32:] + tag),
            "bad-nonce": (key, bytes([nonce[0] ^ 1]) + nonce[1:], aad, text + tag),
            "bad-aad": (key, nonce, aad[:-1] + bytes([aad[-1] ^ 1]), text + tag),
            "bad-aad-missing": (key, nonce, b"", text + tag),
            "bad-aad-moved-into-text": (key, nonce, aad[:-16], aad[-16:] + text + tag),
            "bad-text-moved-into-aad": (key, nonce, aad + text[:16], text[16:] + tag),
            "bad-parts-shifted-by-the-nonce": (key, text[:12], aad + nonce, text[12:] + tag),
            "bad-key-halves-swapped": (key[32:] + key[:32], nonce, aad, text + tag),
            "bad-mac-key": (key[:63] + bytes([key[63] ^ 1]), nonce, aad, text + tag),
            "bad-mac-under-the-text-key": (
                key,
                nonce,
                aad,
                text + mac(lengths + aad + nonce + text, key=key[32:] + key),
            ),
            "bad-mac-of-the-plaintext": (key, nonce, aad, text + tag_of(key, nonce, plaintext, aad)),
            "bad-mac-without-lengths": (key, nonce, aad, text + mac(aad + nonce + text)),
            "bad-mac-without-aad": (key, nonce, aad, text + tag_of(key, nonce, text, b"")),
            "bad-mac-without-nonce": (key, nonce, aad, text + tag_of(key, b"", text, aad)),
            "bad-mac-sha512-cut": (key, nonce, aad, text + mac(whole, hashlib.sha512)),
        }
        if cipher == CBC:
            for name, forged in {
                "bad-signed-no-block": b"",
                "bad-signed-part-of-a-block": text[:-1],
                "bad-signed-padding-of-none": cbc_blocks(key, nonce, plaintext[:31] + b"\0"),
                "bad-signed-padding-of-seventeen": cbc_blocks(key, nonce, plaintext[:15] + b"\x11" * 17),
                "bad-signed-padding-beyond-the-text": cbc_blocks(key, nonce, b"\x20" * 16),
                "bad-signed-padding-uneven": cbc_blocks(key, nonce, plaintext[:28] + b"\4\4\3\4"),
            }.items():
                cases[name] = signed(forged)
        for name, (bad_key, bad_nonce, bad_aad, sealed) in cases.items():
            yield {
                "name": name,
                "cipher": cipher,
                "key": bad_key.hex(),
                "nonce": bad_nonce.hex(),
                "aad": bad_aad.hex(),
                "sealed": sealed.hex(),
            }


if __name__ == "__main__":
    made = {"provenance": PROVENANCE, "good": list(good_cases()), "bad": list(bad_cases())}
    Path(__file__).with_name("composites.json").write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
