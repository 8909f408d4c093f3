"""Operators at their desk, over a real run: who may do what as the docs say, and nothing finer than was released."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyotp
import pytest

from smarter.errors import AccessRefused, AuthenticationFailed, DamagedKeys, ScenarioError, UsageError, WrongCredentials
from smarter.keys import roster as roster_keys
from smarter.keys.passwords import Pbkdf2Cost
from smarter.keys.second_factor import STEP
from smarter.keys.unlock import KeyFileUnlock
from smarter.protocols import login as login_module
from smarter.protocols import operator_door, roster_desk
from smarter.protocols.access import Operation, Role
from smarter.protocols.audit_reading import read_audit
from smarter.protocols.login import Login
from smarter.protocols.operator_desk import OperatorDesk
from smarter.protocols.operator_door import OperatorDoor
from smarter.protocols.operator_login import Equipped
from smarter.protocols.roster_desk import make_first
from smarter.state import StateFolder
from smarter.state.accounts import IDLE, LOCK_AFTER, LONGEST_WAIT
from smarter.state.operators import OperatorAccounts

PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
Act = Callable[[OperatorDesk], object]
ACTS: Mapping[Operation, Act] = {
    Operation.METERS: lambda desk: desk.meters(),
    Operation.DEMAND: lambda desk: desk.demand(),
    Operation.WINDOWS: lambda desk: desk.windows(_meter(desk)),
    Operation.BILLS: lambda desk: desk.bills(),
    Operation.RERATE: lambda desk: desk.rerate("flat", ["rate=0.5"]),
    Operation.EXPORT: lambda desk: desk.exporting().__enter__(),
    Operation.READ_LOG: lambda desk: list(desk.log()),
    Operation.VERIFY_LOG: lambda desk: desk.verify_log(),
    Operation.LIST: lambda desk: desk.operators(),
    Operation.ADD: lambda desk: desk.add("newcomer", Role.VIEWER),
    Operation.CHANGE_ROLE: lambda desk: desk.change_role("tim", Role.AUDITOR),
    Operation.DISABLE: lambda desk: desk.disable("tim"),
    Operation.ENABLE: lambda desk: desk.enable("tim"),
    Operation.RESET: lambda desk: desk.reset("tim"),
    Operation.REMOVE: lambda desk: desk.remove("tim"),
}


def _meter(desk: OperatorDesk) -> str:
    return desk._session.households[0][0]


class Office:
    """A copy of a finished run, once settled with an operator of each role, and a clock that is set by hand."""

    def __init__(self, scenario: Any, folder: StateFolder) -> None:
        self.scenario, self.folder, self.time = scenario, folder, 1_000_000_000.0
        self.unlock = KeyFileUnlock(folder.keys)
        self.uris: dict[str, str] = {}

    def first(self, name: str = "grace", shown: Callable[[Equipped], None] | None = None) -> None:
        with self.open(first=True, locked=True) as door:
            self.uris[name] = make_first(door.door, door.operators, name, PASSWORD, shown).uri

    def settle(self) -> None:
        self.first()
        for role in (Role.VIEWER, Role.CLERK, Role.AUDITOR):
            self.enrol(str(role), self.at_desk("grace", lambda desk, role=role: desk.add(str(role), role)))

    def open(self, **options: Any) -> Any:
        return operator_door.opening(
            self.scenario, self.folder, lambda: self.unlock, clock=lambda: self.time, **options
        )

    def enrol(self, name: str, code: object) -> None:
        with self.open() as door:
            self.uris[name] = door.operators.enrol(name, str(code), PASSWORD).uri

    def log_in(self, door: OperatorDoor, name: str) -> bytes:
        self.time += STEP
        return door.operators.log_in(name, PASSWORD, pyotp.parse_uri(self.uris[name]).at(int(self.time)))

    def at_desk(self, name: str, act: Act) -> Any:
        """Log in, do something, and say what came of it."""
        with self.open() as door:
            return act(door.desk(self.log_in(door, name)))

    def log(self) -> list[tuple[str, Mapping[str, object]]]:
        return [(entry.action, entry.detail) for entry in read_audit(self.folder).entries]


@pytest.fixture
def empty(finished_run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """Nobody is an operator yet."""
    monkeypatch.setattr(login_module, "DEFAULT_COST", Pbkdf2Cost(1))
    return Office(finished_run.scenario, StateFolder(shutil.copytree(finished_run.state.path, tmp_path / "state")))


@pytest.fixture
def office(empty: Office) -> Office:
    empty.settle()
    return empty


def table(checkout: Path) -> dict[str, dict[str, bool]]:
    """Of each operation, the roles that have it, as docs/accounts.md says."""
    lines = (checkout / "docs" / "accounts.md").read_text().splitlines()
    (start,) = [number for number, line in enumerate(lines) if line.startswith("| `smarter operator …` |")]
    roles = [cell.strip() for cell in lines[start].split("|")[3:-1]]
    found = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        name, _, *cells = [cell.strip() for cell in line.split("|")[1:-1]]
        assert set(cells) <= {"✓", ""}
        found[name.strip("`")] = dict(zip(roles, (cell == "✓" for cell in cells), strict=True))
    return found


def outcome(act: Act, desk: OperatorDesk) -> str:
    try:
        act(desk)
    except AccessRefused:
        return "refused"
    except WrongCredentials:
        return "nobody"
    except AuthenticationFailed as error:
        if "the audit log is whole" not in str(error):  # it is, and tim was put in without a note
            raise
    return "allowed"


def test_every_role_may_do_exactly_what_the_docs_say(office: Office, checkout: Path) -> None:
    said = table(checkout)
    assert set(said) == {str(operation) for operation in Operation} == {str(operation) for operation in ACTS}
    found: dict[str, dict[str, bool]] = {str(operation): {} for operation in Operation}
    with office.open() as door:
        roster = door.operators.roster
        for role in Role:
            name = "grace" if role is Role.ADMINISTRATOR else str(role)
            token = office.log_in(door, name)
            for operation, act in ACTS.items():
                for each in ("tim", "newcomer"):
                    if each in {listed.name for listed in roster.all()}:
                        roster.remove(roster.find(each)[0])
                roster.add("tim", Role.VIEWER, bytes(16))
                found[operation][role] = outcome(act, door.desk(token)) == "allowed"
    assert found == said


def test_customers_strangers_and_sessions_that_ended_may_do_nothing(office: Office) -> None:
    with office.open() as door:
        door.operators.login.add("ada", PASSWORD, "customer", b"her key", meter=b"8 bytes.")
        customers = door.operators.login.log_in("ada", PASSWORD)
        ended, left_alone = office.log_in(door, "billing-clerk"), office.log_in(door, "grace")
        door.operators.log_out(ended)
        office.time += IDLE
        for token in (bytes(32), ended, left_alone):
            assert {outcome(act, door.desk(token)) for act in ACTS.values()} == {"nobody"}
        office.time -= IDLE
        assert {outcome(act, door.desk(customers)) for act in ACTS.values()} == {"nobody"}


def test_a_refusal_is_noted_and_nothing_is_read(office: Office) -> None:
    before = len(office.log())
    with pytest.raises(AccessRefused):
        office.at_desk("viewer", ACTS[Operation.BILLS])
    assert office.log()[before:] == [("login", {}), ("refused-access", {"operation": "bills", "role": "viewer"})]


def test_what_is_done_is_noted_before_under_the_operators_name(office: Office) -> None:
    before = len(office.log())
    office.at_desk("billing-clerk", ACTS[Operation.RERATE])
    actions = [action for action, _ in office.log()[before:]]
    assert actions == ["login", "key-use", "read"]
    assert office.log()[-1][1] == {"what": "rerate", "role": "billing-clerk"}
    entries = office.at_desk("auditor", lambda desk: list(desk.log(of_operator=" Billing-Clerk")))
    assert {"operator-change", "login", "read"} <= {entry.action for entry in entries}
    assert len({entry.actor for entry in entries if entry.action in ("login", "read")}) == 1


def test_a_role_that_is_changed_holds_at_once_and_ends_the_session(office: Office) -> None:
    with office.open() as door:
        token = office.log_in(door, "billing-clerk")
        desk = door.desk(token)
        assert desk.bills()
        door.desk(office.log_in(door, "grace")).change_role("billing-clerk", Role.VIEWER)
        with pytest.raises(WrongCredentials, match="has ended"):
            desk.bills()
        with pytest.raises(AccessRefused):
            door.desk(office.log_in(door, "billing-clerk")).bills()


def test_who_is_kept_out_is_out_until_let_in(office: Office) -> None:
    office.at_desk("grace", lambda desk: desk.disable("viewer"))
    with pytest.raises(AccessRefused, match="is disabled"):
        office.at_desk("viewer", ACTS[Operation.METERS])
    office.at_desk("grace", lambda desk: desk.enable("viewer"))
    assert office.at_desk("viewer", ACTS[Operation.METERS])


def test_a_second_factor_that_is_reset_takes_the_password_to_renew(office: Office) -> None:
    code = office.at_desk("grace", lambda desk: desk.reset("viewer"))
    with pytest.raises(AccessRefused, match="second factor"):
        office.at_desk("viewer", ACTS[Operation.METERS])
    with office.open() as door:
        assert door.operators.awaited("viewer", code) == "reset"
        with pytest.raises(WrongCredentials, match="password is wrong"):
            door.operators.enrol("viewer", code, OTHER)
    before = office.uris["viewer"]
    office.enrol("viewer", code)
    assert office.uris["viewer"] != before
    assert office.at_desk("viewer", ACTS[Operation.METERS])


def test_a_code_that_was_not_used_is_replaced_by_a_reset(office: Office) -> None:
    first = office.at_desk("grace", lambda desk: desk.add("newcomer", Role.VIEWER))
    second = office.at_desk("grace", lambda desk: desk.reset("newcomer"))
    with pytest.raises(WrongCredentials, match="one-time code is wrong"):
        office.enrol("newcomer", first)
    office.enrol("newcomer", second)
    assert office.at_desk("newcomer", ACTS[Operation.METERS])


def test_whatever_an_administrator_does_to_an_operator_ends_their_session(office: Office) -> None:
    changes: dict[str, Act] = {
        "viewer": lambda desk: desk.change_role("viewer", Role.AUDITOR),
        "billing-clerk": lambda desk: desk.disable("billing-clerk"),
        "auditor": lambda desk: desk.reset("auditor"),
        "newcomer": lambda desk: desk.remove("newcomer"),
    }
    office.enrol("newcomer", office.at_desk("grace", lambda desk: desk.add("newcomer", Role.VIEWER)))
    with office.open() as door:
        for name, change in changes.items():
            token = office.log_in(door, name)
            assert door.operators.resume(token).name == name
            change(door.desk(office.log_in(door, "grace")))
            with pytest.raises(WrongCredentials, match="has ended"):
                door.operators.resume(token)


def test_an_administrator_unlocks_a_name(office: Office) -> None:
    with office.open() as door:
        for _ in range(LOCK_AFTER):
            office.time += LONGEST_WAIT
            with pytest.raises(WrongCredentials):
                door.operators.log_in("viewer", OTHER, "123456")
        office.time += LONGEST_WAIT
        with pytest.raises(WrongCredentials, match="locked"):
            office.log_in(door, "viewer")
    office.at_desk("grace", lambda desk: desk.enable("viewer"))
    assert office.at_desk("viewer", ACTS[Operation.METERS])


def test_the_last_administrator_stays(office: Office) -> None:
    for act in (
        lambda desk: desk.remove("grace"),
        lambda desk: desk.disable("grace"),
        lambda desk: desk.change_role("grace", Role.VIEWER),
    ):
        with pytest.raises(UsageError, match="last administrator"):
            office.at_desk("grace", act)
    code = office.at_desk("grace", lambda desk: desk.add("second", Role.ADMINISTRATOR))
    with pytest.raises(UsageError, match="last administrator"):
        office.at_desk("grace", lambda desk: desk.remove("grace"))  # the second has not enrolled yet
    office.enrol("second", code)
    office.at_desk("second", lambda desk: desk.remove("grace"))


def test_an_earlier_days_accounts_are_found_by_the_audit_log(office: Office, tmp_path: Path) -> None:
    def verify() -> object:
        return office.at_desk("auditor", ACTS[Operation.VERIFY_LOG])

    assert verify()
    for act, said in (
        (lambda desk: desk.change_role("viewer", Role.CLERK), "viewer is viewer and by the log billing-clerk"),
        (lambda desk: desk.disable("viewer"), "viewer is let in and by the log not"),
        (lambda desk: desk.remove("viewer"), "viewer is no operator by the log"),
        (lambda desk: desk.add("viewer2", Role.VIEWER), "1 that there are by the log are not there"),
    ):
        shutil.copy(office.folder.accounts, tmp_path / "earlier")
        log = office.folder.audit_log.read_bytes(), office.folder.audit_head.read_bytes()
        office.at_desk("grace", act)
        assert verify()
        shutil.copy(tmp_path / "earlier", office.folder.accounts)
        with pytest.raises(AuthenticationFailed, match=said):
            verify()
        office.folder.audit_log.write_bytes(log[0])
        office.folder.audit_head.write_bytes(log[1])


def test_there_is_one_first_administrator(office: Office) -> None:
    for name in ("mallory", "grace"):
        with pytest.raises(UsageError, match="administrator already"):
            office.first(name)


STOPS = {
    "before the key is made": (roster_keys, "fill", 1),
    "before it is noted": (roster_desk, "note_change", 1),
    "before there is an account": (Login, "reserve", 1),
    "before there is a role": (OperatorAccounts, "write_operator", 1),
    "before there is a second factor": (OperatorAccounts, "begin_factor", 1),
    "before it is locked": (Login, "relock", 1),
    "before it counts": (OperatorAccounts, "write_operator", 2),
}


@pytest.mark.parametrize("again", ["grace", "heidi"])
@pytest.mark.parametrize("stop", [*STOPS, "while it is shown"])
def test_a_first_administrator_who_was_stopped_half_way_is_made_again(
    empty: Office, monkeypatch: pytest.MonkeyPatch, stop: str, again: str
) -> None:
    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if stop in STOPS:
            where, name, time = STOPS[stop]
            going, calls = getattr(where, name), iter(range(1, 9))
            patch.setattr(where, name, lambda *given: (stopped if next(calls) == time else going)(*given))
        with pytest.raises(KeyboardInterrupt):
            empty.first(shown=None if stop in STOPS else stopped)
    shown: list[Equipped] = []
    empty.first(again, shown.append)
    assert [each.uri for each in shown] == [empty.uris[again]]
    listed = empty.at_desk(again, lambda desk: desk.operators())
    assert [(each.name, each.role, each.standing) for each in listed] == [(again, Role.ADMINISTRATOR, "active")]
    if again == "grace":
        empty.enrol("auditor", empty.at_desk(again, lambda desk: desk.add("auditor", Role.AUDITOR)))
        assert empty.at_desk("auditor", ACTS[Operation.VERIFY_LOG])
    with pytest.raises(UsageError, match="administrator already"):
        empty.first("mallory")


def test_what_was_shown_before_it_was_stopped_opens_nothing(empty: Office) -> None:
    void: list[Equipped] = []

    def stopped(equipped: Equipped) -> None:
        void.append(equipped)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        empty.first(shown=stopped)
    empty.uris["grace"] = void[0].uri
    with empty.open() as door, pytest.raises(AccessRefused):
        empty.log_in(door, "grace")
    empty.first()
    empty.uris["grace"] = void[0].uri
    with empty.open() as door, pytest.raises(WrongCredentials):
        empty.log_in(door, "grace")


def test_making_the_first_administrator_again_takes_nobody_elses_account(empty: Office) -> None:
    """Neither a customer's, nor that of an administrator whom somebody edited to look half made."""
    with empty.open(first=True, locked=True) as door:
        door.operators.login.reserve("ada", "customer")
    with pytest.raises(UsageError, match="there is an account ada already"):
        empty.first("ada")
    empty.first()
    with closing(sqlite3.connect(empty.folder.accounts)) as file, file:
        file.execute("UPDATE operators SET stage = 'invited'")
    with pytest.raises(AuthenticationFailed, match="was altered"):
        empty.first("mallory")


