"""The releaser party: aggregates in, signed and sealed deliveries out, under rules it checks itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.api import KeyedCipher, KeyPair, Keywrap, PublicKey, Scheme
from smarter.errors import AuthenticationFailed, KeyMismatch, MalformedMessage
from smarter.keys.signing import sign, verify
from smarter.model import views
from smarter.model.control import paced
from smarter.model.messages import (
    Aggregate,
    Delivery,
    RecordContent,
    RecordHeader,
    SealedRecord,
    Signed,
    aggregate,
    delivery,
)
from smarter.model.stages import Stages
from smarter.packing import LanePlan, unpack
from smarter.parties.releaser.decision import Decision, Verdict, decide
from smarter.parties.releaser.ledger import Ledger
from smarter.releasing.rules import ReleaseRules


@dataclass(frozen=True, repr=False)
class ReleaserKeys:
    """What the releaser holds.

    Attributes:
        aggregate: key pairs of the scheme, current and earlier, by fingerprint.
        sign: Ed25519 private key, and ``sign_fingerprint`` of its public half.
        pes: the PES's Ed25519 public keys, current and earlier.
        mdms: the MDMS's public key for deliveries.
    """

    aggregate: dict[str, KeyPair]
    sign: bytes
    sign_fingerprint: str
    pes: tuple[bytes, ...]
    mdms: PublicKey


@dataclass(frozen=True)
class Release:
    """What became of each window of an aggregate, and the energies of released ones in mWh by lane."""

    verdicts: tuple[Verdict, ...]
    energies: dict[int, int]


@dataclass(frozen=True)
class _Passing:
    """A ciphertext that may be opened: of which decision, its lanes, and how many of them pass."""

    decision: int
    ciphertext: bytes
    lanes: range
    wanted: int


def _passing(number: int, decision: Decision) -> Iterator[_Passing]:
    asked = decision.aggregate
    passing = [0] * len(asked.ciphertexts)
    for verdict in decision.verdicts:
        passing[verdict.lane // asked.capacity] += verdict.passes
    for plaintext, wanted in enumerate(passing):
        if not wanted:
            continue
        if not asked.ciphertexts[plaintext]:
            raise MalformedMessage("an aggregate has no ciphertext for a window that has readings.")
        first = plaintext * asked.capacity
        lanes = range(first, min(first + asked.capacity, asked.lanes))
        yield _Passing(number, asked.ciphertexts[plaintext], lanes, wanted)


class Releaser:
    """Decides, then opens, then delivers. The ledger outlives it; it enters what it decides.

    ``threads``: how many decrypt at once, where the scheme lets them.
    """

    def __init__(
        self,
        deployment: bytes,
        keys: ReleaserKeys,
        *,
        scheme: Scheme,
        keywrap: Keywrap,
        rules: ReleaseRules,
        ledger: Ledger,
        stages: Stages,
        threads: int = 1,
    ) -> None:
        self._deployment = deployment
        self._keys = keys
        self._scheme = scheme
        self._keywrap = keywrap
        self._rules = rules
        self._ledger = ledger
        self._stages = stages
        self._threads = threads

    def decide(self, message: bytes) -> Decision:
        """Judge one message by itself; as :meth:`decide_together`."""
        return self.decide_together([message])[0]

    def decide_together(self, messages: Sequence[bytes]) -> list[Decision]:
        """Judge what the PES asks for. The decisions' entries must be durable before :meth:`open`.

        Demand and bills that close together must come together: only then can the demand be withheld rather than bills.

        Raises:
            AuthenticationFailed: a message is not signed by the PES; nothing is decided then.
            KeyMismatch: it is under a key that this releaser does not hold, or of another deployment.
            MalformedMessage: it is no such message.
        """
        asked = [self._asked(message) for message in messages]
        with self._stages.timed("release"):
            return decide(asked, self._rules, self._ledger)

    def _asked(self, message: bytes) -> Aggregate:
        signed = Signed.decode(message)
        self._verify(signed)
        asked = Aggregate.decode(signed.body)
        if asked.deployment != self._deployment or asked.key not in self._keys.aggregate:
            raise KeyMismatch(f"an aggregate is of another deployment, or under the unknown key {asked.key[:8]}.")
        return asked

    def _verify(self, signed: Signed) -> None:
        for key in self._keys.pes[:-1]:
            try:
                return verify(key, signed.body, signed.signature, aggregate.SIGNING_CONTEXT)
            except AuthenticationFailed:
                continue
        return verify(self._keys.pes[-1], signed.body, signed.signature, aggregate.SIGNING_CONTEXT)

    def open(self, decisions: Sequence[Decision]) -> list[Release]:
        """Decrypt what the decisions pass.

        Raises:
            MalformedMessage: no ciphertext for a window that has readings.
            OutOfBounds: a decrypted sum that does not fit its lanes.
        """
        with self._stages.timed("release"):
            totals = self._decrypt(decisions)
        return [
            Release(decision.verdicts, {v.lane: int(lanes[v.lane]) for v in decision.verdicts if v.passes})
            for decision, lanes in zip(decisions, totals, strict=True)
        ]

    def _decrypt(self, decisions: Sequence[Decision]) -> list[NDArray[np.int64]]:
        """Totals by lane of each decision; a plaintext of which no lane passes stays closed and reads as zero."""
        by_key: dict[str, list[_Passing]] = {}
        for number, decision in enumerate(decisions):
            by_key.setdefault(decision.aggregate.key, []).extend(_passing(number, decision))
        totals = [np.zeros(decision.aggregate.lanes, np.int64) for decision in decisions]
        for key, chosen in by_key.items():
            pair = self._keys.aggregate[key]
            for one, plaintext in zip(chosen, self._opened(pair, chosen), strict=True):
                asked = decisions[one.decision].aggregate
                plan = LanePlan(asked.bound, asked.lane_bytes, asked.capacity)
                unpacked = unpack(plan, [plaintext], len(one.lanes), asked.kind)[0]
                totals[one.decision][one.lanes.start : one.lanes.stop] = unpacked
                views.current().withheld_totals += len(one.lanes) - one.wanted
                self._stages.bytes["release"] += len(one.ciphertext)
        return totals

    def _opened(self, pair: KeyPair, chosen: Sequence[_Passing]) -> Iterator[int]:
        for part in paced(len(chosen)):
            batch = self._scheme.load(pair.public, [one.ciphertext for one in chosen[part]])
            yield from self._scheme.decrypt(pair.private, batch, threads=self._threads)

    def deliver(self, releases: Iterable[Release]) -> bytes:
        """Seal what was opened for the MDMS, record by record, and sign it together."""
        with self._stages.timed("deliver"):
            wrapped, cipher = self._keywrap.sealer(self._keys.mdms, context=delivery.SEALING_CONTEXT)
            told = [(verdict, release) for release in releases for verdict in release.verdicts]
            records = [
                self._record(verdict, release.energies.get(verdict.lane, 0), wrapped, cipher, number)
                for number, (verdict, release) in enumerate(told)
            ]
            body = Delivery(self._deployment, self._keys.mdms.fingerprint, tuple(records)).encode()
            message = Signed(body, sign(self._keys.sign, body, delivery.SIGNING_CONTEXT)).encode()
            self._stages.bytes["deliver"] += len(message)
        return message

    def settle(self) -> None:
        """All that was decided has been delivered: none of it may be opened again."""
        self._ledger.settle()

    def _record(self, verdict: Verdict, energy: int, wrapped: bytes, cipher: KeyedCipher, number: int) -> bytes:
        header = RecordHeader(
            self._deployment,
            verdict.kind,
            self._keys.sign_fingerprint,
            self._keys.mdms.fingerprint,
            verdict.holder,
            verdict.start,
            verdict.end,
        ).encode()
        content = RecordContent(
            verdict.status, energy, verdict.readings, verdict.expected, verdict.meters, verdict.reason
        )
        nonce = number.to_bytes(delivery.NONCE_BYTES, "big")
        return SealedRecord(header, wrapped, nonce, cipher.seal(nonce, content.encode(), header)).encode()

    def snapshot(self) -> bytes:
        """Nothing: what it must not forget is the ledger, which is kept entry by entry."""
        return b""

    def restore(self, snapshot: bytes) -> None:
        """The reverse of :meth:`snapshot`."""
