"""``smarter keys``: sharing a keystore among officers and locking it otherwise, ages, public keys out and in."""

from __future__ import annotations

import json
import os
import stat
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pexpect
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from smarter.keys.keystore import public_entries
from tests.support.copies import copy_state

Call = Callable[..., Any]
SHARE = ("--threshold", 2, "--officers", 3)


@pytest.fixture
def own(finished: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    """A copy of the finished run to change, as arguments."""
    return finished.scenario, "--state", copy_state(finished.state, tmp_path, monkeypatch)


@pytest.fixture
def shares(call: Call, own: tuple[Any, ...], tmp_path: Path) -> list[Path]:
    """The files of three officers, of whom two open the releaser's keystore of ``own``."""
    shared = call("keys", "share", own[0], "releaser", *SHARE, "--out", tmp_path / "officers", *own[1:])
    assert (shared.code, shared.out) == (0, "")
    return sorted((tmp_path / "officers").iterdir())


def given(*paths: Path) -> list[object]:
    return [part for path in paths for part in ("--shares", path)]


# Officers.


def test_each_officer_gets_a_private_file_and_the_key_file_is_gone(own: tuple[Any, ...], shares: list[Path]) -> None:
    assert [path.name for path in shares] == [f"releaser-officer-{number}.txt" for number in (1, 2, 3)]
    assert {stat.S_IMODE(path.stat().st_mode) for path in shares} == {0o600}
    assert {len(path.read_text().split()) for path in shares} == {33}
    kept = b"".join(path.read_bytes() for path in own[2].rglob("*") if path.is_file())
    assert not (own[2] / "keys" / "releaser.key").exists()
    assert not any(path.read_text().strip().encode() in kept for path in shares)


def test_a_run_takes_two_of_the_shares_and_bills_take_none(
    call: Call, own: tuple[Any, ...], shares: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = ("run", *own, "--quiet")
    assert call(*run, *given(*shares[1:])).code == 0
    assert call("bills", *own).code == 0
    one = call(*run, *given(shares[0]))
    assert (one.code, one.out) == (4, "")
    assert "take the shares of 2 officers and 1 came" in one.err
    alone = call(*run)
    assert alone.code == 2
    assert "set SMARTER_SHARES" in alone.err
    monkeypatch.setenv("SMARTER_SHARES", os.pathsep.join(map(str, shares[:2])))
    assert call("keys", "rotate", own[0], "releaser", "sign", *own[1:]).code == 0
    monkeypatch.setenv("SMARTER_PASSPHRASE_PES", "not this, and not asked for")
    assert call("bills", *own).code == 0
    refused = call("keys", "rotate", own[0], "releaser", "sign", *own[1:])
    assert (refused.code, "keys of pes" in refused.err) == (4, True), "a change opens every keystore"


def test_printed_shares_are_given_out_once_and_void_the_earlier(
    call: Call, own: tuple[Any, ...], shares: list[Path], tmp_path: Path
) -> None:
    printed = call("keys", "share", own[0], "releaser", *SHARE, *given(*shares[:2]), *own[1:])
    assert printed.code == 0
    lines = [line.partition(": ") for line in printed.out.splitlines()]
    assert [head for head, _, _ in lines] == ["officer 1", "officer 2", "officer 3"]
    assert "clear the terminal" in printed.err
    again = call("run", *own, "--quiet", *given(*shares[:2]))
    assert (again.code, "is of another set" in again.err) == (4, True)
    paths = [tmp_path / "new1.txt", tmp_path / "new3.txt"]
    for path, (_, _, words) in zip(paths, lines[::2], strict=True):
        path.write_text(words)
    assert call("run", *own, "--quiet", *given(*paths)).code == 0


@pytest.mark.parametrize("command", ["bills", "demand"])
def test_what_was_released_is_read_by_the_keystores_of_mdms_and_log_alone(
    call: Call, own: tuple[Any, ...], command: str
) -> None:
    needed = {"mdms.key", "audit.key"}
    keys = {path.name: path for path in (own[2] / "keys").glob("*.key")}
    assert len(keys) > len(needed)
    for name in keys.keys() - needed:
        keys[name].unlink()
    assert call(command, *own).code == 0
    for name in sorted(needed):
        kept = keys[name].read_bytes()
        keys[name].unlink()
        assert call(command, *own).code == 4, name
        keys[name].write_bytes(kept)


def test_a_person_alone_gets_it_back_given_the_shares(
    call: Call, own: tuple[Any, ...], shares: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = ("keys", "lock", own[0], "releaser", *own[1:])
    assert call(*lock, "--by", "keyfile", *given(shares[0])).code == 4
    assert call(*lock, "--by", "keyfile", *given(*shares[:2])).code == 0
    assert call("run", *own, "--quiet").code == 0
    again = call(*lock, "--by", "keyfile")
    assert (again.code, "locked by a key file already" in again.err) == (2, True)
    unasked = call(*lock, "--by", "passphrase")
    assert (unasked.code, "set SMARTER_NEW_PASSPHRASE" in unasked.err) == (2, True)
    monkeypatch.setenv("SMARTER_NEW_PASSPHRASE", "correct horse")
    assert call(*lock, "--by", "passphrase").code == 0
    assert not (own[2] / "keys" / "releaser.key").exists()
    assert call("run", *own, "--quiet").code == 2
    monkeypatch.setenv("SMARTER_PASSPHRASE_RELEASER", "correct horse")
    assert call("run", *own, "--quiet").code == 0
    assert call(*lock, "--by", "keyfile").code == 0
    monkeypatch.delenv("SMARTER_PASSPHRASE_RELEASER")
    assert call("run", *own, "--quiet").code == 0


def test_a_change_of_lock_is_in_the_audit_log_once_it_is_made(
    call: Call, own: tuple[Any, ...], shares: list[Path]
) -> None:
    def changes() -> list[dict[str, Any]]:
        shown = call("audit", "show", *own, "--action", "key-change", "--json")
        return [entry["detail"] for entry in json.loads(shown.out)]

    before = changes()
    assert before[-1] == {"locked_by": "officers", "before": "keyfile"}
    refused = call(
        "keys", "share", own[0], "releaser", *SHARE, "--out", shares[0].parent, *given(*shares[:2]), *own[1:]
    )
    assert (refused.code, "is there already: nothing was changed" in refused.err) == (2, True)
    assert changes() == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("share", "mdms", *SHARE), "officers can share the keystore of releaser, not that of mdms"),
        (("share", "releaser", "--threshold", 1, "--officers", 3), "1 of 3 officers"),
        (("share", "releaser", "--threshold", 2, "--officers", 17), "of 16 at most"),
        (("lock", "customer", "--by", "keyfile"), "there is no party customer; there are meters, pes,"),
    ],
)
def test_locks_that_cannot_be_are_refused(call: Call, own: tuple[Any, ...], arguments: Any, words: str) -> None:
    command, party, *options = arguments
    called = call("keys", command, own[0], party, *options, *own[1:])
    assert (called.code, called.out) == (2, "")
    assert words in called.err
    assert (own[2] / "keys" / "releaser.key").exists()


