"""What the PES adds up: every window of every wiring gets the total of what was measured, and nothing finer shows."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smarter.errors import KeyMismatch, MalformedMessage
from smarter.model.messages import wire
from smarter.model.views import View, acting
from smarter.parties.pes.opening import Opened
from smarter.parties.pes.pieces import cut_pieces
from smarter.releasing.rules import ReleaseRules

Make = Callable[..., Any]

WIRINGS: dict[str, dict[str, Any]] = {
    "a hold of four demand windows": {},
    "a demand window longer than the hold": {"demand": 3600, "hold": 20, "frame": 20},
    "a hold longer than both windows": {"hold": 360, "billing": 7200},
    "a hold that windows straddle": {"hold": 50, "frame": 25},
    "every reading by itself": {"combine": "none", "hold": 30, "frame": 15, "hours": 3},
    "one lane, which is the brief's way": {
        "lanes": 1,
        "combine": "none",
        "hold": 30,
        "frame": 1,
        "hours": 2,
        "billing": 7200,
    },
    "one lane and whole frames": {"lanes": 1},
    "more meters than lanes": {"meters": 23, "lanes": 4, "hours": 3},
    "a grace of half a window": {"grace": 45},
    "a grace of several holds": {"grace": 120},
    "a frame longer than a demand window": {"frame": 60, "demand": 300},
    "frames that lie across windows": {"frame": 40, "hold": 120},
}


def expected(here: Any, hours: int, measured: dict[int, list[tuple[int, int]]] | None = None) -> dict[Any, int]:
    """Energy by kind, holder and window number, from readings in the clear."""
    totals: dict[Any, int] = {}
    for row, pseudonym in enumerate(here.pseudonyms):
        for low, high in (measured or {}).get(row, [(0, 60 * hours)]):
            slots = np.arange(low, high)
            for kind, holder in (("demand", "lane"), ("billing", pseudonym.hex())):
                windows = here.grids[kind].window_of(here.axis.start_of(slots + here.first))
                for window in np.unique(windows).tolist():
                    energy = int(here.readings(row, low, high)[windows == window].sum())
                    totals[kind, holder, window] = totals.get((kind, holder, window), 0) + energy
    return totals


def carried(here: Any, hours: int, hold: int) -> list[bytes]:
    messages = [m for low in range(0, 60 * hours, hold) for m in here.carry(low, min(low + hold, 60 * hours))]
    return messages + here.close(1 << 40)


@pytest.mark.parametrize("wiring", WIRINGS)
def test_every_window_is_released_once_with_its_exact_total(street: Make, wiring: str) -> None:
    options = WIRINGS[wiring]
    hours, hold = options.get("hours", 6), options.get("hold", 60)
    here = street(**options)
    messages = carried(here, hours, hold)
    assert here.released(messages) == expected(here, hours)
    windows = [(a.kind, int(start)) for a in map(here.asked, messages) for start in a.starts]
    assert len(windows) == len(set(windows)) == len(here.grids["demand"]) + len(here.grids["billing"])
    assert here.pes.open_sums == 0


def test_only_windows_that_close_together_share_a_ciphertext(street: Make) -> None:
    here = street(hold=60, grace=30)
    by_slot = {end: [here.asked(m) for m in here.carry(end - 60, end)] for end in range(60, 361, 60)}
    demand = {end: [int(s) for a in asked if a.kind == "demand" for s in a.starts] for end, asked in by_slot.items()}
    quarter = here.grids["demand"].starts.tolist()
    # At each full hour, with half an hour of grace, the windows close that ended by half past.
    assert demand == {60: quarter[:2], **{end: quarter[end // 15 - 6 : end // 15 - 2] for end in range(120, 361, 60)}}
    assert [end for end, asked in by_slot.items() for a in asked if a.kind == "billing"] == [240]


def test_a_bundle_that_is_full_goes_on_in_the_next_ciphertext(street: Make) -> None:
    here = street(meters=23, lanes=4, hours=3)
    billing = [here.asked(m) for m in carried(here, 3, 60) if here.asked(m).kind == "billing"]
    assert [len(asked.ciphertexts) for asked in billing] == [6]
    here = street(lanes=1, hours=3)
    assert [len(here.asked(m).ciphertexts) for m in carried(here, 3, 60) if here.asked(m).kind == "billing"] == [6]


def test_a_late_frame_joins_its_window_within_the_grace(street: Make) -> None:
    here = street(grace=60)
    late = here.seal(0, 120, 180)
    messages = [*here.carry(0, 60), *here.carry(60, 120), *here.carry(120, 180, {0: []})]
    here.absorb([*late, *here.frames(180, 240)], 180, 240)
    messages += [*here.close(240), *here.carry(240, 300), *here.carry(300, 360), *here.close(1 << 40)]
    assert here.released(messages) == expected(here, 6)


def test_a_window_that_has_closed_takes_nothing_more(street: Make) -> None:
    """A run's span was extended: its last windows have been released as they were."""
    here = street(hold=60)
    messages = [*here.carry(0, 60), *here.carry(60, 90), *here.close(1 << 40)]
    here.absorb(here.frames(90, 120), 90, 120)
    assert here.pes.open_sums == 0
    released = here.released(messages)
    assert released["billing", here.pseudonyms[0].hex(), 0] == int(here.readings(0, 0, 90).sum())
    assert released["demand", "lane", 6] == "missing"


