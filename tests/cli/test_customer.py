"""``smarter customer`` as a person and a script meet it, from the code on paper to moving out."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pexpect
import pytest

from smarter.cli.customer import watching
from smarter.keys.passwords import Pbkdf2Cost
from smarter.protocols import login as login_module
from tests.support.copies import copy_state

Call = Callable[..., Any]
PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
CODE = re.compile(r"(?:[0-9A-Z]{4}-){6}[0-9A-Z]{3}\n")


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A script's environment: a home and a password of its own, and derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    for variable in ("SMARTER_CODE", "SMARTER_NEW_PASSWORD"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture
def place(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A copy of the finished run as arguments: scenario and state."""
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def customer(call: Call, place: tuple[object, ...]) -> Call:
    """Call a command of ``smarter customer`` on that state."""

    def command_of(command: str, *arguments: object) -> Any:
        return call("customer", command, place[0], *arguments, *place[1:])

    return command_of


@pytest.fixture
def ada(customer: Call, script: pytest.MonkeyPatch) -> str:
    """She is enrolled and logged in; her recovery code."""
    invited = customer("invite", "home1", "--since", "start")
    assert invited.code == 0, invited
    script.setenv("SMARTER_CODE", invited.out.strip())
    enrolled = customer("enrol", "--agree", "2", "--name", "ada")
    assert enrolled.code == 0, enrolled
    script.delenv("SMARTER_CODE")
    assert customer("login", "--name", "ada").code == 0
    return str(enrolled.out.strip())


def test_codes_are_data_and_all_else_is_said_on_standard_error(customer: Call, script: pytest.MonkeyPatch) -> None:
    invited = customer("invite", "home1")
    assert CODE.fullmatch(invited.out)
    assert "not shown again" in invited.err
    script.setenv("SMARTER_CODE", invited.out)
    enrolled = customer("enrol", "--agree", "2", "--name", "Ada")
    assert CODE.fullmatch(enrolled.out)
    assert enrolled.err.startswith("ada is enrolled with meter ")
    assert customer("login", "--name", "ada") == type(enrolled)(0, "", "logged in as ada\n")


def test_an_invitation_without_a_word_opens_nothing_from_before(
    call: Call, customer: Call, script: pytest.MonkeyPatch, place: tuple[object, ...], tmp_path: Path
) -> None:
    invited = customer("invite", "home1")
    assert "Its customer can read from the next key epoch on:" in invited.err
    script.setenv("SMARTER_CODE", invited.out)
    enrolled = customer("enrol", "--agree", "2", "--name", "ada")
    assert "and can read from the next key epoch on." in enrolled.err
    assert customer("login", "--name", "ada").code == 0
    sentence = "smarter: your minutes can be read from your meter's next key epoch on: run again.\n"
    for command in ("show", "export", "check-bill"):
        said = customer(command)
        assert (said.code, said.out, said.err) == (3, "", sentence)
    watched = customer("watch")
    assert (watched.code, watched.out) == (0, "")
    assert sentence.removeprefix("smarter: ") in watched.err
    script.setenv("SMARTER_KEY_PASSPHRASE", PASSWORD)
    assert call("grants", "new-key", tmp_path / "advice.pem").code == 0
    named = ("--name", "Advice Ltd", "--purpose", "nights")
    granted = customer("grant", "--key", tmp_path / "advice.pub.pem", *named)
    assert "note: no window from before 2016-01-02 00:00 comes: your meter lets you read from then on" in granted.err
    assert "delivered 0 windows" in granted.err
    noted = json.loads(call("audit", "show", place[0], *place[1:], "--action", "enrolment", "--json").out)
    assert [entry["detail"] for entry in noted] == [
        {"what": "invited", "since": "next key epoch"},
        {"what": "enrolled", "since": "next key epoch"},
    ]


