"""The audit log of real runs: each release once, whatever happens, nobody named, and checked from the command line."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.keys.unlock import KeyFileUnlock
from smarter.model.audit import Entry
from smarter.protocols import audit_reading, auditing
from smarter.protocols.provision import open_keys
from smarter.state import Journal, LedgerRow, StateFolder
from tests.support.earlier import without_pins


@pytest.fixture(scope="module")
def lane(street: Callable[..., Path]) -> Path:
    """Five homes and eight hours, of which one home has gaps, so that some windows are refused."""
    gaps = lambda meter, stamp: meter == 5 and 2 <= stamp.hour < 5  # noqa: E731 - handed over once
    return street(until="2016-03-02", leave_out=gaps)


def in_state(state: Path) -> StateFolder:
    from smarter.state.folder import anchor_folder

    return StateFolder(state, anchor_folder())


def entries(state: Path) -> list[Entry]:
    return list(audit_reading.read_audit(in_state(state)).entries)


def told(state: Path) -> Counter[tuple[str, str, object, object]]:
    """Each window that a run told of, and how often."""
    chosen = (entry for entry in entries(state) if entry.action in ("release", "refusal"))
    return Counter((entry.action, entry.subject, entry.detail["kind"], entry.detail["start"]) for entry in chosen)


def check_once(state: Path, rows: Any) -> None:
    """The log is whole, and has just the windows of the files, each once."""
    checked = audit_reading.check_audit(in_state(state), in_state(state).heads_elsewhere(name_of(state)))
    assert checked.entries == len(entries(state))
    windows = told(state)
    assert set(windows.values()) == {1}
    counts = Counter(action for action, *_ in windows)
    statuses = Counter(row["status"] for row in (*rows.billing, *rows.demand))
    assert counts["release"] == statuses["complete"] + statuses["incomplete"]
    assert counts["refusal"] == statuses["refused"] + statuses["withheld"] + statuses["held"]
    assert statuses["withheld"] > 0, "each of the reasons is looked at"
    noted = Counter(entry.detail["status"] for entry in entries(state) if entry.action == "refusal")
    assert noted == {status: statuses[status] for status in ("refused", "withheld", "held") if statuses[status]}


def name_of(state: Path) -> str:
    return auditing.log_name(in_state(state))


def test_a_run_notes_keys_releases_refusals_and_what_was_given_out(
    lane: Path, tmp_path: Path, carry: Callable[..., Any]
) -> None:
    files = carry(lane, state=tmp_path / "state")
    check_once(tmp_path / "state", files)
    found = entries(tmp_path / "state")
    counts = Counter((entry.action, entry.actor) for entry in found)
    assert counts["refusal", "party:releaser"] > 0
    assert [entry.action for entry in found[:7]] == ["begin", *["key-use"] * 5, "release"]
    assert [(entry.action, entry.actor, entry.subject) for entry in found[-2:]] == [
        ("key-use", "party:mdms", found[5].subject),
        ("export", "operator:local", "households:all"),
    ]
    assert found[-1].detail == {"what": "output files", "meters_revealed": True}
    refused = {entry.detail["reason"] for entry in found if entry.action == "refusal"}
    assert refused == {refusal["reason"] for refusal in files.result["refusals"]}


def test_readers_are_noted_with_whom_they_asked_about(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    meters = carry(lane, state=state).meters
    meter = next(iter(meters))
    asked: list[tuple[tuple[str, ...], str, str]] = [
        (("bills",), "households:all", "bills"),
        (("bills", "--meter", meter), "", "bills"),
        (("demand",), "neighbourhoods:all", "demand"),
        (("demand", "--neighbourhood", "lane"), "neighbourhood:lane", "demand"),
        (("run", "--json", "--quiet"), "households:all", "result"),
    ]
    for (command, *options), subject, what in asked:
        assert smarter(command, lane, "--state", state, *options).code == 0
        key, read = [entry for entry in entries(state) if entry.action != "refusal"][-2:]
        assert (key.action, key.actor, read.action, read.actor) == ("key-use", "party:mdms", "read", "operator:local")
        assert read.detail == {"what": what}
        assert read.subject == subject or (not subject and read.subject.startswith("household:"))
    before = len(entries(state))
    assert smarter("bills", lane, "--state", state, "--meter", "ffffffffffff").code == 2
    assert len(entries(state)) == before, "who asked for nobody has read nothing"


def test_nothing_is_printed_that_could_not_be_noted(
    lane: Path, tmp_path: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "audit.log")

    state = tmp_path / "state"
    assert smarter("run", lane, "--state", state, "--quiet").code == 0
    monkeypatch.setattr("smarter.state.audit.log.append", full)
    for command in ("bills", "demand"):
        ended = smarter(command, lane, "--state", state)
        assert (ended.code, ended.out) == (6, "")


def test_the_log_names_nobody_and_holds_no_reading_total_or_secret(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    files = carry(lane, state=state)
    assert smarter("bills", lane, "--state", state, "--meter", next(iter(files.meters))).code == 0
    assert smarter("keys", "rotate", lane, "mdms", "unwrap", "--state", state).code == 0
    text = (state / "audit.log").read_text()
    assert not any(name in text for pair in files.meters.items() for name in pair)
    words = {word for entry in entries(state) for word in re.findall(r"[\w.]+", " ".join(map(str, said(entry))))}
    energies = {row["energy_wh"] for row in (*files.billing, *files.demand, *files.bills) if row["energy_wh"]}
    energies |= {energy.replace(".", "") for energy in energies}
    readings = {line.split(",")[1].strip() for file in (lane.parent / "meters").iterdir() for line in file.open()}
    assert len(energies) > 20
    assert not words & (energies | readings | {row["amount"] for row in files.bills})
    folder = in_state(state)
    stores = open_keys(folder.keys, KeyFileUnlock(folder.keys)).stores.values()
    secrets = [entry.private for store in stores for entry in store.entries() if entry.private]
    secrets += [file.read_bytes() for file in folder.keys.glob("*.key")]
    assert len(secrets) > 15
    for secret in secrets:
        assert secret.hex() not in text
        assert base64.b64encode(secret).decode() not in text


def said(entry: Entry) -> list[object]:
    return [entry.actor, entry.subject, *entry.detail.values()]


@pytest.mark.parametrize("moment", ["before the ledger", "before the log", "before the opening", "before the end"])
def test_a_run_stopped_around_a_release_notes_each_once(
    moment: str, lane: Path, tmp_path: Path, carry: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kill would, an error at that moment leaves what is on the disk."""
    from smarter.protocols.pes import PesDeployment
    from smarter.run import run
    from smarter.scenario import load_scenario

    places: dict[str, tuple[type, str]] = {
        "before the ledger": (Journal, "enter"),
        "before the log": (auditing.ReleaseNotes, "note"),
        "before the opening": (PesDeployment, "release"),
        "before the end": (Journal, "acknowledge"),
    }
    scenario, folder = load_scenario(str(lane)), in_state(tmp_path / "state")
    where, name = places[moment]
    for _ in range(2):  # the second time nothing has changed since
        with monkeypatch.context() as patch:
            patch.setattr(where, name, stopped)
            with pytest.raises(KeyboardInterrupt):
                list(run(scenario, folder, unlock=KeyFileUnlock(folder.keys)))
        audit_reading.check_audit(folder, folder.heads_elsewhere(auditing.log_name(folder)))
        assert set(told(folder.path).values()) <= {1}
    check_once(folder.path, carry(lane, state=folder.path))


