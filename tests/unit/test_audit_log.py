"""The audit log: batches, heads, torn tails, other writers, a new key; what is put down is what is read."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import AlteredLog, AuthenticationFailed, MachineError, ReplacedKeys, RolledBack, StateInUse
from smarter.keys import audit, signing
from smarter.keys.audit import AuditKeys
from smarter.model.audit import ACTIONS, LOCAL, Entry, Named, Note, household, key, operator, party
from smarter.state import StateFolder
from smarter.state.audit import files
from smarter.state.audit import log as audit_log
from smarter.state.audit.check import snapshot, walk
from smarter.state.audit.lines import Vouched
from smarter.state.audit.log import AuditLog
from smarter.state.folder import ANCHOR, anchor_folder
from tests.support.deployed import Deployed

NAME = "ab" * 16
SEEDS = [bytes([number]) * 32 for number in (1, 2, 3)]
PUBLIC = [signing.public_of(seed) for seed in SEEDS]
NOON = 1_451_649_600.0  # 2016-01-01T12:00Z


def keys(*seeds: int) -> AuditKeys:
    """A log's keys: of the signing keys those of these numbers, the last in use."""
    private = {PUBLIC[seed]: SEEDS[seed] for seed in seeds}
    return AuditKeys(NAME, PUBLIC[seeds[-1]], private, b"identify")


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A state's folder, whose log's head is kept elsewhere, too."""
    (tmp_path / "state").mkdir()
    return StateFolder(tmp_path / "state", tmp_path / "elsewhere")


def opened(state: StateFolder, *seeds: int, shows: Vouched | None = None) -> AuditLog:
    deployed = Deployed(shows or Vouched())
    return AuditLog.open(state, keys(*(seeds or (0,))), lambda: NOON, audit.verify_vouched, deployed)


def noted(state: StateFolder, count: int = 1, *seeds: int) -> None:
    """So many entries, in a batch of their own."""
    with opened(state, *seeds) as log:
        for number in range(count):
            log.note("read", LOCAL, household("0123"), what="bills", number=number)


def entries(state: StateFolder) -> list[Entry]:
    heads = state.heads_elsewhere(NAME)
    return list(walk(snapshot(state, *heads), NAME, PUBLIC[:1], audit.verify, audit.verify_vouched))


def lines(state: StateFolder) -> list[bytes]:
    return state.audit_log.read_bytes().splitlines(keepends=True)


class TestWhatIsPutDown:
    def test_entries_are_numbered_stamped_and_in_order(self, state: StateFolder) -> None:
        noted(state, 2)
        noted(state)
        found = entries(state)
        assert [(entry.number, entry.action) for entry in found] == [
            (1, "begin"),
            (2, "read"),
            (3, "read"),
            (4, "read"),
        ]
        assert {entry.time for entry in found} == {"2016-01-01T12:00:00Z"}
        assert [entry.detail for entry in found[1:3]] == [{"what": "bills", "number": number} for number in (0, 1)]

    def test_people_and_households_have_keyed_identifiers_and_parties_their_names(self, state: StateFolder) -> None:
        with opened(state) as log:
            log.note("read", operator("ada"), household("ada"))
            log.note("release", party("releaser"), key("0123"))
        text = state.audit_log.read_text()
        _, read, release = entries(state)
        assert "ada" not in text
        assert read.actor == f"operator:{keys(0).identifier('operator', 'ada')}"
        assert read.actor.split(":")[1] != read.subject.split(":")[1], "an account is no household"
        assert (release.actor, release.subject) == ("party:releaser", "key:0123")

    def test_another_deployment_has_other_identifiers(self) -> None:
        one, other = keys(0), AuditKeys("cd" * 16, PUBLIC[0], {}, b"identify")
        assert one.identifier("household", "0123") != other.identifier("household", "0123")

    def test_nothing_is_written_for_nothing(self, state: StateFolder) -> None:
        opened(state).close()
        assert list(state.path.iterdir()) == [state.audit_lock]
        assert entries(state) == []

    def test_what_was_noted_before_an_error_is_committed_all_the_same(self, state: StateFolder) -> None:
        def log_in() -> None:
            with opened(state) as log:
                log.note("login-failed", operator("ada"))
                raise RuntimeError("wrong password")

        with pytest.raises(RuntimeError, match="wrong password"):
            log_in()
        assert [entry.action for entry in entries(state)] == ["begin", "login-failed"]

    @pytest.mark.parametrize(
        ("action", "detail", "words"),
        [
            ("peek", {}, "'peek' is no action"),
            ("read", {"Energy": 1}, "cannot be called 'Energy'"),
            ("read", {"x": 0.5}, "detail x of the audit log is no small plain value but float"),
            ("read", {"x": b"secret"}, "is no small plain value but bytes"),
            ("read", {"x": None}, "is no small plain value but NoneType"),
            ("read", {"x": {"y": 1}}, "is no small plain value but dict"),
            ("read", {"x": "y" * 201}, "is no small plain value but str"),
            ("read", {"x": 1 << 63}, "is no small plain value but int"),
            ("read", {chr(97 + number): 1 for number in range(13)}, "has 12 details at most, this one 13"),
        ],
    )
    def test_only_small_plain_values_and_known_actions_are_taken(
        self, state: StateFolder, action: Any, detail: dict[str, Any], words: str
    ) -> None:
        with opened(state) as log, pytest.raises(ValueError, match=words):
            log.note(action, LOCAL, None, **detail)
        assert not state.audit_log.exists()

    def test_the_longest_entry_that_is_taken_can_be_read(self, state: StateFolder) -> None:
        name, detail = "\U0001f50c" * 200, {chr(97 + number) * 24: "\U0001f50c" * 200 for number in range(12)}
        with opened(state) as log:
            log.note("password-change", Named("x" * 13, name), Named("x" * 13, name), **detail)
            with pytest.raises(ValueError, match="has 201 characters, 200 at most"):
                log.note("read", LOCAL, party("x" * 201))
        assert entries(state)[-1].detail == detail

    def test_the_keys_show_in_no_repr(self) -> None:
        assert SEEDS[0].hex() not in repr(keys(0))
        assert "identify" not in repr(keys(0))

    def test_files_are_for_their_owner_alone(self, state: StateFolder) -> None:
        noted(state)
        (elsewhere,) = state.heads_elsewhere(NAME)
        assert elsewhere.name == f"{NAME}.head"
        for file in (state.audit_log, state.audit_head, elsewhere):
            assert file.stat().st_mode & 0o777 == 0o600


def test_the_docs_list_every_action() -> None:
    page = Path(__file__).parents[2] / "docs" / "accounts.md"
    table = page.read_text(encoding="utf-8").partition("| action | by |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert sorted(re.findall(r"`([a-z-]+)`", " ".join(first))) == sorted(ACTIONS)


class TestHeads:
    def test_a_head_is_kept_in_the_state_and_elsewhere_after_each_batch(self, state: StateFolder) -> None:
        for count in (1, 2):
            noted(state, count)
            here, elsewhere = (files.load_head(place) for place in (state.audit_head, *state.heads_elsewhere(NAME)))
            assert here == elsewhere
            assert here is not None
            assert here.number == len(lines(state))

    def test_they_are_kept_in_the_users_data_or_where_the_environment_says(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
        monkeypatch.delenv(ANCHOR, raising=False)
        assert anchor_folder() == tmp_path / "smarter" / "audit-heads"
        for said, folder in ((str(tmp_path / "stick"), tmp_path / "stick"), ("", None)):
            monkeypatch.setenv(ANCHOR, said)
            assert anchor_folder() == folder

    def test_a_tail_cut_with_its_own_head_is_found_by_the_one_elsewhere(self, state: StateFolder) -> None:
        noted(state)
        older = state.audit_head.read_bytes()
        noted(state)
        state.audit_log.write_bytes(b"".join(lines(state)[:2]))
        state.audit_head.write_bytes(older)
        with pytest.raises(AlteredLog, match=r"entry 3 .* is missing: it was cut at the tail") as cut:
            entries(state)
        assert (cut.value.number, cut.value.what) == (3, "cut at the tail")

    def test_nobody_writes_to_a_log_that_is_from_before_the_head_elsewhere(self, state: StateFolder) -> None:
        noted(state)
        older = state.audit_head.read_bytes()
        noted(state, 3)
        was_open = opened(state)
        state.audit_log.write_bytes(b"".join(lines(state)[:2]))
        state.audit_head.write_bytes(older)
        before = state.audit_log.read_bytes(), *[place.read_bytes() for place in state.heads_elsewhere(NAME)]
        with pytest.raises(RolledBack, match=r"ends after entry 2, and its head .* after entry 5"):
            opened(state)
        was_open.note("read", LOCAL)
        with pytest.raises(RolledBack, match="accept-restore"):
            was_open.commit()
        assert before == (state.audit_log.read_bytes(), *[place.read_bytes() for place in state.heads_elsewhere(NAME)])

    def test_fillers_do_not_make_a_cut_log_the_one_that_its_head_elsewhere_knows(self, state: StateFolder) -> None:
        """An attacker with the log's key writes as many entries as were cut, and more."""
        noted(state)
        older = state.audit_head.read_bytes()
        noted(state, 3)
        anchored = StateFolder(state.path)  # with no head elsewhere, as an attacker would
        state.audit_log.write_bytes(b"".join(lines(state)[:2]))
        state.audit_head.write_bytes(older)
        for count in (1, 1, 1, 6):  # as many: at the same number is another entry
            noted(anchored, count)
            with pytest.raises(RolledBack):
                opened(state)

    def test_an_unreadable_head_elsewhere_stops_writers_too(self, state: StateFolder) -> None:
        noted(state)
        (place,) = state.heads_elsewhere(NAME)
        for spoilt in (b"rust", place.read_bytes().replace(b'"pins":{}', b'"pins":{"pes":"00"}')):
            place.write_bytes(spoilt)
            with pytest.raises(AlteredLog):
                opened(state)
            with pytest.raises(AlteredLog):
                entries(state)

    def test_a_ledger_that_has_decided_less_than_the_head_knows_is_rolled_back(self, state: StateFolder) -> None:
        ends = {"maple": {"billing": 100, "demand": 200}}
        shown = Vouched(ends, {"pes": "aa"})
        with opened(state, shows=shown) as log:
            log.note("read", LOCAL)
            log.decided("maple", "demand", 300)
        for known in ({}, {"maple": {"billing": 100}}, {"maple": {"billing": 99, "demand": 300}}, ends):
            with pytest.raises(RolledBack, match="of maple up to 1970-01-01T00:0"):
                opened(state, shows=replace(shown, decided=known))
        opened(state, shows=replace(shown, decided={"maple": {"billing": 100, "demand": 300}, "oak": {"demand": 1}}))

    def test_a_keystore_that_the_head_does_not_know_is_named(self, state: StateFolder) -> None:
        shown = Vouched({}, {"pes": "aa", "mdms": "bb"})
        with opened(state, shows=shown) as log:
            log.note("read", LOCAL)
            log.commit()
            for pins in ({"pes": "ab", "mdms": "bb"}, {"mdms": "bb"}):
                with pytest.raises(ReplacedKeys, match="keystore of pes"):
                    opened(state, shows=Vouched({}, pins))
            opened(state, shows=Vouched({}, {**shown.pins, "operators": "cc"}))
            log.vouch({}, {"pes": "ab"})
            for digest in ("aa", "ab"):
                opened(state, shows=Vouched({}, {"pes": digest, "mdms": "bb"}))
            log.vouch({"pes": "ab"}, {})
        with pytest.raises(ReplacedKeys):
            opened(state, shows=shown)
        assert len(entries(state)) == 2, "the log itself is as it was"

    def test_a_head_that_is_gone_elsewhere_leaves_a_trace(self, state: StateFolder) -> None:
        noted(state)
        state.heads_elsewhere(NAME)[0].unlink()
        noted(state)
        assert [entry.action for entry in entries(state)] == ["begin", "read", "repair", "read"]
        assert entries(state)[2].detail == {"what": "no head was kept elsewhere"}

    def test_a_head_that_an_earlier_version_put_aside_fails_until_it_is_removed(self, state: StateFolder) -> None:
        noted(state)
        (place,) = state.heads_elsewhere(NAME)
        older = {path: path.read_bytes() for path in (state.audit_log, state.audit_head, place)}
        noted(state, 2)
        aside = place.rename(place.with_name(f"{NAME}-4.head"))
        for path, content in older.items():
            path.write_bytes(content)
        noted(state, 3)
        with pytest.raises(AlteredLog, match="is not the one that the head in"):
            entries(state)
        aside.unlink()
        assert len(entries(state)) == 5

    @pytest.mark.parametrize(
        ("spoil", "number", "what"),
        [
            (lambda state: state.audit_head.unlink(), 0, "head does not match"),
            (lambda state: state.audit_head.write_bytes(b"{}"), 0, "head does not match"),
            (lambda state: state.audit_log.write_bytes(b"".join(lines(state)[:2])), 3, "cut at the tail"),
            (lambda state: state.audit_log.unlink(), 1, "cut at the tail"),
            (lambda state: state.audit_log.write_bytes(b""), 1, "cut at the tail"),
        ],
        ids=["no head", "a bad head", "cut", "gone", "empty"],
    )
    def test_nobody_writes_to_a_log_that_the_head_beside_it_contradicts(
        self, state: StateFolder, spoil: Callable[[StateFolder], object], number: int, what: str
    ) -> None:
        noted(state)
        noted(state)
        spoil(state)
        with pytest.raises(AlteredLog) as refused:
            opened(state)
        assert (refused.value.number, refused.value.what) == (number, what)
        with pytest.raises(AlteredLog):
            entries(state)

    def test_the_last_entry_changed_is_noticed_by_who_writes(self, state: StateFolder) -> None:
        noted(state)
        state.audit_log.write_bytes(state.audit_log.read_bytes().replace(b"bills", b"pills"))
        for look in (opened, entries):
            with pytest.raises(AlteredLog, match=r"entry 2 .*changed") as refused:
                look(state)
            assert (refused.value.number, refused.value.what) == (2, "changed")

    def test_where_none_can_be_kept_elsewhere_is_said(self, state: StateFolder) -> None:
        assert state.anchor is not None
        state.anchor.write_text("in the way")
        with pytest.raises(MachineError, match="SMARTER_ANCHOR"):
            opened(state)
        state.anchor.unlink()
        log = opened(state)
        log.note("read", LOCAL)
        state.anchor.write_text("in the way")
        with pytest.raises(MachineError, match="SMARTER_ANCHOR"):
            log.commit()

    def test_a_state_that_is_thrown_away_keeps_none(self, tmp_path: Path) -> None:
        (tmp_path / "state").mkdir()
        noted(StateFolder(tmp_path / "state"))
        assert {path.name for path in tmp_path.iterdir()} == {"state"}

    def test_destroying_a_state_destroys_log_and_heads(self, state: StateFolder) -> None:
        noted(state)
        state.heads_elsewhere(NAME)[0].with_name(f"{NAME}-7.head").write_text("of another day")
        (state.anchor or Path()).joinpath("cd.head").write_text("of another log")
        state.destroy()
        assert not state.audit_log.exists()
        assert not state.audit_head.exists()
        assert [path.name for path in (state.anchor or Path()).iterdir()] == ["cd.head"]


