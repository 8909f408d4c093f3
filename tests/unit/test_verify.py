"""``--verify`` finds what no party could: one mWh too much anywhere between the plaintext and the report."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from smarter.errors import VerificationFailed
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished
from smarter.parties.releaser import Releaser
from smarter.run import run
from smarter.scenario import parse_scenario
from smarter.state import StateFolder


@pytest.mark.parametrize("kind", ["demand", "billing"])
def test_one_milliwatt_hour_too_much_in_one_window_fails_the_check(
    small_scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    decrypt = Releaser._decrypt

    def off_by_one(releaser: Releaser, decisions: Any) -> Any:
        totals = decrypt(releaser, decisions)
        for decision, lanes in zip(decisions, totals, strict=True):
            lanes[-1] += decision.aggregate.kind == kind
        return totals

    monkeypatch.setattr(Releaser, "_decrypt", off_by_one)
    state, scenario = StateFolder(tmp_path), parse_scenario(small_scenario, source="small", base=tmp_path)
    unlock = KeyFileUnlock(state.keys)
    with pytest.raises(VerificationFailed, match=f"{kind} of .* the plaintext"):
        list(run(scenario, state, unlock=unlock, verify=True))
    *_, last = run(scenario, state, unlock=unlock)
    assert isinstance(last, Finished)
    assert last.result.verified is None, "what was not checked does not claim to have been"


def test_a_window_that_was_refused_without_a_reason_fails_the_check(
    small_scenario: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smarter.parties.releaser.decision.refuse_demand", lambda *_: "out of spite")
    state, scenario = StateFolder(tmp_path), parse_scenario(small_scenario, source="small", base=tmp_path)
    with pytest.raises(VerificationFailed, match=r"is refused with None mWh .* should be complete"):
        list(run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True))
