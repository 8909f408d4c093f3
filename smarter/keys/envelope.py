"""The byte form of a keystore: a header that anybody can read, around what only its secret opens.

:mod:`smarter.keys.keystore` calls it. A file is canonical JSON without a spare byte: header, AES-256-GCM
nonce and ciphertext, and a SHA-256 over all that, which tells damage from a wrong passphrase before any
key is derived. The header (party, derivation, check value, public entries) is the ciphertext's AAD.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from smarter.api.randomness import Randomness
from smarter.errors import DamagedKeys, OutOfBounds, WrongPassphrase, WrongShares
from smarter.keys.derive import derive, joined
from smarter.keys.entries import KeyEntry, PublicEntry
from smarter.keys.kdf import Kdf
from smarter.keys.pins import NO_PINS, Pin, Pins
from smarter.keys.secret import KINDS

FORMAT = "smarter-keystore"
VERSION = 2
BEFORE = 1
"""The version without generation and pins."""
MAX_BYTES = 64 * 2**20
_NONCE_BYTES = 12
_SEAL = b"smarter keystore seal key, version 1"
_CHECK = b"smarter keystore check value, version 1"
_OUTSIDE_HEADER = ("nonce", "ciphertext", "digest")
_WAY_OUT = "restore it from a backup, or start anew with --fresh."


@dataclass(frozen=True)
class Lock:
    """What seals one keystore: the kind of secret, its derivation, and the root key derived."""

    kind: str
    kdf: Kdf
    root: bytes = field(repr=False)

    def key(self, label: bytes, party: str, identity: str) -> bytes:
        return derive(self.root, info=joined(label, party.encode(), identity.encode()), length=32)


@dataclass(frozen=True)
class Envelope:
    """A keystore file, read and found whole, still sealed.

    Attributes:
        where: the file, for messages.
        identity: random name of this keystore, hexadecimal.
        kind: what unlocks it: ``passphrase``, ``keyfile``, ``keyring`` or ``officers``.
        generation: how many times its keys or its lock were changed.
        public: what can be listed; not authenticated before :func:`unseal` has opened the rest.
    """

    where: str
    party: str
    identity: str
    kind: str
    kdf: Kdf
    generation: int
    public: tuple[PublicEntry, ...]
    check: bytes
    aad: bytes
    nonce: bytes
    ciphertext: bytes

    @property
    def pin(self) -> Pin:
        """What it is known by to the other keystores."""
        return Pin.of(self.identity, self.kind, self.generation, self.public)


@dataclass(frozen=True)
class Contents:
    """What only the secret of a keystore opens: its keys, and the pins that it holds."""

    entries: list[KeyEntry]
    pins: Pins


def seal(party: str, identity: str, generation: int, lock: Lock, contents: Contents, random: Randomness) -> bytes:
    """The bytes of a keystore file, sealed under a fresh random nonce (SP 800-38D, section 8.2.2).

    Raises:
        OutOfBounds: there is more than :func:`read` takes back.
    """
    header = {
        "format": FORMAT,
        "version": VERSION,
        "party": party,
        "id": identity,
        "unlock": lock.kind,
        "kdf": lock.kdf.header(),
        "check": lock.key(_CHECK, party, identity).hex(),
        "generation": generation,
        "public": [_public_form(entry) for entry in contents.entries],
    }
    nonce = random.bytes(_NONCE_BYTES)
    privates = [_text(entry.private) for entry in contents.entries]
    payload = _canonical({"version": VERSION, "private": privates, "pins": contents.pins.form()})
    ciphertext = AESGCM(lock.key(_SEAL, party, identity)).encrypt(nonce, payload, _canonical(header))
    whole = {**header, "nonce": nonce.hex(), "ciphertext": _text(ciphertext)}
    data = _canonical({**whole, "digest": _digest(whole)})
    if len(data) > MAX_BYTES:
        raise OutOfBounds(
            f"the keystore of {party} would have {len(data)} bytes, the bound is {MAX_BYTES}: start anew with --fresh."
        )
    return data


def read(data: bytes, where: str) -> Envelope:
    """Read a keystore file without unlocking it.

    Raises:
        DamagedKeys: it is cut, altered, too large, or of a version that this program does not know.
    """
    if len(data) > MAX_BYTES:
        raise DamagedKeys(f"keystore {where} has more than {MAX_BYTES} bytes: {_WAY_OUT}")
    try:
        whole = json.loads(data)
        if not isinstance(whole, dict) or _canonical(whole) != data:
            raise ValueError("it is not in the one form that is written")
        if isinstance(whole.get("version"), int) and whole["version"] > VERSION:
            raise ValueError(f"it is of version {whole['version']}, and this Smarter reads {VERSION}")
        digest = str(whole.pop("digest"))
        if not hmac.compare_digest(digest, _digest(whole)):
            raise ValueError("its digest does not fit")
        return _envelope(whole, where)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        why = error if type(error) is ValueError else "it is cut or altered"
        raise DamagedKeys(f"keystore {where} cannot be read, {why}: {_WAY_OUT}") from error


def unseal(envelope: Envelope, lock: Lock) -> Contents:
    """Open the private part.

    Raises:
        WrongPassphrase: the passphrase is not this keystore's.
        WrongShares: nor are the officers' shares.
        DamagedKeys: the key file or keyring entry is not this keystore's, or the content was altered.
    """
    party, where = envelope.party, envelope.where
    if not hmac.compare_digest(lock.key(_CHECK, party, envelope.identity), envelope.check):
        if lock.kind == "passphrase":
            raise WrongPassphrase(f"the passphrase does not open keystore {where}: give the one of party {party}.")
        if lock.kind == "officers":
            raise WrongShares(f"the shares do not open keystore {where}: bring those that were handed out for it last.")
        raise DamagedKeys(
            f"the {'key file' if lock.kind == 'keyfile' else 'keyring entry'} of party {party} is not the "
            f"one that keystore {where} was sealed with: bring that back, or start anew with --fresh."
        )
    try:
        cipher = AESGCM(lock.key(_SEAL, party, envelope.identity))
        payload = json.loads(cipher.decrypt(envelope.nonce, envelope.ciphertext, envelope.aad))
        privates = [_bytes(text) for text in payload["private"]]
        pins = NO_PINS if payload["version"] == BEFORE else Pins.from_form(payload["pins"])
        entries = [
            KeyEntry(
                entry.purpose,
                entry.fingerprint,
                entry.plugin,
                entry.created,
                entry.current,
                entry.public,
                key,
            )
            for entry, key in zip(envelope.public, privates, strict=True)
        ]
        return Contents(entries, pins)
    except (InvalidTag, ValueError, KeyError, TypeError) as error:
        raise DamagedKeys(f"keystore {where} was altered and does not open: {_WAY_OUT}") from error


def _envelope(whole: dict[str, Any], where: str) -> Envelope:
    if whole["format"] != FORMAT or whole["version"] not in (BEFORE, VERSION):
        raise ValueError("it is no keystore")
    generation = whole["generation"] if whole["version"] == VERSION else 0
    if not isinstance(generation, int) or generation < 0:
        raise ValueError("its generation is no number")
    kdf = Kdf.from_header(whole["kdf"])
    if whole["unlock"] not in KINDS or (whole["unlock"] == "passphrase") != (kdf.cost is not None):
        raise ValueError("its derivation does not fit what unlocks it")
    public = tuple(_public_entry(form) for form in whole["public"])
    current = [entry.purpose for entry in public if entry.current]
    if len(current) != len(set(current)) or len(public) != len({(e.purpose, e.fingerprint) for e in public}):
        raise ValueError("it lists a key twice")
    return Envelope(
        where=where,
        party=str(whole["party"]),
        identity=str(whole["id"]),
        kind=str(whole["unlock"]),
        kdf=kdf,
        generation=generation,
        public=public,
        check=_hex(whole["check"]),
        aad=_canonical({key: value for key, value in whole.items() if key not in _OUTSIDE_HEADER}),
        nonce=_hex(whole["nonce"]),
        ciphertext=_bytes(whole["ciphertext"]),
    )


def _public_form(entry: PublicEntry) -> dict[str, Any]:
    return {
        "purpose": entry.purpose,
        "fingerprint": entry.fingerprint,
        "plugin": entry.plugin,
        "created": entry.created,
        "current": entry.current,
        "public": _text(entry.public),
    }


def _public_entry(form: Any) -> PublicEntry:
    match form:
        case {
            "purpose": str(purpose),
            "fingerprint": str(fingerprint),
            "plugin": str(plugin),
            "created": str(created),
            "current": bool(current),
            "public": str(public),
            **rest,
        } if not rest:
            return PublicEntry(purpose, fingerprint, plugin, created, current, _bytes(public))
    raise ValueError("an entry has other fields than this version's")


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _digest(whole: dict[str, Any]) -> str:
    return hashlib.sha256(_canonical(whole)).hexdigest()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    data = base64.b64decode(text, validate=True)
    if _text(data) != text:
        raise ValueError("a field is not in the one form that is written")
    return data


def _hex(text: str) -> bytes:
    data = bytes.fromhex(text)
    if data.hex() != text:
        raise ValueError("a field is not in the one form that is written")
    return data