def test_a_span_that_is_extended_in_mid_hold_asks_for_no_window_again(street: Make) -> None:
    """The windows of that hold belong to one bundle, and the first of them are closed."""
    short, here = street(hours=1.5, billing=3600), street(hours=3, billing=3600)
    first = [*short.carry(0, 60), *short.carry(60, 90), *short.close(1 << 40)]
    here.pes.restore(short.pes.snapshot())
    later = [*here.carry(90, 120), *here.carry(120, 180)]
    asked = [
        (kind, int(s))
        for m in first + later
        for kind, starts in [(here.asked(m).kind, here.asked(m).starts)]
        for s in starts
    ]
    assert len(asked) == len(set(asked)) == 12 + 3
    totals = expected(here, 3)
    released = here.released(later)
    assert {window: released["demand", "lane", window] for window in range(6, 12)} == {
        window: totals["demand", "lane", window] for window in range(6, 12)
    }


GAPS: dict[str, tuple[dict[str, Any], list[list[tuple[int, int]]]]] = {
    # What a home sends in each of three hours of its billing window.
    "three readings in one hold": ({}, [[(7, 10)], [], []]),
    "three readings in the last hold": ({}, [[], [], [(177, 180)]]),
    "a reading in each hold": ({}, [[(0, 1)], [(60, 61)], [(120, 121)]]),
    "a hold with a gap, then a whole one": ({}, [[(57, 60)], [(60, 120)], []]),
    "nothing, then a whole hold": ({}, [[], [(60, 120)], []]),
    "three readings, every one by itself": ({"combine": "none", "frame": 1}, [[(7, 10)], [], []]),
    "three readings, with a grace": ({"grace": 60}, [[(7, 10)], [], []]),
    "three readings, one lane": ({"lanes": 1}, [[(7, 10)], [], []]),
    "three readings, in a hold of the whole window": ({"hold": 180}, [[(7, 10)]]),
}


@pytest.mark.parametrize("gaps", GAPS)
def test_nothing_of_a_home_with_too_few_readings_is_in_a_ciphertext_that_is_opened(street: Make, gaps: str) -> None:
    options, spans = GAPS[gaps]
    here = street(hours=3, **options)
    hold = options.get("hold", 60)
    messages = [
        m for number, span in enumerate(spans) for m in here.carry(hold * number, hold * number + hold, {2: span})
    ] + here.close(1 << 40)
    (billing,) = (m for m in messages if here.asked(m).kind == "billing")
    lanes = [lane for plaintext in here.plaintexts(billing) for lane in (plaintext or [0])]
    totals = [int(here.readings(row, 0, 180).sum()) for row in range(6)]
    assert lanes == [*totals[:2], 0, *totals[3:]]
    released = here.released(messages)
    assert released["billing", here.pseudonyms[2].hex(), 0] == "refused"
    assert released["billing", here.pseudonyms[0].hex(), 0] == totals[0]


