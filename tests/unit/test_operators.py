"""Operators at the door: second factors, one-time codes, roles, and what an edited file gives away."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from smarter.charts.qr import qr_lines
from smarter.errors import (
    AccessRefused,
    AuthenticationFailed,
    DamagedStore,
    MalformedMessage,
    UsageError,
    WrongCredentials,
)
from smarter.keys.codes import new_code, spell_code
from smarter.keys.locked import lock
from smarter.keys.passwords import Cost, Pbkdf2Cost
from smarter.keys.roster import RosterKey
from smarter.keys.second_factor import LOOKED, SPARE_CODES, STEP, SecondFactor, read_second
from smarter.model.audit import Note
from smarter.model.messages import wire
from smarter.protocols import login
from smarter.protocols.access import ALLOWED, Operation, Operator, Role, require
from smarter.protocols.login import Login
from smarter.protocols.operator_login import Equipped, OperatorLogin
from smarter.protocols.roster import Roster, code_verifier
from smarter.state import Account
from smarter.state.accounts import FREE_TRIES, IDLE, LOCK_AFTER, LONGEST_WAIT
from smarter.state.operators import OperatorAccounts

DEPLOYMENT = bytes(16)
CHEAP = Pbkdf2Cost(3)
KEY = RosterKey(bytes(range(32)))
PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"


@dataclass
class Office:
    """Operators in a file, a door to them, a clock that is set by hand, and what was witnessed."""

    path: Path
    time: float = 1_000_000_000.0
    notes: list[Note] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.accounts = OperatorAccounts(self.path, lambda: self.time)
        self.door = self.open_door()

    def open_door(self, key: RosterKey = KEY, deployment: bytes = DEPLOYMENT) -> OperatorLogin:
        login = Login(self.accounts, deployment, CHEAP, witness=self.notes.append)
        return OperatorLogin(login, self.accounts, Roster(login, self.accounts, key, deployment), "street")

    def invite(self, name: str, role: Role = Role.VIEWER) -> str:
        code = new_code()
        self.door.roster.add(self.door.roster.new_name(name), role, code)
        return spell_code(code)

    def enrol(self, name: str, role: Role = Role.VIEWER) -> Equipped:
        return self.door.enrol(name, self.invite(name, role), PASSWORD)

    def code(self, equipped: Equipped, steps: int = 0) -> str:
        """What the app shows, so many steps from now."""
        import pyotp

        return str(pyotp.parse_uri(equipped.uri).at(int(self.time) + steps * STEP))

    def log_in(self, equipped: Equipped) -> bytes:
        self.time += STEP
        return self.door.log_in(equipped.name, PASSWORD, self.code(equipped))

    def edit(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as file, file:
            file.execute(statement, values)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path / "accounts.sqlite")
    yield made
    made.accounts.close()


# The second factor itself


@pytest.mark.parametrize(
    ("moment", "code"), [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")]
)
def test_codes_are_those_of_rfc_6238(moment: int, code: str) -> None:
    # Appendix B, SHA-1, of whose eight digits the last six are shown.
    assert SecondFactor(b"12345678901234567890", ()).code_at(moment // STEP) == code


def test_codes_do_not_depend_on_the_machines_time_zone(monkeypatch: pytest.MonkeyPatch, office: Office) -> None:
    import time

    equipped = office.enrol("vera")
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        office.time = 1_445_735_700.0  # 2015-10-25 03:15, the second time that it is between 2 and 3 in Berlin
        office.door.log_in("vera", PASSWORD, SecondFactor(_secret(equipped), ()).code_at(int(office.time) // STEP))
    finally:
        monkeypatch.undo()
        time.tzset()


def _secret(equipped: Equipped) -> bytes:
    import base64

    import pyotp

    return base64.b32decode(pyotp.parse_uri(equipped.uri).secret)


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_clocks_may_differ_by_a_step(office: Office, steps: int) -> None:
    equipped = office.enrol("vera")
    assert office.door.log_in("vera", PASSWORD, office.code(equipped, steps))


@pytest.mark.parametrize(("steps", "said"), [(-2, "60 s behind"), (2, "60 s ahead of"), (LOOKED, "600 s ahead of")])
def test_clocks_that_differ_more_are_told_and_let_nobody_in(office: Office, steps: int, said: str) -> None:
    equipped = office.enrol("vera")
    with pytest.raises(WrongCredentials, match=said):
        office.door.log_in("vera", PASSWORD, office.code(equipped, steps))


def test_who_has_not_the_password_is_told_nothing_of_clocks(office: Office) -> None:
    equipped = office.enrol("vera")
    with pytest.raises(WrongCredentials) as refused:
        office.door.log_in("vera", OTHER, office.code(equipped, 3))
    assert str(refused.value) == "the name, the password or the code is wrong."


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12 45", "abcdef", "١٢٣٤٥٦"])
def test_what_can_be_no_code_is_said_without_a_try(office: Office, code: str) -> None:
    office.enrol("vera")
    for _ in range(LOCK_AFTER + 1):
        with pytest.raises(UsageError):
            office.door.log_in("vera", PASSWORD, code)


def test_a_code_may_be_typed_with_a_space() -> None:
    assert read_second(" 123 456\n") == "123456"


def test_a_qr_code_in_characters_has_the_dots_of_the_qr_code(office: Office) -> None:
    import segno

    uri = office.enrol("vera").uri
    dots = {"█": "11", "▀": "10", "▄": "01", " ": "00"}
    pairs = [[dots[character] for character in line] for line in qr_lines(uri)]
    read = ["".join(pair[half] for pair in line) for line in pairs for half in (0, 1)]
    wanted = ["".join("0" if dark else "1" for dark in row) for row in segno.make(uri, error="l").matrix_iter(border=2)]
    assert read[: len(wanted)] == wanted
    assert max(map(len, wanted)) <= 60  # beside other words on 80 columns
    assert len(qr_lines(uri)) <= 24


def test_a_second_factor_that_does_not_read_back_is_refused() -> None:
    factor, _ = SecondFactor.fresh("vera")
    assert SecondFactor.decode(factor.encode()) == factor
    for damaged in (factor.encode()[:-1], b"", factor.encode() + b"x"):
        with pytest.raises(MalformedMessage):
            SecondFactor.decode(damaged)
    for secret, spare in ((b"short", []), (bytes(20), [b"short"]), (bytes(20), ["text"])):
        with pytest.raises(DamagedStore):
            SecondFactor.decode(wire.encode("second factor", [secret, spare]))


def test_nothing_of_it_is_in_a_repr(office: Office) -> None:
    equipped = office.enrol("vera")
    factor, codes = SecondFactor.fresh("vera")
    for secret in (equipped.recovery_code, equipped.uri, *equipped.spare_codes, *codes, repr(factor.secret)):
        assert secret not in repr(equipped) + repr(factor) + repr(KEY)


# Logging in


def test_an_operator_logs_in_with_password_and_code(office: Office) -> None:
    equipped = office.enrol("Vera", Role.CLERK)
    assert office.door.resume(office.log_in(equipped)) == Operator("vera", Role.CLERK)


def test_a_code_is_taken_once(office: Office) -> None:
    equipped = office.enrol("vera")
    code = office.code(equipped)
    office.door.log_in("vera", PASSWORD, code)
    with pytest.raises(WrongCredentials, match="used already"):
        office.door.log_in("vera", PASSWORD, code)
    with pytest.raises(WrongCredentials, match="used already"):
        office.door.log_in("vera", PASSWORD, office.code(equipped, -1))
    office.time += STEP
    assert office.door.log_in("vera", PASSWORD, office.code(equipped))


def test_a_code_is_taken_once_by_all_openings_of_the_file_together(office: Office) -> None:
    equipped = office.enrol("vera")
    code = office.code(equipped)
    elsewhere = Office(office.path, office.time)
    assert elsewhere.door.log_in("vera", PASSWORD, code)
    elsewhere.accounts.close()
    with pytest.raises(WrongCredentials, match="used already"):
        office.door.log_in("vera", PASSWORD, code)


def test_a_code_that_came_with_a_wrong_password_is_still_good(office: Office) -> None:
    equipped = office.enrol("vera")
    code = office.code(equipped)
    with pytest.raises(WrongCredentials):
        office.door.log_in("vera", OTHER, code)
    assert office.door.log_in("vera", PASSWORD, code)


def test_another_operators_code_is_no_use(office: Office) -> None:
    office.enrol("vera")
    eve = office.enrol("eve")
    for code in (office.code(eve), eve.spare_codes[0]):
        with pytest.raises(WrongCredentials, match="is wrong"):
            office.door.log_in("vera", PASSWORD, code)


def test_each_spare_code_stands_in_once(office: Office) -> None:
    equipped = office.enrol("vera")
    assert len(set(equipped.spare_codes)) == SPARE_CODES
    for code in equipped.spare_codes:
        assert office.door.log_in("vera", PASSWORD, code.lower())
        with pytest.raises(WrongCredentials, match="used already"):
            office.door.log_in("vera", PASSWORD, code)
    assert office.door.spare_codes_left("vera") == 0


def test_an_operator_does_not_come_in_by_the_customers_door(office: Office) -> None:
    equipped = office.enrol("vera")
    with pytest.raises(WrongCredentials):
        office.door.login.log_in("vera", PASSWORD)
    with pytest.raises(WrongCredentials):
        office.door.login.recover("vera", equipped.recovery_code, OTHER)


def test_a_customer_does_not_come_in_by_the_operators_door(office: Office) -> None:
    office.door.login.add("ada", PASSWORD, "customer", b"her key", meter=b"8 bytes.")
    with pytest.raises(WrongCredentials, match="is wrong"):
        office.door.log_in("ada", PASSWORD, "123456")
    with pytest.raises(WrongCredentials, match="no operator's"):
        office.door.resume(office.door.login.log_in("ada", PASSWORD))


def test_whatever_is_wrong_costs_the_same_work_and_gets_the_same_answer(
    office: Office, derivations: list[Cost]
) -> None:
    equipped = office.enrol("vera")
    found = []
    for name, password, code in (
        ("vera", PASSWORD, "000000" if office.code(equipped) != "000000" else "111111"),
        ("vera", OTHER, office.code(equipped)),
        ("vera", OTHER, equipped.spare_codes[0]),
        ("nobody", PASSWORD, "123456"),
    ):
        office.door.login.unlock_name(name)
        derivations.clear()
        with pytest.raises(WrongCredentials) as refused:
            office.door.log_in(name, password, code)
        found.append((list(derivations), str(refused.value)))
    assert found == [([CHEAP, CHEAP], "the name, the password or the code is wrong.")] * 4


def test_a_removed_operator_is_not_told_from_nobody(office: Office, derivations: list[Cost]) -> None:
    equipped = office.enrol("vera")
    office.door.roster.remove(office.door.roster.find("vera")[0])
    derivations.clear()
    with pytest.raises(WrongCredentials, match="the name, the password or the code is wrong"):
        office.door.log_in("vera", PASSWORD, office.code(equipped))
    assert derivations == [CHEAP, CHEAP]


def test_wrong_codes_lock_a_name_as_wrong_passwords_do(office: Office) -> None:
    equipped = office.enrol("vera")
    for number in range(LOCK_AFTER):
        if number == FREE_TRIES:
            with pytest.raises(WrongCredentials, match="the next is allowed in"):
                office.door.log_in("vera", PASSWORD, office.code(equipped))
        office.time += LONGEST_WAIT
        with pytest.raises(WrongCredentials):
            office.door.log_in("vera", PASSWORD, f"{(int(office.code(equipped)) + 1) % 1_000_000:06}")
    office.time += LONGEST_WAIT
    with pytest.raises(WrongCredentials, match="locked"):
        office.log_in(equipped)
    assert [note.action for note in office.notes if note.action == "lock-out"] == ["lock-out"]


def test_a_locked_name_recovers_by_recovery_code_and_code_together(office: Office) -> None:
    equipped = office.enrol("vera")
    for _ in range(LOCK_AFTER):
        office.time += LONGEST_WAIT
        with pytest.raises(WrongCredentials):
            office.door.log_in("vera", OTHER, office.code(equipped))
    office.time += LONGEST_WAIT
    with pytest.raises(WrongCredentials):
        office.door.recover("vera", equipped.recovery_code, office.code(equipped, 300), OTHER)
    office.time += LONGEST_WAIT
    fresh = office.door.recover("vera", equipped.recovery_code, office.code(equipped), OTHER)
    assert fresh != equipped.recovery_code
    office.time += STEP
    assert office.door.log_in("vera", OTHER, office.code(equipped))
    with pytest.raises(WrongCredentials):
        office.door.recover("vera", equipped.recovery_code, equipped.spare_codes[0], PASSWORD)


def test_a_session_that_was_ended_or_left_alone_is_not_taken_up(office: Office) -> None:
    equipped = office.enrol("vera")
    token = office.log_in(equipped)
    office.door.log_out(token)
    with pytest.raises(WrongCredentials, match="has ended"):
        office.door.resume(token)
    token = office.log_in(equipped)
    office.time += IDLE
    with pytest.raises(WrongCredentials, match="has ended"):
        office.door.resume(token)


def test_a_session_holds_nothing_of_the_second_factor(office: Office) -> None:
    equipped = office.enrol("vera")
    held = office.door.login.resume(office.log_in(equipped)).private
    assert (len(held), _secret(equipped) in held) == (32, False)


def test_a_new_password_ends_other_sessions_and_keeps_the_second_factor(office: Office) -> None:
    equipped = office.enrol("vera")
    other, token = office.log_in(equipped), office.log_in(equipped)
    with pytest.raises(WrongCredentials):
        office.door.change_password(token, OTHER, PASSWORD)
    office.door.change_password(token, PASSWORD, OTHER)
    assert office.door.resume(token).name == "vera"
    with pytest.raises(WrongCredentials):
        office.door.resume(other)
    office.time += STEP
    assert office.door.log_in("vera", OTHER, office.code(equipped))


def test_a_weak_password_leaves_the_code_open(office: Office) -> None:
    code = office.invite("vera")
    with pytest.raises(UsageError, match="needs 12"):
        office.door.enrol("vera", code, "short")
    assert office.door.enrol("vera", code, PASSWORD)


# One-time codes


def test_a_one_time_code_is_for_one_name_and_used_once(office: Office) -> None:
    code, eves = office.invite("vera"), office.invite("eve")
    for name, given in (("vera", eves), ("eve", code), ("nobody", code), ("vera", spell_code(new_code()))):
        with pytest.raises(WrongCredentials, match="one-time code is wrong"):
            office.door.enrol(name, given, PASSWORD)
    assert office.door.awaited("vera", code) == "invited"
    office.door.enrol("vera", code, PASSWORD)
    with pytest.raises(WrongCredentials, match="was used"):
        office.door.enrol("vera", code, OTHER)


def test_guessing_one_time_codes_locks_the_name(office: Office) -> None:
    office.invite("vera")
    for _ in range(LOCK_AFTER):
        with pytest.raises(WrongCredentials, match="is wrong"):
            office.door.enrol("vera", spell_code(new_code()), PASSWORD)
        office.time += LONGEST_WAIT
    with pytest.raises(WrongCredentials, match="locked"):
        office.door.enrol("vera", spell_code(new_code()), PASSWORD)


def test_nobody_logs_in_who_has_not_enrolled(office: Office) -> None:
    office.invite("vera")
    for password in ("", PASSWORD):
        with pytest.raises(WrongCredentials, match="is wrong"):
            office.door.log_in("vera", password, "123456")


def test_a_making_that_a_crash_cut_in_two_can_be_repeated(office: Office) -> None:
    office.invite("vera")
    office.edit("DELETE FROM operators")
    assert office.door.enrol("vera", office.invite("vera"), PASSWORD).name == "vera"


# The roster


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE operators SET role = 'administrator'",
        "UPDATE operators SET disabled = 1 - disabled",
        "UPDATE operators SET stage = 'reset'",
        "UPDATE operators SET code = x'00'",
        "UPDATE operators SET mac = zeroblob(32)",
        "UPDATE operators SET account = account + 1",
        "UPDATE accounts SET name = 'vera2'",
        "DELETE FROM operators",
    ],
)
def test_whatever_is_edited_of_an_operator_lets_nobody_in(office: Office, change: str) -> None:
    equipped = office.enrol("vera")
    token = office.log_in(equipped)
    office.edit(change)
    with pytest.raises(AuthenticationFailed):
        office.door.resume(token)
    office.time += STEP
    name = "vera2" if "vera2" in change else "vera"
    with pytest.raises(AuthenticationFailed):
        office.door.log_in(name, PASSWORD, office.code(equipped))


def test_the_role_among_the_accounts_is_bound_too(office: Office) -> None:
    equipped = office.enrol("vera")
    token = office.log_in(equipped)
    office.edit("UPDATE accounts SET role = 'customer'")
    with pytest.raises(AuthenticationFailed):
        office.door.login.log_in("vera", PASSWORD)
    with pytest.raises(AuthenticationFailed):
        office.door.login.resume(token)


def test_another_operators_row_is_no_role(office: Office) -> None:
    office.enrol("grace", Role.ADMINISTRATOR)
    equipped = office.enrol("vera")
    office.edit(
        "UPDATE operators SET (role, stage, code, mac) = (SELECT role, stage, code, mac FROM operators "
        "WHERE role = 'administrator') WHERE role = 'viewer'"
    )
    with pytest.raises(AuthenticationFailed):
        office.log_in(equipped)


def test_a_roster_of_another_deployment_or_key_does_not_count(office: Office) -> None:
    office.enrol("vera")
    account = office.door.roster.find("vera")[0]
    for door in (office.open_door(key=RosterKey(bytes(32))), office.open_door(deployment=b"another one     ")):
        with pytest.raises(AuthenticationFailed):
            door.roster.operator_of(account)
        with pytest.raises(AuthenticationFailed):
            list(door.roster.all())


def test_nothing_in_the_file_says_a_secret(office: Office) -> None:
    open_code = office.invite("eve")
    equipped = office.enrol("vera")
    token = office.log_in(equipped)
    stored = b"".join(file.read_bytes() for file in office.path.parent.iterdir())
    codes = [open_code, equipped.recovery_code, *equipped.spare_codes]
    secrets = [_secret(equipped), token, PASSWORD.encode()]
    secrets += [form.encode() for code in codes for form in (code, code.replace("-", ""))]
    assert [secret for secret in secrets if secret in stored] == []


# Roles


def test_what_a_role_does_not_have_is_refused_in_words() -> None:
    with pytest.raises(AccessRefused, match="vera is a viewer, and bills takes a billing-clerk"):
        require(Operator("vera", Role.VIEWER), Operation.BILLS)
    assert AccessRefused.exit_code == 4


def test_administrators_see_no_data_and_only_they_manage() -> None:
    data = {Operation.METERS, Operation.DEMAND, Operation.WINDOWS, Operation.BILLS, Operation.RERATE, Operation.EXPORT}
    managing = set(Operation) - data - {Operation.LIST, Operation.READ_LOG, Operation.VERIFY_LOG}
    assert not ALLOWED[Role.ADMINISTRATOR] & data
    assert [role for role in Role if ALLOWED[role] & managing] == [Role.ADMINISTRATOR]


# What gives nobody a way in


def test_a_one_time_code_gives_no_free_guesses_of_the_password(office: Office) -> None:
    office.enrol("vera")
    code, (account, row) = new_code(), office.door.roster.find("vera")
    office.door.roster.write(account, replace(row, stage="reset", code=code_verifier(code, "vera")))
    for _ in range(LOCK_AFTER):
        assert office.door.awaited("vera", spell_code(code)) == "reset"
        with pytest.raises(WrongCredentials, match="password is wrong"):
            office.door.enrol("vera", spell_code(code), OTHER)
        office.time += LONGEST_WAIT
    with pytest.raises(WrongCredentials, match="locked"):
        office.door.enrol("vera", spell_code(code), PASSWORD)


def test_the_customers_door_does_not_tell_an_operators_password(office: Office, derivations: list[Cost]) -> None:
    office.enrol("vera")
    worked = []
    for password in (OTHER, PASSWORD):
        derivations.clear()
        with pytest.raises(WrongCredentials, match="the name or the password is wrong"):
            office.door.login.log_in("vera", password)
        worked.append(len(derivations))
    assert worked == [1, 1]


def test_a_session_that_was_written_into_the_file_is_nobodys(office: Office) -> None:
    office.enrol("vera", Role.ADMINISTRATOR)
    account, _ = office.door.roster.find("vera")
    office.door.login.accounts.begin_session(*_forged_session(account, b""))
    with pytest.raises(AuthenticationFailed, match="vera was altered"):
        office.door.resume(TOKEN)


def test_a_password_and_second_factor_that_were_written_into_the_file_are_nobodys(office: Office) -> None:
    office.enrol("vera", Role.ADMINISTRATOR)
    account, _ = office.door.roster.find("vera")
    factor, _ = SecondFactor.fresh("vera")
    # As whoever has the file could: all that it takes lies in it. Their own MAC is under another key.
    for key, made in ((KEY, factor.encode()), (RosterKey(bytes(32)), b"")):
        locked = made or office.open_door(key).roster.vouched(account, factor.encode())
        office.door.login.relock(account, OTHER, locked)
        office.time += LONGEST_WAIT
        with pytest.raises(AuthenticationFailed, match="vera was altered"):
            office.door.log_in("vera", OTHER, factor.code_at(int(office.time) // STEP))


TOKEN = bytes(range(32))


def _forged_session(account: Account, held: bytes) -> tuple[bytes, Account, bytes]:
    context = login._context(DEPLOYMENT, account.name, account.role, b"", b"", b"")
    return login._digest(TOKEN), account, lock(login._session_key(TOKEN), held, context)