def test_a_name_is_given_anew_only_when_its_account_is_closed(office: Office) -> None:
    with pytest.raises(UsageError, match="already"):
        office.at_desk("grace", lambda desk: desk.add("Viewer", Role.VIEWER))
    office.at_desk("grace", lambda desk: desk.remove("viewer"))
    office.enrol("viewer", office.at_desk("grace", lambda desk: desk.add("viewer", Role.CLERK)))
    assert office.at_desk("viewer", ACTS[Operation.BILLS])


def test_without_the_operators_keystore_nobody_is_one(office: Office) -> None:
    key = office.folder.keys / "operators.key"
    key.write_bytes(bytes(32))
    with pytest.raises(DamagedKeys), office.open():
        pass
    for file in office.folder.keys.glob("operators.*"):
        file.unlink()
    with pytest.raises(UsageError, match="nobody is an operator"), office.open():
        pass


# Re-rating


def test_rerating_by_the_same_tariff_changes_nothing(office: Office) -> None:
    rerating = office.at_desk("billing-clerk", lambda desk: desk.rerate(None))
    assert [each.difference for each in rerating.households] == [Decimal(0)] * 6
    assert rerating.before == rerating.after


def test_rerating_bills_every_window_anew(office: Office) -> None:
    rerating = office.at_desk("billing-clerk", lambda desk: desk.rerate("flat", ["rate=0.50"]))
    for each in rerating.households:
        assert each.before.energy is not None
        exact = Decimal(each.before.energy) * Decimal("0.50") / 1_000_000
        assert each.after.amount == exact.quantize(Decimal("0.01"))
        assert each.difference == each.after.amount - each.before.amount
    assert rerating.after - rerating.before == sum(each.difference for each in rerating.households)


