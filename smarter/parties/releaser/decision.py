"""Deciding what may be opened: the release rules and the ledger over aggregates, before anything is decrypted."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smarter.model.control import heed
from smarter.model.messages import Aggregate, CellTable, Status
from smarter.model.windows import WindowKind, longest_length
from smarter.parties.releaser.ledger import Ledger, LedgerEntry
from smarter.releasing.rules import ReleaseRules, counted_meters, refuse_billing, refuse_demand
from smarter.releasing.suppression import suppress
from smarter.releasing.table import Table, borne_out

LOST = "it may have been released before the state was put back"
LOST_ALONG = "it shares a ciphertext with a window that may have been released before the state was put back"
LEFT_OUT = "the privacy enhancing system left its readings out"


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
        reason: why it stays closed, or empty.
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
        return self.status.released


@dataclass(frozen=True)
class Decision:
    """Verdicts over an aggregate, and the ledger entries that must be durable before it is opened."""

    aggregate: Aggregate
    verdicts: tuple[Verdict, ...]
    entries: tuple[LedgerEntry, ...]


def digests_of(aggregate: Aggregate) -> list[bytes]:
    """By which the ledger knows an aggregate's ciphertexts."""
    return [hashlib.sha256(ciphertext).digest() for ciphertext in aggregate.ciphertexts]


def decide(asked: Sequence[Aggregate], rules: ReleaseRules, ledger: Ledger) -> list[Decision]:
    """Judge every window of the aggregates, and enter into ``ledger`` what becomes of each; nothing is opened.

    Bills are decided together with the last demand window of their billing window, where that is among these
    aggregates. A window that is in the ledger undelivered, with this very ciphertext, keeps what was decided on it.
    """
    with_bills = {
        (each.neighbourhood, int(table.starts[-1])): place
        for place, each in enumerate(asked)
        for table in each.tables
        if len(table.starts)
    }
    drafts: list[_Draft] = []
    for place, aggregate in enumerate(asked):
        heed()
        draft = _Draft(aggregate, rules, ledger)
        drafts.append(draft)
        if aggregate.kind == "billing":
            for window in range(len(aggregate.starts)):
                _suppress(draft, window, drafts, rules, ledger)
        else:
            for verdict in list(draft.verdicts):
                decided_with_bills = with_bills.get((verdict.holder, verdict.start), -1) > place
                if draft.is_left_out(verdict.lane) and not decided_with_bills:
                    draft.close(verdict.lane, Status.REFUSED, LEFT_OUT)
        for entry in draft.entries():
            ledger.enter(entry)
    return [Decision(draft.aggregate, tuple(draft.verdicts), tuple(draft.entries())) for draft in drafts]


