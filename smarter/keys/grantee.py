"""The key files of third parties: an RSA private key as encrypted PEM (PKCS #8, RFC 5958), and its public half as PEM.

``smarter grants new-key`` makes a pair, ``smarter grants read`` opens one; other programs read and write such files,
too. Nothing of a deployment's keystores is in them.
"""

from __future__ import annotations

import base64
from pathlib import Path

from smarter.api.randomness import SYSTEM_RANDOMNESS, Randomness
from smarter.errors import DataError, UsageError, WrongPassphrase
from smarter.keys.files import read_private, write_private
from smarter.keys.passwords import SALT_BYTES, Pbkdf2Cost, stretch
from smarter.keys.public import LEAST_BITS, MOST_BITS, PublicHalf, read_public
from smarter.keys.unlock import as_bytes

KEY_BITS = 3_072
COST = Pbkdf2Cost()
LONGEST = 64 * 2**10
"""Bytes of a file that is looked at."""
_BLOCK_BYTES = 16
_PBES2 = bytes.fromhex("06092a864886f70d01050d")
_PBKDF2 = bytes.fromhex("06092a864886f70d01050c")
_HMAC_SHA256 = bytes.fromhex("06082a864886f70d0209")
_AES_256_CBC = bytes.fromhex("060960864801650304012a")


def make_key_files(
    path: Path,
    passphrase: str,
    *,
    bits: int = KEY_BITS,
    cost: Pbkdf2Cost = COST,
    random: Randomness = SYSTEM_RANDOMNESS,
) -> PublicHalf:
    """Write a new private key to ``path``, mode 0600, and its public half to :func:`public_path`.

    Raises:
        UsageError: one of the files is there already.
    """
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    for there in (path, public_path(path)):
        if there.exists():
            raise UsageError(f"{there} is there already, and a key that is overwritten is lost: name another file.")
    key = generate_private_key(public_exponent=65_537, key_size=bits)
    private = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    write_private(path, _encrypted(private, as_bytes(passphrase), cost, random))
    public_path(path).write_bytes(public)
    return read_public(public, str(public_path(path)))


def public_path(path: Path) -> Path:
    """Where the public half of a private key's file lies: ``advice.pub.pem`` beside ``advice.pem``."""
    return path.with_name(f"{path.name.removesuffix('.pem')}.pub.pem")


def is_encrypted(path: Path) -> bool:
    """Whether the private key in a file takes a passphrase; raises :class:`DataError` when it is none."""
    data = _read(path)
    return b"-----BEGIN ENCRYPTED PRIVATE KEY-----" in data or b"\nProc-Type: 4,ENCRYPTED" in data.replace(b"\r", b"")


def load_key_file(path: Path, passphrase: str | None) -> bytes:
    """The private key in a PEM file, as DER (PKCS #8).

    Raises:
        DataError: the file holds no RSA private key of 2,048 bits or more.
        WrongPassphrase: it does not open by this one, or takes one and there is none.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

    locked = is_encrypted(path)
    try:
        key = load_pem_private_key(_read(path), as_bytes(passphrase or "") if locked else None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if locked:
            raise WrongPassphrase(
                f"the passphrase does not open the key in {path}, or the file was damaged."
            ) from error
        raise DataError(f"{path} holds no private key as PEM, or was damaged: name the file of your own.") from error
    if not isinstance(key, RSAPrivateKey) or not LEAST_BITS <= key.key_size <= MOST_BITS:
        raise DataError(f"{path} holds no RSA key of {LEAST_BITS:,} to {MOST_BITS:,} bits: name the file of your own.")
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def _read(path: Path) -> bytes:
    try:
        data = read_private(path, LONGEST)
    except FileNotFoundError as error:
        raise DataError(f"there is no file {path}: name that of your private key.") from error
    if len(data) > LONGEST or b"PRIVATE KEY-----" not in data:
        raise DataError(f"{path} holds no private key as PEM: name the file of your own.")
    return data


def _encrypted(private: bytes, passphrase: bytes, cost: Pbkdf2Cost, random: Randomness) -> bytes:
    """EncryptedPrivateKeyInfo by PBES2 (RFC 8018, section 6.2): PBKDF2-HMAC-SHA256 and AES-256-CBC.

    The library's own writer does it with 2,048 rounds, which is too few for a passphrase; reading takes any number.
    """
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.algorithms import AES256
    from cryptography.hazmat.primitives.ciphers.modes import CBC

    salt, vector = random.bytes(SALT_BYTES), random.bytes(_BLOCK_BYTES)
    padding = _BLOCK_BYTES - len(private) % _BLOCK_BYTES
    encryptor = Cipher(AES256(stretch(passphrase, salt, cost)), CBC(vector)).encryptor()
    sealed = encryptor.update(private + bytes([padding]) * padding) + encryptor.finalize()
    rounds = cost.rounds.to_bytes(cost.rounds.bit_length() // 8 + 1, "big")
    derivation = _sequence(_PBKDF2, _sequence(_octets(salt), _der(2, rounds), _sequence(_HMAC_SHA256, _der(5, b""))))
    scheme = _sequence(_PBES2, _sequence(derivation, _sequence(_AES_256_CBC, _octets(vector))))
    text = base64.b64encode(_sequence(scheme, _octets(sealed))).decode()
    body = "\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    return f"-----BEGIN ENCRYPTED PRIVATE KEY-----\n{body}\n-----END ENCRYPTED PRIVATE KEY-----\n".encode()


def _sequence(*parts: bytes) -> bytes:
    return _der(0x30, b"".join(parts))


def _octets(data: bytes) -> bytes:
    return _der(4, data)


def _der(tag: int, content: bytes) -> bytes:
    """Tag, length and content (X.690, section 8.1)."""
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(size)]) + size + content
