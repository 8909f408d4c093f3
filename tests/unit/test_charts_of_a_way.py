"""The hops of a reading in branches and in short, and its customer's day as a chart."""

from __future__ import annotations

import pytest

from smarter.charts.day import day_chart
from smarter.charts.hops import in_branches, in_short, readers
from smarter.model.events import Hop

MIDNIGHT = 1_451_970_000  # 2016-01-05 in New York
NEW_YORK = "America/New_York"


def hop(name: str, mark: str = "clear", **detail: object) -> Hop:
    return Hop(name, mark, f"{name} as it is", detail, ())  # type: ignore[arg-type] # one of the four


def test_branches_come_one_after_the_other_whatever_the_order_of_events() -> None:
    names = ("row", "billing lane", "demand lane", "demand sum", "billing sum", "bill", "chart")
    branches = in_branches([hop(name) for name in names])
    assert [[step.name for step in branch.steps] for branch in branches] == [
        ["row"],
        ["lane", "sum", "bill"],
        ["lane", "sum"],
        ["chart"],
    ]
    assert [step.number for branch in branches for step in branch.steps] == list(range(1, 8))
    assert branches[0].title == ""


def test_branches_that_a_refusal_cuts_off_are_there_without_a_step() -> None:
    branches = in_branches([hop("row"), hop("frame", "refused")])
    assert [len(branch.steps) for branch in branches] == [2, 0, 0, 0]
    late = [hop("row"), hop("relayed", "refused"), hop("relayed", "sealed"), hop("billing lane")]
    assert [len(branch.steps) for branch in in_branches(late)] == [3, 1]
    assert in_branches([]) == []


def test_a_refused_hop_says_its_reason_even_in_short() -> None:
    (branch,) = in_branches([hop("opened")])
    assert in_short(branch.steps[0]) == "opened as it is"
    refused = in_branches([hop("row"), hop("billing released", "refused")])[1].steps[0]
    assert in_short(refused) == "billing released as it is"
    lane = hop("demand lane", lane=98, lanes=120, capacity=95, energy_mwh=1234)
    assert in_short(in_branches([lane])[0].steps[0]) == "lane 4 of 95: 1,234 mWh"


def test_readers_can_be_named_without_their_keys() -> None:
    one = Hop("bill", "sum", "", {}, (("MDMS", "delivery key"),))
    assert [reader.plain for reader in readers(one)] == ["Σ MDMS (delivery key)"]
    assert [reader.plain for reader in readers(one, keys=False)] == ["Σ MDMS"]


@pytest.mark.parametrize(("width", "height"), [(40, 8), (80, 12), (200, 30)])
def test_the_day_fits_and_marks_the_reading(width: int, height: int) -> None:
    energies = [None if 100 <= minute < 200 else 20_000 + minute * 10 for minute in range(1_440)]
    chart = day_chart(energies, MIDNIGHT, 60, 1_072, NEW_YORK, width=width, height=height, colour=False)
    lines = chart.splitlines()
    assert len(lines) <= height
    assert all(len(line) <= width for line in lines)
    assert sum("●" in line for line in lines[1:]) == 1
    assert lines[0].startswith("kW  2016-01-05")


def test_a_day_that_exports_reaches_below_zero_and_one_without_room_says_so() -> None:
    energies = [-30_000 + minute * 100 for minute in range(1_440)]
    chart = day_chart(energies, MIDNIGHT, 60, 0, NEW_YORK, width=60, height=12, colour=False)
    assert "-" in chart
    assert "● 00:00, -1.800 kW" in chart
    assert day_chart(energies, MIDNIGHT, 60, 0, NEW_YORK, width=10, height=3, colour=False).startswith("No room")
