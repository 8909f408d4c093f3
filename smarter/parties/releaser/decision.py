"""Deciding what may be opened: the release rules and the ledger over one aggregate, before anything is decrypted."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from smarter.model.messages import Aggregate, Status
from smarter.model.windows import WindowKind, longest_length
from smarter.parties.releaser.ledger import Ledger, LedgerEntry
from smarter.releasing.rules import ReleaseRules, counted_meters, refuse_billing, refuse_demand


@dataclass(frozen=True)
class Verdict:
    """What becomes of one window.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: the neighbourhood, or the pseudonym in hexadecimal.
        lane: of the window in the aggregate.
        start: epoch seconds.
        end: likewise.
        readings: how many went in; ``expected``: how many could have.
        meters: how many cover at least half of it.
        status: what the output files will say.
        reason: why it is refused, or empty.
    """

    kind: WindowKind
    holder: str
    lane: int
    start: int
    end: int
    readings: int
    expected: int
    meters: int
    status: Status
    reason: str

    @property
    def passes(self) -> bool:
        """Whether its sum may be opened and delivered."""
        return self.status in (Status.COMPLETE, Status.INCOMPLETE)


@dataclass(frozen=True)
class Decision:
    """Verdicts over an aggregate, and the ledger entries that must be durable before it is opened."""

    aggregate: Aggregate
    verdicts: tuple[Verdict, ...]
    entries: tuple[LedgerEntry, ...]


def digests_of(aggregate: Aggregate) -> list[bytes]:
    """By which the ledger knows an aggregate's ciphertexts."""
    return [hashlib.sha256(ciphertext).digest() for ciphertext in aggregate.ciphertexts]


def decide(aggregate: Aggregate, rules: ReleaseRules, ledger: Ledger) -> Decision:
    """Judge every window of ``aggregate``; pure, nothing is opened or written."""
    digests = digests_of(aggregate)
    verdicts: list[Verdict] = []
    entries: list[LedgerEntry] = []
    for window in range(len(aggregate.starts)):
        meters = range(len(aggregate.meters)) if aggregate.kind == "billing" else (-1,)
        for meter in meters:
            lane = window if meter < 0 else window * len(aggregate.meters) + meter
            plaintext = lane // aggregate.capacity
            verdict, members = _judge(aggregate, rules, ledger, window, meter, lane, digests[plaintext])
            verdicts.append(verdict)
            if verdict.passes:
                digest = digests[plaintext]
                entries.append(LedgerEntry(aggregate.kind, verdict.holder, verdict.start, verdict.end, members, digest))
    return Decision(aggregate, tuple(verdicts), tuple(entries))


def _judge(
    aggregate: Aggregate,
    rules: ReleaseRules,
    ledger: Ledger,
    window: int,
    meter: int,
    lane: int,
    digest: bytes,
) -> tuple[Verdict, tuple[bytes, ...]]:
    start, end = int(aggregate.starts[window]), int(aggregate.ends[window])
    slots = int(aggregate.slots[window])
    counts = aggregate.counts[window] if meter < 0 else aggregate.counts[window, meter : meter + 1]
    names = aggregate.meters if meter < 0 else aggregate.meters[meter : meter + 1]
    members = tuple(names[row] for row in np.flatnonzero(counts))
    holder = aggregate.neighbourhood if meter < 0 else names[0].hex()
    readings, expected = int(counts.sum()), slots * len(names) - int(aggregate.absent[window])
    if not readings:
        status, reason = Status.MISSING, ""
    else:
        if meter < 0:
            refusal = refuse_demand(rules, counts, slots)
        else:
            refusal = refuse_billing(rules, readings, aggregate.interval, aggregate.length, end - start)
        if refusal is None and int(counts.max()) > slots:
            refusal = "more readings than slots"
        again = ledger.decided(aggregate.kind, holder, start, end, digest)
        if refusal is None and not again:
            if any(ledger.overlaps(aggregate.kind, name, start, end) for name in members):
                refusal = "some of its readings have been in a release before"
            elif ledger.overlaps(aggregate.kind, holder, start, end):
                refusal = "the window has been released before, over other meters"
        if refusal is None and not _adds_up(aggregate, rules, start, end, slots):
            refusal = "its length and slots contradict its start and end"
        status = Status.REFUSED if refusal else Status.COMPLETE if readings == expected else Status.INCOMPLETE
        reason = refusal or ""
    verdict = Verdict(
        aggregate.kind,
        holder,
        lane,
        start,
        end,
        readings,
        expected,
        counted_meters(counts, slots),
        status,
        reason,
    )
    return verdict, members


def _adds_up(aggregate: Aggregate, rules: ReleaseRules, start: int, end: int, slots: int) -> bool:
    """Whether a window is as long as the PES says: the rules go by its word for slots and nominal length."""
    span = end - start
    longest = longest_length(aggregate.length, rules.min_billing_window if aggregate.kind == "billing" else 0)
    return abs(slots * aggregate.interval - span) < aggregate.interval and span <= longest
