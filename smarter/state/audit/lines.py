"""The byte form of an audit log: a line of canonical JSON an entry, chained by SHA-256, the last of each batch signed.

A line's ``hash`` covers the whole line before it (its signature too) and its own content; a signature covers the hash,
and with it all that came before, and names the key that signs next. A head is a signed line without its content, and
what it vouches for besides, signed too.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from smarter.errors import AlteredLog
from smarter.model.audit import Entry, Named

FORMAT = 1
LONGEST_LINE = 1 << 16
"""Bytes; with all its details as long as they may be, and every character escaped, an entry is shorter."""
HEAD_BYTES = 1 << 20
"""At most; a head has some 900, and 100 more for each neighbourhood."""
SIGNED = b',"signature":"'
"""What only a signed line has: in a text its quotes would be escaped."""
_LOG = b"smarter audit log, version 1"
_LINE = b"smarter audit line, version 1"
_CONTENT = ("number", "time", "actor", "action", "subject", "detail")
_SEAL = ("key", "next", "signature")
_HEAD = ("log", "number", "hash", *_SEAL)
_VOUCHED = ("decided", "pins", "changing", "vouched")
_KEY_BYTES, _HASH_BYTES, _SIGNATURE_BYTES = 32, 32, 64
Verify = Callable[[bytes, bytes, bytes], None]
"""Takes public key, message and signature; raises :class:`~smarter.errors.AuthenticationFailed`."""
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
        """Sign a batch under this key."""

    def vouch(self, public: bytes, message: bytes) -> bytes:
        """Sign under this key what a head vouches for."""

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
class Vouched:
    """What a head says of the rest of the state, so that none of it can be put back to an earlier day.

    Attributes:
        decided: by neighbourhood and kind (``demand``, ``billing``), where the last decided window ends, epoch seconds.
        pins: by party, the digest of what its keystore is known by, hexadecimal.
        changing: the same, of a keystore that is being changed, as it will be.
    """

    decided: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    pins: Mapping[str, str] = field(default_factory=dict)
    changing: Mapping[str, str] = field(default_factory=dict)

    def later(self, other: Vouched) -> Vouched:
        """This one, with the later of both ends for each neighbourhood and kind; without pins, with the other's."""
        decided = {
            name: {
                kind: max(each[name][kind] for each in (self.decided, other.decided) if kind in each.get(name, {}))
                for kind in sorted({*self.decided.get(name, {}), *other.decided.get(name, {})})
            }
            for name in sorted({*self.decided, *other.decided})
        }
        return Vouched(decided, self.pins or other.pins, self.changing)

    def strangers(self, pins: Mapping[str, str]) -> tuple[str, ...]:
        """The parties of which a keystore with another pin is there, or none."""
        known = {party: {digest, self.changing.get(party, digest)} for party, digest in self.pins.items()}
        return tuple(party for party, digests in known.items() if pins.get(party) not in digests)

    def settled(self, pins: Mapping[str, str]) -> Vouched:
        """This one, when keystores have these pins: a change that has happened is none any more."""
        done = {party: digest for party, digest in self.changing.items() if pins.get(party) == digest}
        changing = {party: digest for party, digest in self.changing.items() if party not in done}
        return Vouched(self.decided, {**self.pins, **done}, changing)


@dataclass(frozen=True)
class Head:
    """How far a log has come, signed; a copy of it kept elsewhere shows when the log's tail is cut.

    Attributes:
        vouched: what it says of the rest of the state; None in a head of an earlier version.
        signature: of that, by the key that signs next.
    """

    log: str
    number: int
    hash: bytes
    seal: Seal
    vouched: Vouched | None = None
    signature: bytes = b""

    @property
    def message(self) -> bytes:
        """What the signature of its line covers."""
        return signed_message(self.log, self.number, self.hash, self.seal.next)

    @property
    def vouched_message(self) -> bytes:
        """What :attr:`signature` covers: all that comes before it."""
        return _canonical(self._fields()).encode()

    def text(self) -> str:
        """As JSON, on one line."""
        fields = self._fields()
        return _canonical(fields if self.vouched is None else {**fields, "vouched": self.signature.hex()})

    def _fields(self) -> dict[str, Any]:
        line = (self.log, self.number, self.hash.hex(), *self.seal.fields())
        return dict(zip(_HEAD, line, strict=True)) | (vars(self.vouched) if self.vouched else {})


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
        fields = _loaded(text.encode())
        names = (*_HEAD, *(_VOUCHED if len(fields) > len(_HEAD) else ()))
        types = (str, int, str, str, str, str, dict, dict, dict, str)
        log, number, digest, *rest = _values(fields, names, types)
        seal, vouched = _seal(rest[: len(_SEAL)]), rest[len(_SEAL) :]
        head = Head(log, number, _bytes(digest, _HASH_BYTES), seal, *_vouched(vouched))
        if number < 1 or head.text() != text or len(data) > HEAD_BYTES:
            raise ValueError("a head is not in the one form that is written")
    except ValueError as error:
        why = f"{where} holds no head of an audit log, or an altered one"
        raise AlteredLog(0, "head does not match", why) from error
    return head


def _vouched(values: list[Any]) -> tuple[()] | tuple[Vouched, bytes]:
    if not values:
        return ()
    decided, pins, changing, signature = values
    kinds = list(decided.values())
    if not all(isinstance(each, dict) and all(type(end) is int for end in each.values()) for each in kinds):
        raise ValueError("an end is no number")
    if not all(isinstance(digest, str) for digest in (*pins.values(), *changing.values())):
        raise ValueError("a pin is no text")
    return Vouched(decided, pins, changing), _bytes(signature, _SIGNATURE_BYTES)


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
