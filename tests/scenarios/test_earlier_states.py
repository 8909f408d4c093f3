"""States of the version before release rule 4: finished ones are taken over, the others are refused untouched."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smarter.protocols.starting import find
from smarter.scenario import load_scenario
from smarter.state import Journal, StateFolder
from tests.support.earlier import before_rule_4, format_of


@pytest.fixture
def lane(street: Callable[..., Path]) -> Path:
    """Six homes, eight hours; later that day one is measured for half an hour of a window."""

    def gap(meter: int, stamp: datetime) -> bool:
        return meter == 3 and 10.5 <= stamp.hour + stamp.minute / 60 < 12

    return street(meters=6, until="2016-03-02", leave_out=gap)


def test_a_finished_one_is_taken_over_and_taken_further(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    before = carry(lane, state=state)
    before_rule_4(state / "journal.sqlite")
    assert smarter("bills", lane, "--state", state).code == 0
    assert format_of(state / "journal.sqlite") == 4
    later = carry(lane, "time.end=2016-03-01 15:00", state=state)
    assert later.result["verified"] is True
    known = {(row["neighbourhood"], row["window_start"]): row["status"] for row in later.demand}
    assert {known[row["neighbourhood"], row["window_start"]] == row["status"] for row in before.demand} == {True}
    assert [row["window_start"][11:16] for row in later.demand if row["status"] == "withheld"] == ["11:30"]
    assert smarter("audit", "verify", lane, "--state", state, "--set", "time.end=2016-03-01 15:00").code == 0


def test_one_that_is_not_finished_is_refused_and_left_as_it_is(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path / "state"
    commits = []

    def stopped(journal: Journal, *given: Any, **more: Any) -> None:
        commit(journal, *given, **more)
        commits.append(given)
        if len(commits) == 3:
            raise KeyboardInterrupt

    commit = Journal.commit_hold
    monkeypatch.setattr(Journal, "commit_hold", stopped)
    assert smarter("run", lane, "--state", state, "--quiet").code == 130
    monkeypatch.undo()
    before_rule_4(state / "journal.sqlite")
    ended = smarter("run", lane, "--state", state, "--quiet")
    assert ended.code == 2
    assert "begun by an earlier version of Smarter and is not finished" in ended.err
    assert "start again with --fresh" in ended.err
    assert format_of(state / "journal.sqlite") == 3, "that version can still finish it"
    assert smarter("run", lane, "--state", state, "--quiet", "--fresh").code == 0


def test_one_that_was_taken_over_is_judged_by_rule_4_from_there_on(
    lane: Path, tmp_path: Path, carry: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    carry(lane, state=state)
    before_rule_4(state / "journal.sqlite")
    session = find(load_scenario(str(lane)), StateFolder(state, tmp_path / "anchor"))
    assert session is not None
    (plan,) = session.plans
    assert session.journal.rule_4_since(plan.name) == plan.end_slot
    session.journal.close()
