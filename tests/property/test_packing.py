"""Lanes to their limits: what is packed and added comes out again, and nothing passes that could spill."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.errors import OutOfBounds
from smarter.model.views import View, acting
from smarter.packing import LARGEST_BOUND, LanePlan, pack, plan_lanes, unpack

bounds = st.one_of(
    st.integers(1, LARGEST_BOUND),
    # Where a lane's width changes, and where int64 ends.
    st.integers(1, 62).map(lambda bits: (1 << bits) - 1),
    st.integers(0, 61).map(lambda bits: 1 << bits),
)


@st.composite
def plans(draw: Any) -> tuple[LanePlan, int]:
    """A plan and the signed bits of the plaintexts that it is for."""
    bound = draw(bounds)
    bits = (2 * bound).bit_length() + draw(st.integers(0, 1000))
    return plan_lanes(bits, bound, draw(st.none() | st.integers(1, 5))), bits


def values_within(plan: LanePlan, rows: int, lanes: int, magnitude: int) -> st.SearchStrategy[np.ndarray]:
    one = st.sampled_from([-magnitude, magnitude, 0]) | st.integers(-magnitude, magnitude)
    count = rows * lanes
    return st.lists(one, min_size=count, max_size=count).map(lambda v: np.array(v, np.int64).reshape(rows, lanes))


@given(st.data())
def test_sums_of_packed_plaintexts_unpack_to_sums_and_fit_the_scheme(data: st.DataObject) -> None:
    plan, bits = data.draw(plans())
    lanes = data.draw(st.integers(1, plan.capacity))
    addends = data.draw(st.integers(1, min(4, plan.bound)))
    rows = [data.draw(values_within(plan, 1, lanes, plan.bound // addends)) for _ in range(addends)]
    total = sum(pack(plan, row)[0] for row in rows)
    assert -(1 << (bits - 1)) <= total < 1 << (bits - 1)
    assert unpack(plan, [total], lanes, "billing").tolist() == sum(rows[1:], rows[0]).tolist()


@given(plans())
def test_lanes_that_are_all_at_a_bound_come_back_as_they_were(planned: tuple[LanePlan, int]) -> None:
    plan, bits = planned
    for value in (plan.bound, -plan.bound):
        full = np.full((2, plan.capacity), value, np.int64)
        plaintexts = pack(plan, full)
        assert all(-(1 << (bits - 1)) <= plaintext < 1 << (bits - 1) for plaintext in plaintexts)
        assert (unpack(plan, plaintexts, plan.capacity, "demand") == full).all()


@given(st.data())
def test_a_value_one_over_the_bound_is_refused_wherever_it_stands(data: st.DataObject) -> None:
    plan, _ = data.draw(plans())
    values = np.zeros((2, plan.capacity), np.int64)
    over = data.draw(st.sampled_from([plan.bound + 1, -plan.bound - 1, np.iinfo(np.int64).max, np.iinfo(np.int64).min]))
    values[data.draw(st.integers(0, 1)), data.draw(st.integers(0, plan.capacity - 1))] = over
    with pytest.raises(OutOfBounds):
        pack(plan, values)


@given(st.data())
def test_a_sum_beyond_a_lanes_bound_never_passes_for_a_total(data: st.DataObject) -> None:
    """What was added once too often is noticed in its own lane, or where it spills over."""
    plan, _ = data.draw(plans())
    lanes = data.draw(st.integers(1, plan.capacity))
    place = data.draw(st.integers(0, lanes - 1))
    excess = np.zeros((1, lanes), np.int64)
    excess[0, place] = data.draw(st.sampled_from([1, -1]))
    full = np.where(excess, excess * plan.bound, 0)
    spoilt = pack(plan, full)[0] + pack(plan, excess)[0]
    with pytest.raises(OutOfBounds):
        unpack(plan, [spoilt], lanes, "billing")


@given(plans())
def test_one_lane_more_than_fits_is_refused(planned: tuple[LanePlan, int]) -> None:
    plan, _ = planned
    with pytest.raises(OutOfBounds):
        pack(plan, np.zeros((1, plan.capacity + 1), np.int64))


@given(bounds, st.integers(1, 4000))
def test_as_many_lanes_are_planned_as_fit_and_none_when_none_does(bound: int, bits: int) -> None:
    lane_bits = (2 * bound).bit_length()
    if lane_bits > bits:
        with pytest.raises(OutOfBounds):
            plan_lanes(bits, bound)
        return
    plan = plan_lanes(bits, bound)
    step = 8 * plan.lane_bytes
    assert lane_bits <= step < lane_bits + 8
    assert (plan.capacity - 1) * step + lane_bits <= bits < plan.capacity * step + lane_bits


def test_the_top_lane_is_not_rounded_up() -> None:
    assert plan_lanes(3071, (1 << 29) - 1) == LanePlan((1 << 29) - 1, lane_bytes=4, capacity=96)
    assert plan_lanes(3069, (1 << 29) - 1).capacity == 95


def test_a_limit_on_lanes_switches_packing_off() -> None:
    assert plan_lanes(3071, 1000, most=1).capacity == 1
    assert plan_lanes(3071, 1000, most=10_000).capacity == plan_lanes(3071, 1000).capacity


@pytest.mark.parametrize("bound", [0, -1, LARGEST_BOUND + 1])
def test_a_bound_that_64_bits_cannot_count_to_is_refused(bound: int) -> None:
    with pytest.raises(OutOfBounds):
        plan_lanes(3071, bound)


def test_no_plaintexts_pack_to_none_and_unpack_to_none() -> None:
    plan = plan_lanes(511, 1000)
    assert pack(plan, np.zeros((0, 3), np.int64)) == []
    assert unpack(plan, [], 3, "demand").shape == (0, 3)


def test_whoever_unpacks_has_seen_every_lane() -> None:
    plan = plan_lanes(511, 1000)
    packed = pack(plan, np.ones((2, 3), np.int64))
    with acting(View()) as view:
        unpack(plan, packed, 3, "billing")
        unpack(plan, packed[:1], 3, "demand")
    assert (view.household_totals, view.neighbourhood_totals) == (6, 3)
