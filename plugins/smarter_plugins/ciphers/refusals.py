"""What every cipher here refuses, in the same words: keys and nonces of a wrong length, text that does not verify.

The cipher plugins call it before and after their library does its work.
"""

from __future__ import annotations

from smarter.api import AuthenticationFailed, Cipher

NONCE_BYTES = 12


def checked_key(cipher: type[Cipher], key: bytes) -> bytes:
    """``key``, or :class:`ValueError` when it is not as long as the cipher's keys are."""
    if len(key) != cipher.key_bytes:
        raise ValueError(f"a key of {cipher.name} has {cipher.key_bytes} bytes, this one {len(key)}.")
    return bytes(key)


def wrong_nonce(name: str, nonce: bytes) -> ValueError:
    """The refusal of a nonce that is not :data:`NONCE_BYTES` long."""
    return ValueError(f"a nonce of {name} has {NONCE_BYTES} bytes, this one {len(nonce)}.")


def unverified(name: str) -> AuthenticationFailed:
    """The one refusal for whatever is wrong with sealed text, so that it tells a forger nothing."""
    return AuthenticationFailed(
        f"sealed text does not verify under {name}: its key, nonce or associated data differ from those it was "
        "sealed with, or it was changed on the way; drop it."
    )
