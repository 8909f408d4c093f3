"""A keystore that K of N officers open together, from files or typed, and everything that is none of their shares."""

from __future__ import annotations

import itertools
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from smarter.errors import MissingExtra, UsageError, WrongPassphrase, WrongShares
from smarter.keys.keystore import Keystore
from smarter.keys.officers import TRIES, Officers
from smarter.keys.secret import Unlock
from smarter.keys.shares import Share
from smarter.keys.unlock import KeyFileUnlock, PassphraseUnlock, forget_kept, unlock_from


def shared(folder: Path, threshold: int = 2, officers: int = 3) -> list[Share]:
    """Make a releaser's keystore that its officers open, and give their shares."""
    store = Keystore.create(folder, "releaser", KeyFileUnlock(folder))
    identity = store.identity
    shares: list[Share] = []
    store.relock(Officers(threshold, officers, shares.extend))
    store.save()
    forget_kept(folder, "releaser", identity, "keyfile")
    return shares


def written(folder: Path, shares: Sequence[Share]) -> list[Path]:
    """Each share in a file."""
    paths = [folder / f"{number}.txt" for number in range(len(shares))]
    for path, share in zip(paths, shares, strict=True):
        path.write_text(share.words + "\n")
    return paths


def by_files(folder: Path, *paths: Path) -> Unlock:
    return unlock_from("auto", folder, environ={}, ask=None, shares=paths)


def typing(*answers: str) -> tuple[Callable[[str], str], list[str]]:
    """Somebody who answers so, and the prompts that they have seen."""
    prompts: list[str] = []
    left = iter(answers)

    def ask(prompt: str) -> str:
        prompts.append(prompt)
        return next(left)

    return ask, prompts


def opened_by(folder: Path, *answers: str) -> list[str]:
    """Open the keystore with what is typed, and give the prompts."""
    ask, prompts = typing(*answers)
    assert Keystore.open(folder, "releaser", unlock_from("auto", folder, environ={}, ask=ask)).kind == "officers"
    return prompts


def test_any_two_of_three_officers_open_it_and_none_alone(tmp_path: Path) -> None:
    paths = written(tmp_path, shared(tmp_path))
    for pair in itertools.permutations(paths, 2):
        assert Keystore.open(tmp_path, "releaser", by_files(tmp_path, *pair)).party == "releaser"
    assert Keystore.open(tmp_path, "releaser", by_files(tmp_path, *paths)).party == "releaser"
    for path in paths:
        with pytest.raises(WrongShares, match="take the shares of 2 officers and 1 came"):
            Keystore.open(tmp_path, "releaser", by_files(tmp_path, path))


def test_nothing_that_opens_it_is_kept(tmp_path: Path) -> None:
    shares = shared(tmp_path)
    (keystore,) = tmp_path.iterdir()
    assert keystore.name == "releaser.keys"
    text = keystore.read_text()
    for share in shares:
        for pair in itertools.pairwise(share.words.split()):
            assert " ".join(pair) not in text
            assert " ".join(pair) not in repr(share)


def test_the_environment_names_files_and_goes_before_no_passphrase(tmp_path: Path) -> None:
    paths = written(tmp_path, shared(tmp_path))
    environ = {"SMARTER_SHARES": os.pathsep.join(map(str, paths[1:])), "SMARTER_PASSPHRASE": "of the others"}
    for mode in ("auto", "passphrase", "keyfile"):
        unlock = unlock_from(mode, tmp_path, environ=environ, ask=None)
        assert Keystore.open(tmp_path, "releaser", unlock).kind == "officers"


def test_shares_are_typed_one_after_the_other_in_any_case_and_spacing(tmp_path: Path) -> None:
    shares = shared(tmp_path, 3, 5)
    typed = [shares[4].words.upper(), "  " + shares[0].words.replace(" ", "  "), shares[2].words]
    assert opened_by(tmp_path, *typed) == [
        "Share 1 for the keys of releaser: ",
        "Share 2 of 3 for the keys of releaser: ",
        "Share 3 of 3 for the keys of releaser: ",
    ]


def other(shares: Sequence[Share], tmp_path: Path) -> str:
    (tmp_path / "other").mkdir()
    return shared(tmp_path / "other")[0].words


def wrong_word(shares: Sequence[Share], tmp_path: Path) -> str:
    words = shares[1].words.split()
    return " ".join([*words[:6], "smarter", *words[7:]])


def exchanged(shares: Sequence[Share], tmp_path: Path) -> str:
    words = shares[1].words.split()
    at = next(place for place in range(4, 32) if words[place] != words[place + 1])
    return " ".join([*words[:at], words[at + 1], words[at], *words[at + 2 :]])


