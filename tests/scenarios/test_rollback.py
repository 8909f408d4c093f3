"""A state put back to an earlier day: nothing goes on with it unasked, and what may be out is never opened again.

Each attack is that of a person who can write the state, and not the head that is kept elsewhere.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import RolledBack
from smarter.keys.unlock import KeyFileUnlock
from smarter.protocols.auditing import require_untouched
from smarter.protocols.restoring import accept_restore
from smarter.state import Journal, StateFolder
from smarter.state.folder import anchor_folder
from tests.support.earlier import without_vouching
from tests.support.killing import kill_at_each_write

EARLIER, LATER = "time.end=2016-03-01 08:00", "time.end=2016-03-01 08:35"
REASON = ("--reason", "the disk was replaced")


@pytest.fixture(scope="module")
def lane(street: Callable[..., Path]) -> Path:
    """Five homes, a day of readings, and a scenario over the first eight hours of it."""
    return street(until="2016-03-02")


@pytest.fixture
def run_on(smarter: Callable[..., Any], lane: Path) -> Callable[..., Any]:
    """``run_on(state, setting)``: a run, quietly."""
    return lambda state, setting, *more: smarter("run", lane, "--set", setting, "--state", state, "--quiet", *more)


@pytest.fixture
def put_back(tmp_path: Path, run_on: Callable[..., Any], request: pytest.FixtureRequest) -> Path:
    """A state of 08:00 in the place of one that ran on to 08:35: as a disk's backup, or as an attacker puts it.

    By indirection, beside the keystores of today, as in a backup without keys.
    """
    state, backup = tmp_path / "state", tmp_path / "backup"
    assert run_on(state, EARLIER).code == 0
    shutil.copytree(state, backup)
    assert run_on(state, LATER).code == 0
    if getattr(request, "param", "") == "beside today's keys":
        shutil.rmtree(backup / "keys")
        shutil.copytree(state / "keys", backup / "keys")
    shutil.rmtree(state)
    shutil.copytree(backup, state)
    return state


def everything_in(folder: Path) -> dict[str, bytes]:
    """Each file of a state but the locks."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.name.endswith("lock"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def released(state: Path) -> set[tuple[str, str, int, int]]:
    """Every window that was opened on a state: kind, holder, start and end."""
    journal = Journal(state / "journal.sqlite")
    try:
        return {(row.kind, row.holder, row.start, row.end) for row in journal.ledger() if (row.status or 0) <= 1}
    finally:
        journal.close()


def test_no_command_that_writes_goes_on_with_a_state_put_back(
    put_back: Path, lane: Path, smarter: Callable[..., Any]
) -> None:
    before = everything_in(put_back)
    journal = Journal(put_back / "journal.sqlite")
    meter = journal.meters()[0].pseudonym.hex()
    journal.close()
    at = (lane, "--set", EARLIER, "--state", put_back)
    for command in (
        ("run", *at, "--quiet"),
        ("run", lane, "--set", LATER, "--state", put_back, "--quiet"),
        ("bills", *at),
        ("demand", *at),
        ("keys", "rotate", lane, "mdms", "unwrap", *at[1:]),
        ("keys", "lock", lane, "mdms", "--by", "keyring", *at[1:]),
        ("customer", "invite", *at, meter),
        ("operator", "first", *at, "--name", "ada"),
        ("audit", "show", *at, "--subject-of", meter),
    ):
        ended = smarter(*command)
        assert (ended.code, ended.out) == (4, ""), (command, ended.err)
        assert "smarter audit accept-restore" in ended.err, command
        assert len(ended.err.splitlines()) == 1, "one sentence"
    assert smarter("audit", "verify", *at).code == 4
    assert everything_in(put_back) == before, "and nothing was written"


def test_two_copies_of_a_state_cannot_both_go_on(tmp_path: Path, lane: Path, run_on: Callable[..., Any]) -> None:
    """Else the difference of both ends is the use of five minutes, of all homes."""
    state, copy = tmp_path / "state", tmp_path / "copy"
    assert run_on(state, EARLIER).code == 0
    shutil.copytree(state, copy)
    assert run_on(copy, LATER).code == 0
    assert run_on(state, "time.end=2016-03-01 08:30").code == 4