def test_a_tariff_is_read_from_a_file_alone_or_as_a_scenario_has_it(office: Office, tmp_path: Path) -> None:
    plain, nested = tmp_path / "plain.yaml", tmp_path / "nested.yaml"
    plain.write_text('plugin: flat\ncurrency: EUR\nrate: "0.40"\n')
    nested.write_text('tariff:\n  plugin: flat\n  currency: EUR\n  rate: "0.40"\n')
    totals = {office.at_desk("billing-clerk", lambda desk, at=at: desk.rerate(str(at))).after for at in (plain, nested)}
    assert len(totals) == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plugin: flat\ncurrency: EUR\nrate: much\n", r"new.yaml line 3, tariff.rate: 'much' is no number"),
        ("plugin: nope\n", r"new.yaml line 1, tariff.plugin: there is no tariff 'nope'"),
        ("- flat\n", r"new.yaml: holds"),
        ("plugin: flat\nrate: [\n", r"new.yaml line 2: has a \[ that is never closed"),
        (
            'plugin: time-of-use\ncurrency: EUR\nrates: {off-peak: "0.1", peak: "0.2"}\n'
            'peak: {days: mon-fri, hours: ["04:00-05:00"]}\n',
            r"straddle the price change of tariff time-of-use at 04:00",
        ),
    ],
)
def test_a_tariff_that_cannot_be_is_said_to_be_so(office: Office, tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "new.yaml"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        office.at_desk("billing-clerk", lambda desk: desk.rerate(str(file)))


def test_what_is_neither_tariff_nor_file_is_said_to_be_neither(office: Office) -> None:
    with pytest.raises(ScenarioError, match=r"gone.yaml: there is no such file"):
        office.at_desk("billing-clerk", lambda desk: desk.rerate("gone.yaml"))
    with pytest.raises(UsageError, match="there is no tariff 'nope'"):
        office.at_desk("billing-clerk", lambda desk: desk.rerate("nope"))
    with pytest.raises(UsageError, match=r"--option price=1: unknown key"):
        office.at_desk("billing-clerk", lambda desk: desk.rerate(None, ["price=1"]))
    with pytest.raises(UsageError, match="is in USD and the bills are in EUR"):
        office.at_desk("billing-clerk", lambda desk: desk.rerate(None, ["currency=USD"]))


# Nothing finer


def test_no_command_shows_anything_finer_than_was_released(
    office: Office, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str
) -> None:
    import contextlib
    import io
    import sys

    from smarter.cli.app import main

    monkeypatch.setenv("SMARTER_PASSWORD", PASSWORD)
    scenario = tmp_path / "small.yaml"
    scenario.write_text(small_scenario)

    def call(*arguments: str) -> str:
        out = io.StringIO()
        monkeypatch.setattr(sys, "argv", ["smarter", "operator", *arguments])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out), pytest.raises(SystemExit):
            main()
        return out.getvalue()

    meter = office.at_desk("viewer", lambda desk: desk.meters())[0].meter
    said = []
    for name in office.uris:
        monkeypatch.setenv("SMARTER_TOTP", pyotp.parse_uri(office.uris[name]).now())
        at = (str(scenario), "--state", str(office.folder.path))
        assert "logged in as" in call("login", *at, "--name", name)
        for command in (
            ("meters",),
            ("windows", meter),
            ("bills",),
            ("bills", meter),
            ("bills", "home1"),
            ("windows", "home1"),
            ("demand", "--windows"),
            ("rerate", "--option", "rate=0.9"),
            ("export",),
            ("export", "--what", "windows"),
            ("export", "--what", "demand"),
            ("audit",),
            ("list",),
            ("status",),
        ):
            for form in ((), ("--json",)):
                said.append(call(command[0], scenario.as_posix(), *command[1:], *at[1:], *form))
    everything = "\n".join(said) + office.folder.audit_log.read_text()
    assert all(released in everything for released in ("complete", "refused-access", meter))
    # The source's names of meters, but where they were typed in to try.
    assert "home" not in re.sub(r"^smarter: 'home1' names 0 meters.*$", "", everything, flags=re.MULTILINE)
    # No single reading: mWh of a minute, as they are, in Wh, in kWh.
    readings = {round(kw * 1e6 / 60) for kw in (4.23, 2.71, 5.97, 1.94)}
    finer = [f"{form}" for mwh in readings for form in (mwh, f"{mwh / 1000:.3f}", f"{mwh / 1_000_000:.6f}")]
    assert [form for form in finer if re.search(rf"(?<![\w.]){re.escape(form)}(?![\w.])", everything)] == []
    # No moment between the edges of what was released.
    moments = re.findall(r"2016-01-01[T ](\d\d):(\d\d)", everything)
    assert {minute for _, minute in moments} <= {"00", "15", "30", "45"}
    windows = json.loads(next(text for text in said if '"window_start"' in text))
    assert {window["window_start"][11:16] for window in windows} == {"00:00", "03:00"}
