"""``smarter audit releases`` as people and scripts meet it: what it prints, and with which exit code it ends."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.keys import grantee as grantee_keys
from smarter.keys.passwords import Pbkdf2Cost
from smarter.protocols import login as login_module
from tests.support.copies import copy_state

Call = Callable[..., Any]
PASSWORD = "plaid-otter-vending-41"
SAFE = "4 billing windows, none of them shows what fewer than 5 meters used\n"


@pytest.fixture
def state(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the finished run's state: a day of five homes, four bills each, 24 demand windows."""
    return copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def audit(call: Call, finished: Any, state: Path) -> Call:
    """``audit(*options)`` audits the releases on that state."""
    return lambda *options: call("audit", "releases", finished.scenario, "--state", state, *options)


def write(state: Path, *statements: str) -> None:
    """Change the journal behind everybody's back."""
    with sqlite3.connect(state / "journal.sqlite") as journal:
        for statement in statements:
            journal.execute(statement)
    journal.close()


WITHHELD = "UPDATE ledger SET status = 3 WHERE kind = 'demand' AND start = (SELECT min(start) FROM ledger)"
ALONE = (
    "INSERT INTO cells (flags) VALUES (x'000101010101')",
    "UPDATE ledger SET cells = (SELECT id FROM cells WHERE flags = x'000101010101') "
    "WHERE kind = 'billing' AND start = (SELECT min(start) FROM ledger) "
    "AND holder != (SELECT min(holder) FROM ledger WHERE kind = 'billing')",
)
"""Four of the five homes have no readings in the first hour."""
AS_BEFORE = "UPDATE ledger SET status = NULL, reason = NULL, cells = NULL, until = NULL"


def test_a_run_by_todays_rules_shows_nothing(audit: Call) -> None:
    said = audit()
    assert (said.code, said.out, said.err) == (0, SAFE, "")
    found = json.loads(audit("--json").out)
    assert (found["windows"], found["exposed"], found["exposures"], found["min_meters"]) == (4, 0, [], 5)


def test_nothing_is_unlocked_and_nothing_is_noted(audit: Call, state: Path) -> None:
    shutil.rmtree(state / "keys")
    before = (state / "audit.log").read_bytes()
    assert audit().code == 0
    assert (state / "audit.log").read_bytes() == before


def test_a_household_that_sums_give_away_is_named_and_the_exit_code_is_4(audit: Call, state: Path) -> None:
    write(state, WITHHELD, *ALONE)
    said = audit()
    assert said.code == 4
    assert "4 billing windows, 1 of them shows what fewer than 5 meters used\n" in said.out
    assert "exactly what household" in said.out
    assert "2016-01-01 00:00 to 06:00" in said.out
    assert "and, by its bill, from 00:00 to 01:00" in " ".join(said.out.split())
    assert said.err.startswith("smarter: released sums of lane")
    (window,) = json.loads(audit("--json").out)["exposures"]
    (shown,) = window["disclosures"]
    assert window["exact"] is shown["released"] is shown["left"] is True
    assert len(shown["meters"]) == 1
    assert shown["spans"] == [{"start": "2016-01-01T01:00:00+01:00", "end": "2016-01-01T06:00:00+01:00"}]
    assert shown["rest"] == [{"start": "2016-01-01T00:00:00+01:00", "end": "2016-01-01T01:00:00+01:00"}]


def test_a_state_from_before_says_at_most(audit: Call, state: Path) -> None:
    write(state, AS_BEFORE, "DELETE FROM ledger WHERE kind = 'demand' AND start = (SELECT min(start) FROM ledger)")
    said = audit()
    assert said.code == 4
    assert "4 billing windows, at most 1 of them show what fewer than 5 meters used (0 for certain" in said.out
    assert "not known which, may have used from 00:00 to 01:00" in " ".join(said.out.split())
    assert json.loads(audit("--json").out)["inexact"] == 1


