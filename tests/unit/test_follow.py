"""Following readings in a small run of its own: several at once, cancelled, and the scenario that it is cut from."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from pathlib import Path

import pytest

from smarter.errors import Interrupted, UsageError
from smarter.follow import follow
from smarter.model.control import Control
from smarter.model.events import Finished, Hop, Traced
from smarter.protocols.trail import Trace
from smarter.scenario import Scenario, load_scenario, parse_scenario, with_overrides

SIX = 1_451_606_400  # 2016-01-01 UTC
TWO_OCLOCK = SIX + 2 * 3600


@pytest.fixture
def small(small_scenario: str) -> Scenario:
    return parse_scenario(small_scenario, source="small", base=Path())


def ways(scenario: Scenario, trace: Trace) -> dict[int, dict[str, Hop]]:
    """Hops by the start of their reading and by name."""
    found: dict[int, dict[str, Hop]] = defaultdict(dict)
    for event in follow(scenario, trace):
        if isinstance(event, Traced):
            found[event.start][event.hop.name] = event.hop
    return found


def left_behind() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("smarter-follow-*"))


def test_readings_beside_it_go_their_whole_way_along(small: Scenario) -> None:
    found = ways(small, Trace("lane", "home3", TWO_OCLOCK, beside=2))
    assert sorted(found) == [TWO_OCLOCK + 60 * step for step in (-2, -1, 0, 1, 2)]
    names = set(found[TWO_OCLOCK])
    assert {"row", "bill", "chart", "demand released"} <= names
    for start, hops in found.items():
        assert set(hops) == names
        row, day = (start - SIX) // 60, hops["chart"].detail
        assert hops["row"].detail["row"] == row + 2
        assert hops["chart"].detail["energy_mwh"] == hops["reading"].detail["energy_mwh"]
        assert day["energies_mwh"][row] == day["energy_mwh"]  # type: ignore[index]
        place = hops["frame"].detail["place"]
        assert place == row % 60
    # Two of them are in the hour before: another frame, another share of the same window.
    frames = [found[start]["frame"].detail["nonce"] for start in sorted(found)]
    assert frames[0] == frames[1] != frames[2] == frames[3] == frames[4]
    released = {str(hops["billing released"].detail) for hops in found.values()}
    assert len(released) == 1


def test_what_the_simulation_looks_at_is_counted(small: Scenario) -> None:
    for beside in (0, 3):
        *_, last = follow(small, Trace("lane", "home3", TWO_OCLOCK, beside))
        assert isinstance(last, Finished)
        # Each reading that is followed, and the meter's own day, opened as its customer would.
        assert last.result.views["simulation"]["readings"] == 1 + 2 * beside + 360
        assert last.result.views["simulation"]["opened"] == 6


def test_at_the_edge_of_the_span_there_are_fewer_beside_it(small: Scenario) -> None:
    assert sorted(ways(small, Trace("lane", "home1", SIX, beside=2))) == [SIX, SIX + 60, SIX + 120]


def test_a_gap_beside_it_is_left_out_and_one_at_it_is_said(small_scenario: str, tmp_path: Path) -> None:
    text = small_scenario
    folder = Path(text.split("path: ")[1].split("}")[0])
    for file in folder.glob("*.csv"):
        rows = file.read_text().splitlines(keepends=True)
        kept = [row for row in rows if file.stem != "home2" or "02:01:00" not in row]
        (tmp_path / file.name).write_text("".join(kept))
    scenario = parse_scenario(text.replace(str(folder), str(tmp_path)), source="small", base=Path())
    found = ways(scenario, Trace("lane", "home2", TWO_OCLOCK, beside=1))
    assert sorted(found) == [TWO_OCLOCK - 60, TWO_OCLOCK]
    assert found[TWO_OCLOCK]["chart"].detail["energies_mwh"][121] is None  # type: ignore[index]
    with pytest.raises(UsageError, match=r"home2 has no reading at 2016-01-01T02:01:00.*choose another minute"):
        ways(scenario, Trace("lane", "home2", TWO_OCLOCK + 60))


def test_no_key_is_in_any_hop(small: Scenario) -> None:
    for hop in ways(small, Trace("lane", "home3", TWO_OCLOCK))[TWO_OCLOCK].values():
        assert not {"secret", "private", "seal_key"} & set(hop.detail), hop.name


def test_cancelled_it_ends_at_once_and_leaves_nothing_behind(small: Scenario) -> None:
    before, control = left_behind(), Control()
    events = follow(small, Trace("lane", "home3", TWO_OCLOCK), control=control)
    next(events)
    assert left_behind() > before
    control.cancel()
    with pytest.raises(Interrupted):
        list(events)
    assert left_behind() == before


def test_a_scenario_with_overrides_is_the_same_elsewhere() -> None:
    lossy = load_scenario("lossy", ["grace=2h"])
    shorter = with_overrides(lossy, ["time.end=2016-01-01 12:00", "faults=[]"])
    assert shorter.path == lossy.path
    assert shorter.grace == 7_200
    assert (shorter.faults, str(shorter.time.end)) == ((), "2016-01-01 12:00:00")
    assert with_overrides(lossy, []).digest == lossy.digest
