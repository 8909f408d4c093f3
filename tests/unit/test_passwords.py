"""What is derived from passwords and codes: two separate derivations, bounds, strength, typos told from wrong codes."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import pytest

from smarter.errors import AuthenticationFailed, DamagedStore, UsageError, WrongCredentials
from smarter.keys import passwords
from smarter.keys.codes import ALPHABET, CODE_BYTES, key_from, new_code, read_code, spell_code
from smarter.keys.locked import lock, unlock
from smarter.keys.passwords import Argon2Cost, Cost, Derivation, PasswordRecord, Pbkdf2Cost
from smarter.keys.strength import check_strength

PASSWORD = "plaid-otter-vending-41"
CHEAP: list[Cost] = [Pbkdf2Cost(10), Argon2Cost(memory_kib=64, passes=1)]


def test_the_briefs_figures_are_the_default() -> None:
    assert Pbkdf2Cost(rounds=1_000_000) == passwords.DEFAULT_COST
    assert passwords.SALT_BYTES == 16
    assert Argon2Cost() == Argon2Cost(memory_kib=19 * 1024, passes=2, lanes=1)


def test_pbkdf2_is_that_of_its_published_vector() -> None:
    # RFC 7914, section 11.
    expected = "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
    assert passwords.stretch(b"passwd", b"salt", Pbkdf2Cost(1)).hex() == expected


@pytest.mark.parametrize("cost", CHEAP, ids=["pbkdf2", "argon2id"])
class TestARecord:
    def test_takes_its_own_password_and_no_other(self, cost: Cost) -> None:
        record = PasswordRecord.load(PasswordRecord.make(PASSWORD, cost).dump())
        record.check(PASSWORD)
        with pytest.raises(WrongCredentials):
            record.check(PASSWORD + "x")

    def test_gives_a_wrapping_key_that_is_not_the_verifier(self, cost: Cost) -> None:
        record = PasswordRecord.make(PASSWORD, cost)
        assert record.login.salt != record.wrapping.salt
        assert record.wrapping.key(PASSWORD) not in (record.verifier, record.login.key(PASSWORD))

    def test_has_a_salt_of_its_own(self, cost: Cost) -> None:
        one, other = (PasswordRecord.make(PASSWORD, cost) for _ in range(2))
        assert one.verifier != other.verifier

    def test_knows_whether_it_is_of_todays_cost(self, cost: Cost) -> None:
        record = PasswordRecord.make(PASSWORD, cost)
        assert record.is_of(cost)
        assert not record.is_of(Pbkdf2Cost(11))

    def test_shows_no_secret(self, cost: Cost) -> None:
        record = PasswordRecord.make(PASSWORD, cost)
        assert record.verifier.hex() not in repr(record)
        assert repr(record.verifier) not in repr(record)


def test_a_composed_and_a_decomposed_umlaut_are_one_password() -> None:
    record = PasswordRecord.make("gr\u00fcne-otter-41", Pbkdf2Cost(1))
    record.check("gru\u0308ne-otter-41")


SALT = "00112233445566778899aabbccddeeff"
GOOD: dict[str, Any] = {
    "login": {"name": "pbkdf2-hmac-sha256", "rounds": 1, "salt": SALT},
    "verifier": "00" * 32,
    "wrapping": {"name": "pbkdf2-hmac-sha256", "rounds": 1, "salt": SALT[::-1]},
}
HUGE = {"name": "argon2id", "lanes": 1, "memory_kib": 1 << 30, "passes": 1, "salt": SALT}
PLANTED = {
    "no rounds": {"login": GOOD["login"] | {"rounds": 0}},
    "rounds without end": {"login": GOOD["login"] | {"rounds": passwords.MOST_ROUNDS + 1}},
    "rounds in words": {"login": GOOD["login"] | {"rounds": "10"}},
    "a short salt": {"login": GOOD["login"] | {"salt": "00"}},
    "a salt that is none": {"login": GOOD["login"] | {"salt": "zz" * 16}},
    "another hash": {"login": GOOD["login"] | {"name": "md5"}},
    "one field more": {"login": GOOD["login"] | {"extra": 1}},
    "memory without end": {"login": HUGE},
    "a short verifier": {"verifier": "00"},
    "one salt for both": {"wrapping": GOOD["login"]},
}


def test_a_record_as_it_is_stored_reads_back() -> None:
    assert json.loads(PasswordRecord.load(json.dumps(GOOD)).dump()) == GOOD


@pytest.mark.parametrize(
    "text",
    [*(json.dumps(GOOD | change) for change in PLANTED.values()), "{}", "[]", "{", ""],
    ids=[*PLANTED, "empty", "a list", "cut", "nothing"],
)
def test_a_planted_record_is_refused_before_it_costs_anything(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "stretch", lambda *_: pytest.fail("it was obeyed"))
    with pytest.raises(DamagedStore):
        PasswordRecord.load(text)


@pytest.mark.parametrize("cost", [{"rounds": 0}, {"rounds": 10**9}])
def test_pbkdf2_is_bounded(cost: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="out of bounds"):
        Pbkdf2Cost(**cost)


@pytest.mark.parametrize("cost", [(7, 1, 1), (64, 0, 1), (64, 1, 0), (1 << 21, 1, 1), (1 << 20, 100, 1), (1024, 1, 65)])
def test_argon2id_is_bounded(cost: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="Argon2id"):
        Argon2Cost(*cost)


def test_a_derivation_has_one_byte_form() -> None:
    for cost in CHEAP:
        derivation = Derivation.fresh(cost)
        assert Derivation.from_dict(derivation.as_dict()) == derivation


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("short-otter", "11 characters"),
        ("password1234", "easily guessed"),
        ("qwertyuiopasdf", "easily guessed"),
        ("aaaaaaaaaaaaaaaa", "easily guessed"),
        ("correcthorse1", "easily guessed"),  # 1.6 * 10**7 guesses
        ("the-great-Margaret-41", "name"),
        ("x" * 1_025, "characters"),
    ],
)
def test_a_weak_password_is_refused_with_what_would_help_and_without_itself(password: str, why: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        check_strength(password, "margaret")
    assert password not in str(refused.value)


def test_a_strong_password_will_do() -> None:
    check_strength(PASSWORD, "ada")
    check_strength("four words nobody guesses", "ada")
    check_strength("chocolate-1990", "ada")  # 1.04 * 10**8 guesses


# Codes


def test_a_code_reads_back_however_it_is_typed() -> None:
    for _ in range(50):
        code = new_code()
        text = spell_code(code)
        assert read_code(text) == code
        for one in "iIlL":
            assert read_code(text.lower().replace("-", " ").replace("0", "o").replace("1", one)) == code
        assert [len(group) for group in text.split("-")] == [4, 4, 4, 4, 4, 4, 3]


def test_every_single_wrong_character_is_a_typo() -> None:
    text = spell_code(bytes(range(CODE_BYTES))).replace("-", "")
    for place, letter in enumerate(text):
        for other in set(ALPHABET) - {letter}:
            with pytest.raises(UsageError, match="typo"):
                read_code(text[:place] + other + text[place + 1 :])


def test_every_two_characters_that_changed_places_are_a_typo() -> None:
    text = spell_code(bytes.fromhex("f0e1d2c3b4a5968778695a4b3c2d1e0f")).replace("-", "")
    for one, other in combinations(range(len(text)), 2):
        letters = list(text)
        letters[one], letters[other] = letters[other], letters[one]
        if letters != list(text):
            with pytest.raises(UsageError, match="typo"):
                read_code("".join(letters))


@pytest.mark.parametrize("text", ["", "ABC", "U" * 27, "é" * 27, "0" * 28])
def test_what_is_no_code_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError):
        read_code(text)


def test_keys_from_a_code_differ_by_use_and_by_what_they_are_bound_to() -> None:
    code = new_code()
    keys = {key_from(code, b"a"), key_from(code, b"b"), key_from(code, b"a", b"x"), key_from(code, b"a", b"", b"x")}
    assert len(keys) == 4
    assert key_from(new_code(), b"a") not in keys


def test_a_locked_key_opens_by_its_key_and_context_only() -> None:
    key = bytes(32)
    locked = lock(key, b"private", b"context")
    assert unlock(key, locked, b"context") == b"private"
    for wrong in ((b"\1" * 32, locked, b"context"), (key, locked, b"other"), (key, locked[:-1], b"context")):
        with pytest.raises(AuthenticationFailed):
            unlock(*wrong)
    with pytest.raises(AuthenticationFailed):
        unlock(key, b"", b"context")