def test_a_whole_state_from_before_shows_nothing(audit: Call, state: Path) -> None:
    write(state, AS_BEFORE)
    assert (audit().code, audit().out) == (0, SAFE)


def test_a_run_that_is_not_finished_is_audited_so_far(audit: Call, state: Path) -> None:
    write(
        state,
        "UPDATE progress SET next_slot = next_slot - 24",
        "DELETE FROM ledger WHERE start >= (SELECT min(start) + 64800 FROM ledger)",
    )
    said = audit()
    assert (said.code, said.out) == (0, SAFE.replace("4 billing", "3 billing"))


def test_there_is_nothing_to_audit_before_a_run(call: Call, finished: Any, tmp_path: Path) -> None:
    said = call("audit", "releases", finished.scenario, "--state", tmp_path / "none")
    assert (said.code, said.out) == (2, "")
    assert "there is no run of lane" in said.err


def test_many_windows_are_cut_short_for_people(audit: Call, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("smarter.cli.audit.MOST_WINDOWS", 1)
    write(state, AS_BEFORE, "DELETE FROM ledger WHERE kind = 'demand' AND (start / 3600) % 6 = 0")
    said = audit()
    assert "and 3 more billing windows" in said.out
    assert len(json.loads(audit("--json").out)["exposures"]) == 4


def test_a_result_counts_what_is_exposed_and_warns(call: Call, finished: Any, state: Path) -> None:
    result = json.loads(call("run", finished.scenario, "--state", state, "--json", "--quiet").out)
    assert result["exposed"] == 0
    write(state, WITHHELD, *ALONE)
    result = json.loads(call("run", finished.scenario, "--state", state, "--json", "--quiet").out)
    assert result["exposed"] == 1
    assert result["warnings"][-1] == (
        "1 billing window shows what fewer than 5 meters used: see `smarter audit releases`."
    )


def test_a_grantee_with_finer_windows_is_warned_of_and_found(
    call: Call, finished: Any, state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, audit: Call
) -> None:
    """Five homes: who has the hours of one is left with the sum of four."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    place = (finished.scenario, "--state", state)
    for name in ("slow", "advice"):
        grantee_keys.make_key_files(tmp_path / f"{name}.pem", PASSWORD, bits=2048, cost=Pbkdf2Cost(1))
    monkeypatch.setenv(
        "SMARTER_CODE", call("customer", "invite", place[0], "home1", "--since", "start", *place[1:]).out.strip()
    )
    assert call("customer", "enrol", *place, "--name", "ada", "--agree", "2").code == 0
    assert call("customer", "login", *place, "--name", "ada").code == 0

    def grant(window: str, name: str) -> Any:
        public = grantee_keys.public_path(tmp_path / f"{name}.pem")
        options = ("--key", public, "--name", f"{name} Ltd", "--purpose", "nights", "--window", window)
        return call("customer", "grant", *place, *options)

    assert "warning" not in grant("1d", "slow").err
    assert (audit().code, audit().out) == (0, SAFE)
    warned = grant("1h", "advice")
    assert warned.code == 0
    assert (
        "warning: windows of 1h are finer than your bills (6h). With the neighbourhood's demand, advice Ltd can work "
        "out the sum of the meters that grant them nothing. "
        "These are 4 of 5 meters now, and at least 5 should be left.\n"
    ) in warned.err
    assert "delivered 24 windows" in warned.err
    said = audit()
    assert (said.code, "to advice Ltd with the sums of 1 meter" in " ".join(said.out.split())) == (4, True)
    shown = [shown for window in json.loads(audit("--json").out)["exposures"] for shown in window["disclosures"]]
    assert {len(each["meters"]) for each in shown} == {4}
    assert {(each["grantee"], each["granting"]) for each in shown} == {("advice Ltd", 1)}
    assert call("customer", "revoke", *place, "advice Ltd").code == 0
    assert audit().code == 4, "what was delivered is not called back"