def test_shares_are_not_written_beside_what_they_open(call: Call, own: tuple[Any, ...]) -> None:
    called = call("keys", "share", own[0], "releaser", *SHARE, "--out", own[2] / "officers", *own[1:])
    assert (called.code, "is in the state itself" in called.err) == (2, True)


def test_fresh_needs_no_officers_and_starts_with_a_key_file(
    call: Call, own: tuple[Any, ...], shares: list[Path]
) -> None:
    assert call("run", *own, "--quiet", "--fresh").code == 0
    assert (own[2] / "keys" / "releaser.key").exists()


def test_officers_type_their_shares_one_after_the_other_unseen(own: tuple[Any, ...], shares: list[Path]) -> None:
    first, second, _ = (path.read_text().strip() for path in shares)
    words = second.split()
    wrong = " ".join([*words[:20], "smarter", *words[21:]])
    arguments = ["-m", "smarter", "run", *map(str, own), "--json"]
    terminal = pexpect.spawn(sys.executable, arguments, encoding="utf-8", timeout=60, dimensions=(24, 80))
    shown = ""
    for prompt, typed in (
        ("Share 1 for the keys of releaser", first),
        ("Share 2 of 2 for the keys of releaser", wrong),
        ("Share 2 of 2: its word 21 is in no share. Type it again.", second),
    ):
        terminal.expect_exact(prompt)
        shown += terminal.before
        terminal.waitnoecho()
        terminal.sendline(typed)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    shown += terminal.before
    assert not any(" ".join(pair) in shown for typed in (first, second) for pair in pairwise(typed.split()))