class _Draft:
    """An aggregate with verdicts by rules 1 to 3, which rule 4 may still change."""

    def __init__(self, aggregate: Aggregate, rules: ReleaseRules, ledger: Ledger) -> None:
        self.aggregate = aggregate
        self.verdicts: list[Verdict] = []
        self.settled: list[bool] = []
        self._members: list[tuple[bytes, ...]] = []
        self._digests = digests_of(aggregate)
        for window in range(len(aggregate.starts)):
            for meter in range(len(aggregate.meters)) if aggregate.kind == "billing" else (-1,):
                self._judge(rules, ledger, window, meter)
        self._close_beside_lost()

    def _judge(self, rules: ReleaseRules, ledger: Ledger, window: int, meter: int) -> None:
        asked = self.aggregate
        lane = window if meter < 0 else window * len(asked.meters) + meter
        start, end = int(asked.starts[window]), int(asked.ends[window])
        slots = int(asked.slots[window])
        counts = asked.counts[window] if meter < 0 else asked.counts[window, meter : meter + 1]
        names = asked.meters if meter < 0 else asked.meters[meter : meter + 1]
        members = tuple(names[row] for row in np.flatnonzero(counts))
        holder = asked.neighbourhood if meter < 0 else names[0].hex()
        readings, expected = int(counts.sum()), slots * len(names) - int(asked.absent[window])
        decided = ledger.decided(asked.kind, holder, start, end, self._digests[lane // asked.capacity])
        if decided is not None:
            status, reason = decided.status, decided.reason
        elif not readings:
            status, reason = Status.MISSING, ""
        elif start < ledger.lost_until(asked.neighbourhood):
            status, reason = Status.LOST, LOST
        else:
            if meter < 0:
                refusal = refuse_demand(rules, counts, slots)
            else:
                refusal = refuse_billing(rules, readings, asked.interval, asked.length, end - start)
            if refusal is None and int(counts.max()) > slots:
                refusal = "more readings than slots"
            refusal = refusal or _released_before(asked.kind, holder, members, start, end, ledger)
            if refusal is None and not _adds_up(asked, rules, start, end, slots):
                refusal = "its length and slots contradict its start and end"
            status = Status.REFUSED if refusal else Status.COMPLETE if readings == expected else Status.INCOMPLETE
            reason = refusal or ""
        met = counted_meters(counts, slots)
        verdict = Verdict(asked.kind, holder, lane, start, end, readings, expected, met, status, reason)
        self.verdicts.append(verdict)
        self.settled.append(decided is not None)
        self._members.append(members)

    def _close_beside_lost(self) -> None:
        """Decrypting opens all lanes of a ciphertext: so where one is lost, none is opened."""
        capacity = self.aggregate.capacity
        lost = {verdict.lane // capacity for verdict in self.verdicts if verdict.status is Status.LOST}
        for verdict in list(self.verdicts) if lost else ():
            if verdict.lane // capacity in lost and verdict.passes and not self.settled[verdict.lane]:
                self.close(verdict.lane, Status.LOST, LOST_ALONG)

    def close(self, lane: int, status: Status, reason: str) -> None:
        """Let a window that passed the other rules stay closed."""
        self.verdicts[lane] = replace(self.verdicts[lane], status=status, reason=reason)

    def is_left_out(self, lane: int) -> bool:
        """Whether the PES left a window's readings out of its sum although it would be opened."""
        return bool(self.aggregate.left_out[lane]) and self.verdicts[lane].passes and not self.settled[lane]

    def entries(self) -> Iterable[LedgerEntry]:
        """What the ledger keeps of each window that has readings, in the order of the verdicts."""
        asked = self.aggregate
        for verdict, members in zip(self.verdicts, self._members, strict=True):
            if verdict.status != Status.MISSING:
                cells, until = b"", verdict.start
                if asked.kind == "billing":
                    window, meter = divmod(verdict.lane, len(asked.meters))
                    table = asked.tables[window]
                    cells = table.cells[meter].tobytes()
                    until = int(table.starts[-1]) if len(table.starts) else until
                yield LedgerEntry(
                    asked.kind,
                    verdict.holder,
                    verdict.start,
                    verdict.end,
                    members,
                    self._digests[verdict.lane // asked.capacity],
                    asked.neighbourhood,
                    verdict.status,
                    verdict.reason,
                    cells,
                    until,
                )


def _released_before(
    kind: WindowKind, holder: str, members: Iterable[bytes], start: int, end: int, ledger: Ledger
) -> str | None:
    """Rule 3: why the ledger has no room for a window; None: it has."""
    if any(ledger.overlaps(kind, name, start, end) for name in members):
        return "some of its readings have been in a release before"
    if ledger.overlaps(kind, holder, start, end):
        return "the window has been decided before, over other meters or in another length"
    if kind == "demand" and start <= ledger.demand_until(holder):
        return "the bills over its time have been decided before it"
    return None


def _adds_up(aggregate: Aggregate, rules: ReleaseRules, start: int, end: int, slots: int) -> bool:
    """Whether a window is as long as the PES says: the rules go by its word for slots and nominal length."""
    span = end - start
    longest = longest_length(aggregate.length, rules.min_billing_window if aggregate.kind == "billing" else 0)
    return abs(slots * aggregate.interval - span) < aggregate.interval and span <= longest


def _suppress(bills: _Draft, window: int, drafts: Sequence[_Draft], rules: ReleaseRules, ledger: Ledger) -> None:
    """Rule 4 over one billing window: its bills, and the demand windows inside it that have been decided."""
    asked, known = bills.aggregate, bills.aggregate.tables[window]
    lanes = range(window * len(asked.meters), (window + 1) * len(asked.meters))
    if any(bills.settled[lane] for lane in lanes):
        return  # decided before a crash, all of it at once
    table = _table(asked, known, [bills.verdicts[lane].passes for lane in lanes], ledger)
    last = _last(asked, known, drafts)
    column = len(known.starts) - 1 if last else None
    found = suppress(table, column, rules.min_meters)
    left_out = {row for row, lane in enumerate(lanes) if bills.is_left_out(lane)}
    demand_left_out = last is not None and last[0].is_left_out(last[1])
    if not left_out <= set(found.held) or (demand_left_out and not found.withheld):
        # The PES left out more than the rules ask for: that cannot be opened, and is judged as closed.
        for row in left_out:
            bills.close(lanes[row], Status.REFUSED, LEFT_OUT)
            table = table.without_bill(row)
        if last is not None and column is not None and demand_left_out:
            last[0].close(last[1], Status.REFUSED, LEFT_OUT)
            table = table.without_demand(column)
        found = suppress(table, column, rules.min_meters)
    shows = f"it would show the use of fewer than {rules.min_meters} meters"
    if last is not None and found.withheld:
        last[0].close(last[1], Status.WITHHELD, f"with the bills {shows}")
    for row in found.held:
        bills.close(lanes[row], Status.HELD, f"with the demand {shows}")
    if last is not None:
        for entry in last[0].entries():
            ledger.revise(entry)


def _table(asked: Aggregate, known: CellTable, bills: Sequence[bool], ledger: Ledger) -> Table:
    """What rule 4 judges: the table of the PES, as far as this ledger bears it out.

    A demand window that the ledger does not have is not released. A meter is in a demand window when its entry says so.
    """
    shape = len(asked.meters), len(known.starts)
    members, demand = np.zeros(shape, np.bool_), np.zeros(len(known.starts), np.bool_)
    for column, start in enumerate(known.starts.tolist()):
        there = ledger.demand_window(asked.neighbourhood, start)
        if there is not None:
            demand[column] = there.status.released
            named = frozenset(there.meters)
            members[:, column] = [meter in named for meter in asked.meters]
    return Table(borne_out(known.cells, members), np.array(bills, np.bool_), demand)


def _last(asked: Aggregate, known: CellTable, drafts: Sequence[_Draft]) -> tuple[_Draft, int] | None:
    """The last demand window inside a billing window, where it is decided together with the bills and passes so far."""
    if not len(known.starts):
        return None
    for draft in drafts:
        of_demand = draft.aggregate.kind == "demand" and draft.aggregate.neighbourhood == asked.neighbourhood
        for lane, verdict in enumerate(draft.verdicts if of_demand else ()):
            if verdict.start == known.starts[-1] and verdict.passes and not draft.settled[lane]:
                return draft, lane
    return None
