"""The frame around structured messages: a version, a kind, fields of stated types, and a signature."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgpack

from smarter.errors import MalformedMessage
from smarter.model import views

FORMAT_VERSION = 1
LARGEST_MESSAGE = 256 * 1024 * 1024


def encode(kind: str, fields: list[Any]) -> bytes:
    """``fields`` as bytes, under the message's kind and the format version."""
    return bytes(msgpack.packb([FORMAT_VERSION, kind, *fields], use_bin_type=True))


def decode(kind: str, data: bytes, types: list[type | tuple[type, ...]]) -> list[Any]:
    """The fields of a message of this kind, each of the type stated for it.

    Raises:
        MalformedMessage: another version or kind, other fields, another form than :func:`encode` gives, or no message.
    """
    if len(data) > LARGEST_MESSAGE:
        raise MalformedMessage(f"a {kind} message of {len(data)} bytes is beyond {LARGEST_MESSAGE}.")
    try:
        parts = msgpack.unpackb(data, raw=False, strict_map_key=True, use_list=True)
    except (ValueError, TypeError, msgpack.exceptions.UnpackException, RecursionError) as error:
        raise MalformedMessage(f"these bytes are no {kind} message.") from error
    if not isinstance(parts, list) or parts[:2] != [FORMAT_VERSION, kind] or len(parts) != len(types) + 2:
        raise MalformedMessage(f"these bytes are no {kind} message of format version {FORMAT_VERSION}.")
    fields = parts[2:]
    for field, wanted in zip(fields, types, strict=True):
        if not isinstance(field, wanted) or (isinstance(field, bool) and wanted is int):
            raise MalformedMessage(f"a field of a {kind} message has the wrong type.")
    # Ciphertexts and records are told apart by their bytes, so no message may have two forms.
    if encode(kind, fields) != data:
        raise MalformedMessage(f"a {kind} message is not in its canonical form.")
    return fields


@dataclass(frozen=True)
class Signed:
    """A message's bytes with its sender's signature over exactly those bytes."""

    body: bytes
    signature: bytes

    def encode(self) -> bytes:
        """The byte form."""
        return encode("signed", [self.body, self.signature])

    @classmethod
    def decode(cls, data: bytes) -> Signed:
        """The reverse; whoever does this has it in hand. The signature is theirs to check before the body is parsed."""
        views.current().bytes_sealed += len(data)
        return cls(*decode("signed", data, [bytes, bytes]))
