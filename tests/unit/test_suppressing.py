"""PES and releaser under lost frames and opt-outs: no coalition gains, and what is released is the exact total."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smarter.api import SYSTEM_RANDOMNESS
from smarter.keys import signing
from smarter.model.cells import Cell
from smarter.model.messages import Signed, Status, aggregate
from smarter.releasing.table import Table
from tests.support.coalitions import learns

Make = Callable[..., Any]
HOURS, FRAME = 6, 15
WIRINGS: dict[str, dict[str, Any]] = {
    "holds of an hour": {},
    "holds of a billing window": {"hold": 180},
    "holds that windows straddle": {"hold": 50, "frame": 5},
    "a grace of half an hour": {"grace": 30},
    "one lane": {"lanes": 1},
    "demand windows of an hour": {"demand": 3600},
}


def lost_frames(seed: int, meters: int) -> dict[int, list[tuple[int, int]]]:
    """Which spans each meter's readings come in: in one billing window nearly all lose an hour, or one all but an hour.

    Beside that single frames are lost.
    """
    drawn = random.Random(seed)
    lost: dict[int, set[int]] = {row: set() for row in range(meters)}
    for hour in (0, 3):
        rows = drawn.sample(range(meters), meters - drawn.randint(1, 3)) if drawn.random() < 0.5 else []
        for row in rows:
            lost[row] |= hours_of(hour + drawn.choice([0, 0, 2]) if drawn.random() < 0.2 else hour)
        for row in [] if rows else drawn.sample(range(meters), drawn.randint(1, 2)):
            lost[row] |= hours_of(hour) | hours_of(hour + 1)
    share = drawn.choice([0, 0.02, 0.1])
    starts = range(0, 60 * HOURS, FRAME)
    return {
        row: [(start, start + FRAME) for start in starts if start not in lost[row] and drawn.random() >= share]
        for row in range(meters)
    }


def hours_of(hour: int) -> set[int]:
    return set(range(60 * hour, 60 * hour + 60, FRAME))


def carried(here: Any, measured: dict[int, list[tuple[int, int]]], hold: int) -> list[Any]:
    """The decisions on all of it, hold by hold; what closes together is decided together."""
    releaser, decisions = here.new_releaser(), []
    for low in range(0, 60 * HOURS, hold):
        high = min(low + hold, 60 * HOURS)
        here.absorb(here.frames(low, high, within(measured, low, high)), low, high)
        decisions += releaser.decide_together(here.close(high if high < 60 * HOURS else 1 << 40))
    released = releaser.open(decisions)
    return [(verdict, release.energies.get(verdict.lane)) for release in released for verdict in release.verdicts]


def within(measured: dict[int, list[tuple[int, int]]], low: int, high: int) -> dict[int, list[tuple[int, int]]]:
    return {
        row: [(max(a, low), min(b, high)) for a, b in spans if a < high and b > low] for row, spans in measured.items()
    }


def table_of(here: Any, decided: list[Any], measured: Any, opted_out: set[int], bill: int) -> Table:
    """A billing window as it was measured, and what of it was released."""
    start, end = here.grids["billing"].edges[bill : bill + 2].tolist()
    windows = [place for place, at in enumerate(here.grids["demand"].starts.tolist()) if start <= at < end]
    cells = np.zeros((len(here.pseudonyms), len(windows)), np.uint8)
    for row, spans in measured.items():
        minutes = {minute for a, b in spans for minute in range(a, b)}
        for column, window in enumerate(windows):
            low, high = (here.grids["demand"].edges[window : window + 2] - here.grids["demand"].edges[0]) // 60
            if minutes & set(range(int(low), int(high))):
                cells[row, column] = Cell.BILL_ONLY if row in opted_out else Cell.BOTH
    passes = {(verdict.kind, verdict.holder, verdict.start): verdict.passes for verdict, _ in decided}
    return Table(
        cells,
        np.array([passes["billing", pseudonym.hex(), start] for pseudonym in here.pseudonyms], np.bool_),
        np.array([passes["demand", "lane", int(here.grids["demand"].starts[window])] for window in windows], np.bool_),
    )


@pytest.mark.parametrize("wiring", WIRINGS)
def test_no_coalition_gains_and_every_sum_is_exact(street: Make, wiring: str) -> None:
    suppressed = 0
    for seed in range(5):
        options = {"frame": FRAME, **WIRINGS[wiring]}
        here = street(meters=7, hours=HOURS, **options)
        measured = lost_frames(seed, 7)
        opted_out = {row for row in range(7) if random.Random(seed + 50).random() < 0.1 * seed}
        for row in opted_out:
            message, _ = here.meters[row].begin_epoch(
                here.keys.keywrap, here.keys.pes.public, SYSTEM_RANDOMNESS, since=0, purposes=("billing",)
            )
            here.pes.accept_epoch(message)
        decided = carried(here, measured, options.get("hold", 60))
        for bill in range(len(here.grids["billing"])):
            assert not learns(table_of(here, decided, measured, opted_out, bill), 5), (wiring, seed, bill)
        for verdict, energy in decided:
            suppressed += verdict.status in (Status.WITHHELD, Status.HELD)
            if energy is not None:
                assert energy == plain(here, verdict, measured, opted_out), (wiring, seed, verdict)
    assert suppressed > 5, "something had to be suppressed"


def plain(here: Any, verdict: Any, measured: Any, opted_out: set[int]) -> int:
    """A released window's energy from the readings in the clear."""
    low, high = ((at - int(here.grids["demand"].edges[0])) // 60 for at in (verdict.start, verdict.end))
    return sum(
        int(here.readings(row, max(a, low), min(b, high)).sum())
        for row, spans in measured.items()
        for a, b in spans
        if a < high and b > low
        if (row not in opted_out if verdict.kind == "demand" else here.pseudonyms[row].hex() == verdict.holder)
    )


HOUR_OF_ONE = {row: ([(0, 180)] if row == 0 else [(60, 180)]) for row in range(6)}
"""Of six homes, all but the first lose the first hour."""


def asked_of(here: Any, measured: dict[int, list[tuple[int, int]]]) -> list[bytes]:
    for low in (0, 60, 120):
        here.absorb(here.frames(low, low + 60, within(measured, low, low + 60)), low, low + 60)
    messages: list[bytes] = here.close(1 << 40)
    return messages


def by_kind(here: Any, messages: list[bytes], kind: str) -> list[bytes]:
    return [message for message in messages if here.asked(message).kind == kind]


def statuses(decisions: list[Any], kind: str) -> list[str]:
    return [v.status.word for decision in decisions for v in decision.verdicts if v.kind == kind]


def test_the_last_demand_window_goes_before_any_bill(street: Make) -> None:
    here = street(hours=3)
    decisions = here.new_releaser().decide_together(asked_of(here, HOUR_OF_ONE))
    assert statuses(decisions, "demand") == ["refused"] * 4 + ["complete"] * 7 + ["withheld"]
    assert set(statuses(decisions, "billing")) == {"complete", "incomplete"}


def test_bills_are_held_when_the_last_demand_window_was_released_by_itself(street: Make) -> None:
    """A PES that asks for demand first and bills later gets no more than one that asks for both."""
    here = street(hours=3)
    messages, releaser = asked_of(here, HOUR_OF_ONE), here.new_releaser()
    shown = releaser.decide_together(by_kind(here, messages, "demand"))
    # The PES had left the lane of the last window empty: it is not opened either.
    assert statuses(shown, "demand")[-1] == "refused"
    full = [unfilled(here, message) for message in messages]
    releaser = here.new_releaser()
    shown = releaser.decide_together(by_kind(here, full, "demand"))
    assert statuses(shown, "demand")[-1] == "complete"
    shown += releaser.decide_together(by_kind(here, full, "billing"))
    assert statuses(shown, "billing").count("held") == 4


def test_demand_that_comes_after_the_bills_of_its_time_stays_closed(street: Make) -> None:
    here = street(hours=3)
    messages, releaser = [unfilled(here, message) for message in asked_of(here, HOUR_OF_ONE)], here.new_releaser()
    assert "held" not in statuses(releaser.decide_together(by_kind(here, messages, "billing")), "billing")
    late = releaser.decide_together(by_kind(here, messages, "demand"))
    assert set(statuses(late, "demand")) == {"refused"}
    assert {v.reason for d in late for v in d.verdicts} <= {
        "the bills over its time have been decided before it",
        "only 1 of at least 5 meters cover half the window",
    }


def test_a_sum_of_which_the_pes_left_readings_out_is_never_opened(street: Make) -> None:
    """It would be too low, and nothing would show it."""
    here = street(hours=3)
    for message in asked_of(here, {row: [(0, 180)] for row in range(6)}):
        asked = here.asked(message)
        lying = signed(here, replace(asked, left_out=np.arange(asked.lanes) == 1))
        (decision,) = here.new_releaser().decide_together([lying])
        assert [v.status.word for v in decision.verdicts].count("refused") == 1
        assert decision.verdicts[1].reason == "the privacy enhancing system left its readings out"


def test_demand_that_was_left_out_is_not_opened_behind_bills_that_are_missing(street: Make) -> None:
    here = street(hours=3)
    messages = asked_of(here, {row: [(0, 180)] for row in range(6)})
    (bills,) = by_kind(here, messages, "billing")
    asked = here.asked(bills)
    none = signed(here, replace(asked, counts=np.zeros_like(asked.counts)))
    demand = [
        signed(here, replace(here.asked(m), left_out=np.ones(4, np.bool_))) for m in by_kind(here, messages, "demand")
    ]
    decided = here.new_releaser().decide_together([none, *demand])
    assert set(statuses(decided, "demand")) == {"refused"}


def test_what_was_decided_before_a_crash_is_decided_again_and_nothing_else(street: Make) -> None:
    here = street(hours=3)
    messages = asked_of(here, HOUR_OF_ONE)
    decided = here.new_releaser().decide_together(messages)
    entries = sorted((e for d in decided for e in d.entries), key=lambda entry: (entry.start, entry.kind))
    again = here.new_releaser(entries).decide_together(messages)
    assert [d.verdicts for d in again] == [d.verdicts for d in decided]
    assert [d.entries for d in again] == [d.entries for d in decided]
    # Delivered, nothing of it is decided again, nor in any other company.
    for order in (messages, messages[::-1]):
        releaser = here.new_releaser(entries)
        releaser.settle()
        assert {v.status for d in releaser.decide_together(order) for v in d.verdicts} == {Status.REFUSED}


def unfilled(here: Any, message: bytes) -> bytes:
    """A message of a PES that says nothing of lanes that it left out."""
    asked = here.asked(message)
    return signed(here, replace(asked, left_out=np.zeros(asked.lanes, np.bool_)))


def signed(here: Any, asked: Any) -> bytes:
    body = asked.encode()
    return Signed(body, signing.sign(here.keys.pes_sign[1], body, aggregate.SIGNING_CONTEXT)).encode()
