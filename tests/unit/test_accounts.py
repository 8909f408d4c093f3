"""Accounts and logging in: sessions, failures, recovery, what an edited file gives away. Time is the tests' own."""

from __future__ import annotations

import re
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from smarter.errors import AuthenticationFailed, DamagedStore, Unavailable, UsageError, WrongCredentials
from smarter.keys import passwords
from smarter.keys.passwords import DEFAULT_COST, Argon2Cost, Cost, Pbkdf2Cost
from smarter.model.audit import Note
from smarter.protocols.holder import account_name
from smarter.protocols.login import PASSWORD_ALONE, Login, Second, cost_of
from smarter.scenario import load_scenario
from smarter.state.accounts import FREE_TRIES, IDLE, LOCK_AFTER, LONGEST, LONGEST_WAIT, Account, Accounts

DEPLOYMENT = bytes(16)
CHEAP = Pbkdf2Cost(3)
PASSWORD = "plaid-otter-vending-41"
OTHER = "mauve-kettle-orbit-77"
PRIVATE = b"the private key of ada"
METER = b"8 bytes."


@dataclass
class Hall:
    """Accounts in a file, a door to them, and a clock that is set by hand."""

    path: Path
    time: float = 1_000_000.0

    def __post_init__(self) -> None:
        self.accounts = Accounts(self.path, lambda: self.time)
        self.login = self.door()

    def door(self, cost: Cost = CHEAP, deployment: bytes = DEPLOYMENT) -> Login:
        return Login(self.accounts, deployment, cost)

    def enrol(self, name: str = "ada", private: bytes = PRIVATE, meter: bytes = METER) -> str:
        return self.login.add(
            name, PASSWORD, "customer", private, meter=meter, verify_key=b"verify", public_key=name.encode()
        )

    def edit(self, statement: str, *values: object) -> None:
        with closing(sqlite3.connect(self.path)) as file, file:
            file.execute(statement, values)

    def fail(self, times: int, name: str = "ada") -> None:
        for _ in range(times):
            with pytest.raises(WrongCredentials):
                self.login.log_in(name, OTHER)
            self.time += LONGEST_WAIT


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path / "accounts.sqlite")
    yield made
    made.accounts.close()


def test_whoever_logs_in_gets_their_account_and_private_key(hall: Hall) -> None:
    hall.enrol()
    holder = hall.login.resume(hall.login.log_in("Ada", PASSWORD))
    assert (holder.account.name, holder.account.role, holder.account.meter) == ("ada", "customer", METER)
    assert holder.private == PRIVATE
    assert PRIVATE.decode() not in repr(holder)


def test_the_file_is_its_owners_alone(hall: Hall) -> None:
    assert stat.S_IMODE(hall.path.stat().st_mode) == 0o600


def test_accounts_outlive_the_process(hall: Hall) -> None:
    hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    hall.accounts.close()
    again = Hall(hall.path, hall.time)
    assert again.login.resume(token).private == PRIVATE
    again.accounts.close()


@pytest.mark.parametrize("name", ["", "   ", "a b", "a/b", "x" * 65, "a\0", "né\nx"])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        account_name(name)


def test_names_are_told_apart_without_case(hall: Hall) -> None:
    hall.enrol()
    with pytest.raises(UsageError, match="already"):
        hall.enrol("ADA", meter=b"another.")


def test_a_meter_has_one_open_account(hall: Hall) -> None:
    hall.enrol()
    with pytest.raises(UsageError, match="already"):
        hall.enrol("bob")


def test_accounts_without_a_meter_are_as_many_as_wanted(hall: Hall) -> None:
    for name in ("ada", "bob"):
        hall.login.add(name, PASSWORD, "operator", b"")
    second = Second(lambda account, private: private, factor=True)
    assert hall.login.resume(hall.login.log_in("bob", PASSWORD, second)).account.role == "operator"


def test_a_weak_password_opens_no_account(hall: Hall) -> None:
    with pytest.raises(UsageError, match="easily guessed"):
        hall.login.add("ada", "password1234", "customer", PRIVATE)
    assert hall.accounts.find("ada") is None


# Equal work


def test_an_unknown_name_costs_as_much_as_a_wrong_password(hall: Hall, derivations: list[Cost]) -> None:
    hall.enrol()
    work = []
    for name in ("ada", "nobody"):
        derivations.clear()
        with pytest.raises(WrongCredentials) as refused:
            hall.login.log_in(name, OTHER)
        work.append((list(derivations), str(refused.value)))
    assert work[0] == work[1] == ([CHEAP], "the name or the password is wrong.")