# Ages.


def test_keys_are_listed_with_their_age_and_those_that_are_due(call: Call, own: tuple[Any, ...]) -> None:
    listed = call("keys", "list", *own).out
    assert "days" in listed.splitlines()[0]
    assert "✕" not in listed
    created = public_entries(own[2] / "keys", "mdms")[0].created[:10]
    assert created in listed
    assert max(map(len, listed.splitlines())) <= 80
    assert call("keys", "list", *own, "--max-age", 0).code == 2


# Public keys.


@pytest.mark.parametrize("form", ["pem", "jwk"])
@pytest.mark.parametrize(("party", "purpose", "kind"), [("pes", "sign", "ed25519"), ("releaser", "sign", "ed25519")])
def test_what_is_exported_is_read_back_under_the_name_in_the_list(
    call: Call, own: tuple[Any, ...], tmp_path: Path, form: str, party: str, purpose: str, kind: str
) -> None:
    file = tmp_path / f"key.{form}"
    file.write_text(call("keys", "export-public", own[0], party, purpose, "--format", form, *own[1:]).out)
    told = dict(line.split("\t") for line in call("keys", "fingerprint", file).out.splitlines())
    assert told["kind"] == kind
    assert told["fingerprint"][:16] in call("keys", "list", *own).out
    if form == "jwk":
        assert json.loads(file.read_text())["kid"] == told["thumbprint"]


def test_a_scheme_key_has_no_standard_form_and_one_of_smarters_own(call: Call, own: tuple[Any, ...]) -> None:
    export = ("keys", "export-public", own[0], "releaser", "aggregate", *own[1:], "--format")
    own_form = json.loads(call(*export, "json").out)
    assert (own_form["format"], own_form["plugin"]) == ("smarter-public-key", "paillier")
    for form in ("pem", "jwk"):
        called = call(*export, form)
        assert (called.code, called.out) == (2, "")
        assert f"a public key of paillier has no standard form as {form}" in called.err


def test_a_third_partys_key_is_looked_at_and_refused_when_it_will_not_do(call: Call, tmp_path: Path) -> None:
    def written(key: Any) -> Path:
        path = tmp_path / "theirs.pem"
        path.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        return path

    good = call("keys", "fingerprint", written(ed25519.Ed25519PrivateKey.generate()))
    assert (good.code, [line.split("\t")[0] for line in good.out.splitlines()]) == (
        0,
        ["kind", "bits", "fingerprint", "thumbprint"],
    )
    small = call("keys", "fingerprint", written(rsa.generate_private_key(public_exponent=65_537, key_size=1024)))
    assert (small.code, small.out) == (3, "")
    assert "theirs.pem: an RSA key of 1,024 bits" in small.err
    assert call("keys", "fingerprint", tmp_path / "none.pem").code == 2


def test_sharing_that_was_interrupted_is_finished_by_the_same_command(
    call: Call, own: tuple[Any, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shares are out and the keystore takes them; the other keystores do not know it yet."""
    command = ("keys", "share", own[0], "releaser", *SHARE, "--out", tmp_path / "officers", *own[1:])
    with monkeypatch.context() as patch:

        def dies(*_: object) -> None:
            raise KeyboardInterrupt

        patch.setattr("smarter.protocols.key_changes._finish", dies)
        assert call(*command).code == 130
    shares = sorted((tmp_path / "officers").iterdir())
    before = [share.read_text() for share in shares]
    stopped = call("bills", *own)
    assert (stopped.code, "give `smarter keys share SCENARIO releaser` again" in stopped.err) == (4, True)
    finished = call(*command)
    assert (finished.code, "is finished" in finished.err) == (0, True)
    assert [share.read_text() for share in shares] == before
    assert not (own[2] / "keys" / "releaser.key").exists()
    assert call("run", *own, "--quiet", *given(*shares[:2])).code == 0