def test_a_run_that_is_taken_further_opens_what_comes_and_says_what_does_not(
    call: Call, lane: Any, script: pytest.MonkeyPatch
) -> None:
    place = (lane.scenario, "--state", lane.state)
    half = (*place, "--set", "time.end=2016-01-01 12:00")
    assert call("run", *half, "--quiet").code == 0
    script.setenv("SMARTER_CODE", call("customer", "invite", half[0], "home1", *half[1:]).out)
    for command in (("enrol", "--agree", "2"), ("login",)):
        assert call("customer", command[0], half[0], *command[1:], "--name", "ada", *half[1:]).code == 0
    assert call("run", *place, "--quiet").code == 0
    rows = list(csv.DictReader(call("customer", "export", *place).out.splitlines()))
    assert (len(rows), rows[0]["start"]) == (48, "2016-01-01T12:00:00+01:00")
    checked = call("customer", "check-bill", *place)
    assert checked.code == 0
    assert re.search(r"\d+ windows are from before you may read: not shown", " ".join(checked.out.split()))
    (check,) = json.loads(call("customer", "check-bill", *place, "--json").out)
    assert (check["billed"], check["billed_mwh"], check["own"], check["matches"]) == (None, None, None, False)


@pytest.mark.parametrize(
    ("since", "first"), [("start", "2016-01-01T00:00:00+01:00"), ("2015-12-24", "2016-01-01T00:00:00+01:00")]
)
def test_the_installers_word_opens_what_was_before_and_is_noted(
    call: Call, customer: Call, place: tuple[object, ...], since: str, first: str
) -> None:
    invited = customer("invite", "home1", "--since", since)
    assert CODE.fullmatch(invited.out)
    assert f"Its customer can read from {first} on:" in invited.err
    (entry,) = json.loads(call("audit", "show", place[0], *place[1:], "--action", "enrolment", "--json").out)
    assert (entry["actor"], entry["detail"]) == ("operator:local", {"what": "invited", "since": first})


@pytest.mark.parametrize(
    ("since", "why"),
    [
        ("soon", "--since: 'soon' is no date or time: write 2016-01-31 or 2016-01-31 18:00, or start for all"),
        ("", "--since: '' is no date or time"),
        ("2016-02-01", "has measured up to 2016-01-02T00:00:00+01:00, and not to 2016-02-01T00:00:00+01:00"),
    ],
)
def test_a_time_from_which_nothing_was_measured_invites_nobody(customer: Call, since: str, why: str) -> None:
    said = customer("invite", "home1", "--since", since)
    assert (said.code, said.out) == (2, "")
    assert why in said.err


def test_a_session_is_kept_in_a_private_file(ada: str, tmp_path: Path) -> None:
    (token,) = (tmp_path / "data" / "smarter" / "sessions").iterdir()
    assert stat.S_IMODE(token.stat().st_mode) == 0o600
    assert token.stat().st_size == 32


def test_status_says_who_is_logged_in(customer: Call, ada: str) -> None:
    said = customer("status")
    assert said.code == 0
    assert re.fullmatch(r"account\tada\nrole\tcustomer\nmeter\t[0-9a-f]{16}\n", said.out)


def test_whoever_logged_out_is_not_served(customer: Call, ada: str, tmp_path: Path) -> None:
    (token,) = (tmp_path / "data" / "smarter" / "sessions").iterdir()
    before = token.read_bytes()
    assert customer("logout").err == "logged out\n"
    assert not token.exists()
    assert customer("logout").err == "nobody was logged in\n"
    assert customer("status").code == customer("show").code == 4
    token.write_bytes(before)  # somebody had put it aside
    said = customer("show")
    assert (said.code, said.out) == (4, "")
    assert "log in again" in said.err


@pytest.mark.parametrize("by", ["minute", "hour", "day", "month"])
def test_show_has_a_chart_figures_and_a_table(customer: Call, ada: str, by: str) -> None:
    said = customer("show", "--by", by)
    assert said.code == 0, said
    for word in ("kWh", "EUR", "base load", "peak", "measured, %", "2016-01-01"[: 7 if by == "month" else 10]):
        assert word in said.out
    assert re.fullmatch(r"opened \d+ frames of your meter by your own key, here and nowhere else\n", said.err)


def test_show_of_a_part_compares_with_the_time_before(customer: Call, ada: str) -> None:
    said = customer("show", "--by", "hour", "--from", "2016-01-01 12:00", "--until", "2016-01-01 15:00")
    assert said.code == 0, said
    rows = re.findall(r"^2016-01-01 (\d\d:\d\d)  ", said.out, re.MULTILINE)
    assert rows == ["12:00", "13:00", "14:00"]
    assert re.search(r"[+-][\d.]+% against [\d.]+ kW on average, 2016-01-01 09:00 to 12:00", said.out)


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("--from", "soon"), "--from: 'soon' is no date or time"),
        (("--from", "2016-02-01"), "there is no reading of yours in that time"),
        (("--from", "2016-01-01 12:00", "--until", "2016-01-01 11:00"), "there is no reading of yours"),
    ],
)
def test_a_time_without_readings_is_said_to_be_one(
    customer: Call, ada: str, arguments: tuple[str, ...], why: str
) -> None:
    said = customer("show", *arguments)
    assert (said.code, said.out) == (2, "")
    assert why in said.err


