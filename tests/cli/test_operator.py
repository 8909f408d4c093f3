"""``smarter operator`` as a person and a script meet it, from the first administrator to the last log-out."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pexpect
import pyotp
import pytest

from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.second_factor import SPARE_CODES, STEP
from smarter.protocols import login as login_module
from smarter.protocols.access import Role
from tests.support.copies import copy_state

Call = Callable[..., Any]
PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
FULL = Path("/dev/full")
CODE = r"(?:[0-9A-Z]{4}-){6}[0-9A-Z]{3}"


@pytest.fixture(autouse=True)
def script(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    """A script's environment: a home and a password of its own, and derivations that cost nothing."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    for variable in ("SMARTER_CODE", "SMARTER_NEW_PASSWORD", "SMARTER_TOTP"):
        monkeypatch.delenv(variable, raising=False)
    return monkeypatch


@pytest.fixture
def place(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, ...]:
    """A copy of the finished run as arguments: scenario and state."""
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


class Staff:
    """Calls commands of ``smarter operator`` on that state, and keeps what was printed once."""

    def __init__(self, call: Call, place: tuple[Any, ...], script: pytest.MonkeyPatch) -> None:
        self.place, self._call, self._script = place, call, script
        self.given: dict[str, list[list[str]]] = {}

    def __call__(self, command: str, *arguments: object) -> Any:
        return self._call("operator", command, self.place[0], *arguments, *self.place[1:])

    def keep(self, name: str, said: Any) -> None:
        assert said.code == 0, said
        self.given[name] = [line.split("\t") for line in said.out.splitlines()]

    def kept(self, name: str, what: str) -> list[str]:
        return [value for kind, value in self.given[name] if kind == what]

    def first(self) -> None:
        self.keep("grace", self("first", "--name", "grace"))

    def add(self, name: str, role: Role) -> None:
        self.log_in("grace")
        self._script.setenv("SMARTER_CODE", self("add", name, "--role", role).out.strip())
        self.keep(name, self("enrol", "--name", name))
        self._script.delenv("SMARTER_CODE")

    def log_in(self, name: str, code: str = "") -> Any:
        """With the next spare code, unless another is given: no test waits 30 s."""
        given = next(each for each in self.given[name] if each[0] == "spare")
        self._script.setenv("SMARTER_TOTP", code or given[1])
        if not code:
            self.given[name].remove(given)
        return self("login", "--name", name)


@pytest.fixture
def staff(call: Call, place: tuple[Any, ...], script: pytest.MonkeyPatch) -> Staff:
    """With a first administrator."""
    made = Staff(call, place, script)
    made.first()
    return made


def test_what_is_shown_once_is_data_and_all_else_is_said_on_standard_error(
    call: Call, place: tuple[Any, ...], script: pytest.MonkeyPatch
) -> None:
    said = Staff(call, place, script)("first", "--name", "Grace")
    assert re.fullmatch(rf"totp\totpauth://totp/\S+\nrecovery\t{CODE}\n(spare\t{CODE}\n){{{SPARE_CODES}}}", said.out)
    assert said.err.startswith("What grace logs in with. Nothing below is shown again.\n")
    assert "\ngrace is enrolled.\n" in said.err
    assert PASSWORD not in said.out + said.err


def test_a_life_of_an_operator(staff: Staff, script: pytest.MonkeyPatch) -> None:
    assert staff.log_in("grace", pyotp.parse_uri(staff.kept("grace", "totp")[0]).now()).err == (
        "logged in as grace, administrator\n"
    )
    added = staff("add", "carl", "--role", "billing-clerk")
    assert re.fullmatch(CODE + "\n", added.out)
    assert "not shown again" in added.err
    script.setenv("SMARTER_CODE", added.out)
    staff.keep("carl", staff("enrol", "--name", "carl"))
    listed = json.loads(staff("list", "--json").out)
    assert [(each["name"], each["role"], each["standing"]) for each in listed] == [
        ("carl", "billing-clerk", "active"),
        ("grace", "administrator", "active"),
    ]
    refused = staff("bills")
    assert (refused.code, refused.out) == (4, "")
    assert "bills takes a billing-clerk" in refused.err

    assert staff.log_in("carl").err == "logged in as carl, billing-clerk; 9 spare codes left\n"
    assert staff("status").out.startswith("operator\tcarl\nrole\tbilling-clerk\nmay\tmeters, demand, windows,")
    script.setenv("SMARTER_NEW_PASSWORD", OTHER)
    assert staff("password").err == "the password of carl is changed\n"
    script.setenv("SMARTER_PASSWORD", OTHER)
    script.setenv("SMARTER_CODE", staff.kept("carl", "recovery")[0])
    script.setenv("SMARTER_TOTP", staff.kept("carl", "spare")[0])
    recovered = staff("recover", "--name", "carl")
    assert re.fullmatch(CODE + "\n", recovered.out)
    assert staff("recover", "--name", "carl").code == 4
    assert staff("logout").err == "logged out\n"
    assert staff("logout").err == "nobody was logged in\n"
    assert staff("meters").code == 4


