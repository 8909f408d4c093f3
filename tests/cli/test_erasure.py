"""``smarter customer erase`` as its customer and whoever runs the meters meet it."""

from __future__ import annotations

import csv
import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from click import Abort

from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.signing import verify
from smarter.protocols import login as login_module
from smarter.protocols.receipt import SIGNING_CONTEXT
from smarter.state import StateFolder
from tests.support.copies import copy_state

Call = Callable[..., Any]


@pytest.fixture
def place(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A copy of the finished run as arguments: scenario and state; the head of its audit log lies elsewhere alone."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def customer(call: Call, place: tuple[object, ...]) -> Call:
    """Call a command of ``smarter customer`` on that state."""
    return lambda command, *arguments: call("customer", command, place[0], *arguments, *place[1:])


@pytest.fixture
def ada(customer: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """She is enrolled with home1 and logged in."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("SMARTER_PASSWORD", "plaid-otter-vending-41")
    monkeypatch.setenv("SMARTER_CODE", customer("invite", "home1", "--since", "start").out.strip())
    assert customer("enrol", "--name", "ada", "--agree", "2").code == 0
    assert customer("login", "--name", "ada").code == 0


@pytest.fixture
def written(call: Call, place: tuple[object, ...], tmp_path: Path) -> Callable[[], dict[str, list[dict[str, str]]]]:
    """The rows of the run's files, as ``smarter run --out`` writes them now."""

    def rows() -> dict[str, list[dict[str, str]]]:
        ended = call("run", *place, "--out", tmp_path / "out", "--quiet", "--verify")
        assert ended.code == 0, ended
        tables = {}
        for name in ("billing", "bills", "demand"):
            with (tmp_path / "out" / f"{name}.csv").open(newline="") as file:
                tables[name] = list(csv.DictReader(file))
        return tables

    return rows


def test_what_the_files_say_before_and_after(ada: None, customer: Call, written: Callable[[], Any]) -> None:
    before = written()
    said = customer("erase", "--yes")
    assert (said.code, said.err) == (0, "")
    after = written()
    assert after["bills"] == before["bills"]
    ends = {row["window_end"] for row in after["billing"] if row["status"] == "erased"}
    for old, new in zip(before["demand"], after["demand"], strict=True):
        empty = {"meters": "0", "readings": "0", "energy_wh": "", "mean_kw": "", "status": "erased"}
        assert new == (old | empty if old["window_end"] in ends else old)
    assert [row["status"] for row in after["demand"]].count("erased") == len(ends) == 4
    meter = said.out.split()[4]
    for old, new in zip(before["billing"], after["billing"], strict=True):
        gone = {"readings": "0", "energy_wh": "", "status": "erased"} if old["meter"] == meter else {}
        assert new == old | gone
    assert [row["status"] for row in after["billing"]].count("erased") == 4


def test_says_what_went_and_what_stays(ada: None, customer: Call) -> None:
    said = customer("erase", "--yes").out
    for line in (
        "  1 × secret of a key epoch of the meter",
        "  1 × seal key, wrapped for the customer",
        "  1 × key of a billing period's windows at the MDMS",
        "  4 × key of a demand window of the neighbourhood",
        "Bills, of which the totals stay:",
        "What stays:",
    ):
        assert line in said.splitlines()


def test_says_what_demand_is_lost_before_it_asks(ada: None, customer: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(question: str, yes: bool) -> None:
        asked.append(question)
        raise Abort

    monkeypatch.setattr("smarter.cli.customer.erasing.ask_whether", refuse)
    assert customer("erase").code != 0
    (question,) = asked
    assert question.endswith("Erase your readings for good?")
    assert "of the neighbourhood's demand in that time" in question


def test_as_json_has_the_meters_signature(ada: None, customer: Call) -> None:
    whole = json.loads(customer("erase", "--yes", "--json").out)
    assert json.loads(whole["signed_text"]) == whole["receipt"]
    key, signature = bytes.fromhex(whole["verify_key"]), bytes.fromhex(whole["signature"])
    verify(key, whole["signed_text"].encode(), signature, SIGNING_CONTEXT)


@pytest.mark.parametrize("form", [(), ("--json",)], ids=["printed", "json"])
def test_its_receipt_is_checked_by_the_meters_key_and_an_altered_one_is_refused(
    ada: None, customer: Call, call: Call, place: tuple[object, ...], tmp_path: Path, form: tuple[str, ...]
) -> None:
    with closing(sqlite3.connect(StateFolder(Path(str(place[2]))).journal)) as journal:
        ((key,),) = journal.execute("SELECT lower(hex(verify_key)) FROM meters WHERE source = 'home1'")
    receipt = tmp_path / "receipt"
    receipt.write_text(customer("erase", "--yes", *form).out)
    for by in (place, ("--key", key)):
        said = call("customer", "check-receipt", receipt, *by)
        assert (said.code, said.err) == (0, "")
        assert re.fullmatch(r"as meter [0-9a-f]{16} signed it on 20\S+\n", said.out)
    assert call("customer", "check-receipt", receipt, "--key", "00" * 32).code == 4
    altered = receipt.read_text().replace("complete", "refused")
    assert altered != receipt.read_text()
    receipt.write_text(altered)
    for by in (place, ("--key", key)):
        said = call("customer", "check-receipt", receipt, *by)
        assert (said.code, said.out) == (4, "")
        assert "it was altered" in said.err


def test_what_cannot_be_checked_is_said_in_a_sentence(
    customer: Call, call: Call, place: tuple[object, ...], tmp_path: Path
) -> None:
    receipt, other = tmp_path / "receipt", tmp_path / "other"
    receipt.write_text(customer("erase", "--meter", "home1", "--yes").out)
    other.write_text("nothing")
    assert call("run", place[0], "--state", tmp_path / "another", "--quiet").code == 0
    for arguments, code, why in (
        ((receipt,), 2, "name either the scenario"),
        ((receipt, *place, "--key", "00" * 32), 2, "name either the scenario"),
        ((receipt, "--key", "00"), 2, "--key: '00' is not 64 hexadecimal digits"),
        ((receipt, place[0], "--state", tmp_path / "nothing"), 2, "smarter run"),
        ((tmp_path / "missing", *place), 3, "there is no file"),
        ((other, *place), 3, "is no receipt of an erasure"),
        ((receipt, place[0], "--state", tmp_path / "another"), 4, "no meter"),
    ):
        said = call("customer", "check-receipt", *arguments)
        assert (said.code, said.out) == (code, ""), said
        assert why in said.err


def test_afterwards_she_is_told_so_and_her_bill_stands(ada: None, customer: Call, call: Call, place: Any) -> None:
    bills = call("bills", *place, "--json").out
    assert customer("show").code == 0
    assert customer("erase", "--yes").code == 0
    for command in ("show", "export", "check-bill"):
        said = customer(command)
        assert said.code == 3
        assert said.err.startswith("smarter: your readings were erased on ")
    shown = json.loads(call("bills", *place, "--json").out)
    amounts = [(bill["meter"], bill["energy_mwh"], bill["amount"], bill["status"]) for bill in shown]
    assert amounts == [(b["meter"], b["energy_mwh"], b["amount"], b["status"]) for b in json.loads(bills)]


def test_is_asked_for_by_whom_it_concerns(customer: Call, ada: None) -> None:
    assert (customer("erase").code, customer("erase").err) == (
        2,
        "smarter: nobody can be asked whether that is meant: say --yes.\n",
    )
    customer("logout")
    assert customer("erase", "--yes").code == 4
    assert customer("erase", "--meter", "nobody", "--yes").code == 2


def test_whoever_runs_the_meters_erases_for_a_customer_who_is_gone(
    customer: Call, call: Call, place: tuple[object, ...]
) -> None:
    assert customer("erase", "--meter", "home2", "--yes").code == 0
    log = call("audit", "show", *place, "--action", "erasure")
    assert len(log.out.splitlines()) == 2  # a heading and it
    assert "operator:local" in log.out
    assert call("audit", "verify", *place).code == 0


def test_a_copy_from_before_is_read_again_when_it_is_accepted_and_lacks_the_kept_total(
    customer: Call, call: Call, place: tuple[object, ...], tmp_path: Path
) -> None:
    state = Path(str(place[2]))
    shutil.copytree(state, tmp_path / "copy", ignore=shutil.ignore_patterns("keys"))
    before = json.loads(call("bills", *place, "--json").out)
    assert customer("erase", "--meter", "home2", "--yes").code == 0
    shutil.copytree(state / "keys", tmp_path / "copy" / "keys")
    shutil.rmtree(state)
    shutil.copytree(tmp_path / "copy", state)
    assert call("bills", *place).code == 4
    accepted = call("audit", "accept-restore", *place, "--reason", "a backup")
    assert accepted.code == 0, accepted
    after = json.loads(call("bills", *place, "--json").out)
    (changed,) = [new for old, new in zip(before, after, strict=True) if new != old]
    assert (changed["status"], changed["amount"], changed["energy_mwh"]) == ("erased", None, None)


def test_without_the_secret_of_a_keystore_or_while_a_run_goes_on_nothing_is_done(
    customer: Call, written: Callable[[], Any], place: tuple[object, ...]
) -> None:
    before = written()
    for party in ("meters", "pes", "mdms", "audit"):
        key = Path(str(place[2])) / "keys" / f"{party}.key"
        whole = key.read_bytes()
        key.write_bytes(bytes(32))
        assert customer("erase", "--meter", "home2", "--yes").code == 4
        key.write_bytes(whole)
    with StateFolder(Path(str(place[2]))).locked():
        busy = customer("erase", "--meter", "home2", "--yes")
    assert (busy.code, busy.out, "another run is using" in busy.err) == (6, "", True)
    assert written() == before