def test_exports_hold_every_reading_in_each_format(customer: Call, ada: str, finished: Any, tmp_path: Path) -> None:
    rows = list(csv.DictReader(customer("export").out.splitlines()))
    told = json.loads(customer("export", "--format", "json").out)
    feed = customer("export", "--format", "green-button").out
    assert len(rows) == 96
    assert [(row["start"], float(row["energy_wh"])) for row in rows] == [
        (reading["start"], reading["energy_wh"]) for reading in told["readings"]
    ]
    assert feed.startswith("<?xml")
    assert feed.count("<IntervalReading>") == 96
    written = customer("export", "--out", tmp_path / "mine.csv")
    assert (written.code, written.out) == (0, "")
    assert stat.S_IMODE((tmp_path / "mine.csv").stat().st_mode) == 0o600
    assert list(csv.DictReader((tmp_path / "mine.csv").read_text().splitlines())) == rows


@pytest.mark.parametrize("command", ["show", "export", "grant"])
def test_the_end_of_a_span_is_until_and_to_is_a_format_alone(call: Call, command: str) -> None:
    shown = call("customer", command, "--help").out
    assert "--until TIME" in shown
    assert "--to" not in shown
    assert "--to [csv|json|green-button]" in call("convert", "--help").out


def test_a_part_is_exported_alone(customer: Call, ada: str) -> None:
    said = customer("export", "--from", "2016-01-01 10:00", "--until", "2016-01-01 11:00")
    assert customer("export", "--from", "2016-01-01 10:00", "--to", "2016-01-01 11:00") == said  # the earlier name
    assert [row["start"] for row in csv.DictReader(said.out.splitlines())] == [
        f"2016-01-01T10:{minute:02}:00+01:00" for minute in (0, 15, 30, 45)
    ]


def test_bills_are_checked_for_people_and_for_scripts(customer: Call, ada: str) -> None:
    said = customer("check-bill")
    assert "right to the cent" in said.out
    (check,) = json.loads(customer("check-bill", "--json").out)
    assert check["matches"] is True
    assert check["billed"] == check["own"]
    assert check["billed_mwh"] == check["own_mwh"]
    assert check["differences"] == []


@pytest.mark.parametrize("which", ["one", "all"])
def test_frames_that_do_not_verify_are_told_of_after_all_that_can_be_shown(
    customer: Call, ada: str, place: tuple[object, ...], which: str
) -> None:
    wanted = "" if which == "all" else "WHERE rowid IN (SELECT rowid FROM frames GROUP BY pseudonym)"
    with closing(sqlite3.connect(Path(str(place[2])) / "journal.sqlite")) as journal, journal:
        journal.execute(f"UPDATE frames SET frame = zeroblob(length(frame)) {wanted}")
    said = customer("export")
    assert said.code == 4
    assert re.search(r"smarter: \d+ frames that the meter keeps do not verify", said.err)
    assert (len(said.out.splitlines()) > 50) is (which == "one")


def test_a_password_is_changed_by_who_knows_it(customer: Call, ada: str, script: pytest.MonkeyPatch) -> None:
    script.setenv("SMARTER_NEW_PASSWORD", OTHER)
    assert customer("password").code == 0
    assert customer("login", "--name", "ada").code == 4
    script.setenv("SMARTER_PASSWORD", OTHER)
    assert customer("login", "--name", "ada").code == 0
    script.setenv("SMARTER_NEW_PASSWORD", "password1234")
    assert customer("password").code == 2


def test_the_recovery_code_sets_a_password_and_is_replaced(
    customer: Call, ada: str, script: pytest.MonkeyPatch
) -> None:
    script.setenv("SMARTER_CODE", ada)
    script.setenv("SMARTER_PASSWORD", OTHER)
    said = customer("recover", "--name", "ada")
    assert CODE.fullmatch(said.out)
    assert said.out.strip() != ada
    assert customer("recover", "--name", "ada").code == 4
    assert customer("login", "--name", "ada").code == 0