def test_a_home_with_gaps_that_still_covers_half_is_released_to_the_last_reading(street: Make) -> None:
    spans = {0: [[(0, 30), (31, 60)], [(60, 120)], [(120, 121)]], 1: [[], [(60, 120)], [(130, 160)]]}
    here = street(hours=3, rules=ReleaseRules(3, 7200))
    messages = [
        m for n in range(3) for m in here.carry(60 * n, 60 * n + 60, {row: spans[row][n] for row in spans})
    ]  # fmt: skip
    measured = {row: [span for hold in holds for span in hold] for row, holds in spans.items()}
    assert here.released(messages) == expected(here, 3, measured)


def test_homes_without_gaps_share_ciphertexts_with_a_grace_as_without(street: Make) -> None:
    """Setting a lane aside costs a ciphertext, so only what has a gap is set aside."""
    counts = []
    for grace in (0, 60):
        here = street(grace=grace, hours=3)
        counts.append([here.absorb(here.frames(low, low + 60), low, low + 60).encrypted for low in (0, 60, 120)])
    assert counts[0] == counts[1]


def test_lanes_of_a_demand_window_that_too_few_homes_cover_stay_empty(street: Make) -> None:
    here = street(hours=3)
    gone = {0: [(0, 30), (45, 60)], 1: [(0, 30), (45, 60)]}
    messages = [*here.carry(0, 60, gone), *here.close(1 << 40)]
    (demand,) = (
        m
        for m in messages
        if here.asked(m).kind == "demand" and here.asked(m).starts[0] == here.grids["demand"].starts[0]
    )
    totals = expected(here, 1, {**{row: [(0, 60)] for row in range(6)}, **gone})
    assert here.plaintexts(demand) == [
        [totals["demand", "lane", 0], totals["demand", "lane", 1], 0, totals["demand", "lane", 3]]
    ]
    assert here.released(messages)["demand", "lane", 2] == "refused"


@pytest.mark.parametrize("options", [{}, {"grace": 90}, {"hold": 20, "frame": 20, "demand": 3600}], ids=str)
def test_a_pes_that_is_restored_in_mid_window_ends_with_the_same_sums(street: Make, options: dict[str, Any]) -> None:
    here = street(**options)
    hold = options.get("hold", 60)
    gap = {3: [(80, 100)]}
    messages: list[bytes] = []
    for low in range(0, 360, hold):
        spans = (
            {3: [(max(a, low), min(b, low + hold)) for a, b in gap[3] if a < low + hold and b > low]}
            if 60 <= low < 120
            else None
        )
        messages += here.carry(low, low + hold, spans)
        kept = here.pes.snapshot()
        here.pes = here.new_pes()
        here.pes.restore(kept)
        assert here.pes.snapshot() == kept
    messages += here.close(1 << 40)
    measured = {3: [(0, 60), (80, 100), (120, 360)]}
    assert here.released(messages) == expected(here, 6, measured)


def test_a_restored_pes_still_knows_what_it_has_absorbed(street: Make) -> None:
    here = street(grace=60)
    frames = here.frames(0, 60)
    here.absorb(frames, 0, 60)
    kept, here.pes = here.pes.snapshot(), here.new_pes()
    here.pes.restore(kept)
    assert here.absorb(frames, 60, 120).dropped == ["its readings are there already"] * 6


def test_a_snapshot_that_does_not_read_back_is_refused_as_malformed(street: Make) -> None:
    here = street()
    here.absorb(here.frames(0, 60), 0, 60)
    kept = here.pes.snapshot()
    key, state = wire.decode("pes-state", kept, [str, dict])
    (shape, bits, pair, _) = state["lane"]
    for bad in (
        kept[:-1],
        wire.encode("pes-state", [key, {"lane": [shape, bits]}]),
        wire.encode("pes-state", [key, {"lane": [[6, 99], bits, pair]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, pair[:1]]}]),
        wire.encode("pes-state", [key, {"nowhere": [shape, bits, pair]}]),
        wire.encode("pes-state", [key, {"lane": "nonsense"}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, [[0, [[1, 2, 3]], [], []], pair[1]]]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, [[0, [], [[0, b"odd"]], []], pair[1]]]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, [[0, [], [], [[1]]], pair[1]]]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, pair, [[[0, b"odd"]], []]]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, pair, "nonsense"]}]),
        wire.encode("pes-state", [key, {"lane": [shape, bits, pair]}]),  # from before there were tables, and open
    ):
        with pytest.raises(MalformedMessage):
            here.new_pes().restore(bad)
    with pytest.raises(KeyMismatch):
        here.new_pes().restore(wire.encode("pes-state", ["another key", state]))


