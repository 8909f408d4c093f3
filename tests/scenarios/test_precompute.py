"""Blindings kept on the disk: made before the first reading is opened, used up first, and each of them once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.keys.unlock import KeyFileUnlock
from smarter.model.control import Control
from smarter.model.events import Finished, Progress
from smarter.protocols.session import recall
from smarter.run import run
from smarter.scenario import load_scenario
from smarter.state import StateFolder
from smarter_plugins.schemes.paillier import Paillier

KEPT = 30


@pytest.fixture
def used(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every blinding that went into a plaintext or onto a sum, over all starts."""
    used: list[int] = []
    add = Paillier._add

    def noting(scheme: Paillier, public: Any, left: Any, right: Any) -> Any:
        used.extend(int(blinding) for blinding in right)
        return add(scheme, public, left, right)

    monkeypatch.setattr(Paillier, "_add", noting)
    return used


def test_an_exhausted_supply_is_noticed_by_nobody_but_the_clock(
    street: Callable[..., Path], carry: Callable[..., Any]
) -> None:
    lane = street()
    kept = carry(lane, f"crypto.aggregate.precompute={KEPT}")
    without = carry(lane)
    assert kept.numbers == without.numbers
    assert kept.result["counts"]["ciphertexts"] == without.result["counts"]["ciphertexts"] > KEPT


def test_they_are_there_before_anything_is_opened_and_the_journal_knows_how_many_are_taken(
    street: Callable[..., Path], tmp_path: Path
) -> None:
    scenario = load_scenario(str(street()), [f"crypto.aggregate.precompute={KEPT}"])
    state = StateFolder(tmp_path / "state")
    events = [
        event
        for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True)
        if isinstance(event, Progress | Finished)
    ]
    stages = [event.stage for event in events if isinstance(event, Progress)]
    assert stages.index("precompute") < stages.index("read")
    assert [e.done for e in events if isinstance(e, Progress) and e.stage == "precompute"][-1] == KEPT
    assert state.blindings.stat().st_mode & 0o777 == 0o600
    session = recall(scenario, state)
    assert session is not None
    assert session.journal.tally().blindings == KEPT
    session.journal.close()


def test_a_run_that_is_cancelled_and_goes_on_uses_none_of_them_twice(
    street: Callable[..., Path], tmp_path: Path, used: list[int]
) -> None:
    scenario = load_scenario(str(street()), ["crypto.aggregate.precompute=500"])
    state = StateFolder(tmp_path / "state")
    unlock = KeyFileUnlock(state.keys)
    for _ in range(3):
        control = Control()
        for event in run(scenario, state, unlock=unlock, control=control):
            if isinstance(event, Progress) and event.stage == "read" and event.done:
                break  # as a kill would: the supply is not told
    *_, last = run(scenario, state, unlock=unlock, verify=True)
    assert isinstance(last, Finished)
    assert last.result.verified
    assert len(used) > last.result.counts.ciphertexts, "what re-randomises counts, and what a kill has cost"
    assert len(set(used)) == len(used)
