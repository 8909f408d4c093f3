"""What a meter does under its customer's grants: adds up its own readings over whole windows, for one grantee's key.

``protocols.granting`` hands it the customer's standing, the frames that it keeps and what was delivered before; out
come deliveries, signed and sealed. Nothing finer than the granted windows is ever put into one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from smarter.api import AuthenticationFailed, Cipher, KeyedCipher, Keywrap, PublicKey
from smarter.errors import MalformedMessage, UsageError
from smarter.keys.derive import epoch_keys
from smarter.keys.invitation import is_mac
from smarter.keys.signing import sign
from smarter.model.messages import Frame, Signed, decode_readings
from smarter.model.messages.granted import NONCE, SIGNING_CONTEXT, GrantDelivery, GrantHeader, WindowSums, given
from smarter.model.windows import Axis, cut, months
from smarter.parties.meter.meter import MeterIdentity
from smarter.parties.meter.statements import Grant, Standing

Windows = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Starts and ends, epoch seconds."""


def why_not(grant: Grant, standing: Standing, now: float) -> str | None:
    """Why nothing is delivered under a grant at ``now``, epoch seconds; None: something may be."""
    if grant.revoked is not None:
        return "it is revoked"
    if now >= grant.expires:
        return "it has expired"
    if standing.notice is None:
        return "its customer does not agree to the notice any more"
    for other in standing.grants.values():
        if other.number < grant.number and other.live(now) and on_another_grid(other, grant):
            return f"an earlier grant to the same grantee, {other.id[:8]}, has other windows"
    return None


def on_another_grid(one: Grant, other: Grant) -> bool:
    """Whether two grants to the same grantee cut windows differently: the differences would be finer than either."""
    same = one.key == other.key or _spelt(one.grantee) == _spelt(other.grantee)
    return same and one.window != other.window


def _spelt(name: str) -> str:
    return " ".join(name.casefold().split())


def windows_of(grant: Grant, timezone: str, since: int, closed: int, first: int, kept: int | None = None) -> Windows:
    """The windows of a grant that are whole, inside its span, and over.

    Args:
        grant: whose windows.
        timezone: IANA name of the meter's clock.
        since: where the last one ended that was delivered; the grant's start before there was one.
        closed: up to when the meter has measured.
        first: when it began to; windows that were over by then are nobody's.
        kept: since when it keeps its frames. A window that began before would be a part of the same one that somebody
            may have whole: their difference is finer than any window.
    """
    low, high = max(since, grant.start), min(grant.end, closed)
    begin = max(low, first)
    if begin >= high:
        return np.empty(0, np.int64), np.empty(0, np.int64)
    edges = months(timezone, begin, high) if grant.window == "month" else cut(timezone, grant.window, begin, high).edges
    starts, ends = edges[:-1], edges[1:]
    inside = (starts >= (low if kept is None else max(low, kept))) & (ends <= high) & (ends > first)
    return starts[inside], ends[inside]


def apart_from(windows: Windows, spans: Iterable[tuple[int, int]]) -> Windows:
    """Those of the windows that overlap none of ``spans``: there the grantee has windows that were cut otherwise."""
    starts, ends = windows
    for start, end in spans:
        keep = (ends <= start) | (starts >= end)
        starts, ends = starts[keep], ends[keep]
    return starts, ends


