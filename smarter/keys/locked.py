"""Private keys at rest outside a keystore: locked by a key that a password, a code or a session's token gives.

``protocols.login`` locks and opens the accounts' with it: AES-256-GCM under a fresh random nonce (SP 800-38D, section
8.2.2), bound to what the account is, so that a row whose role or meter was edited does not open.
"""

from __future__ import annotations

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import AuthenticationFailed

KEY_BYTES = 32
_NONCE_BYTES = 12


def lock(key: bytes, private: bytes, context: bytes, random: Randomness = SYSTEM_RANDOMNESS) -> bytes:
    """Lock ``private`` under a key of 32 bytes: nonce ‖ ciphertext."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = random.bytes(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, private, context)


def unlock(key: bytes, locked: bytes, context: bytes) -> bytes:
    """The reverse of :func:`lock`.

    Raises:
        AuthenticationFailed: another key or context, or damaged bytes.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        return AESGCM(key).decrypt(locked[:_NONCE_BYTES], locked[_NONCE_BYTES:], context)
    except (InvalidTag, ValueError) as error:
        raise AuthenticationFailed(
            "the account's private key does not open: its row was altered; restore the accounts from a backup."
        ) from error
