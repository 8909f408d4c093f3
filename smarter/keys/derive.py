"""Keys drawn from one secret by HKDF-SHA256 (RFC 5869), each under a label of its own.

Meters and the PES draw an epoch's keys here; keystores draw their seal key and check value.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smarter.errors import KeyMismatch, OutOfBounds
from smarter.model.messages.epoch import LAST_EPOCH

EPOCH_SECRET_BYTES = 32
MAC_KEY_BYTES = 32
_SEAL = b"smarter epoch seal key, version 1"
_MAC = b"smarter epoch billing-MAC key, version 1"


@dataclass(frozen=True)
class EpochKeys:
    """A meter's keys for one key epoch; neither tells anything about the other.

    Attributes:
        seal: key of the scenario's cipher, for frames; an enrolled customer gets it too.
        mac: billing-MAC key, 32 bytes; meter and PES alone have it.
    """

    seal: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def derive(secret: bytes, *, info: bytes, length: int, salt: bytes = b"") -> bytes:
    """HKDF-SHA256: ``length`` bytes (at most 8160) for the use that ``info`` names."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(secret)


def joined(*parts: bytes) -> bytes:
    """Put byte strings together so that no two lists give the same bytes: each after its length."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def epoch_keys(secret: bytes, *, deployment: bytes, pseudonym: bytes, epoch: int, cipher_key_bytes: int) -> EpochKeys:
    """The keys of one meter's key epoch, from its secret K (design.md, section 4).

    Raises:
        KeyMismatch: ``secret`` is not 32 bytes.
        OutOfBounds: ``epoch`` does not fit the four bytes that a nonce has for it.
    """
    if len(secret) != EPOCH_SECRET_BYTES:
        raise KeyMismatch(f"an epoch secret has {EPOCH_SECRET_BYTES} bytes, this one {len(secret)}.")
    if not 0 <= epoch <= LAST_EPOCH:
        raise OutOfBounds(f"key epoch {epoch} is outside 0 to {LAST_EPOCH}: give the meter a new identity.")
    of = (deployment, pseudonym, epoch.to_bytes(4, "big"))
    return EpochKeys(
        seal=derive(secret, info=joined(_SEAL, *of), length=cipher_key_bytes),
        mac=derive(secret, info=joined(_MAC, *of), length=MAC_KEY_BYTES),
    )
