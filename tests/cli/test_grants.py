"""``smarter grants`` and the commands of ``smarter customer`` about grants, as people and scripts meet them."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from smarter.keys import grantee as grantee_keys
from smarter.keys.passwords import Pbkdf2Cost
from smarter.protocols import granting
from smarter.protocols import login as login_module
from tests.support.copies import copy_state

Call = Callable[..., Any]
PASSWORD = "plaid-otter-vending-41"


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A script's environment: a home, a password and a passphrase of its own, and derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    monkeypatch.setenv("SMARTER_KEY_PASSPHRASE", PASSWORD)
    monkeypatch.delenv("SMARTER_CODE", raising=False)
    return monkeypatch


@pytest.fixture(scope="session")
def key_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with a third party's key: ``advice.pem`` and its public half."""
    folder = tmp_path_factory.mktemp("advice")
    grantee_keys.make_key_files(folder / "advice.pem", PASSWORD, bits=2048, cost=Pbkdf2Cost(1))
    return folder


@pytest.fixture
def key(key_files: Path, tmp_path: Path) -> Path:
    return shutil.copytree(key_files, tmp_path / "advice") / "advice.pem"


@pytest.fixture
def place(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A copy of the finished run as arguments: scenario and state."""
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def smarter(call: Call, place: tuple[object, ...]) -> Call:
    """``smarter(group, command, *arguments)`` on that state."""
    return lambda group, command, *arguments: call(group, command, place[0], *arguments, *place[1:])


@pytest.fixture
def ada(smarter: Call, script: pytest.MonkeyPatch) -> None:
    """She lives in home1, and is logged in."""
    script.setenv("SMARTER_CODE", smarter("customer", "invite", "home1", "--since", "start").out.strip())
    assert smarter("customer", "enrol", "--name", "ada", "--agree", "2").code == 0
    assert smarter("customer", "login", "--name", "ada").code == 0


@pytest.fixture
def granted(smarter: Call, ada: None, key: Path, tmp_path: Path) -> Path:
    """She has granted hours to a third party; the document."""
    public = grantee_keys.public_path(key)
    said = smarter(
        "customer", "grant", "--key", public, "--name", "Advice Ltd", "--purpose", "nights", "--window", "1h"
    )
    assert said.code == 0, said
    (tmp_path / "grant.json").write_text(said.out)
    return tmp_path / "grant.json"


def test_a_new_key_is_two_files_and_its_fingerprint_is_printed(call: Call, tmp_path: Path) -> None:
    made = call("grants", "new-key", tmp_path / "mine.pem")
    assert (made.code, len(made.out.strip())) == (0, 32)
    assert stat.S_IMODE((tmp_path / "mine.pem").stat().st_mode) == 0o600
    assert f"fingerprint\t{made.out.strip()}\n" in call("keys", "fingerprint", tmp_path / "mine.pub.pem").out
    again = call("grants", "new-key", tmp_path / "mine.pem")
    assert (again.code, again.out) == (2, "")
    assert "there already" in again.err


@pytest.mark.parametrize(("passphrase", "why"), [("short", "characters"), ("aaaaaaaaaaaaaaaa", "easily guessed")])
def test_a_weak_passphrase_makes_no_key(
    call: Call, tmp_path: Path, script: pytest.MonkeyPatch, passphrase: str, why: str
) -> None:
    script.setenv("SMARTER_KEY_PASSPHRASE", passphrase)
    said = call("grants", "new-key", tmp_path / "mine.pem")
    assert (said.code, why in said.err) == (2, True)
    assert not (tmp_path / "mine.pem").exists()


@pytest.mark.usefixtures("ada")
def test_the_document_is_printed_though_somebody_else_is_at_the_mailbox(
    smarter: Call, key: Path, script: pytest.MonkeyPatch
) -> None:
    def busy(*_: Any, **__: Any) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), "deliveries.sqlite")

    script.setattr(granting, "deliver_now", busy)
    public = grantee_keys.public_path(key)
    said = smarter("customer", "grant", "--key", public, "--name", "Advice Ltd", "--purpose", "nights")
    assert said.code == 6
    assert json.loads(said.out)["grantee"] == "Advice Ltd"


def test_what_is_granted_is_read_as_csv_and_json_and_into_a_file(
    smarter: Call, granted: Path, key: Path, finished: Any, tmp_path: Path
) -> None:
    document = json.loads(granted.read_text())
    assert (document["grantee"], document["window"], document["purpose"]) == ("Advice Ltd", "1h", "nights")
    said = smarter("grants", "read", "--key", key, "--document", granted)
    assert said.code == 0, said
    rows = list(csv.DictReader(said.out.splitlines()))
    own = list(csv.DictReader(smarter("customer", "export").out.splitlines()))
    hours = [sum(round(float(row["energy_wh"]) * 1000) for row in own[at : at + 4]) for at in range(0, 96, 4)]
    assert [round(float(row["energy_wh"]) * 1000) for row in rows] == hours
    assert {(row["readings"], row["expected"], row["status"]) for row in rows} == {("4", "4", "complete")}
    assert {(row["grant"], row["meter"]) for row in rows} == {(document["grant"], document["meter"])}
    assert re.search(r"24 windows in 1 delivery under grant \w{8} of meter .* \(that of the grant document\)", said.err)
    (told,) = json.loads(smarter("grants", "read", "--key", key, "--json").out)
    assert [window["energy_mwh"] for window in told["windows"]] == hours
    written = smarter("grants", "read", "--key", key, "--out", tmp_path / "got.csv")
    assert (written.code, written.out) == (0, "")
    assert (tmp_path / "got.csv").read_text() == said.out
    assert stat.S_IMODE((tmp_path / "got.csv").stat().st_mode) == 0o600


def test_left_out_a_grant_is_of_the_whole_span_by_days_for_ninety_days(smarter: Call, ada: None, key: Path) -> None:
    public = grantee_keys.public_path(key)
    said = smarter("customer", "grant", "--key", public, "--name", "Advice Ltd", "--purpose", "nights")
    document = json.loads(said.out)
    span = (document["start"], document["end"])
    assert (document["window"], span) == ("1d", ("2016-01-01T00:00:00+01:00", "2016-01-02T00:00:00+01:00"))
    lifetime = datetime.fromisoformat(document["expires"]) - datetime.now(UTC)
    assert abs(lifetime - timedelta(days=90)) < timedelta(minutes=5)


def test_grants_are_listed_with_what_became_of_them(smarter: Call, granted: Path, key: Path) -> None:
    def listed() -> dict[str, Any]:
        (one,) = json.loads(smarter("customer", "grants", "--json").out)
        return dict(one)

    assert listed()["status"] == "live"
    assert [(each["windows"], each["read"]) for each in listed()["deliveries"]] == [(24, None)]
    smarter("grants", "read", "--key", key)
    assert listed()["deliveries"][0]["read"] is not None
    table = smarter("customer", "grants").out
    for word in ("Advice Ltd", "1h", "24", "live", "nights", "cannot be called back"):
        assert word in table


def test_revoking_is_at_once_and_says_what_was_fetched(smarter: Call, granted: Path, key: Path) -> None:
    assert smarter("grants", "read", "--key", key).code == 0
    said = smarter("customer", "revoke", "Advice Ltd")
    assert (said.code, said.out) == (0, "")
    assert "24 windows were fetched before, and cannot be called back" in said.err
    refused = smarter("grants", "read", "--key", key)
    assert (refused.code, refused.out) == (3, "")
    assert "revoked" in refused.err
    again = smarter("customer", "revoke", "Advice Ltd")
    assert (again.code, "names 0 of your grants" in again.err) == (2, True)


def test_a_grant_of_another_length_says_of_which_times_none_come_and_why(
    smarter: Call, granted: Path, key: Path
) -> None:
    first = json.loads(granted.read_text())["grant"]
    smarter("customer", "revoke", "Advice Ltd")
    public, told = grantee_keys.public_path(key), f"Advice Ltd was sent windows of 1h of it under grant {first[:8]}"
    for name, until in (("Advice", "2016-01-02"), ("Advice Ltd", "2016-01-03")):
        said = smarter(
            "customer",
            "grant",
            "--key",
            public,
            "--name",
            name,
            "--purpose",
            "x",
            "--window",
            "30min",
            "--until",
            until,
        )
        assert said.code == 0
        assert f"note: no window in 2016-01-01 comes: {told}, and both lengths together" in said.err
    listed = json.loads(smarter("customer", "grants", "--json").out)
    assert [(one["status"], one["withheld"] != []) for one in listed] == [
        ("revoked", False),
        ("all of its time was delivered in other windows", True),
        ("live", True),
    ]
    assert listed[2]["withheld"][0]["grant"] == first
    table = " ".join(smarter("customer", "grants").out.split())
    assert table.count(f"no window in 2016-01-01 comes: {told}") == 2


def test_moving_out_empties_the_mailbox(smarter: Call, granted: Path, key: Path, place: tuple[object, ...]) -> None:
    from contextlib import closing

    from smarter.state import Deliveries

    grant = json.loads(granted.read_text())["grant"]
    assert smarter("customer", "move-out", "--yes").code == 0
    with closing(Deliveries(Path(str(place[2])) / "deliveries.sqlite")) as mailbox:
        assert mailbox.fetch(grant, 1, lambda: True)[0] == []
    said = smarter("grants", "read", "--key", key)
    assert (said.code, "it has ended" in said.err) == (3, True)


def test_the_customer_sees_who_read_what(smarter: Call, granted: Path, key: Path) -> None:
    smarter("grants", "read", "--key", key)
    entries = json.loads(smarter("customer", "log", "--json").out)
    told = [(entry["action"], entry["actor"]) for entry in entries]
    assert [one for one in told if one[0] in ("grant", "delivery", "read")] == [
        ("grant", "you (ada)"),
        ("delivery", "party:meters"),
        ("read", "Advice Ltd"),
        ("read", "you (ada)"),
    ]
    lines = smarter("customer", "log").out.splitlines()
    assert lines[1].split()[3] == "enrolment"
    assert "Advice Ltd" in "".join(lines)


def test_without_the_meters_secret_the_grant_waits_for_whoever_has_it(
    smarter: Call, ada: None, key: Path, place: tuple[object, ...]
) -> None:
    secret = Path(str(place[2])) / "keys" / "meters.key"
    aside = secret.rename(secret.with_suffix(".aside"))
    public = grantee_keys.public_path(key)
    said = smarter("customer", "grant", "--key", public, "--name", "Advice Ltd", "--purpose", "nights")
    assert said.code == 0, said
    assert "whoever runs the meters" in said.err
    aside.rename(secret)
    delivered = smarter("grants", "deliver")
    (row,) = csv.DictReader(delivered.out.splitlines())
    assert (row["grant"], row["number"], row["windows"]) == (json.loads(said.out)["grant"], "1", "1")
    assert smarter("grants", "deliver").err == "0 windows delivered\n"


def test_a_forged_statement_is_said_with_exit_code_4(smarter: Call, granted: Path, place: tuple[object, ...]) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(Path(str(place[2])) / "accounts.sqlite")) as opened, opened:
        opened.execute("UPDATE statements SET message = x'00' WHERE number = 2")
    said = smarter("grants", "deliver")
    assert said.code == 4
    assert "nothing was delivered of" in said.err
    assert smarter("customer", "grants").code == 4


@pytest.mark.parametrize(
    ("changes", "code", "why"),
    [
        ({"--window": "soon"}, 2, "--window"),
        ({"--window": "1min"}, 2, "window of 1min"),
        ({"--window": "month"}, 2, "no whole window of month"),
        ({"--from": "soon"}, 2, "--from: 'soon' is no date"),
        ({"--from": "2016-01-01 12:00", "--until": "2016-01-01"}, 2, "no whole window"),
        ({"--expires": "2016-06-01"}, 2, "real clock"),
        ({"--name": " "}, 2, "say --name"),
        ({"--key": "nowhere.pem"}, 2, "nowhere.pem"),
        ({"--key": "PRIVATE"}, 3, "PRIVATE key"),
        ({"--key": "SCENARIO"}, 3, "no public key"),
    ],
    ids=str,
)
def test_what_cannot_be_granted_is_said_in_a_sentence(
    smarter: Call, ada: None, key: Path, finished: Any, changes: dict[str, str], code: int, why: str
) -> None:
    given = {"--key": str(grantee_keys.public_path(key)), "--name": "Advice Ltd", "--purpose": "nights"} | changes
    given["--key"] = {"PRIVATE": str(key), "SCENARIO": str(finished.scenario)}.get(given["--key"], given["--key"])
    said = smarter("customer", "grant", *(part for option in given.items() for part in option))
    assert (said.code, said.out) == (code, ""), said
    assert why in said.err
    assert json.loads(smarter("customer", "grants", "--json").out) == []


@pytest.mark.parametrize(
    "command", [("grant", "--name", "a", "--purpose", "b"), ("revoke", "3f0c"), ("grants",), ("log",)]
)
def test_nobody_who_is_not_logged_in_is_served(
    smarter: Call, ada: None, key: Path, command: tuple[object, ...]
) -> None:
    smarter("customer", "logout")
    more = ("--key", grantee_keys.public_path(key)) if command[0] == "grant" else ()
    said = smarter("customer", *command, *more)
    assert (said.code, said.out) == (4, "")
    assert "nobody is logged in" in said.err


def test_reading_goes_wrong_in_a_sentence(
    smarter: Call, granted: Path, key: Path, script: pytest.MonkeyPatch, finished: Any
) -> None:
    cases = (
        (("--key", "nowhere.pem"), 3, "no file nowhere.pem"),
        (("--key", grantee_keys.public_path(key)), 3, "holds no private key"),
        (("--key", key, "--document", finished.scenario), 3, "no grant document"),
        (("--key", key, "--document", "nowhere.json"), 3, "no file nowhere.json"),
    )
    for arguments, code, why in cases:
        said = smarter("grants", "read", *arguments)
        assert (said.code, said.out) == (code, ""), said
        assert why in said.err
    forged = json.loads(granted.read_text()) | {"verify_key": "00" * 32}
    granted.write_text(json.dumps(forged))
    said = smarter("grants", "read", "--key", key, "--document", granted)
    assert (said.code, said.out) == (4, "")
    script.setenv("SMARTER_KEY_PASSPHRASE", "another-than-that")
    said = smarter("grants", "read", "--key", key)
    assert (said.code, said.out) == (4, "")
    script.delenv("SMARTER_KEY_PASSPHRASE")
    said = smarter("grants", "read", "--key", key)
    assert (said.code, "set SMARTER_KEY_PASSPHRASE" in said.err) == (2, True)


def test_before_there_is_a_run_there_is_nothing_to_read(call: Call, lane: Any, key: Path) -> None:
    for arguments in (("read", lane.scenario, "--key", key), ("deliver", lane.scenario)):
        said = call("grants", *arguments, "--state", lane.state)
        assert (said.code, said.out) == (2, "")
        assert "smarter run" in said.err