def stopped(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def test_a_longer_run_on_the_same_state_goes_on_in_the_same_log(
    lane: Path, tmp_path: Path, carry: Callable[..., Any]
) -> None:
    carry(lane, state=tmp_path / "state")
    first = (tmp_path / "state" / "audit.log").read_bytes()
    longer = carry(lane, "time.end=2016-03-02", state=tmp_path / "state")
    assert (tmp_path / "state" / "audit.log").read_bytes().startswith(first)
    check_once(tmp_path / "state", longer)


def test_a_state_from_before_there_was_a_log_begins_one_with_what_its_ledger_holds(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    files = carry(lane, state=state)
    for file in (
        *state.glob("audit.*"),
        *(state / "keys").glob("audit.*"),
        *in_state(state).heads_elsewhere(name_of(state)),
    ):
        file.unlink()
    without_pins(state / "keys")
    asked = smarter("audit", "verify", lane, "--state", state)
    assert (asked.code, "there is no audit log" in asked.err) == (2, True)
    assert smarter("bills", lane, "--state", state).code == 0
    windows = told(state)
    assert {action for action, *_ in windows} == {"release"}
    released = [row for row in (*files.billing, *files.demand) if row["status"] in ("complete", "incomplete")]
    assert len(windows) == len(released)
    longer = carry(lane, "time.end=2016-03-02", state=state)
    assert set(told(state).values()) == {1}
    assert longer.result["counts"]["readings"] > files.result["counts"]["readings"]


def test_a_release_that_the_log_lacks_is_seen_by_the_ledger(
    lane: Path, tmp_path: Path, carry: Callable[..., Any], smarter: Callable[..., Any]
) -> None:
    state = tmp_path / "state"
    carry(lane, state=state)
    journal = Journal(state / "journal.sqlite")
    journal.enter([LedgerRow("demand", "lane", 0, 900, b"", bytes(32), 0, "", b"", 0)])
    journal.close()
    asked = smarter("audit", "verify", lane, "--state", state)
    assert asked.code == 4
    assert "a release that is not in the audit log" in asked.err
    assert "demand window from 1970-01-01T00:00:00Z" in asked.err


class TestCommands:
    @pytest.fixture(scope="class")
    def finished(
        self, lane: Path, tmp_path_factory: pytest.TempPathFactory, smarter: Callable[..., Any]
    ) -> tuple[object, ...]:
        """Scenario and state of a finished run, of which two accounts were given."""
        state = tmp_path_factory.mktemp("audited") / "state"
        assert smarter("run", lane, "--state", state, "--quiet").code == 0
        return lane, "--state", state

    @pytest.fixture
    def own(self, lane: Path, tmp_path: Path, smarter: Callable[..., Any]) -> tuple[object, ...]:
        """A run of its own."""
        assert smarter("run", lane, "--state", tmp_path / "state", "--quiet").code == 0
        return lane, "--state", tmp_path / "state"

    def test_verify_counts_the_entries_of_a_whole_log(self, finished: Any, smarter: Callable[..., Any]) -> None:
        asked = smarter("audit", "verify", *finished)
        count = len((finished[2] / "audit.log").read_text().splitlines())
        assert (asked.code, asked.out, asked.err) == (0, f"{count:,} entries, whole\n", "")

    def test_show_prints_a_line_an_entry_and_chooses(self, finished: Any, smarter: Callable[..., Any]) -> None:
        whole = smarter("audit", "show", *finished).out.splitlines()
        assert len(whole) == 1 + len((finished[2] / "audit.log").read_text().splitlines())
        uses = smarter("audit", "show", *finished, "--action", "key-use", "--action", "begin").out.splitlines()
        assert len(uses) == 1 + 1 + 5 + 1
        assert "party:releaser" in uses[4]
        assert "purpose aggregate" in uses[4]
        assert len(smarter("audit", "show", *finished, "--since", "2999-01-01").out.splitlines()) == 1
        assert smarter("audit", "show", *finished, "--since", "2016-01-01 00:00+01:00").out.splitlines() == whole
        asked = smarter("audit", "show", *finished, "--since", "yesterday")
        assert (asked.code, "'yesterday' is no date or time" in asked.err) == (2, True)

    def test_show_gives_json(self, finished: Any, smarter: Callable[..., Any]) -> None:
        found = json.loads(smarter("audit", "show", *finished, "--json").out)
        assert [Entry(**entry) for entry in found] == entries(finished[2])
        assert json.loads(smarter("audit", "show", *finished, "--json", "--action", "login").out) == []

    def test_show_finds_what_concerns_a_household(self, finished: Any, smarter: Callable[..., Any]) -> None:
        meters = [bill["meter"] for bill in json.loads(smarter("bills", *finished, "--json").out)]
        asked = smarter("audit", "show", *finished, "--subject-of", meters[0][:6], "--json")
        own = json.loads(asked.out)
        assert {entry["subject"] for entry in own if entry["action"] == "release"} == {own[0]["subject"]}
        assert {entry["action"] for entry in own} >= {"release", "read"}, "a read of all bills concerns everybody"
        asked_about = entries(finished[2])[-1]
        assert (asked_about.action, asked_about.detail) == ("read", {"what": "audit log"})
        assert asked_about.subject == own[0]["subject"]
        both = json.loads(
            smarter("audit", "show", *finished, "--subject-of", meters[0], "--subject-of", meters[1], "--json").out
        )
        assert len({entry["subject"] for entry in both}) == 3
        unknown = smarter("audit", "show", *finished, "--subject-of", "zzzz")
        assert (unknown.code, "names 0 meters" in unknown.err) == (2, True)

    def test_a_head_that_was_kept_shows_a_cut_when_all_else_was_cut_with_it(
        self, own: Any, tmp_path: Path, smarter: Callable[..., Any]
    ) -> None:
        state, before = own[2], tmp_path / "before"
        shutil.copytree(state, before)
        (elsewhere,) = in_state(state).heads_elsewhere(name_of(state))
        older = elsewhere.read_bytes()
        assert smarter("bills", *own).code == 0
        printed = smarter("audit", "head", *own)
        (tmp_path / "kept.head").write_text(printed.out)
        assert smarter("audit", "verify", *own, "--anchor", tmp_path / "kept.head").code == 0
        count = len(entries(state))
        shutil.rmtree(state)
        shutil.copytree(before, state)  # yesterday's state, journal and keys and all
        for anchor in ((), ("--anchor", tmp_path / "kept.head")):
            asked = smarter("audit", "verify", *own, *anchor)
            assert (asked.code, asked.out) == (4, "")
            assert f"entry {count - 1} of the audit log" in asked.err
            assert "was cut at the tail" in asked.err
        elsewhere.write_bytes(older)  # and the head elsewhere with it
        assert smarter("audit", "verify", *own).code == 0
        assert smarter("audit", "verify", *own, "--anchor", tmp_path / "kept.head").code == 4

    def test_what_was_changed_is_named(self, own: Any, smarter: Callable[..., Any]) -> None:
        log = own[2] / "audit.log"
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join([*lines[:8], lines[8].replace("party:releaser", "party:mdms"), *lines[9:]]))
        asked = smarter("audit", "verify", *own)
        assert (asked.code, "entry 9 of the audit log" in asked.err) == (4, True)
        assert smarter("audit", "show", *own).code == 4
        assert smarter("audit", "head", *own).code == 4

    def test_the_head_may_be_kept_where_the_user_says_or_nowhere(
        self, own: Any, tmp_path: Path, smarter: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SMARTER_ANCHOR", str(tmp_path / "stick"))
        asked = smarter("audit", "verify", *own)
        assert (asked.code, "no head of the audit log is kept in" in asked.err) == (4, True)
        assert smarter("bills", *own).code == 0
        assert smarter("audit", "verify", *own).code == 0
        assert smarter("audit", "verify", *own, "--anchor", tmp_path / "stick").code == 0
        assert str(tmp_path / "stick") in smarter("state", *own).out
        monkeypatch.setenv("SMARTER_ANCHOR", "")
        assert smarter("audit", "verify", *own).code == 0
        assert "kept nowhere else" in smarter("state", *own).out

    def test_a_torn_tail_is_told_apart_from_a_cut(self, own: Any, smarter: Callable[..., Any]) -> None:
        with (own[2] / "audit.log").open("a") as log:
            log.write('{"number":')
        asked = smarter("audit", "verify", *own)
        assert (asked.code, "entries, whole" in asked.out) == (0, True)
        assert "note: 10 bytes behind them were never committed" in asked.err

    def test_the_signing_key_is_rotated_by_an_entry_of_the_earlier_one(
        self, own: Any, smarter: Callable[..., Any]
    ) -> None:
        for _ in range(2):
            rotated = smarter("keys", "rotate", own[0], "audit", "sign", *own[1:])
            assert rotated.code == 0, rotated.err
        assert smarter("bills", *own).code == 0
        assert smarter("audit", "verify", *own).code == 0
        changes = [entry for entry in entries(own[2]) if entry.action == "key-change"]
        assert [entry.actor for entry in changes] == ["operator:local"] * 2
        assert changes[-1].subject == f"key:{rotated.out.split()[-1]}"
        assert changes[1].detail["before"] == changes[0].subject.removeprefix("key:")
        folder = in_state(own[2])
        kept = open_keys(folder.keys, KeyFileUnlock(folder.keys)).stores["audit"].entries("sign")
        assert [(bool(entry.public), bool(entry.private)) for entry in kept] == [
            (True, False),
            (True, False),
            (True, True),
        ]

    def test_fresh_ends_the_log_with_its_state(self, own: Any, smarter: Callable[..., Any]) -> None:
        name, folder = name_of(own[2]), in_state(own[2])
        (head,) = folder.heads_elsewhere(name)
        assert head.exists()
        assert smarter("run", *own, "--fresh", "--quiet").code == 0
        assert not head.exists()
        assert name_of(own[2]) != name
        assert entries(own[2])[0].action == "begin"
        assert smarter("audit", "verify", *own).code == 0

    def test_before_a_run_there_is_none(self, lane: Path, tmp_path: Path, smarter: Callable[..., Any]) -> None:
        for command in ("show", "verify", "head"):
            asked = smarter("audit", command, lane, "--state", tmp_path / "none")
            assert (asked.code, "`smarter run " in asked.err) == (2, True)
            assert not (tmp_path / "none").exists()

    def test_help_has_examples(self, smarter: Callable[..., Any]) -> None:
        for command in ("show", "verify", "head"):
            assert "Example" in smarter("audit", command, "--help").out
