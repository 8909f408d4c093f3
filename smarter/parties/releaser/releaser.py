"""The releaser party: aggregates in, signed and sealed deliveries out, under rules it checks itself."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.api import KeyedCipher, KeyPair, Keywrap, PublicKey, Scheme
from smarter.errors import AuthenticationFailed, KeyMismatch, MalformedMessage
from smarter.keys.signing import sign, verify
from smarter.model import views
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
from smarter.model.rules import ReleaseRules
from smarter.model.stages import Stages
from smarter.packing import LanePlan, unpack
from smarter.parties.releaser.decision import Decision, Verdict, decide
from smarter.parties.releaser.ledger import Ledger


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
    """One delivery, and what it says of each window, energies of released ones in mWh by lane."""

    delivery: bytes
    verdicts: tuple[Verdict, ...]
    energies: dict[int, int]


class Releaser:
    """Decides, then opens. The ledger outlives it; it enters what it decides."""

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
    ) -> None:
        self._deployment = deployment
        self._keys = keys
        self._scheme = scheme
        self._keywrap = keywrap
        self._rules = rules
        self._ledger = ledger
        self._stages = stages

    def decide(self, message: bytes) -> Decision:
        """Judge what the PES asks for. The decision's entries must be durable before :meth:`open`.

        Raises:
            AuthenticationFailed: not signed by the PES.
            KeyMismatch: under a key that this releaser does not hold, or of another deployment.
            MalformedMessage: no such message.
        """
        signed = Signed.decode(message)
        self._verify(signed)
        asked = Aggregate.decode(signed.body)
        if asked.deployment != self._deployment or asked.key not in self._keys.aggregate:
            raise KeyMismatch(f"an aggregate is of another deployment, or under the unknown key {asked.key[:8]}.")
        with self._stages.timed("release"):
            decision = decide(asked, self._rules, self._ledger)
            for entry in decision.entries:
                self._ledger.enter(entry)
        return decision

    def _verify(self, signed: Signed) -> None:
        for key in self._keys.pes[:-1]:
            try:
                return verify(key, signed.body, signed.signature, aggregate.SIGNING_CONTEXT)
            except AuthenticationFailed:
                continue
        return verify(self._keys.pes[-1], signed.body, signed.signature, aggregate.SIGNING_CONTEXT)

    def open(self, decision: Decision) -> Release:
        """Decrypt what the decision passes, and seal and sign it for the MDMS.

        Raises:
            OutOfBounds: a decrypted sum that does not fit its lanes.
        """
        with self._stages.timed("release"):
            totals = self._decrypt(decision)
        energies = {v.lane: int(totals[v.lane]) for v in decision.verdicts if v.passes}
        with self._stages.timed("deliver"):
            message = self._deliver(decision.verdicts, energies)
            self._stages.bytes["deliver"] += len(message)
        return Release(message, decision.verdicts, energies)

    def _decrypt(self, decision: Decision) -> NDArray[np.int64]:
        """Totals by lane; a plaintext of which no lane passes stays closed and reads as zero."""
        asked = decision.aggregate
        pair = self._keys.aggregate[asked.key]
        plan = LanePlan(asked.bound, asked.lane_bytes, asked.capacity)
        totals = np.zeros(asked.lanes, np.int64)
        passing: dict[int, int] = {}
        for verdict in decision.verdicts:
            passing[verdict.lane // plan.capacity] = passing.get(verdict.lane // plan.capacity, 0) + verdict.passes
        for plaintext, wanted in passing.items():
            if not wanted:
                continue
            blob = asked.ciphertexts[plaintext]
            if not blob:
                raise MalformedMessage("an aggregate has no ciphertext for a window that has readings.")
            first = plaintext * plan.capacity
            lanes = min(plan.capacity, asked.lanes - first)
            opened = self._scheme.decrypt(pair.private, self._scheme.load(pair.public, [blob]))
            totals[first : first + lanes] = unpack(plan, opened, lanes, asked.kind)[0]
            views.current().withheld_totals += lanes - wanted
            self._stages.bytes["release"] += len(blob)
        return totals

    def _deliver(self, verdicts: Iterable[Verdict], energies: dict[int, int]) -> bytes:
        wrapped, cipher = self._keywrap.sealer(self._keys.mdms, context=delivery.SEALING_CONTEXT)
        records = [
            self._record(verdict, energies.get(verdict.lane, 0), wrapped, cipher, number)
            for number, verdict in enumerate(verdicts)
        ]
        body = Delivery(self._deployment, self._keys.mdms.fingerprint, tuple(records)).encode()
        return Signed(body, sign(self._keys.sign, body, delivery.SIGNING_CONTEXT)).encode()

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