def test_what_leaves_the_pes_cannot_be_linked_to_the_sum_it_kept(street: Make) -> None:
    here = street()
    absorbed = here.absorb(here.frames(0, 60), 0, 60)
    (demand,) = (packed for packed in absorbed.packed if packed.kind == "demand")
    scheme, public = here.keys.scheme, here.keys.aggregate.public
    (running,) = scheme.dump(public, scheme.total(public, demand.ciphertexts))
    assert running in here.pes.snapshot()
    (message,) = here.close(60)
    (sent,) = here.asked(message).ciphertexts
    assert sent != running
    assert here.plaintexts(message) == [[expected(here, 1)["demand", "lane", window] for window in range(4)]]


def test_adding_up_costs_no_more_ciphertexts_than_combining_promises(street: Make) -> None:
    encrypted = {}
    for combine in ("frame", "none"):
        here = street(combine=combine, hours=3)
        encrypted[combine] = here.absorb(here.frames(0, 60), 0, 60).encrypted
    # Demand: each meter's four lanes in one ciphertext, or one for each minute of the quarter; billing: all in one.
    assert encrypted == {"frame": 6 + 1, "none": 6 * 15 + 60}


def test_the_pes_opens_no_sum(street: Make) -> None:
    here = street()
    with acting(View()) as view:
        carried(here, 6, 60)
    assert (view.decrypted, view.household_totals, view.neighbourhood_totals) == (0, 0, 0)


def test_pieces_are_the_readings_of_one_frame_in_one_window(street: Make) -> None:
    here = street(demand=900)
    frames = np.zeros((6, 30), np.int32)
    frames[0, 5:25] = 1
    frames[2, 0:10], frames[2, 10:12] = 2, 3
    energies = np.arange(180, dtype=np.int64).reshape(6, 30)
    opened = Opened(here.first, energies, frames, [])
    demand = here.area.layouts[0]
    together = cut_pieces(opened, demand, "frame")
    assert together.meters.tolist() == [0, 0, 2, 2]
    assert together.windows.tolist() == [0, 1, 0, 0]
    assert together.readings.tolist() == [10, 10, 10, 2]
    assert together.ordinals.tolist() == [0, 0, 0, 1]
    assert together.values.tolist() == [sum(range(5, 15)), sum(range(15, 25)), sum(range(60, 70)), 70 + 71]
    apart = cut_pieces(opened, demand, "none")
    assert apart.values.tolist() == [*range(5, 25), *range(60, 72)]
    assert apart.ordinals.tolist() == [*range(10), *range(10), *range(12)]
    assert set(apart.readings.tolist()) == {1}
    for combine in ("frame", "none"):
        nothing = cut_pieces(replace(opened, frames=np.zeros_like(frames)), demand, combine)
        assert len(nothing.values) == len(nothing.ordinals) == 0


def test_rules_of_one_meter_release_a_street_of_one(street: Make) -> None:
    here = street(meters=1, hours=2, billing=7200, rules=ReleaseRules(1, 7200))
    assert here.released(carried(here, 2, 60)) == expected(here, 2)


def test_no_reading_is_left_in_memory_when_the_ciphertexts_are_added(
    street: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = street(hours=1, combine="none")
    in_the_clear: list[weakref.ref[Any]] = []
    left: list[int] = []

    def cut_and_note(opened: Opened, *arguments: Any) -> Any:
        pieces = cut_pieces(opened, *arguments)
        in_the_clear.extend(map(weakref.ref, (opened, pieces, pieces.values)))
        return pieces

    add = type(here.pes)._add

    def add_and_look(*arguments: Any) -> Any:
        left.append(sum(reference() is not None for reference in in_the_clear))
        return add(*arguments)

    monkeypatch.setattr("smarter.parties.pes.pes.cut_pieces", cut_and_note)
    monkeypatch.setattr(type(here.pes), "_add", add_and_look)
    here.carry(0, 60)
    assert (len(in_the_clear), left) == (6, [0])
