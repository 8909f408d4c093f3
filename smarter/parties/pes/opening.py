"""Opening the frames of one hold: every check that stands between a frame and its readings being counted."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC
from numpy.typing import NDArray

from smarter.api import AuthenticationFailed, KeyedCipher
from smarter.errors import MalformedMessage
from smarter.model.messages import Frame, decode_readings
from smarter.model.messages.epoch import PURPOSES, Purposes
from smarter.model.messages.frame import MAC_BYTES, any_beyond
from smarter.model.windows import WindowKind
from smarter.parties.pes.layout import Area


@dataclass(frozen=True, repr=False)
class OpeningKeys:
    """What opens one meter's frames of one key epoch, and what the meter says that its readings may be used for."""

    seal: KeyedCipher
    mac: bytes
    cipher: str
    purposes: Purposes = PURPOSES

    @cached_property
    def _keyed_mac(self) -> HMAC:
        return HMAC(self.mac, SHA256())

    def mac_of(self, maced: bytes) -> bytes:
        """The billing MAC of a frame's header and sealed bytes."""
        mac = self._keyed_mac.copy()
        mac.update(maced)
        return mac.finalize()


@dataclass(frozen=True)
class Opened:
    """One hold's readings in the clear.

    Attributes:
        first_slot: slot of the first column.
        energies: mWh, shape meters × slots.
        frames: which frame of the hold each reading came in, from 1; 0 where there is none.
        dropped: why each frame that was not let in was dropped.
        barred: by kind of sums, the frames whose readings may not join them.
    """

    first_slot: int
    energies: NDArray[np.int64]
    frames: NDArray[np.int32]
    dropped: list[str]
    barred: Mapping[WindowKind, list[int]] = field(default_factory=dict)


class _Refusal(Exception):
    """Why a frame is not let in."""


def open_frames(
    frames: Iterable[bytes],
    area: Area,
    deployment: bytes,
    keys: Mapping[tuple[bytes, int], OpeningKeys],
    absorbed: NDArray[np.bool_],
    first_slot: int,
) -> Opened:
    """Open frames, each at most once for each slot; a frame that fails any check is dropped, with its reason.

    Args:
        frames: bytes as the concentrator passed them on.
        area: the neighbourhood whose hold this is.
        deployment: 16 bytes, which each frame must be of.
        keys: by pseudonym and epoch.
        absorbed: slots of which readings were absorbed before, shape meters × slots of this hold.
        first_slot: slot of the first column of ``absorbed``.
    """
    taken = absorbed.copy()
    energies = np.zeros(taken.shape, np.int64)
    origin = np.zeros(taken.shape, np.int32)
    position = {pseudonym: row for row, pseudonym in enumerate(area.pseudonyms)}
    dropped = []
    barred: dict[WindowKind, list[int]] = {}
    for number, data in enumerate(frames, start=1):
        try:
            frame = Frame.decode(data)
            row = position.get(frame.header.pseudonym)
            start = frame.header.first_slot - first_slot
            columns = slice(start, start + frame.header.count)
            if row is None:
                raise _Refusal("unknown meter")
            key = _verify(data, frame, area, deployment, keys)
            if start < 0:
                raise _Refusal("too late, or a replay")
            if columns.stop > taken.shape[1]:
                raise _Refusal("ahead of the clock")
            if taken[row, columns].any():
                raise _Refusal("its readings are there already")
            readings = _open(data, frame, area, key)
        except _Refusal as refusal:
            dropped.append(str(refusal))
        except AuthenticationFailed:
            dropped.append("authentication failed")
        except MalformedMessage:
            dropped.append("no frame")
        else:
            taken[row, columns] = True
            energies[row, columns] = readings
            origin[row, columns] = number
            if key.purposes != PURPOSES:
                for kind in PURPOSES:
                    if kind not in key.purposes:
                        barred.setdefault(kind, []).append(number)
    return Opened(first_slot, energies, origin, dropped, barred)


def _verify(
    data: bytes, frame: Frame, area: Area, deployment: bytes, keys: Mapping[tuple[bytes, int], OpeningKeys]
) -> OpeningKeys:
    """Check all that can be checked with the frame still sealed."""
    header = frame.header
    key = keys.get((header.pseudonym, header.epoch))
    if key is None:
        raise _Refusal("unknown key epoch")
    if not hmac.compare_digest(key.mac_of(data[:-MAC_BYTES]), frame.mac):
        raise AuthenticationFailed("a frame's billing MAC does not verify.")
    if (header.deployment, header.cipher) != (deployment, key.cipher):
        raise _Refusal("of another deployment or cipher")
    if (header.interval, header.phase) != (area.axis.interval, area.axis.phase):
        raise _Refusal("on another slot axis")
    return key


def _open(data: bytes, frame: Frame, area: Area, key: OpeningKeys) -> NDArray[np.int64]:
    header = frame.header
    aad = data[: -MAC_BYTES - len(frame.sealed)]
    readings = decode_readings(key.seal.open(header.nonce, frame.sealed, aad), header)
    if any_beyond(readings, area.largest):
        raise _Refusal("a reading beyond the meter's rating")
    return readings