def test_names_are_not_found_out_by_work_after_a_change_of_the_cost(hall: Hall, derivations: list[Cost]) -> None:
    hall.enrol("ada", meter=b"meter 1.")
    today = Argon2Cost(memory_kib=64, passes=1)
    door = hall.door(today)
    assert _work_on(door, derivations, "ada", "unknown") == [[CHEAP]] * 2
    hall.login = door
    hall.enrol("bob", meter=b"meter 2.")
    assert _work_on(door, derivations, "ada", "bob", "unknown") == [sorted([CHEAP, today], key=repr)] * 3


def test_a_second_factor_costs_every_name_the_same_after_a_change_of_the_cost(
    hall: Hall, derivations: list[Cost]
) -> None:
    def wrong_code(account: Account, private: bytes) -> bytes:
        raise WrongCredentials("the name, the password or the code is wrong.")

    hall.enrol("ada", meter=b"meter 1.")
    today = Pbkdf2Cost(5)
    hall.login = door = hall.door(today)
    hall.enrol("bob", meter=b"meter 2.")
    second = Second(wrong_code, factor=True)
    twice = [CHEAP, CHEAP, today, today]
    assert _work_on(door, derivations, "ada", "bob", "unknown", second=second) == [twice] * 3
    assert _work_on(door, derivations, "ada", "bob", second=second, password=PASSWORD) == [twice] * 2


