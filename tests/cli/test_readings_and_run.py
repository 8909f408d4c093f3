"""What ``readings`` finds, ``run`` repeats or refuses: nothing is said by one of them alone."""

from __future__ import annotations

import pytest

from tests.cli.conftest import Call, Lane


def test_a_repeated_row_counts_once_and_both_say_so(call: Call, lane: Lane) -> None:
    lane.row(90, lane.home(2).read_text().splitlines()[88])
    looked = call("readings", lane.scenario)
    assert "repeated" in looked.out
    ran = call("run", lane.scenario, "--state", lane.state)
    assert ran.code == 0
    assert "home2.csv: 1 row repeats the stamp and value of another of meter home2" in ran.err


def test_rows_out_of_order_are_refused_whether_the_span_is_given_or_not(call: Call, lane: Lane) -> None:
    for home in range(1, 6):
        rows = lane.home(home).read_text().splitlines(keepends=True)
        lane.home(home).write_text("".join([*rows[48:], *rows[:48]]))
    given = call("run", lane.scenario, "--state", lane.state, "--quiet")
    lane.rewrite("time: {start: 2016-01-01, end: 2016-01-02}\n", "")
    looked, ran = call("readings", lane.scenario), call("run", lane.scenario, "--state", lane.state, "--quiet")
    assert (given.code, ran.code, looked.code) == (3, 3, 0)
    assert all("home1.csv, row 49: stamp 2016-01-01 00:00:00" in ended.err for ended in (given, looked, ran))


@pytest.mark.parametrize("timezone", ["Asia/Kolkata", "Asia/Kathmandu"])
def test_readings_across_the_edges_of_windows_are_refused(call: Call, lane: Lane, timezone: str) -> None:
    for home in range(1, 6):
        rows = [f"2016-01-01 {hour:02}:00:00,{home}.{hour}\n" for hour in range(24)]
        lane.home(home).write_text("".join(rows))
    lane.rewrite("source: {plugin: umass, path: homes}", "source: {plugin: csv, path: homes, timezone: UTC}")
    lane.rewrite("timezone: Europe/Berlin", f"timezone: {timezone}")
    lane.rewrite("{reading: 15min, demand: 1h", "{reading: 1h, demand: 1h")
    looked, ran = call("readings", lane.scenario), call("run", lane.scenario, "--state", lane.state, "--quiet")
    assert (looked.code, ran.code) == (0, 3)
    assert all("is in two windows" in ended.err and "such as UTC" in ended.err for ended in (looked, ran))
    there = call("run", lane.scenario, "--set", "neighbourhoods.lane.timezone=UTC", "--state", lane.state, "--quiet")
    assert there.code == 0
