"""The byte form of an audit log: a line of canonical JSON an entry, chained by SHA-256, the last of each batch signed.

A line's ``hash`` covers the whole line before it (its signature too) and its own content; a signature covers the hash,
and with it all that came before, and names the key that signs next. A head is a signed line without its content.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from smarter.errors import AlteredLog
from smarter.model.audit import Entry, Named

FORMAT = 1
LONGEST_LINE = 1 << 16
"""Bytes; with all its details as long as they may be, and every character escaped, an entry is shorter."""
HEAD_BYTES = 512
"""A head's file: shorter than a sector, so that it is overwritten whole or not at all."""
SIGNED = b',"signature":"'
"""What only a signed line has: in a text its quotes would be escaped."""
_LOG = b"smarter audit log, version 1"
_LINE = b"smarter audit line, version 1"
_CONTENT = ("number", "time", "actor", "action", "subject", "detail")
_SEAL = ("key", "next", "signature")
_HEAD = ("log", "number", "hash", *_SEAL)
_KEY_BYTES, _HASH_BYTES, _SIGNATURE_BYTES = 32, 32, 64
_canonical = json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode


class LogKeys(Protocol):
    """What writing takes: see :class:`smarter.keys.audit.AuditKeys`."""

    @property
    def name(self) -> str:
        """The log's."""

    @property
    def public(self) -> bytes:
        """The signing key in use."""

    @property
    def fingerprint(self) -> str:
        """Of that."""

    def sign(self, public: bytes, message: bytes) -> bytes:
        """Sign under this key."""

    def identifier(self, kind: str, name: str) -> str:
        """What stands in the log for somebody."""


@dataclass(frozen=True)
class Seal:
    """A signature over a line, and who signs after it; all keys are public Ed25519 keys."""

    key: bytes
    next: bytes
    signature: bytes

    def fields(self) -> list[str]:
        """As they are written."""
        return [self.key.hex(), self.next.hex(), self.signature.hex()]


@dataclass(frozen=True)
class Line:
    """A line as it was read.

    Attributes:
        content: the bytes that its hash covers, besides the line before.
        hash: as it says.
        after: what the next line is chained to: SHA-256 of this one, whole.
    """

    entry: Entry
    content: bytes
    hash: bytes
    seal: Seal | None
    after: bytes


@dataclass(frozen=True)
class Head:
    """How far a log has come, signed; a copy of it kept elsewhere shows when the log's tail is cut."""

    log: str
    number: int
    hash: bytes
    seal: Seal

    @property
    def message(self) -> bytes:
        """What its signature covers."""
        return signed_message(self.log, self.number, self.hash, self.seal.next)

    def text(self) -> str:
        """As JSON, on one line."""
        return _canonical(dict(zip(_HEAD, (self.log, self.number, self.hash.hex(), *self.seal.fields()), strict=True)))


def beginning(log: str) -> bytes:
    """What the first line of a log is chained to."""
    return hashlib.sha256(_LOG + log.encode()).digest()


def chained(before: bytes, content: bytes) -> bytes:
    """A line's hash, from what it is chained to and its content."""
    return hashlib.sha256(_LINE + before + content).digest()


def hashed(line: bytes) -> bytes:
    """What the line after this one is chained to."""
    return hashlib.sha256(line).digest()


def signed_message(log: str, number: int, digest: bytes, following: bytes) -> bytes:
    """What a head's signature covers."""
    return number.to_bytes(8, "big") + digest + following + log.encode()


@lru_cache(maxsize=1024)  # the windows of many households begin and end together
def _stamp(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def stamp(seconds: float) -> str:
    """A moment as the log writes it, in whole seconds."""
    return _stamp(int(seconds))


def text_of(named: Named | None, keys: LogKeys) -> str:
    """What the log calls somebody or something."""
    if named is None:
        return ""
    return f"{named.kind}:{keys.identifier(named.kind, named.name) if named.hidden else named.name}"


def content_of(entry: Entry) -> bytes:
    """The bytes of an entry, its fields as :data:`_CONTENT` has them, without the closing brace: a hash follows."""
    return _canonical(vars(entry)).encode()[:-1]


def line_of(content: bytes, digest: bytes, seal: Seal | None = None) -> bytes:
    """A whole line, without its end."""
    more = [f',"hash":"{digest.hex()}"']
    if seal is not None:
        more += [f',"{name}":"{value}"' for name, value in zip(_SEAL, seal.fields(), strict=True)]
    return content + "".join([*more, "}"]).encode()


def read_line(data: bytes) -> Line:
    """The reverse of :func:`line_of`; raises :class:`ValueError` for any other bytes."""
    if len(data) > LONGEST_LINE:
        raise ValueError(f"a line of {len(data)} bytes is too long")
    fields = _loaded(data)
    sealed = "key" in fields
    number, moment, actor, action, subject, detail, digest, *rest = _values(
        fields, (*_CONTENT, "hash", *(_SEAL if sealed else ())), (int, str, str, str, str, dict, str, str, str, str)
    )
    entry = Entry(number, moment, actor, action, subject, detail)
    content, seal = content_of(entry), _seal(rest) if sealed else None
    said = _bytes(digest, _HASH_BYTES)
    if line_of(content, said, seal) != data:
        raise ValueError("a line is not in the one form that is written")
    return Line(entry, content, said, seal, hashed(data))


def read_head(data: bytes, where: str) -> Head:
    """A head from its file, or as ``smarter audit head`` prints it.

    Raises:
        AlteredLog: it is none.
    """
    try:
        text = data[: HEAD_BYTES + 1].decode("ascii").rstrip(" \n\r")
        log, number, digest, *rest = _values(_loaded(text.encode()), _HEAD, (str, int, str, str, str, str))
        head = Head(log, number, _bytes(digest, _HASH_BYTES), _seal(rest))
        if number < 1 or head.text() != text or len(data) > HEAD_BYTES:
            raise ValueError("a head is not in the one form that is written")
    except ValueError as error:
        why = f"{where} holds no head of an audit log, or an altered one"
        raise AlteredLog(0, "head does not match", why) from error
    return head


def _loaded(data: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError("this is no JSON") from error
    if not isinstance(fields, dict):
        raise ValueError("this is no JSON object")
    return fields


def _values(fields: dict[str, Any], names: tuple[str, ...], types: tuple[type, ...]) -> list[Any]:
    kinds = tuple(type(value) for value in fields.values())
    if tuple(fields) != names or kinds != types[: len(names)]:
        raise ValueError("these are not the fields that are written")
    if not 0 < fields["number"] < 1 << 63:
        raise ValueError("a number is out of range")
    return list(fields.values())


def _seal(values: list[str]) -> Seal:
    key, following, signature = values
    return Seal(_bytes(key, _KEY_BYTES), _bytes(following, _KEY_BYTES), _bytes(signature, _SIGNATURE_BYTES))


def _bytes(text: str, length: int) -> bytes:
    data = bytes.fromhex(text)
    if data.hex() != text or len(data) != length:
        raise ValueError("a field is not in the one form that is written")
    return data