def test_a_cost_that_this_machine_cannot_derive_keeps_no_other_account_out(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    hall.login = hall.door(Argon2Cost(memory_kib=64, passes=1))
    hall.enrol("bob", meter=b"meter 2.")
    hall.login = hall.door()
    hall.enrol("ada", meter=b"meter 1.")
    real = passwords.stretch

    def without_argon(password: bytes, salt: bytes, cost: Cost) -> bytes:
        if isinstance(cost, Argon2Cost):
            raise Unavailable("this machine's OpenSSL has no Argon2id.")
        return real(password, salt, cost)

    monkeypatch.setattr(passwords, "stretch", without_argon)
    assert hall.login.log_in("ada", PASSWORD)


def _work_on(
    door: Login, derivations: list[Cost], *names: str, second: Second = PASSWORD_ALONE, password: str = OTHER
) -> list[list[Cost]]:
    """What a wrong try of each name derives, in an order of no meaning."""
    work = []
    for name in names:
        derivations.clear()
        with pytest.raises(WrongCredentials, match=r"the name(,| or) the password"):
            door.log_in(name, password, second)
        work.append(sorted(derivations, key=repr))
    return work


def test_a_closed_account_costs_as_much_and_says_so_only_to_its_holder(hall: Hall, derivations: list[Cost]) -> None:
    hall.enrol()
    account = hall.accounts.of_meter(METER)
    assert account
    hall.accounts.close_account(account)
    derivations.clear()
    with pytest.raises(WrongCredentials, match="name or the password"):
        hall.login.log_in("ada", OTHER)
    with pytest.raises(WrongCredentials, match="closed"):
        hall.login.log_in("ada", PASSWORD)
    assert derivations == [CHEAP, CHEAP]


def test_logging_in_derives_twice_and_using_the_session_never(hall: Hall, derivations: list[Cost]) -> None:
    hall.enrol()
    derivations.clear()
    token = hall.login.log_in("ada", PASSWORD)
    assert derivations == [CHEAP, CHEAP]
    hall.login.resume(token)
    assert len(derivations) == 2


def test_a_password_without_end_costs_nothing(hall: Hall, derivations: list[Cost]) -> None:
    with pytest.raises(WrongCredentials):
        hall.login.log_in("ada", "x" * 1_000_000)
    assert derivations == []


def test_an_account_follows_todays_cost_when_it_logs_in(hall: Hall, derivations: list[Cost]) -> None:
    code = hall.enrol()
    today = Argon2Cost(memory_kib=64, passes=1)
    hall.door(today).log_in("ada", PASSWORD)
    derivations.clear()
    token = hall.door(today).log_in("ada", PASSWORD)
    assert derivations == [today, today]
    assert hall.login.resume(token).private == PRIVATE
    assert hall.login.recover("ada", code, OTHER)


def test_a_scenario_says_how_passwords_are_derived() -> None:
    argon2id = load_scenario("quickstart", ("accounts.passwords=argon2id",))
    assert (cost_of(load_scenario("quickstart")), cost_of(argon2id)) == (DEFAULT_COST, Argon2Cost())


# Failures


def test_waits_locks_and_sessions_have_the_documented_figures() -> None:
    assert (FREE_TRIES, LOCK_AFTER) == (3, 10)
    assert (IDLE, LONGEST) == (15 * 60, 12 * 60 * 60)


def test_the_first_wrong_tries_cost_no_wait_and_the_next_ever_more(hall: Hall) -> None:
    hall.enrol()
    waits = []
    for _ in range(LOCK_AFTER - 1):
        with pytest.raises(WrongCredentials) as refused:
            hall.login.log_in("ada", OTHER)
        wait = re.search(r"allowed in (\d+) s", str(refused.value))
        waits.append(int(wait[1]) if wait else 0)
        if wait:
            hall.time += waits[-1] - 1
            with pytest.raises(WrongCredentials, match="allowed in 1 s"):
                hall.login.log_in("ada", OTHER)
            hall.time += 1
            with pytest.raises(WrongCredentials, match="is wrong"):
                hall.login.log_in("ada", OTHER)
    assert waits == [0] * FREE_TRIES + [5, 10, 20, 40, 80, 160]


def test_nothing_is_derived_while_a_name_waits_whether_or_not_there_is_one(hall: Hall, derivations: list[Cost]) -> None:
    hall.enrol()
    for name in ("ada", "nobody"):
        for _ in range(FREE_TRIES):
            with pytest.raises(WrongCredentials):
                hall.login.log_in(name, OTHER)
        derivations.clear()
        with pytest.raises(WrongCredentials, match="the next is allowed in 5 s"):
            hall.login.log_in(name, PASSWORD)
        assert derivations == []


def test_a_name_is_locked_after_so_many_and_the_right_password_does_not_help(hall: Hall) -> None:
    hall.enrol()
    hall.fail(LOCK_AFTER)
    hall.time += 10 * LONGEST_WAIT
    with pytest.raises(WrongCredentials, match="locked"):
        hall.login.log_in("ada", PASSWORD)


def test_the_recovery_code_unlocks_a_locked_name(hall: Hall) -> None:
    code = hall.enrol()
    hall.fail(LOCK_AFTER)
    hall.login.recover("ada", code, OTHER)
    assert hall.login.resume(hall.login.log_in("ada", OTHER)).private == PRIVATE


def test_an_operator_unlocks_a_locked_name(hall: Hall) -> None:
    hall.enrol()
    hall.fail(LOCK_AFTER)
    hall.login.unlock_name("ada")
    assert hall.login.log_in("ada", PASSWORD)


def test_a_right_password_forgets_the_wrong_ones_before(hall: Hall) -> None:
    hall.enrol()
    for _ in range(5):
        hall.fail(FREE_TRIES - 1)
        hall.login.log_in("ada", PASSWORD)


def test_a_name_that_is_locked_does_not_lock_another(hall: Hall) -> None:
    hall.enrol()
    hall.fail(LOCK_AFTER, "bob")
    assert hall.login.log_in("ada", PASSWORD)


def test_a_clock_that_was_put_back_locks_nobody_out_for_long(hall: Hall) -> None:
    hall.enrol()
    hall.fail(LOCK_AFTER - 1)
    hall.time -= 10 * 86_400
    assert hall.login.log_in("ada", PASSWORD)


def test_what_is_tried_is_not_in_the_file(hall: Hall) -> None:
    hall.fail(1, "typed-a-password-as-a-name")
    assert b"typed-a-password" not in hall.path.read_bytes()


# Sessions


def test_a_session_ends_when_it_is_left_alone(hall: Hall) -> None:
    hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    for _ in range(3):
        hall.time += IDLE - 1
        hall.login.resume(token)
    hall.time += IDLE
    with pytest.raises(WrongCredentials, match="log in again"):
        hall.login.resume(token)


def test_a_session_ends_after_half_a_day_however_busy(hall: Hall) -> None:
    hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    ends = hall.time + LONGEST
    while hall.time + 600 < ends:
        hall.time += 600
        hall.login.resume(token)
    hall.time = ends
    with pytest.raises(WrongCredentials):
        hall.login.resume(token)


def test_a_clock_that_was_put_back_prolongs_no_session(hall: Hall) -> None:
    hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    hall.time -= 60
    with pytest.raises(WrongCredentials):
        hall.login.resume(token)


def test_a_token_is_worth_nothing_after_logging_out(hall: Hall) -> None:
    hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    hall.login.log_out(token)
    with pytest.raises(WrongCredentials):
        hall.login.resume(token)
    hall.login.log_out(token)


@pytest.mark.parametrize("token", [b"", bytes(32), b"x" * 1000])
def test_a_made_up_token_is_worth_nothing(hall: Hall, token: bytes) -> None:
    hall.enrol()
    hall.login.log_in("ada", PASSWORD)
    with pytest.raises(WrongCredentials):
        hall.login.resume(token)


def test_a_token_is_256_random_bits_and_only_its_digest_is_kept(hall: Hall) -> None:
    hall.enrol()
    tokens = {hall.login.log_in("ada", PASSWORD) for _ in range(3)}
    assert {len(token) for token in tokens} == {32}
    assert len(tokens) == 3
    assert not any(token in hall.path.read_bytes() for token in tokens)


# Passwords and recovery


def test_a_new_password_takes_the_place_of_the_old_and_ends_the_other_sessions(hall: Hall) -> None:
    hall.enrol()
    mine, elsewhere = (hall.login.log_in("ada", PASSWORD) for _ in range(2))
    hall.login.change_password(hall.login.resume(mine), PASSWORD, OTHER)
    assert hall.login.resume(mine).private == PRIVATE
    with pytest.raises(WrongCredentials):
        hall.login.resume(elsewhere)
    with pytest.raises(WrongCredentials):
        hall.login.log_in("ada", PASSWORD)
    assert hall.login.resume(hall.login.log_in("ada", OTHER)).private == PRIVATE


def test_a_session_without_the_password_cannot_change_it(hall: Hall) -> None:
    hall.enrol()
    holder = hall.login.resume(hall.login.log_in("ada", PASSWORD))
    with pytest.raises(WrongCredentials):
        hall.login.change_password(holder, OTHER, OTHER)
    with pytest.raises(UsageError):
        hall.login.change_password(holder, PASSWORD, "password1234")
    assert hall.login.log_in("ada", PASSWORD)


def test_what_the_old_password_locked_is_gone_from_the_file(hall: Hall) -> None:
    hall.enrol()
    before = hall.accounts.find("ada")
    assert before
    hall.login.change_password(hall.login.resume(hall.login.log_in("ada", PASSWORD)), PASSWORD, OTHER)
    assert before[1].by_password not in hall.path.read_bytes()


def test_a_recovery_code_is_good_once_and_gives_the_next(hall: Hall) -> None:
    code = hall.enrol()
    session = hall.login.log_in("ada", PASSWORD)
    fresh = hall.login.recover("ada", code, OTHER)
    with pytest.raises(WrongCredentials):
        hall.login.resume(session)
    with pytest.raises(WrongCredentials, match="recovery code"):
        hall.login.recover("ada", code, PASSWORD)
    assert hall.login.recover("ada", fresh, PASSWORD) not in (code, fresh)
    assert hall.login.resume(hall.login.log_in("ada", PASSWORD)).private == PRIVATE


def test_a_recovery_code_is_of_one_name(hall: Hall) -> None:
    hall.enrol()
    code = hall.enrol("bob", meter=b"another.")
    said = set()
    for name in ("ada", "nobody"):
        with pytest.raises(WrongCredentials) as refused:
            hall.login.recover(name, code, OTHER)
        said.add(str(refused.value))
    assert said == {"the name or the recovery code is wrong."}


def test_a_typo_in_a_recovery_code_is_no_try(hall: Hall) -> None:
    code = hall.enrol()
    for _ in range(2 * LOCK_AFTER):
        with pytest.raises(UsageError, match="typo"):
            hall.login.recover("ada", ("0" if code[6] != "0" else "1").join((code[:6], code[7:])), OTHER)
    assert hall.login.log_in("ada", PASSWORD)


def test_a_closed_account_has_no_key_no_session_and_leaves_its_name(hall: Hall) -> None:
    code = hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    found = hall.accounts.find("ada")
    assert found
    hall.accounts.close_account(found[0])
    for refused in (
        lambda: hall.login.resume(token),
        lambda: hall.login.log_in("ada", PASSWORD),
        lambda: hall.login.recover("ada", code, OTHER),
    ):
        with pytest.raises(WrongCredentials):
            refused()
    assert found[1].by_password not in hall.path.read_bytes()
    hall.enrol("ada", b"another key")
    assert hall.login.resume(hall.login.log_in("ada", PASSWORD)).private == b"another key"


# Whoever edits the file


EDITS = {
    "the role": "role = 'administrator'",
    "the meter": "meter = x'0000000000000000'",
    "the meter's signing key": "verify_key = x'00'",
    "the public key": "public_key = x'00'",
}


@pytest.mark.parametrize("edit", EDITS.values(), ids=EDITS)
def test_an_account_that_was_edited_opens_no_more(hall: Hall, edit: str) -> None:
    code = hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    hall.edit(f"UPDATE accounts SET {edit}")
    for refused in (
        lambda: hall.login.log_in("ada", PASSWORD),
        lambda: hall.login.resume(token),
        lambda: hall.login.recover("ada", code, OTHER),
    ):
        with pytest.raises(AuthenticationFailed, match="altered"):
            refused()


def test_a_row_that_was_given_another_name_opens_no_more(hall: Hall) -> None:
    hall.enrol()
    hall.edit("UPDATE accounts SET name = 'eve'")
    with pytest.raises(AuthenticationFailed):
        hall.login.log_in("eve", PASSWORD)


def test_a_thief_who_puts_their_password_on_anothers_row_gets_no_key(hall: Hall) -> None:
    hall.enrol()
    hall.enrol("eve", b"eve's key", b"eve's...")
    hall.edit("UPDATE accounts SET password = (SELECT password FROM accounts WHERE name = 'eve') WHERE name = 'ada'")
    with pytest.raises(AuthenticationFailed):
        hall.login.log_in("ada", PASSWORD)


def test_a_session_that_was_turned_to_another_account_opens_nothing(hall: Hall) -> None:
    hall.enrol()
    hall.enrol("eve", b"eve's key", b"eve's...")
    token = hall.login.log_in("eve", PASSWORD)
    hall.edit("UPDATE sessions SET account = (SELECT id FROM accounts WHERE name = 'ada')")
    with pytest.raises(AuthenticationFailed):
        hall.login.resume(token)


def test_accounts_of_another_deployment_do_not_open_here(hall: Hall) -> None:
    hall.enrol()
    with pytest.raises(AuthenticationFailed):
        hall.door(deployment=b"another one     ").log_in("ada", PASSWORD)


def test_the_disk_alone_opens_nothing(hall: Hall) -> None:
    code = hall.enrol()
    token = hall.login.log_in("ada", PASSWORD)
    stored = b"".join(file.read_bytes() for file in hall.path.parent.iterdir())
    for secret in (
        PRIVATE,
        PASSWORD.encode(),
        token,
        token.hex().encode(),
        code.encode(),
        code.replace("-", "").encode(),
    ):
        assert secret not in stored


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough to look like one" * 20, b"SQLite format 3\0"]
)
def test_a_damaged_file_is_said_to_be_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "accounts.sqlite").write_bytes(content)
    with pytest.raises(DamagedStore, match="does not read back"):
        Accounts(tmp_path / "accounts.sqlite", lambda: 0.0)


