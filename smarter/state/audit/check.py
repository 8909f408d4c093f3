"""Reading an audit log through its chain: an entry is given out when its batch's signature has been found right.

``smarter audit`` calls it, and whoever shows somebody the entries about them. The first line that is wrong ends it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from smarter.errors import AlteredLog, AuthenticationFailed
from smarter.model.audit import Action, Entry
from smarter.state.audit import lines
from smarter.state.audit.files import find_tail, load_head
from smarter.state.audit.heads import check_signature
from smarter.state.audit.lines import Head, Line, Seal, Verify, read_line
from smarter.state.audit.log import holding
from smarter.state.folder import StateFolder


@dataclass(frozen=True)
class Snapshot:
    """A log as it was at one moment; it may grow meanwhile.

    Attributes:
        size: bytes of its committed part; ``torn``: of what follows, which was never committed.
        heads: where they are kept, and what they say.
        headless: whether the state's own is gone.
    """

    path: Path
    size: int
    torn: int
    heads: Mapping[Path, Head]
    headless: bool


def snapshot(state: StateFolder, *elsewhere: Path) -> Snapshot:
    """Look at a log and its heads, those in the state and ``elsewhere``, between two commits."""
    with holding(state):
        try:
            tail, size = find_tail(state.audit_log)
        except AlteredLog:
            # Where that is shows when it is walked through.
            tail, size = None, 0
            committed, only = state.audit_log.stat().st_size, False
        else:
            committed, only = (tail.size, tail.only) if tail else (0, True)
        found = {place: load_head(place) for place in (state.audit_head, *elsewhere)}
    heads = {place: head for place, head in found.items() if head is not None}
    # The head of a first batch may not have been written yet when the power went.
    headless = not only and state.audit_head not in heads
    return Snapshot(state.audit_log, committed, max(0, size - committed), heads, headless)


def committed(state: StateFolder, *actions: Action) -> Iterator[Entry]:
    """The entries of some actions, unchecked: for a writer who asks what is there already."""
    marks = [f'"action":"{action}"'.encode() for action in actions]
    with holding(state):
        tail, _ = find_tail(state.audit_log)
    if tail is None:
        return
    with state.audit_log.open("rb") as file:
        while file.tell() < tail.size:
            line = file.readline()
            if any(mark in line for mark in marks):
                yield read_line(line[:-1]).entry


def walk(seen: Snapshot, log: str, keys: Collection[bytes], verify: Verify, verify_vouched: Verify) -> Iterator[Entry]:
    """Every entry of a log, in order, then a comparison with its heads.

    Args:
        seen: of the log.
        log: its name.
        keys: public keys of which one has signed the first batch.
        verify: of batches' signatures.
        verify_vouched: of the signatures of what heads vouch for.

    Raises:
        AlteredLog: with the number of the first entry that is wrong, and what is wrong.
    """
    last, unmatched = 0, dict(seen.heads)
    for place, head in seen.heads.items():
        _check_head(head, place, log, verify)
        if head.vouched is not None:
            check_signature(head, place, verify_vouched)
    if seen.size:
        with seen.path.open("rb") as file:
            for batch in _batches(_Reader(file, seen, log), keys, log, verify):
                end = batch[-1]
                last = end.entry.number
                for place, head in list(unmatched.items()):
                    if head.number <= last:
                        if (head.number, head.hash, head.seal) != (last, end.hash, end.seal):
                            raise AlteredLog(
                                head.number,
                                "head does not match",
                                f"entry {head.number} of the audit log {seen.path} is not the one that the head in "
                                f"{place} was signed for; another log was put in its place",
                            )
                        del unmatched[place]
                yield from (line.entry for line in batch)
    for place, head in unmatched.items():
        torn = f", and {seen.torn} bytes that are no committed entries" if seen.torn else ""
        raise AlteredLog(
            last + 1,
            "cut at the tail",
            f"entry {last + 1} of the audit log {seen.path} is missing: it was cut at the tail, the head in {place} "
            f"counts {head.number} entries and the log holds {last}{torn}",
        )
    if seen.headless:
        raise AlteredLog(last, "head does not match", f"the head of the audit log {seen.path} is gone")


def _check_head(head: Head, place: Path, log: str, verify: Verify) -> None:
    try:
        if head.log != log:
            raise AuthenticationFailed("another log's")
        verify(head.seal.key, head.message, head.seal.signature)
    except AuthenticationFailed as error:
        raise AlteredLog(
            head.number, "head does not match", f"the head in {place} is of another audit log, or it was changed"
        ) from error


class _Reader:
    """Lines of a log, each in its place in the chain."""

    def __init__(self, file: BinaryIO, seen: Snapshot, log: str) -> None:
        self._file, self._seen = file, seen
        self._before = lines.beginning(log)
        self._number = 0

    def __iter__(self) -> Iterator[Line]:
        while self._file.tell() < self._seen.size:
            data = self._file.readline(lines.LONGEST_LINE + 1)
            self._number += 1
            try:
                if not data.endswith(b"\n"):
                    raise ValueError("a line is too long")
                line = read_line(data[:-1])
            except ValueError as error:
                raise self.wrong("changed", "was changed") from error
            if line.entry.number != self._number:
                raise self._misplaced(line.entry.number)
            if lines.chained(self._before, line.content) != line.hash:
                raise self.wrong("changed", "or the one before it was changed")
            self._before = line.after
            yield line

    def wrong(self, what: str, text: str, number: int | None = None) -> AlteredLog:
        """The error for an entry, or for the one that is being read."""
        number = number or self._number
        return AlteredLog(number, what, f"entry {number} of the audit log {self._seen.path} {text}")

    def _misplaced(self, found: int) -> AlteredLog:
        wanted = f'{{"number":{self._number},'.encode()
        later = found < self._number or any(line.startswith(wanted) for line in self._file)
        what, text = ("out of order", "is out of order") if later else ("missing", "is missing")
        return self.wrong(what, f"{text}: entry {found} is in its place")


def _batches(reader: _Reader, keys: Collection[bytes], log: str, verify: Verify) -> Iterator[list[Line]]:
    """Lines up to each signed one, once its signature was found right."""
    batch: list[Line] = []
    for line in reader:
        batch.append(line)
        if line.seal is not None:
            _check_seal(reader, line, line.seal, keys, log, verify)
            yield batch
            keys, batch = (line.seal.next,), []


def _check_seal(reader: _Reader, line: Line, seal: Seal, keys: Collection[bytes], log: str, verify: Verify) -> None:
    number = line.entry.number
    try:
        verify(seal.key, lines.signed_message(log, number, line.hash, seal.next), seal.signature)
    except AuthenticationFailed as error:
        raise reader.wrong("changed", "has another signature than it was committed with", number) from error
    if seal.key not in keys:
        raise reader.wrong("signed by another key", "is signed by another key than the log's", number)