def entries_without_elsewhere(state: StateFolder) -> list[Entry]:
    return list(walk(snapshot(state), NAME, PUBLIC[:1], audit.verify, audit.verify_vouched))


class TestCrashes:
    @pytest.mark.parametrize(
        "rest", [b'{"number":4,"time":"20', b"\0" * 4096, None], ids=["cut line", "zeros", "lines"]
    )
    def test_a_torn_tail_is_no_cut_and_is_dropped_with_a_note(self, state: StateFolder, rest: bytes | None) -> None:
        noted(state, 2)
        whole = state.audit_log.read_bytes()
        torn = rest if rest is not None else lines(state)[1] * 50
        state.audit_log.write_bytes(whole + torn)
        assert snapshot(state).torn == len(torn)
        assert len(entries(state)) == 3, "what was committed is whole"
        noted(state)
        assert state.audit_log.read_bytes().startswith(whole)
        assert [entry.action for entry in entries(state)[3:]] == ["repair", "read"]
        assert entries(state)[3].detail == {"what": "a torn tail was dropped", "bytes": len(torn)}

    def test_a_first_batch_that_was_torn_is_written_anew(self, state: StateFolder) -> None:
        state.audit_log.write_bytes(b'{"number":1,"time"')
        assert entries(state) == []
        noted(state)
        assert [entry.action for entry in entries(state)] == ["begin", "repair", "read"]

    @pytest.mark.parametrize("place", ["state", "elsewhere"])
    def test_stopped_before_a_head_was_written_the_log_goes_on(self, state: StateFolder, place: str) -> None:
        noted(state)
        heads = {"state": state.audit_head, "elsewhere": state.heads_elsewhere(NAME)[0]}
        older = heads[place].read_bytes()
        noted(state, 3)
        heads[place].write_bytes(older)
        assert len(entries(state)) == 5
        noted(state)
        assert len(entries(state)) == 6
        assert heads["state"].read_bytes() == heads["elsewhere"].read_bytes()

    def test_stopped_after_the_very_first_batch_it_goes_on_too(self, state: StateFolder) -> None:
        noted(state)
        state.audit_head.unlink()
        assert len(entries(state)) == 2
        noted(state)
        assert len(entries(state)) == 3

    def test_what_the_disk_had_no_room_for_is_taken_back(
        self, state: StateFolder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        noted(state)
        whole = state.audit_log.read_bytes()
        write = os.write

        def full(handle: int, data: Any) -> int:
            if len(data) < 100:
                raise OSError(28, "No space left on device")
            return write(handle, bytes(data)[:-50])

        log = opened(state)
        log.note("read", LOCAL)
        with monkeypatch.context() as patch:
            patch.setattr(files.os, "write", full)
            with pytest.raises(OSError, match="No space left") as refused:
                log.commit()
        assert refused.value.filename == str(state.audit_log)
        assert state.audit_log.read_bytes() == whole
        log.close()  # there is room again
        assert len(entries(state)) == 3


class TestOtherWriters:
    def test_two_logs_open_at_once_take_turns(self, state: StateFolder) -> None:
        one, other = opened(state), opened(state)
        for log in (one, other, one, other):
            log.note("read", LOCAL)
            log.commit()
        one.close()
        other.close()
        assert [entry.number for entry in entries(state)] == [1, 2, 3, 4, 5]
        assert files.load_head(state.audit_head) == files.load_head(state.heads_elsewhere(NAME)[0])

    def test_many_threads_lose_and_double_nothing(self, state: StateFolder) -> None:
        def write(number: int) -> None:
            with opened(state) as log:
                for turn in range(5):
                    log.note("read", LOCAL, None, thread=number, turn=turn)
                    log.commit()

        threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        found = [(entry.detail["thread"], entry.detail["turn"]) for entry in entries(state)[1:]]
        assert sorted(found) == [(number, turn) for number in range(4) for turn in range(5)]

    def test_one_that_is_held_for_long_is_said_to_be(self, state: StateFolder, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(audit_log, "PATIENCE", 0.01)
        log = opened(state)
        log.note("read", LOCAL)
        with audit_log.holding(state), pytest.raises(StateInUse, match="try again"):
            log.commit()
        log.close()
        assert len(entries(state)) == 2


class TestKeys:
    def test_a_new_key_is_named_by_an_entry_that_the_earlier_one_signs(self, state: StateFolder) -> None:
        noted(state)
        with opened(state, 0, 1) as log:
            log.note("key-change", LOCAL, key(keys(1).fingerprint), party="audit")
        noted(state, 1, 1)  # the earlier one is not needed any more
        noted(state, 1, 1, 2)  # and the third comes by itself, as after a stop between keystore and log
        found = entries(state)
        assert [entry.action for entry in found] == ["begin", "read", "key-change", "read", "key-change", "read"]
        assert [entry.actor for entry in found if entry.action == "key-change"] == ["operator:local", "system:smarter"]
        signed = [line.seal.key for line in map(read, lines(state)) if line.seal]
        assert signed == [PUBLIC[number] for number in (0, 0, 1, 1)]

    def test_nobody_else_can_go_on_with_a_log(self, state: StateFolder) -> None:
        noted(state)
        log = opened(state, 2)
        log.note("read", LOCAL)
        with pytest.raises(AuthenticationFailed, match="restore the keystore"):
            log.commit()
        assert len(entries(state)) == 2

    def test_a_log_of_other_keys_is_known_as_such(self, state: StateFolder) -> None:
        noted(state, 1, 2)
        with pytest.raises(AlteredLog) as refused:
            entries(state)
        assert (refused.value.number, refused.value.what) == (2, "signed by another key")

    def test_another_deployments_head_is_none_of_its_own(self, state: StateFolder, tmp_path: Path) -> None:
        other = StateFolder(tmp_path / "other")
        other.path.mkdir()
        others = AuditKeys("cd" * 16, PUBLIC[0], {PUBLIC[0]: SEEDS[0]}, b"")
        with AuditLog.open(other, others, lambda: NOON, audit.verify_vouched, Deployed()) as log:
            log.note("read", LOCAL)
        noted(state)
        state.audit_head.write_bytes(other.audit_head.read_bytes())
        with pytest.raises(AlteredLog, match="is not its head's"):
            opened(state)
        with pytest.raises(AlteredLog, match="is of another audit log"):
            entries(state)


def read(line: bytes) -> Any:
    from smarter.state.audit.lines import read_line

    return read_line(line.rstrip(b"\n"))


def test_a_log_that_begins_late_begins_with_what_was_before(state: StateFolder) -> None:
    past = (Note("release", party("releaser"), household("0123"), {"kind": "billing"}),)
    for _ in range(2):
        with AuditLog.open(state, keys(0), lambda: NOON, audit.verify_vouched, Deployed(before=past)) as log:
            log.note("read", LOCAL)
    assert [entry.action for entry in entries(state)] == ["begin", "release", "read", "read"]
