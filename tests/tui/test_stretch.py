"""A stretch of time keeps inside what there is, however it is zoomed and moved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from smarter.tui.widgets.stretch import Stretch

WHOLE = Stretch.whole(0, 1000, 10)
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("zoomed"), st.floats(0.1, 10), st.floats(0, 1)),
        st.tuples(st.just("moved"), st.floats(-3, 3)),
        st.tuples(st.just("around"), st.floats(0, 1000), st.floats(0, 1000)),
    ),
    max_size=12,
)


@given(MOVES)
def test_no_move_leads_out_of_the_whole_or_below_the_least(moves: list[tuple[str, float]]) -> None:
    stretch = WHOLE
    for name, *arguments in moves:
        stretch = getattr(stretch, name)(*arguments)
        assert 0 <= stretch.start < stretch.end <= 1000
        assert stretch.end - stretch.start >= 10 - 1e-6


def test_zooming_keeps_what_is_under_the_pointer() -> None:
    closer = WHOLE.zoomed(4, 0.75)
    assert (closer.start, closer.end) == (562.5, 812.5)
    assert closer.start + 0.75 * 250 == 750


def test_a_stretch_moves_by_shares_of_itself_and_stops_at_the_end() -> None:
    middle = WHOLE.around(400, 600)
    assert (middle.moved(0.5).start, middle.moved(-0.5).start) == (500, 300)
    assert (middle.moved(9).end, middle.moved(-9).start) == (1000, 0)
    assert middle.zoomed(0.001).is_whole


def test_coarser_windows_widen_a_stretch_that_is_too_short_for_them() -> None:
    wider = WHOLE.around(400, 420).with_least(100)
    assert (wider.start, wider.end) == (360, 460)
