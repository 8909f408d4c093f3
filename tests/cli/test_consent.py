"""``smarter customer`` about the notice: shown to anybody, agreed to before anything is made, taken back, and kept."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest

from smarter.keys.passwords import Pbkdf2Cost
from smarter.protocols import login as login_module
from smarter.protocols.notice import VERSION, WIDTH, notice_of
from smarter.scenario import load_scenario
from tests.support.copies import copy_state

PASSWORD = "plaid-otter-vending-41"
Call = Callable[..., Any]


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A script's environment: a home and a password of its own, and derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    return monkeypatch


@pytest.fixture
def place(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def customer(call: Call, place: tuple[object, ...]) -> Call:
    def command_of(command: str, *arguments: object) -> Any:
        return call("customer", command, place[0], *arguments, *place[1:])

    return command_of


@pytest.fixture
def invited(customer: Call, script: pytest.MonkeyPatch) -> Call:
    """Home1's code is at hand."""
    script.setenv("SMARTER_CODE", customer("invite", "home1", "--since", "start").out.strip())
    return customer


@pytest.fixture
def ada(invited: Call) -> Call:
    """She is enrolled and logged in."""
    assert invited("enrol", "--name", "ada", "--agree", "2").code == 0
    assert invited("login", "--name", "ada").code == 0
    return invited


class TestTheNotice:
    def test_is_printed_for_anybody_without_a_state(self, call: Call) -> None:
        printed = call("customer", "notice", "quickstart")
        assert (printed.code, printed.err) == (0, "")
        assert printed.out == notice_of(load_scenario("quickstart")).text

    def test_says_what_the_scenario_says(self) -> None:
        overrides = ("windows.demand=30min", "windows.billing=4h", "release.min_meters=7", "accounts.keep_frames=30d")
        text = " ".join(notice_of(load_scenario("lossy", overrides)).text.split())
        for said in ("over 30 minutes at a time", "over 4 hours at a time", "at least 7 homes", "for 30 days"):
            assert said in text

    def test_fits_a_terminal_and_names_every_right(self) -> None:
        text = notice_of(load_scenario("quickstart")).text
        assert max(map(len, text.splitlines())) <= WIDTH
        for command in ("opt-out", "withdraw", "grant", "revoke", "erase", "agree"):
            assert command in text
        assert "cannot be called back" in " ".join(text.split())

    def test_that_says_something_else_has_another_digest(self) -> None:
        one, other = (notice_of(load_scenario("quickstart", given)) for given in ((), ("windows.demand=30min",)))
        assert one.digest != other.digest


class TestEnrolling:
    def test_takes_agreement_before_anything_is_made(self, invited: Call, place: tuple[Any, ...]) -> None:
        asked = invited("enrol", "--name", "ada")
        assert (asked.code, "say --agree 2" in asked.err) == (2, True)
        other = invited("enrol", "--name", "ada", "--agree", "3")
        assert (other.code, "there is no version 3 of the notice" in other.err) == (2, True)
        assert invited("enrol", "--name", "ada", "--agree", "2").code == 0, "the code is still open"

    def test_is_given_up_by_who_does_not_agree(self, invited: Call, place: tuple[Any, ...]) -> None:
        arguments = ["-m", "smarter", "customer", "enrol", *map(str, place)]
        with pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=30) as terminal:
            terminal.expect_exact("what becomes of your meter's readings")
            terminal.expect_exact("Do you agree to this? [y/N]: ")
            terminal.sendline("n")
            terminal.expect_exact("nothing was made")
            terminal.expect(pexpect.EOF)
        assert terminal.exitstatus == 2
        assert invited("enrol", "--name", "ada", "--agree", "2").code == 0


class TestStating:
    def test_a_life_of_agreements_is_on_record(self, ada: Call) -> None:
        for command in ("opt-out", "opt-in", "withdraw"):
            said = ada(command)
            assert (said.code, said.out) == (0, "")
            assert "from the next billing window on" in said.err
        assert ada("agree", "--agree", "2").code == 0
        record = ada("consents")
        rows = [line.split("\t") for line in record.out.splitlines()]
        assert [(row[0], row[2]) for row in rows] == [
            ("1", "agree"),
            ("2", "opt-out"),
            ("3", "opt-in"),
            ("4", "withdraw"),
            ("5", "agree"),
        ]
        assert rows[0][3].startswith("notice 2, text ")
        assert "you agree to version 2 of the notice" in record.err

    def test_the_record_as_data_says_where_somebody_stands(self, ada: Call) -> None:
        ada("opt-out")
        record = json.loads(ada("consents", "--json").out)
        assert (record["agrees_to"], record["agrees_to_this_text"], record["statistics"]) == (VERSION, True, False)
        assert [(each["number"], each["kind"]) for each in record["statements"]] == [(1, "agree"), (2, "opt-out")]
        assert len(bytes.fromhex(record["statements"][0]["digest"])) == 32

    @pytest.mark.parametrize(
        ("command", "words"),
        [
            (("opt-in",), "in the neighbourhood's statistics already"),
            (("agree", "--agree", "2"), "already"),
        ],
        ids=str,
    )
    def test_what_would_change_nothing_is_refused(self, ada: Call, command: tuple[str, ...], words: str) -> None:
        said = ada(*command)
        assert (said.code, words in said.err) == (2, True)

    def test_nobody_agrees_again_without_saying_so(self, ada: Call) -> None:
        ada("withdraw")
        said = ada("agree")
        assert (said.code, "say --agree 2" in said.err) == (2, True)
        assert json.loads(ada("consents", "--json").out)["agrees_to"] is None

    def test_takes_a_session(self, ada: Call) -> None:
        ada("logout")
        for command in ("withdraw", "opt-out", "opt-in", "consents"):
            said = ada(command)
            assert (said.code, "nobody is logged in" in said.err) == (4, True)

    def test_a_login_reminds_of_a_notice_that_is_not_agreed_to(
        self, ada: Call, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert "notice" not in ada("login", "--name", "ada").err
        monkeypatch.setattr("smarter.protocols.notice.VERSION", VERSION + 1)
        said = ada("login", "--name", "ada")
        assert (said.code, said.out) == (0, "")
        assert "you agreed to another text than version 3 of the notice" in said.err
        assert ada("agree", "--agree", "3").code == 0
        assert "notice" not in ada("login", "--name", "ada").err

    def test_what_is_stated_is_in_the_audit_log(self, call: Call, ada: Call, place: tuple[object, ...]) -> None:
        ada("opt-out")
        log = call("audit", "show", place[0], *place[1:], "--action", "consent").out
        told = [line for line in log.splitlines() if "consent" in line]
        assert ["agree" in told[0], "opt-out" in told[1], len(told)] == [True, True, 2]
        assert not re.search(r"\bada\b", log)  # an identifier in hexadecimal may begin like a name


def test_a_run_says_how_many_are_left_out(call: Call, finished: Any, tmp_path: Path) -> None:
    folder = ("--state", tmp_path / "state", "--out", tmp_path / "out")
    said = call("run", finished.scenario, "--set", "consent=required", *folder, "--json")
    assert said.code == 0
    result = json.loads(said.out)
    assert (result["counts"]["readings"], result["views"]["pes"]["readings"]) == (0, 0)
    assert "send nothing: no bill and no demand has their readings" in said.err
    assert any(warning.startswith("consent: not all readings of 5 of the 5 meters") for warning in result["warnings"])
    for name in ("billing", "bills", "demand"):
        rows = list(csv.DictReader((tmp_path / "out" / f"{name}.csv").read_text().splitlines()))
        assert {row["status"] for row in rows} == {"missing"}, name