def test_accounts_of_another_version_are_left_alone(hall: Hall) -> None:
    hall.edit("UPDATE meta SET value = 99 WHERE name = 'format'")
    with pytest.raises(DamagedStore, match="another version"):
        Hall(hall.path)


# What is written down


def test_everything_at_the_door_is_witnessed_before_it_happens(hall: Hall) -> None:
    notes: list[tuple[str, str, str]] = []
    ways: list[object] = []

    def witness(note: Note) -> None:
        assert note.subject
        notes.append((note.action, note.actor.kind, note.subject.name))
        ways.extend(note.detail.values())

    code = hall.enrol()
    door = Login(hall.accounts, DEPLOYMENT, CHEAP, witness=witness)
    token = door.log_in("Ada", PASSWORD)
    door.change_password(door.resume(token), PASSWORD, OTHER)
    door.recover("ada", code, PASSWORD)
    door.log_out(door.log_in("ada", PASSWORD))
    with pytest.raises(WrongCredentials):
        door.log_in("nobody", PASSWORD)
    assert notes == [
        ("login", "customer", "ada"),
        ("password-change", "customer", "ada"),
        ("password-change", "customer", "ada"),
        ("login", "customer", "ada"),
        ("logout", "customer", "ada"),
        ("login-failed", "system", "nobody"),
    ]
    assert ways == ["password", "recovery code"]


def test_a_lock_out_is_witnessed_once(hall: Hall) -> None:
    hall.enrol()
    notes: list[Note] = []
    hall.login = Login(hall.accounts, DEPLOYMENT, CHEAP, witness=notes.append)
    hall.fail(LOCK_AFTER + 3)
    assert [note.action for note in notes] == ["login-failed"] * LOCK_AFTER + ["lock-out"]
    assert notes[-1].detail == {"failures": LOCK_AFTER}


def test_nobody_gets_in_when_it_cannot_be_written_down(hall: Hall) -> None:
    hall.enrol()

    def full(note: Note) -> None:
        raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        Login(hall.accounts, DEPLOYMENT, CHEAP, witness=full).log_in("ada", PASSWORD)
    with closing(sqlite3.connect(hall.path)) as file:
        assert file.execute("SELECT count(*) FROM sessions").fetchone() == (0,)
