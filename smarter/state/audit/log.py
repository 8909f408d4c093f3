"""The audit log: append-only, hash-chained, signed batch by batch, with its head kept a second time elsewhere.

A plain file, and not a table: every byte of it is covered, and it can be read and copied while it grows. Whoever
notes something does so before it happens, and goes on when :meth:`AuditLog.commit` has returned: what has happened is
in the log, and what was not committed was never acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from smarter.errors import AlteredLog, MachineError, StateInUse
from smarter.model.audit import SYSTEM, Action, Entry, Named, Note, Value, check_note, key
from smarter.state.audit import lines
from smarter.state.audit.files import Tail, append, find_tail, keep_head, load_head
from smarter.state.audit.lines import Head, LogKeys, Seal
from smarter.state.folder import StateFolder

Clock = Callable[[], float]
"""Gives the moment, in epoch seconds."""
Past = Callable[[], Iterable[Note]]
PATIENCE = 60.0
"""Seconds that a writer waits for another one; each holds the log only while it commits."""


class AuditLog:
    """A log that is written to. Several may be open at once, also in several processes: they take turns to commit."""

    def __init__(self, state: StateFolder, keys: LogKeys, clock: Clock, past: Past) -> None:
        """See :meth:`open`."""
        self._state = state
        self._keys = keys
        self._clock = clock
        self._past = past
        self._elsewhere = state.head_elsewhere(keys.name)
        self._pending: list[tuple[float, Note]] = []
        self._texts: dict[Named | None, str] = {}
        self._head: Head | None = None

    @classmethod
    def open(cls, state: StateFolder, keys: LogKeys, clock: Clock, past: Past = tuple) -> AuditLog:
        """Open the log of a state, or begin it with the first commit: then with what ``past`` tells of the time before.

        Raises:
            AlteredLog: it was cut, or it is not what its heads were signed for.
            StateInUse: others have been writing to it for a minute.
        """
        log = cls(state, keys, clock, past)
        with log.held():
            log._check(find_tail(state.audit_log)[0])
        return log

    def __enter__(self) -> AuditLog:
        return self

    def __exit__(self, *raised: object) -> None:
        # Also after an error: what was noted may be just what failed.
        self.close()

    def text(self, named: Named | None) -> str:
        """What the log calls somebody or something."""
        if named not in self._texts:  # a run names the same households over and over
            self._texts[named] = lines.text_of(named, self._keys)
        return self._texts[named]

    def note(self, action: Action, actor: Named, subject: Named | None = None, /, **detail: Value) -> None:
        """Put down that ``actor`` is about to do ``action`` to ``subject``, to be committed with what else is noted.

        ``detail`` may hold nothing secret, nobody's name, and nothing finer than what was released.

        Raises:
            ValueError: an action outside the vocabulary, or a detail that is no small plain value.
        """
        self.put(Note(action, actor, subject, detail))

    def put(self, note: Note) -> None:
        """The same, of a note that there is already."""
        check_note(note)
        self._pending.append((self._clock(), note))

    def commit(self) -> None:
        """Write what was noted, signed, on the disk when this returns; all of it or nothing.

        Raises:
            AlteredLog: the log was tampered with meanwhile.
            MachineError: the head cannot be kept elsewhere.
            StateInUse: others have been writing to it for a minute.
        """
        if not self._pending:
            return
        with self.held():
            tail, size = find_tail(self._state.audit_log)
            self._check(tail)
            first = self._unasked(tail, size)
            data, self._head = self._batch(tail, [*first, *self._pending])
            append(self._state.audit_log, data, tail.size if tail else 0)
            self._pending.clear()
            self._keep(self._head, durable=False)

    def close(self) -> None:
        """Commit what is left, and see to it that the heads are on the disk, too."""
        self.commit()
        if self._head is not None:
            head, self._head = self._head, None
            with self.held():
                newer = load_head(self._state.audit_head)
                if newer is not None and newer.number == head.number:  # else another writer keeps its own
                    self._keep(head, durable=True)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other writers from the log."""
        with holding(self._state):
            yield

    def _batch(self, tail: Tail | None, notes: list[tuple[float, Note]]) -> tuple[bytes, Head]:
        """The lines of a batch, its last one signed."""
        keys = self._keys
        number, before = (tail.line.entry.number, tail.line.after) if tail else (0, lines.beginning(keys.name))
        signer = tail.line.seal.next if tail and tail.line.seal else keys.public
        written: list[bytes] = []
        for place, (moment, note) in enumerate(notes, 1):
            number += 1
            actor, subject = self.text(note.actor), self.text(note.subject)
            entry = Entry(number, lines.stamp(moment), actor, note.action, subject, note.detail)
            content = lines.content_of(entry)
            digest = lines.chained(before, content)
            seal = None
            if place == len(notes):
                message = lines.signed_message(keys.name, number, digest, keys.public)
                seal = Seal(signer, keys.public, keys.sign(signer, message))
            line = lines.line_of(content, digest, seal)
            before = lines.hashed(line)
            written.append(line + b"\n")
        assert seal is not None, "a batch has a last line"
        return b"".join(written), Head(keys.name, number, digest, seal)

    def _unasked(self, tail: Tail | None, size: int) -> list[tuple[float, Note]]:
        """What the log notes of itself ahead of a batch."""
        notes: list[Note] = []
        if tail is None:
            notes += [Note("begin", SYSTEM, None, {"format": lines.FORMAT}), *self._past()]
        if torn := tail.torn if tail else size:
            notes.append(Note("repair", SYSTEM, None, {"what": "a torn tail was dropped", "bytes": torn}))
        if self._elsewhere is not None:
            notes += self._compare(self._elsewhere, tail)
        if tail and tail.line.seal and tail.line.seal.next != self._keys.public:
            new = key(self._keys.fingerprint)
            if not any(note.action == "key-change" and note.subject == new for _, note in self._pending):
                notes.append(Note("key-change", SYSTEM, new, {"party": "audit", "purpose": "sign"}))
        moment = self._clock()
        return [(moment, note) for note in notes]

    def _compare(self, place: Path, tail: Tail | None) -> Iterator[Note]:
        """Note what is amiss with the head elsewhere; one that is not this log's stays, put aside, for whoever checks.

        So it is when a log was cut, and also when a state was restored from a backup, or copied: work can go on.
        """
        with _anchoring(place):
            try:
                head = load_head(place)
            except AlteredLog:
                aside, detail = "damaged", 0
            else:
                if head is None or _agree(head, tail):
                    if head is None and tail:
                        yield Note("repair", SYSTEM, None, {"what": "no head was kept elsewhere"})
                    return
                aside, detail = f"{head.number}", head.number
            place.replace(place.with_name(f"{place.stem}-{aside}{place.suffix}"))
        yield Note("repair", SYSTEM, None, {"what": "another head was kept elsewhere", "entries": detail})

    def _check(self, tail: Tail | None) -> None:
        """Compare the end of the log with the head beside it, which is never ahead of it."""
        path, head = self._state.audit_log, load_head(self._state.audit_head)
        if head is None and tail and not tail.only:
            raise AlteredLog(0, "head does not match", f"the head of the audit log {path} is gone")
        last = tail.line.entry.number if tail else 0
        if tail and lines.chained(tail.before or lines.beginning(self._keys.name), tail.line.content) != tail.line.hash:
            raise AlteredLog(last, "changed", f"entry {last} of the audit log {path} or the one before it was changed")
        if head and head.number > last:
            raise AlteredLog(
                last + 1,
                "cut at the tail",
                f"the audit log {path} was cut: it ends after entry {last} of {head.number}",
            )
        if head and (head.log != self._keys.name or not _agree(head, tail)):
            raise AlteredLog(last, "head does not match", f"the audit log {path} is not its head's")

    def _keep(self, head: Head, *, durable: bool) -> None:
        keep_head(self._state.audit_head, head, durable=durable)
        if self._elsewhere is not None:
            with _anchoring(self._elsewhere):
                keep_head(self._elsewhere, head, durable=durable)


def _agree(head: Head, tail: Tail | None) -> bool:
    """Whether a head can be one of the log that ends like this; one that is behind need not be looked up."""
    last = tail.line.entry.number if tail else 0
    return head.number < last or (tail is not None and head.number == last and head.seal == tail.line.seal)


@contextmanager
def _anchoring(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MachineError(
            f"the head of the audit log cannot be kept in {place.parent} ({error.strerror}); name another folder in "
            "SMARTER_ANCHOR, or none by leaving that empty."
        ) from error


@contextmanager
def holding(state: StateFolder) -> Iterator[None]:
    """Keep writers from a state's audit log; raises :class:`~smarter.errors.StateInUse` after a minute."""
    from filelock import FileLock, Timeout

    lock = FileLock(state.audit_lock, timeout=PATIENCE)
    try:
        lock.acquire()
    except Timeout as error:
        raise StateInUse(f"the audit log of {state.path} has been held for a minute by others; try again.") from error
    try:
        yield
    finally:
        lock.release()
