"""What the releaser delivers to the MDMS: records, each sealed by itself, signed together."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from smarter.errors import MalformedMessage
from smarter.model import views
from smarter.model.messages import wire
from smarter.model.windows import WindowKind

SIGNING_CONTEXT = b"smarter delivery 1"
SEALING_CONTEXT = b"smarter record key 1"
NONCE_BYTES = 12
LATEST = (1 << 62) - 1
"""The largest epoch second that a window may have, so that every store can count to it."""

_CONTENT = struct.Struct(">BqIII")


class Status(IntEnum):
    """What became of a window."""

    COMPLETE = 0
    INCOMPLETE = 1
    MISSING = 2
    REFUSED = 3
    WITHHELD = 4
    """A demand window that rules 1 to 3 pass, and that together with bills would show single meters' use."""
    HELD = 5
    """A bill that rules 2 and 3 pass, and that together with demand would show single meters' use."""
    LOST = 6
    """A window that was, or may have been, decided before the state was put back to an earlier day."""

    @property
    def word(self) -> str:
        """As the output files have it."""
        return self.name.lower()

    @property
    def released(self) -> bool:
        """Whether the sum was opened and delivered."""
        return self in (Status.COMPLETE, Status.INCOMPLETE)


@dataclass(frozen=True)
class RecordHeader:
    """What a record is of; the seal's associated data.

    Attributes:
        deployment: 16 bytes.
        kind: ``demand`` or ``billing``.
        sender: fingerprint of the releaser's signing key.
        receiver: fingerprint of the MDMS key.
        holder: a pseudonym in hexadecimal, or a neighbourhood.
        start: epoch seconds of the window.
        end: likewise.
    """

    deployment: bytes
    kind: WindowKind
    sender: str
    receiver: str
    holder: str
    start: int
    end: int

    def encode(self) -> bytes:
        """The byte form."""
        return wire.encode(
            "record",
            [self.deployment, self.kind, self.sender, self.receiver, self.holder, self.start, self.end],
        )

    @classmethod
    def decode(cls, data: bytes) -> RecordHeader:
        """The reverse; raises :class:`MalformedMessage`."""
        header = cls(*wire.decode("record", data, [bytes, str, str, str, str, int, int]))
        if header.kind not in ("demand", "billing") or not -LATEST <= header.start < header.end <= LATEST:
            raise MalformedMessage("a record is of no known kind, or of a window that cannot be.")
        return header


@dataclass(frozen=True)
class RecordContent:
    """What a record says. ``energy`` in mWh, 0 unless complete or incomplete; ``reason`` when it was not released.

    ``meters`` is how many meters cover at least half of a demand window; 1 or 0 for a household.
    """

    status: Status
    energy: int
    readings: int
    expected: int
    meters: int
    reason: str = ""

    def encode(self) -> bytes:
        """The record's plaintext."""
        return _CONTENT.pack(self.status, self.energy, self.readings, self.expected, self.meters) + self.reason.encode()

    @classmethod
    def decode(cls, plaintext: bytes, kind: WindowKind) -> RecordContent:
        """The reverse; whoever does this has the total in the clear. Raises :class:`MalformedMessage`."""
        try:
            status, energy, readings, expected, meters = _CONTENT.unpack_from(plaintext)
            content = cls(Status(status), energy, readings, expected, meters, plaintext[_CONTENT.size :].decode())
        except (struct.error, ValueError) as error:
            raise MalformedMessage("an opened record is none.") from error
        if content.status.released:
            view = views.current()
            if kind == "billing":
                view.household_totals += 1
            else:
                view.neighbourhood_totals += 1
        return content


@dataclass(frozen=True)
class SealedRecord:
    """One record as it is sent and stored: complete in itself, so that damage to one spoils no other.

    Attributes:
        header: encoded :class:`RecordHeader`.
        wrapped: the delivery's content key under the MDMS key.
        nonce: 12 bytes, once per content key.
        sealed: the content under the content key.
    """

    header: bytes
    wrapped: bytes
    nonce: bytes
    sealed: bytes

    def encode(self) -> bytes:
        """The byte form."""
        return wire.encode("sealed-record", [self.header, self.wrapped, self.nonce, self.sealed])

    @classmethod
    def decode(cls, data: bytes) -> SealedRecord:
        """The reverse; raises :class:`MalformedMessage`."""
        return cls(*wire.decode("sealed-record", data, [bytes, bytes, bytes, bytes]))


@dataclass(frozen=True)
class Delivery:
    """The body of what the releaser sends; it travels in a :class:`~smarter.model.messages.wire.Signed`."""

    deployment: bytes
    receiver: str
    records: tuple[bytes, ...]

    def encode(self) -> bytes:
        """The byte form, which is signed."""
        return wire.encode("delivery", [self.deployment, self.receiver, list(self.records)])

    @classmethod
    def decode(cls, data: bytes) -> Delivery:
        """The reverse; raises :class:`MalformedMessage`."""
        deployment, receiver, records = wire.decode("delivery", data, [bytes, str, list])
        if not all(isinstance(record, bytes) for record in records):
            raise MalformedMessage("a delivery holds something that is no record.")
        return cls(deployment, receiver, tuple(records))