def test_moving_out_closes_the_account_and_makes_room(customer: Call, ada: str, script: pytest.MonkeyPatch) -> None:
    assert customer("move-out").code == 2  # nobody can be asked whether that is meant
    assert customer("status").code == 0
    assert customer("move-out", "--yes").err == "the account ada is closed; the bills stay with the MDMS\n"
    assert customer("status").code == 4
    closed = customer("login", "--name", "ada")
    assert (closed.code, "closed" in closed.err) == (4, True)
    script.setenv("SMARTER_CODE", customer("invite", "home1").out)
    assert customer("enrol", "--agree", "2", "--name", "eve").code == 0
    assert customer("login", "--name", "eve").code == 0
    shown = customer("show")
    assert (shown.code, shown.out) == (3, "")
    assert "can be read from your meter's next key epoch on: run again" in shown.err


def test_who_runs_the_meters_closes_an_account_that_was_left(customer: Call, ada: str) -> None:
    assert customer("move-out", "--meter", "home2", "--yes").code == 2
    assert customer("move-out", "--meter", "home1", "--yes").code == 0
    assert customer("show").code == 4


def test_nobody_is_served_before_there_is_a_run_or_an_account(
    call: Call, customer: Call, place: tuple[object, ...], tmp_path: Path
) -> None:
    early = call("customer", "invite", place[0], "home1", "--state", tmp_path / "nowhere")
    assert early.code == 2
    assert "smarter run" in early.err
    said = customer("login", "--name", "ada")
    assert (said.code, "nobody has an account" in said.err) == (2, True)


def test_what_cannot_be_asked_must_be_in_the_environment(customer: Call, ada: str, script: pytest.MonkeyPatch) -> None:
    said = customer("login")
    assert (said.code, "--name" in said.err) == (2, True)
    script.delenv("SMARTER_PASSWORD")
    said = customer("login", "--name", "ada")
    assert (said.code, "set SMARTER_PASSWORD" in said.err) == (2, True)
    said = customer("enrol", "--agree", "2", "--name", "bob")
    assert (said.code, "set SMARTER_CODE" in said.err) == (2, True)


def test_wrong_and_unknown_names_are_told_the_same(customer: Call, ada: str, script: pytest.MonkeyPatch) -> None:
    script.setenv("SMARTER_PASSWORD", OTHER)
    said = {(ended.code, ended.out, ended.err) for ended in (customer("login", "--name", n) for n in ("ada", "bob"))}
    assert said == {(4, "", "smarter: the name or the password is wrong.\n")}


def test_no_secret_is_printed_or_left_in_a_file(
    customer: Call, call: Call, script: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    said = []
    invited = customer("invite", "home1", "--since", "start")
    script.setenv("SMARTER_CODE", invited.out.strip())
    enrolled = customer("enrol", "--agree", "2", "--name", "ada")
    said += [invited.err, enrolled.err]
    for command, *arguments in (
        ("login", "--name", "ada"),
        ("status",),
        ("show",),
        ("export",),
        ("check-bill", "--json"),
        ("enrol", "--agree", "2", "--name", "bob", "--debug"),
        ("recover", "--name", "ada", "--debug"),
    ):
        ended = customer(command, *arguments)
        said += [ended.out, ended.err]
    script.setenv("SMARTER_PASSWORD", OTHER)
    ended = customer("login", "--name", "ada", "--debug")
    said += [ended.out, ended.err]
    (token,) = (tmp_path / "data" / "smarter" / "sessions").iterdir()
    secrets = [PASSWORD, OTHER, invited.out.strip(), enrolled.out.strip(), token.read_bytes().hex()]
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file != token]
    for secret in secrets:
        assert not any(secret in text for text in said)
        assert not any(secret.encode() in data for data in written)
    assert not any(token.read_bytes() in data for data in written)


