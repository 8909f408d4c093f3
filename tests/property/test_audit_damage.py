"""An audit log that differs in anything is found, by its chain, its signatures, or a head that is kept elsewhere."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smarter.errors import AlteredLog
from smarter.keys import audit, signing
from smarter.keys.audit import AuditKeys
from smarter.model.audit import LOCAL, Value, household
from smarter.state import StateFolder
from smarter.state.audit.check import snapshot, walk
from smarter.state.audit.log import AuditLog
from tests.support.deployed import Deployed

NAME = "ef" * 16
PRIVATE = [bytes([7]) * 32, bytes([8]) * 32]
PUBLIC = [signing.public_of(seed) for seed in PRIVATE]
BATCHES = (1, 2, 1, 2)
"""Entries of each batch; from the third on another key signs."""


@dataclass(frozen=True)
class Whole:
    """A log that is whole: its state, and what its files hold."""

    state: StateFolder
    log: bytes
    head: bytes
    elsewhere: bytes

    @property
    def lines(self) -> list[bytes]:
        return self.log.splitlines(keepends=True)

    def put(self, log: bytes, *, head: bytes | None = None) -> None:
        """Put these bytes in the log's place, with a head beside it that fits if there is one that does."""
        self.state.audit_log.write_bytes(log)
        self.state.audit_head.write_bytes(self.head if head is None else head)
        self.state.heads_elsewhere(NAME)[0].write_bytes(self.elsewhere)

    def found(self) -> AlteredLog | None:
        """What is found wrong."""
        seen = snapshot(self.state, *self.state.heads_elsewhere(NAME))
        try:
            for _ in walk(seen, NAME, PUBLIC[:1], audit.verify, audit.verify_vouched):
                pass
        except AlteredLog as wrong:
            return wrong
        return None


def keys(current: int) -> AuditKeys:
    return AuditKeys(NAME, PUBLIC[current], dict(zip(PUBLIC, PRIVATE, strict=True)), b"identify")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Whole:
    """A log in four batches, with a change of key."""
    folder = tmp_path_factory.mktemp("audit")
    (folder / "state").mkdir()
    state = StateFolder(folder / "state", folder / "elsewhere")
    for number, count in enumerate(BATCHES):
        with AuditLog.open(state, keys(number >= 2), lambda: 1.5e9, audit.verify_vouched, Deployed()) as log:
            for place in range(count):
                log.note("read", LOCAL, household(f"{place}"), what="bills", batch=number)
    (elsewhere,) = state.heads_elsewhere(NAME)
    made = Whole(state, state.audit_log.read_bytes(), state.audit_head.read_bytes(), elsewhere.read_bytes())
    assert made.found() is None
    return made


def heads(whole: Whole) -> Iterator[tuple[int, bytes]]:
    """After each batch: how many lines there are, and the head that was signed for them."""
    for number, line in enumerate(whole.lines, 1):
        fields = json.loads(line)
        if "signature" in fields:
            sealed = {name: fields[name] for name in ("number", "hash", "key", "next", "signature")}
            yield number, json.dumps({"log": NAME, **sealed}, separators=(",", ":")).encode()


def test_a_bit_flipped_in_any_byte_is_found_and_never_named_too_late(whole: Whole) -> None:
    starts = [0]
    for line in whole.lines:
        starts.append(starts[-1] + len(line))
    whole.put(whole.log)
    for place in range(len(whole.log)):
        damaged = bytearray(whole.log)
        damaged[place] ^= 1 << place % 8
        whole.state.audit_log.write_bytes(damaged)
        wrong = whole.found()
        assert wrong is not None
        entry = next(number for number, start in enumerate(starts) if start > place)
        assert 1 <= wrong.number <= entry


def test_a_bit_flipped_in_any_byte_of_a_head_is_found(whole: Whole) -> None:
    for place in range(len(whole.head.rstrip())):
        damaged = bytearray(whole.head)
        damaged[place] ^= 1 << place % 8
        whole.put(whole.log, head=bytes(damaged))
        with pytest.raises(AlteredLog):
            raise whole.found() or AssertionError("nothing was found")


def test_a_cut_anywhere_is_found_even_with_a_head_beside_it_that_fits(whole: Whole) -> None:
    fitting = dict(heads(whole))
    for count in range(len(whole.lines)):
        # The last head that was signed before the cut, which anybody could have kept.
        head = next((text for number, text in reversed(fitting.items()) if number <= count), whole.head)
        whole.put(b"".join(whole.lines[:count]), head=head)
        wrong = whole.found()
        assert wrong is not None
        assert wrong.what == "cut at the tail"
        last = max((number for number in fitting if number <= count), default=0)
        assert wrong.number == last + 1


def test_a_cut_inside_a_line_is_found(whole: Whole) -> None:
    for size in range(0, len(whole.log), 7):
        whole.put(whole.log[:size])
        wrong = whole.found()
        assert wrong is not None
        assert wrong.what == "cut at the tail"


@given(data=st.data())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_lines_taken_out_doubled_or_moved_are_found(whole: Whole, data: st.DataObject) -> None:
    lines = whole.lines
    first = data.draw(st.integers(0, len(lines) - 1), "first")
    last = data.draw(st.integers(first + 1, len(lines)), "last")
    piece, rest = lines[first:last], [*lines[:first], *lines[last:]]
    way = data.draw(st.sampled_from(["taken out", "doubled", "moved", "turned round"]))
    if way == "taken out":
        changed = rest
    elif way == "turned round":
        changed = [*lines[:first], *reversed(piece), *lines[last:]]
    else:
        place = data.draw(st.integers(0, len(rest)), "place")
        changed = [*rest[:place], *piece, *rest[place:]] if way == "moved" else [*lines[:place], *piece, *lines[place:]]
    whole.put(b"".join(changed))
    wrong = whole.found()
    committed = next((n for n, _ in reversed(list(heads(whole))) if changed[:n] == lines[:n]), 0)
    if committed == len(lines) and not any(b'"signature"' in line for line in changed[committed:]):
        assert wrong is None, "behind the last signature lies nothing that was ever committed"
    else:
        assert wrong is not None
        agreed = next((n for n, pair in enumerate(zip(changed, lines, strict=False)) if pair[0] != pair[1]), len(lines))
        assert wrong.number <= agreed + 1


VALUES: st.SearchStrategy[Value] = st.one_of(
    st.booleans(), st.integers(-(1 << 63), (1 << 63) - 1), st.text(max_size=200)
)
DETAILS = st.dictionaries(st.from_regex(r"[a-z][a-z_]{0,23}", fullmatch=True), VALUES, max_size=6)


@given(batches=st.lists(st.lists(DETAILS, min_size=1, max_size=3), min_size=1, max_size=3))
@settings(max_examples=25)
def test_whatever_is_noted_reads_back(batches: list[list[dict[str, Value]]], tmp_path_factory: object) -> None:
    folder = Path(tmp_path_factory.mktemp("said"))  # type: ignore[attr-defined] # a session's fixture, as hypothesis wants it
    state = StateFolder(folder)
    try:
        for batch in batches:
            with AuditLog.open(state, keys(0), lambda: 0.0, audit.verify_vouched, Deployed()) as log:
                for detail in batch:
                    log.note("read", LOCAL, None, **detail)
        _, *found = walk(snapshot(state), NAME, PUBLIC[:1], audit.verify, audit.verify_vouched)
        assert [dict(entry.detail) for entry in found] == [detail for batch in batches for detail in batch]
    finally:
        shutil.rmtree(folder)