WRONG = {
    "a word that is none": (wrong_word, "its word 7 is in no share"),
    "two words exchanged": (exchanged, "its checksum does not fit"),
    "a word too few": (lambda shares, _: " ".join(shares[1].words.split()[1:]), "a share has 33 words, this one 32"),
    "the same again": (lambda shares, _: shares[0].words, "the share of officer 1 has been given already"),
    "of another keystore": (other, "it is of another set"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_typed_share_is_said_at_once_and_it_can_be_typed_again(what: str, tmp_path: Path) -> None:
    make, said = WRONG[what]
    shares = shared(tmp_path)
    wrong = make(shares, tmp_path)
    prompts = opened_by(tmp_path, shares[0].words, wrong, shares[1].words)
    assert len(prompts) == 3
    assert prompts[2].startswith(f"Share 2 of 2: {said}")
    assert prompts[2].endswith("Type it again.\nShare 2 of 2 for the keys of releaser: ")
    assert "smarter" not in prompts[2], "what was typed is not shown"


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_file_is_named_and_opens_nothing_beside_right_ones(what: str, tmp_path: Path) -> None:
    make, said = WRONG[what]
    shares = shared(tmp_path)
    first, second = written(tmp_path, shares[:2])
    wrong = tmp_path / "wrong.txt"
    wrong.write_text(make(shares, tmp_path))
    with pytest.raises(WrongShares, match=rf"wrong\.txt: {said}.* bring each officer's own"):
        Keystore.open(tmp_path, "releaser", by_files(tmp_path, first, second, wrong))


def test_shares_from_before_it_was_locked_anew_are_void(tmp_path: Path) -> None:
    paths = written(tmp_path, shared(tmp_path))
    store = Keystore.open(tmp_path, "releaser", by_files(tmp_path, *paths[:2]))
    store.relock(Officers(2, 2, lambda shares: None))
    store.save()
    with pytest.raises(WrongShares, match="from before this one was locked anew"):
        Keystore.open(tmp_path, "releaser", by_files(tmp_path, *paths[:2]))


def test_shares_that_fit_each_other_and_not_the_keystore_are_refused(tmp_path: Path) -> None:
    """Fifteen bits tell sets apart for people; what counts is the check value."""
    shared(tmp_path)
    shares: list[Share] = []
    identity = json.loads((tmp_path / "releaser.keys").read_bytes())["id"]
    Officers(2, 2, shares.extend).new("releaser", identity)
    with pytest.raises(WrongShares, match=r"do not open keystore .*releaser\.keys"):
        Keystore.open(tmp_path, "releaser", by_files(tmp_path, *written(tmp_path, shares)))


def test_typing_nothing_or_wrong_ones_without_end_leaves_it_locked(tmp_path: Path) -> None:
    shares = shared(tmp_path)
    with pytest.raises(WrongShares, match="none was given"):
        opened_by(tmp_path, "")
    with pytest.raises(WrongShares, match="and 1 came: they stay locked"):
        opened_by(tmp_path, shares[0].words, " ")
    with pytest.raises(WrongShares, match=f"{TRIES} times in a row"):
        opened_by(tmp_path, *["zero"] * TRIES)


def test_where_nobody_can_be_asked_the_variable_is_named(tmp_path: Path) -> None:
    shared(tmp_path)
    with pytest.raises(UsageError, match="set SMARTER_SHARES"):
        Keystore.open(tmp_path, "releaser", by_files(tmp_path))
    with pytest.raises(UsageError, match=r"none\.txt: no file with a share"):
        Keystore.open(tmp_path, "releaser", by_files(tmp_path, tmp_path / "none.txt"))
    with pytest.raises(WrongPassphrase, match="by the shares of its officers, not by a passphrase: set SMARTER_SHARES"):
        Keystore.open(tmp_path, "releaser", PassphraseUnlock(b"of nobody"))


@pytest.mark.parametrize(("threshold", "officers"), [(1, 3), (4, 3), (0, 0), (2, 17), (-1, 2)])
def test_numbers_of_officers_that_cannot_be_are_refused_before_anything(threshold: int, officers: int) -> None:
    with pytest.raises(UsageError, match=f"{threshold} of {officers} officers"):
        Officers(threshold, officers, lambda shares: None)


def test_when_handing_out_fails_the_keystore_is_as_before(tmp_path: Path) -> None:
    def failing(shares: Sequence[Share]) -> None:
        raise OSError(28, "no space")

    store = Keystore.create(tmp_path, "releaser", KeyFileUnlock(tmp_path))
    before = store.path.read_bytes()
    with pytest.raises(OSError, match="no space"):
        store.relock(Officers(2, 3, failing))
    assert store.path.read_bytes() == before


def test_without_the_library_the_extra_is_named_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "shamir_mnemonic", None)
    store = Keystore.create(tmp_path, "releaser", KeyFileUnlock(tmp_path))
    before = store.path.read_bytes()
    with pytest.raises(MissingExtra, match=r"pip install 'smarter-metering\[officers\]'"):
        store.relock(Officers(2, 3, lambda shares: None))
    assert store.path.read_bytes() == before