def test_what_a_customer_does_is_in_the_audit_log_without_their_name(
    call: Call, customer: Call, ada: str, place: tuple[object, ...]
) -> None:
    for command, *arguments in (("show",), ("export",), ("check-bill",), ("logout",), ("login", "--name", "mallory")):
        customer(command, *arguments)
    log = call("audit", "show", place[0], *place[1:], "--json").out
    entries = [json.loads(line) for line in log.splitlines()] if log.startswith("{") else json.loads(log)
    told = [(entry["action"], entry["actor"].split(":")[0]) for entry in entries]
    place_of_first = told.index(("enrolment", "operator"))
    assert [one for one in told[place_of_first:] if one[0] != "key-use"] == [
        ("enrolment", "operator"),
        ("enrolment", "customer"),
        ("consent", "customer"),
        ("login", "customer"),
        ("read", "customer"),
        ("export", "customer"),
        ("read", "customer"),
        ("read", "customer"),
        ("logout", "customer"),
        ("login-failed", "system"),
    ]
    assert not re.search(r"\b(ada|mallory)\b", log)  # identifiers in hexadecimal may begin like a name
    assert call("audit", "verify", place[0], *place[1:]).code == 0


def test_on_a_terminal_passwords_are_asked_for_twice_and_never_echoed(
    customer: Call, place: tuple[object, ...], script: pytest.MonkeyPatch
) -> None:
    code = customer("invite", "home2").out.strip()
    script.delenv("SMARTER_PASSWORD")
    arguments = ["-m", "smarter", "customer", "enrol", *map(str, place)]
    with pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=30) as terminal:
        for prompt, answer in (
            ("Do you agree to this? [y/N]: ", "y"),
            ("came with the meter: ", code),
            ("Name: ", "carol"),
            ("New password: ", PASSWORD),
            ("The same again: ", OTHER),
        ):
            terminal.expect_exact(prompt)
            terminal.sendline(answer)
        terminal.expect_exact("the two passwords differ")
        terminal.expect(pexpect.EOF)
        shown = terminal.before
    assert PASSWORD not in (shown or "")
    assert terminal.exitstatus == 2


def test_watch_prints_each_reading_of_the_last_hours_as_a_line_of_json_and_ends_with_the_run(
    customer: Call, ada: str
) -> None:
    said = customer("watch", "--json", "--hours", "1")
    assert said.code == 0, said
    assert said.err == "the run has come to its end\n"
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert len(lines) == 4
    exported = list(csv.DictReader(customer("export").out.splitlines()))[-4:]
    assert [line["start"] for line in lines] == [row["start"] for row in exported]
    assert [f"{line['energy_wh']:.3f}" for line in lines] == [row["energy_wh"] for row in exported]


def test_watch_says_the_newest_reading_where_there_is_no_terminal(customer: Call, ada: str) -> None:
    said = customer("watch")
    assert re.fullmatch(r"● 2016-01-01 23:45  1\.100 kW  96 readings so far, Europe/Berlin\n", said.out)


def test_watching_is_one_read_uses_the_session_and_ends_with_it(
    call: Call, customer: Call, ada: str, place: tuple[object, ...], script: pytest.MonkeyPatch
) -> None:
    assert watching.STILL == 10
    script.setattr(watching, "STILL", 0)

    def watched(statement: str) -> tuple[Any, list[tuple[int, int]]]:
        """Watch while this happens to the sessions; when they began, and were last used."""
        with closing(sqlite3.connect(Path(str(place[2])) / "accounts.sqlite")) as accounts:

            def edit(_: float) -> None:
                with accounts:
                    accounts.execute(statement)

            script.setattr(watching, "time", SimpleNamespace(sleep=edit, monotonic=time.monotonic))
            return customer("watch"), accounts.execute("SELECT began, used FROM sessions").fetchall()

    def reads() -> list[Any]:
        shown = call("audit", "show", place[0], *place[1:], "--action", "read", "--json").out
        return [entry["detail"] for entry in json.loads(shown)]

    before = reads()  # what other tests have read of the run that this is a copy of
    ended, ((began, used),) = watched("UPDATE sessions SET used = used - 100")
    assert (ended.code, used >= began) == (0, True)
    assert reads() == [*before, {"what": "own readings, as they come"}]
    ended, sessions = watched("DELETE FROM sessions")
    assert (ended.code, sessions, "log in again" in ended.err) == (4, [], True)


def test_watching_ends_by_ctrl_c(customer: Call, ada: str, script: pytest.MonkeyPatch) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    script.setattr(watching, "time", SimpleNamespace(sleep=interrupt, monotonic=time.monotonic))
    assert customer("watch").code == 130


def test_watch_is_for_whoever_is_logged_in(customer: Call, ada: str) -> None:
    customer("logout")
    said = customer("watch", "--json")
    assert (said.code, said.out) == (4, "")
    assert customer("watch", "--hours", "0").code == 2
