"""The MDMS party: deliveries in, records for its store out, and rows when it opens them."""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from smarter.api import KeyedCipher, Keywrap, PrivateKey, Record
from smarter.errors import AuthenticationFailed, DamagedStore, KeyMismatch, MalformedMessage
from smarter.keys.derive import derive
from smarter.keys.signing import verify
from smarter.model.messages import (
    Delivery,
    RecordContent,
    RecordHeader,
    SealedRecord,
    Signed,
    Status,
    delivery,
)
from smarter.model.results import ERASED, WindowRow
from smarter.model.windows import WindowKind
from smarter.parties.mdms.at_rest import DataKeys, Erased

MAC_BYTES = 32


@dataclass(frozen=True, repr=False)
class MdmsKeys:
    """What the MDMS holds.

    Attributes:
        unwrap: its private keys for deliveries, current and earlier, by fingerprint.
        releaser: the releaser's Ed25519 public keys, current and earlier, by fingerprint.
        data: what it seals its records under, by household and billing period.
    """

    unwrap: dict[str, PrivateKey]
    releaser: dict[str, bytes]
    data: DataKeys


@dataclass(frozen=True)
class Expected:
    """The windows of one holder that must have a record.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: pseudonym in hexadecimal, or neighbourhood.
        edges: epoch seconds, one more than windows.
        readings: how many readings each window could have.
    """

    kind: WindowKind
    holder: str
    edges: NDArray[np.int64]
    readings: NDArray[np.int64]


OPENERS_KEPT = 65_536
"""Content keys that are kept unwrapped while a report goes on: every household has records of the same deliveries."""


class MDMS:
    """Keeps every record by itself, sealed for it alone, with a MAC of its own.

    Anybody can seal for its public key and the releaser's signature is on the delivery, not on a record; the MAC, made
    when a delivery has been checked, tells what came that way from what somebody else has put into the store. What is
    stored of a household is sealed once more under a data key, which can be destroyed.
    """

    def __init__(self, deployment: bytes, keys: MdmsKeys, keywrap: Keywrap) -> None:
        self._deployment = deployment
        self._keys = keys
        self._keywrap = keywrap
        self._openers: dict[bytes, KeyedCipher] = {}
        self._mac_keys = {
            fingerprint: derive(keywrap.dump_private(private), info=b"smarter mdms record mac 1", length=MAC_BYTES)
            for fingerprint, private in keys.unwrap.items()
        }
        self.data = keys.data
        self.damaged: list[str] = []

    def receive(self, message: bytes) -> list[Record]:
        """Check a delivery and return its records, still sealed, for the store.

        Data keys that were made for it are in :attr:`data`, to be kept first.

        Raises:
            AuthenticationFailed: not signed by the releaser.
            KeyMismatch: for another receiver or deployment.
            MalformedMessage: no such message.
        """
        signed = Signed.decode(message)
        for key in self._keys.releaser.values():
            try:
                verify(key, signed.body, signed.signature, delivery.SIGNING_CONTEXT)
                break
            except AuthenticationFailed:
                continue
        else:
            raise AuthenticationFailed("a delivery is not signed by the releaser.")
        delivered = Delivery.decode(signed.body)
        if delivered.deployment != self._deployment or delivered.receiver not in self._keys.unwrap:
            raise KeyMismatch("a delivery is for another receiver or of another deployment.")
        records = []
        for body in delivered.records:
            header = RecordHeader.decode(SealedRecord.decode(body).header)
            record = Record(header.kind, header.holder, header.start, self._maced(body, delivered.receiver))
            records.append(self.data.seal(record))
        return records

    def _maced(self, body: bytes, receiver: str) -> bytes:
        """A record as it is stored: its body, then its MAC."""
        return body + hmac.digest(self._mac_keys[receiver], body, "sha256")

    def rows(self, expected: Expected, records: Iterable[Record]) -> Iterator[WindowRow]:
        """A row for every expected window, in order of time, from one holder's records in that order.

        One record after the other is taken in and opened. One that does not verify, or is not there, gives a row with
        status ``refused`` and is listed in :attr:`damaged`; the others are not affected. One whose data key was
        destroyed gives a row with status ``erased``.
        """
        coming = iter(records)
        record = next(coming, None)
        for (start, end), slots in zip(pairwise(map(int, expected.edges)), expected.readings, strict=True):
            due = int(slots)
            while record is not None and record.start < start:
                record = next(coming, None)
            there = record if record is not None and record.start == start else None
            try:
                content = self._open(expected, there, start, end)
            except Erased:
                yield WindowRow(expected.kind, expected.holder, start, end, 0, 0, due, None, ERASED, "")
                continue
            except (AuthenticationFailed, KeyMismatch, MalformedMessage, DamagedStore) as error:
                self.damaged.append(f"{expected.kind} of {expected.holder} from {start}: {error}")
                yield WindowRow(
                    expected.kind,
                    expected.holder,
                    start,
                    end,
                    0,
                    0,
                    due,
                    None,
                    Status.REFUSED.word,
                    "damaged record",
                )
                continue
            released = content.status.released
            yield WindowRow(
                expected.kind,
                expected.holder,
                start,
                end,
                content.meters,
                content.readings,
                content.expected,
                content.energy if released else None,
                content.status.word,
                content.reason,
            )

    def _open(self, expected: Expected, record: Record | None, start: int, end: int) -> RecordContent:
        if record is None:
            raise DamagedStore("the store has no record of it")
        stored = self.data.open(record)
        body = stored[:-MAC_BYTES]
        sealed = SealedRecord.decode(body)
        header = RecordHeader.decode(sealed.header)
        if header.receiver not in self._mac_keys or not hmac.compare_digest(self._maced(body, header.receiver), stored):
            raise AuthenticationFailed("the record did not come by a delivery, or has been altered")
        if (header.deployment, header.kind, header.holder, header.start, header.end) != (
            self._deployment,
            expected.kind,
            expected.holder,
            start,
            end,
        ):
            raise MalformedMessage("the record is of another window or holder")
        opener = self._openers.get(sealed.wrapped)
        if opener is None:
            private = self._keys.unwrap[header.receiver]
            opener = self._keywrap.opener(private, sealed.wrapped, context=delivery.SEALING_CONTEXT)
            if len(self._openers) >= OPENERS_KEPT:
                self._openers.clear()
            self._openers[sealed.wrapped] = opener
        return RecordContent.decode(opener.open(sealed.nonce, sealed.sealed, sealed.header), expected.kind)

    def snapshot(self) -> bytes:
        """Nothing: what it keeps is in its store."""
        return b""

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
