"""Frames: consecutive readings of one meter, sealed together. Meters make them, the PES opens them.

A frame is ``header ‖ sealed ‖ mac``. The header is the associated data of the seal and in clear, for the
concentrator to tell repeats by; the mac, under a key that customers do not have, covers header and sealed.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smarter.errors import MalformedMessage
from smarter.model import views

FRAME_VERSION = 1
MAC_BYTES = 32
DEPLOYMENT_BYTES = 16
PSEUDONYM_BYTES = 8
LARGEST_FRAME_READINGS = 65_535

_FIXED = struct.Struct(f">BB{DEPLOYMENT_BYTES}s{PSEUDONYM_BYTES}sIQqIIHB")


class FrameHeader(NamedTuple):
    """What everybody on the way may know of a frame.

    Attributes:
        deployment: random identifier of the deployment, 16 bytes.
        pseudonym: random identifier of the meter, 8 bytes.
        cipher: name of the cipher that seals it.
        epoch: the meter's key epoch.
        counter: which frame of that epoch, from 0.
        first_slot: slot of its first reading.
        interval: seconds of a slot.
        phase: seconds by which the slot axis is off the epoch's multiples of the interval.
        count: how many readings.
        width: bytes of a reading, 4 or 8.
    """

    deployment: bytes
    pseudonym: bytes
    cipher: str
    epoch: int
    counter: int
    first_slot: int
    interval: int
    phase: int
    count: int  # type: ignore[assignment] # hides tuple.count; a tuple is made in a third of a data class's time
    width: int

    def encode(self) -> bytes:
        """The byte form, which is the seal's associated data."""
        name = self.cipher.encode("ascii")
        return (
            _FIXED.pack(
                FRAME_VERSION,
                len(name),
                self.deployment,
                self.pseudonym,
                self.epoch,
                self.counter,
                self.first_slot,
                self.interval,
                self.phase,
                self.count,
                self.width,
            )
            + name
        )

    @property
    def nonce(self) -> bytes:
        """4 bytes of epoch, 8 of counter: unique under a key, since both never repeat."""
        return struct.pack(">IQ", self.epoch, self.counter)


@dataclass(frozen=True, slots=True)
class Frame:
    """A sealed frame on its way."""

    header: FrameHeader
    sealed: bytes
    mac: bytes

    def encode(self) -> bytes:
        """The byte form."""
        return self.header.encode() + self.sealed + self.mac

    @classmethod
    def decode(cls, data: bytes) -> Frame:
        """Parse a frame; whoever does has seen its header, and its content sealed.

        Raises:
            MalformedMessage: too short, of another version, or with a header that cannot be.
        """
        if len(data) < _FIXED.size + MAC_BYTES or data[0] != FRAME_VERSION:
            raise MalformedMessage(f"these bytes are no frame of format version {FRAME_VERSION}.")
        _, name_bytes, deployment, pseudonym, epoch, counter, first, interval, phase, count, width = _FIXED.unpack_from(
            data
        )
        body = _FIXED.size + name_bytes
        try:
            cipher = data[_FIXED.size : body].decode("ascii")
        except UnicodeDecodeError as error:
            raise MalformedMessage("a frame names a cipher that cannot be.") from error
        if not count or width not in (4, 8) or not interval or len(data) < body + count * width + MAC_BYTES:
            raise MalformedMessage("a frame's header contradicts its length.")
        header = FrameHeader(deployment, pseudonym, cipher, epoch, counter, first, interval, phase, count, width)
        view = views.current()
        view.frames += 1
        view.bytes_sealed += len(data)
        return cls(header, data[body:-MAC_BYTES], data[-MAC_BYTES:])


def reading_bytes(largest: int) -> int:
    """How wide a reading is in a frame when none exceeds ``largest`` mWh in magnitude: 4 or 8 bytes."""
    return 4 if largest < 1 << 31 else 8


def any_beyond(energies: NDArray[np.int64], largest: int) -> bool:
    """Whether any of at least one energy exceeds ``largest`` mWh in magnitude."""
    # Lifted so that all others are from 0 on: one below them wraps round to above them.
    return bool((energies + largest).view(np.uint64).max() > 2 * largest)


def encode_readings(energies: NDArray[np.int64], width: int) -> bytes:
    """A frame's plaintext: signed big-endian integers of ``width`` bytes, mWh. Whoever does this has them."""
    views.current().readings += len(energies)
    return energies.astype(f">i{width}").tobytes()


def decode_readings(plaintext: bytes, header: FrameHeader) -> NDArray[np.int64]:
    """The readings of a frame that has been opened: int64 mWh. Whoever does this has them in the clear.

    Raises:
        MalformedMessage: not as many as the header says.
    """
    if len(plaintext) != header.count * header.width:
        raise MalformedMessage("an opened frame does not hold the readings that its header promises.")
    views.current().readings += header.count
    return np.frombuffer(plaintext, f">i{header.width}").astype(np.int64)
