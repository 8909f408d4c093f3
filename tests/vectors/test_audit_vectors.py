"""Known answers for the audit log: a log written by other code reads as said, is written so, and bad ones are named."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import AlteredLog
from smarter.keys import audit, signing
from smarter.keys.audit import AuditKeys
from smarter.model.audit import Entry, Named
from smarter.state import StateFolder
from smarter.state.audit.check import snapshot, walk
from smarter.state.audit.lines import Vouched
from smarter.state.audit.log import AuditLog
from tests.support.deployed import Deployed

VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("audit.json").read_text(encoding="utf-8"))
PRIVATE = [bytes.fromhex(seed) for seed in VECTORS["signing_keys"]]
PUBLIC = [signing.public_of(seed) for seed in PRIVATE]


def keys(current: int) -> AuditKeys:
    """The keys of the log, of which this one is in use."""
    private = dict(zip(PUBLIC, PRIVATE, strict=True))
    return AuditKeys(VECTORS["log"], PUBLIC[current], private, bytes.fromhex(VECTORS["identifying_key"]))


def entries(state: StateFolder, *heads: Path) -> list[Entry]:
    return list(walk(snapshot(state, *heads), VECTORS["log"], PUBLIC[:1], audit.verify, audit.verify_vouched))


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    """A state's folder, and beside it the head that is kept elsewhere."""
    (tmp_path / "kept.head").write_text(VECTORS["head"] + "\n")
    (tmp_path / "state").mkdir()
    return StateFolder(tmp_path / "state")


def put(state: StateFolder, lines: list[str]) -> None:
    state.audit_log.write_text("".join(f"{line}\n" for line in lines))
    state.audit_head.write_text(VECTORS["head"])


@pytest.mark.parametrize("case", VECTORS["identifiers"], ids=lambda case: f"{case['kind']}-{case['name']}")
def test_identifiers_are_keyed_by_log_kind_and_name(case: dict[str, str]) -> None:
    assert f"{case['kind']}:{keys(0).identifier(case['kind'], case['name'])}" == case["text"]


def test_the_log_reads_as_it_was_written(state: StateFolder, tmp_path: Path) -> None:
    put(state, VECTORS["good"]["lines"])
    found = entries(state, tmp_path / "kept.head")
    said = [entry for batch in VECTORS["good"]["batches"] for entry in batch]
    assert [entry.number for entry in found] == list(range(1, len(said) + 1))
    for entry, one in zip(found, said, strict=True):
        fields = {name: getattr(entry, name) for name in ("time", "actor", "action", "subject", "detail")}
        assert fields == one


def test_the_same_notes_give_the_same_bytes(state: StateFolder) -> None:
    moment = [0.0]
    in_use = (0, 0, 1, 1)  # the third batch is signed by the first key and names the second
    for batch, key in zip(VECTORS["good"]["batches"], in_use, strict=True):
        with AuditLog.open(state, keys(key), lambda: moment[0], audit.verify_vouched, Deployed()) as log:
            for entry in batch:
                moment[0] = datetime.fromisoformat(entry["time"]).timestamp()
                if entry["action"] != "begin":  # which a log notes by itself
                    log.note(entry["action"], named(entry["actor"]), named(entry["subject"]), **entry["detail"])
    assert state.audit_log.read_text().splitlines() == VECTORS["good"]["lines"]
    line, said, _ = state.audit_head.read_text().partition(',"decided":')
    assert line + "}" == VECTORS["head"], "behind that the head says what it vouches for"
    assert said


def test_a_head_vouches_in_the_documented_form(state: StateFolder) -> None:
    vouched = Vouched(**VECTORS["vouched"])
    for batch, key in zip(VECTORS["good"]["batches"], (0, 0, 1, 1), strict=True):
        at = [datetime.fromisoformat(entry["time"]).timestamp() for entry in batch]
        with AuditLog.open(state, keys(key), iter([*at, *at]).__next__, audit.verify_vouched, Deployed(vouched)) as log:
            for entry in batch:
                if entry["action"] != "begin":
                    log.note(entry["action"], named(entry["actor"]), named(entry["subject"]), **entry["detail"])
    with AuditLog.open(state, keys(1), lambda: 0.0, audit.verify_vouched, Deployed(vouched)) as log:
        log.vouch({}, vouched.changing)
    assert state.audit_head.read_text().rstrip() == VECTORS["vouching_head"]


def named(text: str) -> Named | None:
    if not text:
        return None
    hidden = {case["text"]: case for case in VECTORS["identifiers"]}
    if text in hidden:
        return Named(hidden[text]["kind"], hidden[text]["name"], hidden=True)
    kind, _, name = text.partition(":")
    return Named(kind, name)


@pytest.mark.parametrize("case", VECTORS["bad"], ids=lambda case: case["name"])
def test_a_bad_log_is_refused_at_the_entry_that_is_wrong(
    case: dict[str, Any], state: StateFolder, tmp_path: Path
) -> None:
    put(state, case["lines"])
    with pytest.raises(AlteredLog) as refused:
        entries(state, tmp_path / "kept.head")
    assert (refused.value.number, refused.value.what) == (case["number"], case["what"])
    assert refused.value.exit_code == 4
    assert "--fresh" in str(refused.value)
