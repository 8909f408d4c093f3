"""What the audit of releases takes on a year of a large neighbourhood: time and memory."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from smarter.model.windows import Axis, cut
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.release_audit import audit_rows
from smarter.state import Journal, KeptMeter, LedgerRow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="nobody counts a process's memory there"),
]

HOMES, START = 114, 1_451_606_400  # 2016-01-01T00:00Z
QUARTER, BILL, YEAR = 900, 10_800, 365 * 86_400
MINUTES, GIBIBYTE = 60, 1 << 30


def plan() -> NeighbourhoodPlan:
    demand, billing = (cut("UTC", length, START, START + YEAR) for length in (QUARTER, BILL))
    return NeighbourhoodPlan(
        "village", "UTC", HOMES, (), Decimal(100), Axis(60), START, START + YEAR, 60, demand, billing
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


def test_a_year_of_a_village_with_gaps_takes_minutes_and_no_gibibyte(tmp_path: Path) -> None:
    """Every second billing window has gaps of its own, so that no two of these are alike."""
    import resource

    kepts = [KeptMeter(bytes([row]) * 8, "village", f"home{row}", row, b"", "", 1) for row in range(HOMES)]
    drawn, year, journal = np.random.default_rng(1), plan(), Journal(tmp_path / "journal.sqlite")
    batch: list[LedgerRow] = []
    for number, start in enumerate(year.billing.starts.tolist()):
        there = np.ones((HOMES, BILL // QUARTER), np.bool_)
        if number % 2:
            there &= drawn.random(there.shape) > 0.05
        batch += rows_of(start, kepts, there)
        if len(batch) > 10_000:
            journal.enter(batch)
            batch = []
    journal.enter(batch)
    began = time.perf_counter()
    found = list(audit_rows(journal.ledger(), [year], {"village": kepts}, 5))
    took = time.perf_counter() - began
    journal.close()
    assert found == []
    assert took < 3 * MINUTES
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 < GIBIBYTE
