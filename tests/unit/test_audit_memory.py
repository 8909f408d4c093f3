"""The audit of releases of a large neighbourhood takes memory that does not grow with the span."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np

from smarter.model.windows import Axis, cut
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.release_audit import audit_rows
from smarter.state import Journal, KeptMeter, LedgerRow

HOMES, START = 114, 1_451_606_400  # 2016-01-01T00:00Z
QUARTER, BILL, SPAN = 900, 10_800, 10 * 86_400


def plan() -> NeighbourhoodPlan:
    demand, billing = (cut("UTC", length, START, START + SPAN) for length in (QUARTER, BILL))
    return NeighbourhoodPlan(
        "village", "UTC", HOMES, (), Decimal(100), Axis(60), START, START + SPAN, 60, demand, billing
    )


def rows_of(
    start: int, kepts: list[KeptMeter], there: np.ndarray[tuple[int, int], np.dtype[np.bool_]]
) -> Iterator[LedgerRow]:
    """The ledger of a billing window in which each home has readings in some demand windows."""
    last = start + BILL - QUARTER
    for kept, cells in zip(kepts, there.astype(np.uint8), strict=True):
        own = kept.pseudonym
        yield LedgerRow("billing", own.hex(), start, start + BILL, own, bytes(32), 0, "", cells.tobytes(), last)
    for column, members in enumerate(there.T):
        begin = start + column * QUARTER
        joined = b"".join(kepts[row].pseudonym for row in np.flatnonzero(members))
        yield LedgerRow("demand", "village", begin, begin + QUARTER, joined, bytes(32), 0, "", b"", begin)


def test_the_audit_holds_one_billing_window_at_a_time(tmp_path: Path) -> None:
    """Every second billing window has gaps of its own, so that no two of these are alike."""
    kepts = [KeptMeter(bytes([row]) * 8, "village", f"home{row}", row, b"", "", 1) for row in range(HOMES)]
    drawn, village, journal = np.random.default_rng(1), plan(), Journal(tmp_path / "journal.sqlite")
    for number, start in enumerate(village.billing.starts.tolist()):
        there = np.ones((HOMES, BILL // QUARTER), np.bool_)
        if number % 2:
            there &= drawn.random(there.shape) > 0.05
        journal.enter(rows_of(start, kepts, there))
    tracemalloc.start()
    found = list(audit_rows(journal.ledger(), [village], {"village": kepts}, 5))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    journal.close()
    assert found == []
    assert most < 2 << 20, "its rows take several times as much"