def test_the_clerks_figures_are_those_of_the_local_commands(staff: Staff, call: Call) -> None:
    staff.add("carl", Role.CLERK)
    staff.log_in("carl")
    meters = json.loads(staff("meters", "--json").out)
    bills = json.loads(staff("bills", "--json").out)
    assert bills == json.loads(call("bills", *staff.place, "--json").out)
    assert [bill["meter"] for bill in bills] == [meter["meter"] for meter in meters]
    one = staff("bills", meters[0]["meter"][:6], "--json")
    assert json.loads(one.out) == bills[:1]
    windows = json.loads(staff("windows", meters[0]["meter"], "--json").out)
    assert sum(window["energy_mwh"] for window in windows) == bills[0]["energy_mwh"]
    assert json.loads(staff("demand", "--json").out) == json.loads(call("demand", *staff.place, "--json").out)
    for command in ("meters", "bills", "demand", "rerate", "export"):
        assert staff(command).code == 0
    rerated = json.loads(staff("rerate", "--option", "rate=0.60", "--json").out)
    assert float(rerated["after"]) == pytest.approx(2 * float(rerated["before"]), abs=0.05)
    assert json.loads(staff("bills", "--json").out) == bills, "it changes nothing"


@pytest.mark.parametrize(("what", "like"), [("bills", "bills"), ("windows", "billing"), ("demand", "demand")])
def test_what_is_exported_is_what_a_run_writes(
    staff: Staff, finished: Any, tmp_path: Path, what: str, like: str
) -> None:
    staff.add("carl", Role.CLERK)
    staff.log_in("carl")
    said = staff("export", "--what", what)
    assert said.out == (finished.folder / "out" / f"{like}.csv").read_text()
    out = tmp_path / "out.csv"
    assert staff("export", "--what", what, "--out", out).err == f"wrote {what} to {out}\n"
    assert out.read_text() == said.out
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert list(csv.reader(said.out.splitlines()))
    nowhere = staff("export", "--what", what, "--out", tmp_path / "missing" / "out.csv")
    assert (nowhere.code, f"({tmp_path / 'missing' / 'out.csv'})" in nowhere.err) == (6, True)
    unnamed = staff("windows", "")
    assert (unnamed.code, "smarter: '' names" in unnamed.err) == (2, True)


def test_an_auditor_reads_and_verifies_the_log_and_nothing_else(staff: Staff) -> None:
    staff.add("otto", Role.AUDITOR)
    staff.log_in("otto")
    assert re.fullmatch(r"[\d,]+ entries, whole\n", staff("audit", "--verify").out)
    entries = json.loads(staff("audit", "--of", "grace", "--json").out)
    assert {"login", "operator-change"} <= {entry["action"] for entry in entries}
    assert "operator-change" in staff("audit").out
    assert [staff(command).code for command in ("meters", "bills", "demand", "export", "rerate")] == [4] * 5
    log = (staff.place[2] / "audit.log").read_text()
    assert "refused-access" in log
    assert "otto" not in log
    assert "grace" not in log


def test_managing(staff: Staff, script: pytest.MonkeyPatch) -> None:
    staff.add("carl", Role.CLERK)
    assert staff("role", "carl", "viewer").code == 0
    assert staff("disable", "carl").code == 0
    assert staff.log_in("carl").code == 4
    assert staff("enable", "carl").code == 0
    assert staff.log_in("carl").err == "logged in as carl, viewer; 8 spare codes left\n"
    assert staff("remove", "carl", "--yes").code == 4  # a viewer removes nobody
    staff.log_in("grace")
    script.setenv("SMARTER_CODE", staff("reset-totp", "carl").out)
    assert "set up a second factor" in staff.log_in("carl").err
    staff.keep("carl", staff("enrol", "--name", "carl"))
    assert staff.log_in("carl").code == 0
    staff.log_in("grace")
    assert "say --yes" in staff("remove", "carl").err
    assert staff("remove", "carl", "--yes").err == "the account carl is closed\n"
    assert staff("role", "carl", "viewer").code == 2
    last = staff("remove", "grace", "--yes")
    assert (last.code, "last administrator" in last.err) == (2, True)
    again = staff("first", "--name", "mallory")
    assert (again.code, "administrator already" in again.err) == (2, True)


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        (("login", "--name", "nobody"), 4, "the name, the password or the code is wrong"),
        (("login", "--name", "no body"), 2, "is no name"),
        (("status",), 4, "nobody is logged in: `smarter operator login lane` does it"),
        (("add", "x", "--role", "king"), 2, "'king' is not one of"),
        (("add", "x"), 2, "missing option '--role'"),
        (("windows",), 2, "missing argument 'METER'"),
        (("enrol", "--name", "x"), 2, "set SMARTER_CODE"),
    ],
)
def test_wrong_input_is_said_in_a_sentence(
    staff: Staff, script: pytest.MonkeyPatch, command: tuple[str, ...], code: int, said: str
) -> None:
    script.setenv("SMARTER_TOTP", "123456")
    ended = staff(*command)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


