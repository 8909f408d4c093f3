"""Ed25519 signatures (RFC 8032), each bound to what it is for.

Meters sign their wrapped epoch secrets with it, the releaser its deliveries. What is signed is one
byte of the context's length, the context, the message: a signature for one use passes for no other.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import AuthenticationFailed, DamagedKeys

PLUGIN = "ed25519"
KEY_BYTES = 32


def generate(random: Randomness = SYSTEM_RANDOMNESS) -> tuple[bytes, bytes]:
    """A fresh pair (public, private), 32 bytes each; the private one is RFC 8032's seed."""
    private = random.bytes(KEY_BYTES)
    return public_of(private), private


def public_of(private: bytes) -> bytes:
    """The public half of ``private``; raises :class:`DamagedKeys` when that is not 32 bytes."""
    return _private(private).public_key().public_bytes_raw()


def sign(private: bytes, message: bytes, context: bytes) -> bytes:
    """Sign ``message`` for the use that ``context`` (1 to 255 bytes) names; 64 bytes, deterministic.

    Raises:
        DamagedKeys: ``private`` is not 32 bytes.
    """
    return _private(private).sign(_bound(message, context))


def verify(public: bytes, message: bytes, signature: bytes, context: bytes) -> None:
    """Return when ``signature`` is that of ``message`` under ``context``.

    Raises:
        AuthenticationFailed: another message, context or key, or bytes that are no key or signature.
    """
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, _bound(message, context))
    except (InvalidSignature, ValueError) as error:
        raise AuthenticationFailed(
            f"a signature for {context.decode(errors='replace')!r} does not verify: "
            "its message was altered, or another key signed it."
        ) from error


def _private(private: bytes) -> Ed25519PrivateKey:
    if len(private) != KEY_BYTES:
        raise DamagedKeys(
            f"an Ed25519 private key has {KEY_BYTES} bytes, this one {len(private)}: restore the keystore."
        )
    return Ed25519PrivateKey.from_private_bytes(private)


def _bound(message: bytes, context: bytes) -> bytes:
    if not 1 <= len(context) <= 255:
        raise ValueError(f"a signature's context has 1 to 255 bytes, this one {len(context)}")
    return bytes([len(context)]) + context + message


def pem_of(public: bytes) -> str:
    """A public key as PEM, SubjectPublicKeyInfo (RFC 8410)."""
    key = Ed25519PublicKey.from_public_bytes(public)
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