class GrantedMeter:
    """One meter in the service of its customer's grants.

    Args:
        identity: the meter's.
        keywrap: that content keys are wrapped with.
        cipher: that its frames are sealed with.
        axis: its slots.
        timezone: IANA name of its clock.
    """

    def __init__(self, identity: MeterIdentity, keywrap: Keywrap, cipher: Cipher, axis: Axis, timezone: str) -> None:
        self._identity = identity
        self._keywrap = keywrap
        self._cipher = cipher
        self._axis = axis
        self._timezone = timezone

    def receiver(self, grant: Grant) -> PublicKey:
        """The grantee's key.

        Raises:
            UsageError: it is of another keywrap than the meter's.
            DamagedKeys: it does not read back.
        """
        if grant.plugin != self._keywrap.name:
            raise UsageError(f"its key is for the keywrap {grant.plugin}, and the meter has {self._keywrap.name}")
        return self._keywrap.load_public(grant.key)

    def deliver(self, grant: Grant, number: int, windows: Windows, sums: WindowSums) -> bytes:
        """Seal sums over ``windows`` for the grantee, as the grant's delivery ``number``, and sign that.

        Raises:
            ValueError: the sums are of other windows.
        """
        if not (np.array_equal(sums.starts, windows[0]) and np.array_equal(sums.ends, windows[1])):
            raise ValueError("the sums are of other windows than those granted")
        receiver = self.receiver(grant)
        header = GrantHeader(
            self._identity.deployment,
            self._identity.pseudonym,
            grant.id,
            number,
            receiver.fingerprint,
            self._timezone,
            grant.window,
            int(sums.starts[0]),
            int(sums.ends[-1]),
        ).encode()
        wrapped, cipher = self._keywrap.sealer(receiver, context=header)
        delivery = GrantDelivery(header, self._keywrap.name, wrapped, cipher.seal(NONCE, sums.encode(), header))
        body = delivery.encode()
        return Signed(body, sign(self._identity.signing_key, body, SIGNING_CONTEXT)).encode()

    def sums(self, windows: Windows, frames: Iterable[Frame], secrets: Mapping[int, bytes]) -> WindowSums:
        """Add up the meter's readings over each window.

        Args:
            windows: over which.
            frames: those that it keeps, sealed; what lies outside of the windows is not opened.
            secrets: the epoch secrets that its present customer may have the readings of, by key epoch. A frame of
                another epoch, or one that was altered, counts as not measured.
        """
        starts, ends = windows
        firsts, lasts = self._axis.first_slot_from(starts), self._axis.first_slot_from(ends)
        begin, end = int(firsts[0]), int(lasts[-1])
        energies, there = np.zeros(end - begin, np.int64), np.zeros(end - begin, np.int64)
        keys: dict[int, tuple[KeyedCipher, bytes]] = {}
        for frame in frames:
            header = frame.header
            low, high = max(header.first_slot, begin), min(header.first_slot + header.count, end)
            if low >= high or header.epoch not in secrets:
                continue
            if header.epoch not in keys:
                keys[header.epoch] = self._keys(header.epoch, secrets[header.epoch])
            try:
                readings = _opened(frame, *keys[header.epoch])
            except (AuthenticationFailed, MalformedMessage):
                continue
            energies[low - begin : high - begin] = readings[low - header.first_slot : high - header.first_slot]
            there[low - begin : high - begin] = 1
        totals, counts = (np.concatenate([[0], np.cumsum(column)]) for column in (energies, there))
        readings, expected = counts[lasts - begin] - counts[firsts - begin], lasts - firsts
        told = np.where(given(readings, expected), totals[lasts - begin] - totals[firsts - begin], 0)
        return WindowSums(starts, ends, readings, expected, told)

    def _keys(self, epoch: int, secret: bytes) -> tuple[KeyedCipher, bytes]:
        keys = epoch_keys(
            secret,
            deployment=self._identity.deployment,
            pseudonym=self._identity.pseudonym,
            epoch=epoch,
            cipher_key_bytes=self._cipher.key_bytes,
        )
        return self._cipher.keyed(keys.seal), keys.mac


def _opened(frame: Frame, key: KeyedCipher, mac_key: bytes) -> NDArray[np.int64]:
    """The readings of a frame that the meter made itself: its customer, who has the seal key, could not have."""
    aad = frame.header.encode()
    if not is_mac(mac_key, aad + frame.sealed, frame.mac):
        raise AuthenticationFailed("a kept frame was not made by its meter, or was altered.")
    return decode_readings(key.open(frame.header.nonce, frame.sealed, aad), frame.header)