def test_codes_by_another_clock_used_twice_or_mistyped_are_told_apart(staff: Staff) -> None:
    totp = pyotp.parse_uri(staff.kept("grace", "totp")[0])
    for code, said in (
        (totp.at(int(time.time()) + 5 * STEP), "set the clock of the phone"),
        ("12345", "has 6 digits"),
        (staff.kept("grace", "spare")[0][:-1] + "!", "has a typo"),
    ):
        assert said in staff.log_in("grace", code).err
    code = totp.now()
    assert staff.log_in("grace", code).code == 0
    assert "used already" in staff.log_in("grace", code).err


def test_a_weak_password_makes_nobody_an_administrator(
    call: Call, place: tuple[Any, ...], script: pytest.MonkeyPatch
) -> None:
    staff = Staff(call, place, script)
    script.setenv("SMARTER_PASSWORD", "grace1234567")
    assert staff("first", "--name", "grace").code == 2
    script.setenv("SMARTER_PASSWORD", PASSWORD)
    staff.first()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("stop", "code"),
    [
        pytest.param(signal.SIGKILL, -signal.SIGKILL, id="killed"),
        pytest.param(signal.SIGINT, 130, id="interrupted"),
        pytest.param(None, 6, id="full", marks=pytest.mark.skipif(not FULL.exists(), reason=f"no {FULL} here")),
    ],
)
def test_a_first_administrator_whose_codes_nobody_got_to_see_is_made_by_the_same_command(
    call: Call, place: tuple[Any, ...], script: pytest.MonkeyPatch, stop: signal.Signals | None, code: int
) -> None:
    reading, writing = os.pipe()
    if stop is None:
        os.close(writing)
        writing = os.open(FULL, os.O_WRONLY)
    else:  # nobody reads, and it takes nothing more: whoever prints waits
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writing, b"x"):
                pass
        os.set_blocking(writing, True)
    first = [sys.executable, "-m", "smarter", "operator", "first", *map(str, place), "--name", "grace"]
    process = subprocess.Popen(
        first,
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        # Whoever runs the tests in the background may have them, and so this process, ignore it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    assert "grace logs in with" in process.stderr.readline()
    if stop is not None:
        process.send_signal(stop)
    assert process.wait() == code
    assert "is enrolled" not in process.stderr.read()
    process.stderr.close()
    for end in (reading, writing):
        os.close(end)
    staff = Staff(call, place, script)
    staff.first()
    assert staff.log_in("grace").err.startswith("logged in as grace, administrator")
    refused = staff("first", "--name", "grace")
    assert (refused.code, "administrator already" in refused.err) == (2, True)


def test_where_nobody_is_an_operator_it_is_said_how_to_begin(call: Call, place: tuple[Any, ...], lane: Any) -> None:
    said = call("operator", "login", *place, "--name", "grace")
    assert (said.code, "`smarter operator first` makes an administrator" in said.err) == (2, True)
    said = call("operator", "first", lane.scenario, "--name", "grace", "--state", lane.state)
    assert (said.code, "there is no run of lane" in said.err) == (2, True)


def test_a_role_that_was_edited_in_the_file_is_refused(staff: Staff) -> None:
    staff.add("carl", Role.CLERK)
    staff.log_in("carl")
    with closing(sqlite3.connect(staff.place[2] / "accounts.sqlite")) as file, file:
        file.execute("UPDATE operators SET role = 'administrator'")
    for ended in (staff("list"), staff.log_in("carl")):
        assert (ended.code, ended.out) == (4, "")
        assert "was altered" in ended.err


def test_customers_and_operators_have_sessions_of_their_own(staff: Staff, call: Call, tmp_path: Path) -> None:
    staff.log_in("grace")
    said = call("customer", "status", *staff.place)
    assert (said.code, said.out) == (4, "")
    (kept,) = (tmp_path / "data" / "smarter" / "sessions").iterdir()
    assert kept.name.endswith("-operator.token")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_the_roles_that_commands_offer_are_those_there_are() -> None:
    from smarter.cli.operator.roster import _ROLES

    assert list(_ROLES.choices) == [str(role) for role in Role]


@pytest.mark.slow
def test_on_a_terminal_the_qr_code_is_drawn_and_the_first_code_is_tried(place: tuple[Any, ...]) -> None:
    arguments = ["-m", "smarter", "operator", "first", *map(str, place)]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("SMARTER_")}
    with pexpect.spawn(
        sys.executable, arguments, encoding="utf-8", timeout=30, env=environment, dimensions=(60, 200)
    ) as terminal:
        terminal.expect_exact("Name: ")
        terminal.sendline("grace")
        for prompt in ("New password: ", "The same again: "):
            terminal.expect_exact(prompt)
            terminal.sendline(PASSWORD)
        terminal.expect(r"otpauth://\S+")
        shown, uri = terminal.before, terminal.after
        assert "▀" in shown
        assert PASSWORD not in shown
        terminal.expect_exact("The code that the app shows now: ")
        terminal.sendline("000")
        terminal.expect_exact("has 6 digits")
        terminal.expect_exact("The code that the app shows now: ")
        terminal.sendline(pyotp.parse_uri(uri).now())
        terminal.expect_exact("logged in as grace, administrator")
        terminal.expect(pexpect.EOF)
    assert terminal.exitstatus == 0