def test_a_log_cut_and_filled_up_again_is_not_the_one_that_the_head_knows(
    tmp_path: Path, lane: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, run_on: Callable[..., Any]
) -> None:
    """The attacker has the log's key file, too, and so the commands write fillers for them, under no anchor."""
    state = tmp_path / "state"
    at = (lane, "--set", EARLIER, "--state", state)
    assert run_on(state, EARLIER).code == 0
    log, head = (state / "audit.log").read_bytes(), (state / "audit.head").read_bytes()
    assert smarter("bills", *at).code == 0  # what the attacker wants forgotten
    (state / "audit.log").write_bytes(log)
    (state / "audit.head").write_bytes(head)
    with monkeypatch.context() as patch:
        patch.setenv("SMARTER_ANCHOR", "")
        for _ in range(2):
            assert smarter("demand", *at).code == 0
    for command in ("bills", "demand"):
        assert smarter(command, *at).code == 4
    assert smarter("audit", "verify", *at).code == 4


def test_the_ledger_alone_put_back_is_found_by_the_windows_that_the_head_knows(
    tmp_path: Path, lane: Path, run_on: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    assert run_on(state, EARLIER).code == 0
    journal = (state / "journal.sqlite").read_bytes()
    assert run_on(state, LATER).code == 0
    for left in ("journal.sqlite-wal", "journal.sqlite-shm"):
        (state / left).unlink(missing_ok=True)
    (state / "journal.sqlite").write_bytes(journal)
    ended = run_on(state, "time.end=2016-03-01 08:30")
    assert (ended.code, "the ledger has decided" in ended.err) == (4, True)
    # Rows out of its middle leave its end as it was: the log has the releases.
    assert smarter("audit", "accept-restore", lane, "--set", EARLIER, "--state", state, *REASON).code == 0
    with sqlite3.connect(state / "journal.sqlite") as db:
        db.execute(
            "DELETE FROM ledger WHERE kind = 'demand' AND status <= 1 AND start = (SELECT min(start) FROM ledger)"
        )
    db.close()
    ended = smarter("audit", "verify", lane, "--set", EARLIER, "--state", state)
    assert (ended.code, "is a release that the ledger does not have" in ended.err) == (4, True)


@pytest.mark.parametrize("put_back", ["whole", "beside today's keys"], indirect=True)
def test_what_may_be_out_is_lost_and_everything_else_goes_on(
    put_back: Path,
    tmp_path: Path,
    lane: Path,
    smarter: Callable[..., Any],
    run_on: Callable[..., Any],
    carry: Callable[..., Any],
) -> None:
    at = (lane, "--set", EARLIER, "--state", put_back)
    opened_before = released(put_back)
    accepted = smarter("audit", "accept-restore", *at, *REASON)
    assert (accepted.code, accepted.out) == (0, "accepted, and noted in the audit log\n")
    assert "lane: what is not decided yet and begins before 2016-03-01 10:00 is lost" in accepted.err
    assert smarter("audit", "verify", *at).code == 0
    (noted,) = [line for line in smarter("audit", "show", *at).out.splitlines() if "the disk was replaced" in line]
    assert "restore" in noted
    again = smarter("audit", "accept-restore", *at, *REASON)
    assert (again.code, "nothing to accept" in again.err) == (2, True)
    files = carry(lane, "time.end=2016-03-01 14:00", state=put_back)  # verified against the plaintext
    lost = {row["window_start"][11:16] for row in files.demand if row["status"] == "lost"}
    assert lost == {"08:00", "08:30", "09:00", "09:30"}
    assert {row["window_start"][11:16] for row in files.billing if row["status"] == "lost"} == {"08:00"}
    assert all(row["energy_wh"] == "" for row in (*files.demand, *files.billing) if row["status"] == "lost")
    moments = {(kind, start) for kind, _, start, _ in released(put_back) - opened_before}
    ten = 1_456_822_800  # 2016-03-01 10:00 in Berlin
    assert moments
    assert all(start >= ten for _, start in moments), "nothing from before was opened"
    assert {row["status"] for row in files.demand if row["window_start"][11:13] >= "10"} == {"complete"}
    assert smarter("audit", "releases", lane, "--set", "time.end=2016-03-01 14:00", "--state", put_back).code == 0


def test_an_accepted_state_put_back_once_more_is_stopped_again(
    put_back: Path, tmp_path: Path, lane: Path, smarter: Callable[..., Any], run_on: Callable[..., Any]
) -> None:
    """What was given up stays so, though the journal that said it is gone."""
    earlier = tmp_path / "backup"
    at = (lane, "--set", EARLIER, "--state", put_back)
    assert smarter("audit", "accept-restore", *at, *REASON).code == 0
    shutil.rmtree(put_back)
    shutil.copytree(earlier, put_back)
    assert run_on(put_back, LATER).code == 4
    accepted = smarter("audit", "accept-restore", *at, *REASON)
    assert (accepted.code, "before 2016-03-01 10:00 is lost" in accepted.err) == (0, True)


def test_a_reason_is_typed_and_kept_plain(put_back: Path, lane: Path, smarter: Callable[..., Any]) -> None:
    at = (lane, "--set", EARLIER, "--state", put_back)
    assert "give it with --reason" in smarter("audit", "accept-restore", *at).err
    for reason in ("", "   ", "x" * 201, "\x1b[2J"):
        ended = smarter("audit", "accept-restore", *at, "--reason", reason)
        assert (ended.code, "200 plain characters at most" in ended.err) == (2, True)
    assert smarter("audit", "accept-restore", *at, "--unlock", "passphrase", *REASON).code != 0
    assert smarter("bills", *at).code == 4, "nothing was accepted"


def test_killed_at_any_write_the_same_command_accepts_it(put_back: Path, tmp_path: Path) -> None:
    """Both the lost windows and the head are there afterwards; before, no other command goes on."""

    def accept() -> None:
        state = StateFolder(tmp_path / "tried", anchor_folder())
        accept_restore(state, KeyFileUnlock(state.keys), "the disk was replaced")

    heads = anchor_folder()
    assert heads is not None
    writes = 0
    for killed in kill_at_each_write(accept, {put_back: tmp_path / "tried", heads: tmp_path / "heads"}):
        state = StateFolder(tmp_path / "tried", anchor_folder())
        if killed:
            with pytest.raises(RolledBack):
                require_untouched(state)
        accept() if killed else None
        require_untouched(state)
        writes += 1
    assert writes > 2


def test_with_a_head_of_an_earlier_version_nobody_knows_what_was_decided(
    put_back: Path, lane: Path, smarter: Callable[..., Any]
) -> None:
    state = StateFolder(put_back, anchor_folder())
    journal = Journal(state.journal)
    name = bytes(journal.get("deployment")).hex()
    journal.close()
    head = state.head_elsewhere(name)
    assert head is not None
    without_vouching(head)
    ended = smarter("audit", "accept-restore", lane, "--set", EARLIER, "--state", put_back, *REASON)
    assert (ended.code, "was kept by an earlier version" in ended.err) == (4, True)


def test_a_copy_that_is_meant_keeps_its_head_in_a_place_of_its_own(
    tmp_path: Path, lane: Path, run_on: Callable[..., Any]
) -> None:
    state, copy = tmp_path / "state", tmp_path / "copy"
    assert run_on(state, EARLIER).code == 0
    shutil.copytree(state, copy)
    command = (sys.executable, "-m", "smarter", "run", lane, "--set", LATER, "--state", copy, "--quiet")
    environment = os.environ | {"SMARTER_ANCHOR": str(tmp_path / "heads")}
    assert subprocess.run(command, env=environment, capture_output=True, check=False).returncode == 0
    assert run_on(state, LATER).code == 0


def test_a_state_put_back_under_another_name_has_the_keystores_of_its_own(
    put_back: Path, lane: Path, run_on: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    """Without its log, and called otherwise in its journal, the head elsewhere would not be looked for."""
    for file in put_back.glob("audit.*"):
        file.unlink()
    with sqlite3.connect(put_back / "journal.sqlite") as db:
        db.execute("UPDATE meta SET value = ? WHERE name = 'deployment'", (bytes(16),))
    db.close()
    before = released(put_back)
    for ended in (run_on(put_back, LATER), smarter("bills", lane, "--set", EARLIER, "--state", put_back)):
        assert (ended.code, "are of another deployment than" in ended.err) == (4, True), ended.err
    assert released(put_back) == before
