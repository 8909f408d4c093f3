"""Rows of windows are packed without a loss, and stages take in what they wait for and nothing else."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.model import stages
from smarter.model.results import WindowRow, WindowRows
from smarter.model.stages import Stages

WORDS = st.sampled_from(["complete", "incomplete", "missing", "refused"])
NUMBERS = st.integers(-(2**62), 2**62)
ROWS = st.builds(
    WindowRow,
    kind=st.sampled_from(["demand", "billing"]),
    holder=st.text(max_size=3),
    start=NUMBERS,
    end=NUMBERS,
    meters=NUMBERS,
    readings=NUMBERS,
    expected=NUMBERS,
    energy=st.none() | NUMBERS,
    status=WORDS,
    reason=st.text(max_size=3),
)


@given(st.lists(ROWS, max_size=12), st.integers(-14, 14), st.integers(-14, 14))
def test_packed_rows_are_the_same_rows(rows: list[WindowRow], low: int, high: int) -> None:
    packed = WindowRows(iter(rows))
    assert list(packed) == rows
    assert len(packed) == len(rows)
    assert packed[low:high] == rows[low:high]
    if -len(rows) <= low < len(rows):
        assert packed[low] == rows[low]
    else:
        with pytest.raises(IndexError):
            packed[low]


def test_packed_rows_take_some_fifty_bytes_each() -> None:
    def rows() -> Iterator[WindowRow]:
        for number in range(20_000):
            start = 1_451_606_400 + 900 * number
            yield WindowRow("demand", "lane", start, start + 900, 10, 900, 900, 10**6 + number, "complete", "")

    tracemalloc.start()
    try:
        packed = WindowRows(rows())
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(packed) == 20_000
    assert held < 70 * 20_000


def test_a_stage_takes_in_the_wait_for_a_step_and_not_what_is_done_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(stages, "time", type("Clock", (), {"perf_counter": staticmethod(lambda: now)}))

    def made() -> Iterator[int]:
        nonlocal now
        for step in range(3):
            now += 10.0
            yield step
        now += 1.0

    kept: Any = Stages()
    taken = []
    for step in kept.awaited("encrypt", made()):
        taken.append(step)
        now += 500.0
    assert taken == [0, 1, 2]
    assert kept.seconds["encrypt"] == 31.0
    assert sum(kept.seconds.values()) == 31.0
