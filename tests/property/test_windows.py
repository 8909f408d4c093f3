"""Windows over every kind of clock change: they tile time, keep their length, and ask nothing of the span."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from smarter.errors import ScenarioError
from smarter.model.clock import DAY, changes
from smarter.model.joining import LOOKAHEAD, join_short
from smarter.model.windows import LARGEST_CHANGE, Axis, WindowGrid, check_length, cut, iso, longest_length

SHIFTS = {  # by how much each zone moves its clock at most, from 2010 on
    "UTC": 0,
    "America/New_York": 3600,
    "Europe/Berlin": 3600,
    "Australia/Lord_Howe": 1800,
    "Asia/Kathmandu": 0,
    "America/Sao_Paulo": 3600,
    "America/Havana": 3600,
    "Africa/Casablanca": 3600,
    "Pacific/Apia": DAY,
}
LENGTHS = (*(60 * n for n in (5, 15, 20, 30, 45, 60, 90, 120, 180, 480, 720, 1440)), 2 * DAY, 7 * DAY)
CHANGES = {
    "America/New_York": ((2015, 3, 8), (2015, 11, 1)),
    "Europe/Berlin": ((2024, 3, 31), (2024, 10, 27)),
    "Australia/Lord_Howe": ((2024, 4, 6), (2024, 10, 5)),
    "America/Sao_Paulo": ((2018, 2, 18), (2018, 11, 4)),
    "America/Havana": ((2024, 3, 10), (2024, 11, 3)),
    "Africa/Casablanca": ((2024, 3, 10), (2024, 4, 14)),
    "Pacific/Apia": ((2011, 12, 30),),
}


def epoch(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


def offset(instant: int, zone: ZoneInfo) -> int:
    shift = datetime.fromtimestamp(instant, zone).utcoffset()
    assert shift is not None
    return int(shift.total_seconds())


@given(
    zone=st.sampled_from(sorted(SHIFTS)),
    length=st.sampled_from(LENGTHS),
    start=st.integers(epoch(2010, 1, 1), epoch(2026, 1, 1)),
    days=st.floats(0.0001, 200),
    part=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_grids_cover_the_span_tightly_with_windows_of_nearly_their_length_whatever_the_span(
    zone: str, length: int, start: int, days: float, part: tuple[float, float]
) -> None:
    end = start + max(int(days * DAY), 1)
    edges = cut(zone, length, start, end).edges
    assert edges[0] <= start < edges[1]
    assert edges[-2] < end <= edges[-1]
    lengths = np.diff(edges)
    assert lengths.min() >= max(length - SHIFTS[zone], 1)
    assert lengths.max() <= min(length + SHIFTS[zone], longest_length(length))
    for place in np.flatnonzero(lengths != length).tolist():
        near = (edges[place] - DAY, edges[place + 1] + DAY)
        assert offset(int(near[0]), ZoneInfo(zone)) != offset(int(near[1]), ZoneInfo(zone))
    inner, outer = (start + int((end - start) * share) for share in sorted(part))
    if inner < outer:
        within = cut(zone, length, inner, outer).edges
        place = int(np.searchsorted(edges, within[0]))
        assert edges[place : place + len(within)].tolist() == within.tolist()


NESTED_ZONES = (
    "Africa/Casablanca",
    "America/New_York",
    "America/Sao_Paulo",
    "Antarctica/Troll",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Europe/London",
    "Pacific/Apia",
)
DIVISORS = tuple(length for length in range(60, DAY + 1, 60) if DAY % length == 0)
YEARS = st.integers(epoch(1990, 1, 1), epoch(2030, 1, 1))


@st.composite
def moments(draw: st.DrawFn, zone: str) -> int:
    """Any instant, and often one near a change of clocks."""
    instant = draw(YEARS)
    year = datetime.fromtimestamp(instant, UTC).year
    turns = [turn for turn, _, _ in changes(zone, year)]
    near = draw(st.sampled_from([instant, *turns]))
    return instant if near == instant else near + draw(st.integers(-2 * DAY, 2 * DAY))


@given(zone=st.sampled_from(NESTED_ZONES), days=st.integers(1, 40), data=st.data())
def test_every_edge_of_a_billing_window_is_one_of_a_demand_window_that_divides_it(
    zone: str, days: int, data: st.DataObject
) -> None:
    billing = data.draw(st.sampled_from(DIVISORS) | st.integers(1, 31).map(lambda n: n * DAY))
    whole = st.integers(1, 31).map(lambda n: n * DAY)
    demand = data.draw((st.sampled_from(DIVISORS) | whole).filter(lambda length: billing % length == 0))
    start = data.draw(moments(zone))
    outer = cut(zone, billing, start, start + days * DAY)
    inner = cut(zone, demand, int(outer.edges[0]), int(outer.edges[-1]))
    assert set(outer.edges.tolist()) <= set(inner.edges.tolist())
    assert (inner.edges[0], inner.edges[-1]) == (outer.edges[0], outer.edges[-1])


# Windows that a change of clocks shortens.


def never(start: int, edge: int, end: int) -> bool:
    return False


def local_edges(grid: WindowGrid) -> list[str]:
    return [iso(edge, grid.timezone)[11:16] for edge in grid.edges.tolist()]


def around(zone: str, *date: int, length: int = 7_200) -> WindowGrid:
    """A grid over the eight hours from local midnight."""
    start = int(datetime(*date, tzinfo=ZoneInfo(zone)).timestamp())  # type: ignore[misc,arg-type]
    return cut(zone, length, start - 7_200, start + 6 * 3600)


@pytest.mark.parametrize(
    ("zone", "date", "before", "after"),
    [
        ("America/New_York", (2016, 3, 13), "22 00 03 04 06 08", "22 00 04 06 08"),
        ("Europe/London", (2016, 3, 27), "22 00 02 04 06 08", "22 02 04 06 08"),
        ("Antarctica/Troll", (2016, 3, 27), "22 00 03 04 06 08", "22 00 04 06 08"),  # two short ones: an hour each
        ("Asia/Kolkata", (2016, 3, 27), "22 00 02 04 06", "22 00 02 04 06"),
    ],
)
def test_a_short_window_joins_a_short_one_or_the_one_before(
    zone: str, date: tuple[int, ...], before: str, after: str
) -> None:
    grid = around(zone, *date)
    assert [edge[:2] for edge in local_edges(grid)] == before.split()
    assert [edge[:2] for edge in local_edges(join_short(grid, 7_200, never))] == after.split()


def test_a_short_window_joins_the_one_after_where_the_edge_before_must_stay_and_else_none() -> None:
    grid = around("America/New_York", 2016, 3, 13)
    gone = int(grid.edges[2])
    asked: list[tuple[int, int, int]] = []

    def apart(start: int, edge: int, end: int) -> bool:
        asked.append((start, edge, end))
        return edge == gone

    joined = join_short(grid, 7_200, apart)
    assert [edge[:2] for edge in local_edges(joined)] == ["22", "00", "03", "06", "08"]
    assert asked == [tuple(grid.edges[1:4].tolist()), tuple(grid.edges[2:5].tolist())], "it asks about short ones only"
    alone = join_short(grid, 7_200, lambda start, edge, end: True)
    assert alone.edges.tolist() == grid.edges.tolist()


def test_the_first_and_the_last_edge_of_a_grid_stay() -> None:
    grid = around("America/New_York", 2016, 3, 13)
    first = WindowGrid(grid.timezone, grid.length, grid.edges[2:])
    assert [edge[:2] for edge in local_edges(join_short(first, 7_200, never))] == ["03", "06", "08"]
    only = WindowGrid(grid.timezone, grid.length, grid.edges[2:4])
    assert local_edges(join_short(only, 7_200, never)) == local_edges(only)


def test_a_window_is_short_by_real_seconds_under_the_least_alone() -> None:
    grid = around("America/New_York", 2016, 3, 13, length=10_800)
    assert int(grid.spans.min()) == 7_200
    assert join_short(grid, 7_200, never).edges.tolist() == grid.edges.tolist()
    assert len(join_short(grid, 7_201, never)) == len(grid) - 1


@given(
    zone=st.sampled_from(NESTED_ZONES),
    length=st.sampled_from((3_600, 7_200, 10_800, 28_800, 43_200, DAY, 2 * DAY, 7 * DAY)),
    days=st.integers(1, 40),
    share=st.floats(0.1, 1),
    kept=st.integers(0, 5),
    data=st.data(),
)
def test_joined_windows_keep_to_the_bound_and_no_fitting_one_is_left_short(
    zone: str, length: int, days: int, share: float, kept: int, data: st.DataObject
) -> None:
    def apart(start: int, edge: int, end: int) -> bool:
        return kept > 0 and edge // 60 % kept == 0

    least = max(1, int(length * share))
    start = data.draw(moments(zone))
    grid = cut(zone, length, start, start + days * DAY)
    joined = join_short(grid, least, apart)
    edges = joined.edges.tolist()
    assert set(edges) <= set(grid.edges.tolist())
    assert (edges[0], edges[-1]) == (grid.edges[0], grid.edges[-1])
    gone = set(grid.edges.tolist()) - set(edges)
    assert all(not apart(0, edge, 0) for edge in gone)
    assert joined.longest == longest_length(length, least)
    assert int(joined.spans.max()) <= joined.longest
    for low, high in pairwise(edges):
        inside = [edge for edge in grid.edges.tolist() if low <= edge <= high]
        if len(inside) > 2:
            assert high - low < length + least
            assert any(after - before < least for before, after in pairwise(inside))
    for place in np.flatnonzero(joined.spans < least).tolist():
        for neighbour, edge in ((place - 1, edges[place]), (place + 1, edges[place + 1])):
            if 0 <= neighbour < len(joined):
                assert apart(0, edge, 0) or joined.spans[neighbour] > length


@given(zone=st.sampled_from(NESTED_ZONES), length=st.sampled_from((3_600, 7_200, 10_800, DAY)), data=st.data())
def test_joined_edges_do_not_depend_on_a_span_that_ends_later(zone: str, length: int, data: st.DataObject) -> None:
    middle = data.draw(moments(zone))
    start = middle - data.draw(st.integers(1, 20)) * length
    shorter = cut(zone, length, start, middle)
    assume(len(shorter) > 1)
    first, last = int(shorter.edges[0]), int(shorter.edges[-1])
    grids = [join_short(cut(zone, length, first, last + n * length), length, never) for n in (LOOKAHEAD, 40)]
    parts = [grid.edges[: grid.edges.searchsorted(last) + 1].tolist() for grid in grids]
    assert parts[0] == parts[1]


def test_a_joined_window_needs_wider_lanes_only_where_the_least_is_over_seven_hours() -> None:
    for length in LENGTHS:
        assert longest_length(length, min(length, LARGEST_CHANGE)) == longest_length(length)
    assert longest_length(DAY, DAY) == 2 * DAY


@pytest.mark.parametrize("zone", CHANGES)
@pytest.mark.parametrize("length", [length for length in LENGTHS if length <= DAY])
def test_edges_around_clock_changes_are_those_that_a_clock_watched_minute_by_minute_shows(
    zone: str, length: int
) -> None:
    tz = ZoneInfo(zone)
    for date in CHANGES[zone]:
        start, end = epoch(*date) - 2 * DAY, epoch(*date) + 2 * DAY
        watched, shown, before = [], set(), None
        for instant in range(start, end, 60):
            shift = offset(instant, tz)
            local = instant + shift
            change = 0 if before is None else shift - before
            # what the clock went over since the minute before: more than this minute after it was put forward
            passed = range(local - change, local + 1, 60) if change > 0 else (local,)
            if change < 0:
                put_back = -change
            if any(second % length == 0 for second in passed) and (local not in shown or put_back >= length):
                watched.append(instant)
            shown.add(local)
            before = shift
        edges = cut(zone, length, start, end).edges
        assert edges[(edges >= start) & (edges < end)].tolist() == watched


def test_a_day_over_a_clock_change_has_the_windows_that_its_clock_shows() -> None:
    zone = "America/New_York"
    back = cut(zone, DAY, epoch(2015, 11, 1, 12), epoch(2015, 11, 1, 13))
    forward = cut(zone, DAY, epoch(2015, 3, 8, 12), epoch(2015, 3, 8, 13))
    assert [len(cut(zone, n, *back.edges.tolist())) for n in (900, 3600, 10_800, DAY)] == [100, 25, 8, 1]
    assert [len(cut(zone, n, *forward.edges.tolist())) for n in (900, 3600, 10_800, DAY)] == [92, 23, 8, 1]
    assert np.diff(cut(zone, 10_800, *back.edges.tolist()).edges).tolist() == [14_400] + [10_800] * 7
    assert np.diff(cut(zone, 10_800, *forward.edges.tolist()).edges).tolist() == [7_200] + [10_800] * 7


def test_a_midnight_that_does_not_exist_is_replaced_by_the_clock_change() -> None:
    day = cut("America/Sao_Paulo", DAY, epoch(2018, 11, 4, 12), epoch(2018, 11, 4, 13))
    assert [iso(edge, "America/Sao_Paulo") for edge in day.edges.tolist()] == [
        "2018-11-04T01:00:00-02:00",
        "2018-11-05T00:00:00-02:00",
    ]


def test_seven_day_windows_are_weeks_from_monday() -> None:
    weeks = cut("Europe/Berlin", 7 * DAY, epoch(2024, 1, 1), epoch(2024, 12, 31))
    starts = [datetime.fromtimestamp(edge, ZoneInfo("Europe/Berlin")) for edge in weeks.edges.tolist()]
    assert {(start.weekday(), start.hour) for start in starts} == {(0, 0)}
    assert {later.date() - earlier.date() for earlier, later in pairwise(starts)} == {timedelta(days=7)}


@given(
    interval=st.sampled_from((60, 300, 900, 1800)),
    phase=st.integers(0, 1799),
    start=st.integers(epoch(2015, 10, 20), epoch(2015, 11, 10)),
)
def test_a_slot_belongs_to_the_window_that_it_starts_in(interval: int, phase: int, start: int) -> None:
    axis = Axis(interval, phase % interval)
    grid = cut("America/New_York", 3600, start, start + 5 * DAY)
    edges = grid.slots(axis)
    slots = np.arange(edges[0], edges[-1])
    windows = grid.window_of(axis.start_of(slots))
    assert windows.tolist() == np.repeat(np.arange(len(grid)), grid.expected(axis)).tolist()
    outside = np.array([edges[0] - 1, edges[-1]])
    assert grid.window_of(axis.start_of(outside)).tolist() == [-1, -1]
    assert (axis.slot_at(axis.start_of(slots)) == slots).all()
    assert axis.slot_at(axis.start_of(7) - 1) == 6
    assert axis.first_slot_from(axis.start_of(7) - 1) == 7


@pytest.mark.parametrize(
    ("length", "interval", "words"),
    [
        (1500, 900, "25min is no multiple of the readings' 15min; use 15min or 30min"),
        (5 * 3600, 60, "5h does not divide a day"),
        (25 * 3600, 60, "25h is over a day but not whole days; use 1d or 2d"),
        (0, 60, "does not divide a day"),
        (900, 420, "use 7d"),
    ],
)
def test_a_length_that_cannot_be_cut_is_refused_with_one_that_can(length: int, interval: int, words: str) -> None:
    with pytest.raises(ScenarioError, match=words):
        check_length(length, interval)


def test_no_zone_puts_its_clocks_back_further_than_the_bound_allows() -> None:
    for name in available_timezones():
        offsets = [
            offset(epoch(year, month, 1), ZoneInfo(name)) for year in range(1971, 2031) for month in range(1, 13)
        ]
        assert int((np.maximum.accumulate(offsets) - offsets).max()) <= LARGEST_CHANGE, name


def test_an_empty_span_is_refused() -> None:
    with pytest.raises(ScenarioError, match="is empty"):
        cut("UTC", 900, 1000, 1000)
