"""The audit log: append-only, hash-chained, signed batch by batch, with its head kept a second time elsewhere.

A plain file, and not a table: every byte of it is covered, and it can be read and copied while it grows. Whoever
notes something does so before it happens, and goes on when :meth:`AuditLog.commit` has returned: what has happened is
in the log, and what was not committed was never acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from smarter.errors import StateInUse
from smarter.model.audit import SYSTEM, Action, Entry, Named, Note, Value, check_note, key
from smarter.state.audit import lines
from smarter.state.audit.files import Tail, anchoring, append, find_tail, keep_head, load_head
from smarter.state.audit.heads import check_heads
from smarter.state.audit.lines import Head, LogKeys, Seal, Verify, Vouched
from smarter.state.folder import StateFolder

Clock = Callable[[], float]
"""Gives the moment, in epoch seconds."""


class Deployment(Protocol):
    """What a log asks of the deployment that it is of."""

    def past(self) -> Iterable[Note]:
        """What there was before the log was begun."""

    def found(self) -> Vouched:
        """What the state shows now of decided windows and keystores."""


PATIENCE = 60.0
"""Seconds that a writer waits for another one; each holds the log only while it commits."""


class AuditLog:
    """A log that is written to. Several may be open at once, also in several processes: they take turns to commit."""

    def __init__(self, state: StateFolder, keys: LogKeys, clock: Clock, verify: Verify, deployment: Deployment) -> None:
        """See :meth:`open`."""
        self._state = state
        self._keys = keys
        self._clock = clock
        self._verify = verify
        self._deployment = deployment
        self._elsewhere = state.head_elsewhere(keys.name)
        self._pending: list[tuple[float, Note]] = []
        self._texts: dict[Named | None, str] = {}
        self._vouched = Vouched()
        self._accepting = False

    @classmethod
    def open(cls, state: StateFolder, keys: LogKeys, clock: Clock, verify: Verify, deployment: Deployment) -> AuditLog:
        """Open the log of a state, or begin it with the first commit: then with what there was before it.

        Args:
            state: whose.
            keys: that sign.
            clock: of entries.
            verify: of what heads vouch for.
            deployment: that the log is of.

        Raises:
            AlteredLog: it was cut, or it is not what its heads were signed for.
            ReplacedKeys: a keystore is not the one that a head knows.
            RolledBack: the state is from before the head that is kept elsewhere.
            StateInUse: others have been writing to it for a minute.
        """
        log = cls(state, keys, clock, verify, deployment)
        with log.held():
            log._vouched = deployment.found()
            tail, _ = find_tail(state.audit_log)
            check_heads(state, keys.name, tail, verify, lambda: log._vouched)
        return log

    @classmethod
    def accepting(
        cls, state: StateFolder, keys: LogKeys, clock: Clock, verify: Verify, deployment: Deployment
    ) -> AuditLog:
        """The same, of a state that is known to be from before its head elsewhere: that is replaced at the commit."""
        log = cls(state, keys, clock, verify, deployment)
        log._vouched = deployment.found()
        log._accepting = True
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
            RolledBack: the log is not the one any more that the head elsewhere is of.
            StateInUse: others have been writing to it for a minute.
        """
        if not self._pending:
            return
        with self.held():
            tail, size = find_tail(self._state.audit_log)
            before = self._check(tail)
            first = self._unasked(tail, size)
            data, head = self._batch(tail, [*first, *self._pending])
            append(self._state.audit_log, data, tail.size if tail else 0)
            self._pending.clear()
            self._keep(head, before)

    def close(self) -> None:
        """Commit what is left."""
        self.commit()

    def decided(self, neighbourhood: str, kind: str, end: int) -> None:
        """Windows of a kind were decided up to ``end``, epoch seconds, and are in the ledger: the next head says so."""
        self._vouched = self._vouched.later(Vouched({neighbourhood: {kind: end}}))

    def vouch(self, pins: Mapping[str, str], changing: Mapping[str, str]) -> None:
        """Have the heads say what keystores are known by from now on; the log itself stays as it is.

        Args:
            pins: by party, the digests that replace those there are.
            changing: the same, of a keystore that is about to be changed.

        Raises:
            AlteredLog, MachineError, RolledBack, StateInUse: as :meth:`commit`.
        """
        with self.held():
            tail, _ = find_tail(self._state.audit_log)
            before = self._check(tail)
            head = load_head(self._state.audit_head)
            if head is not None:
                self._keep(head, replace(before, pins={**before.pins, **pins}, changing=changing))

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
            notes += [Note("begin", SYSTEM, None, {"format": lines.FORMAT}), *self._deployment.past()]
        if torn := tail.torn if tail else size:
            notes.append(Note("repair", SYSTEM, None, {"what": "a torn tail was dropped", "bytes": torn}))
        if tail and self._elsewhere is not None and not self._elsewhere.exists():
            notes.append(Note("repair", SYSTEM, None, {"what": "no head was kept elsewhere"}))
        if tail and tail.line.seal and tail.line.seal.next != self._keys.public:
            new = key(self._keys.fingerprint)
            if not any(note.action == "key-change" and note.subject == new for _, note in self._pending):
                notes.append(Note("key-change", SYSTEM, new, {"party": "audit", "purpose": "sign"}))
        moment = self._clock()
        return [(moment, note) for note in notes]

    def _check(self, tail: Tail | None) -> Vouched:
        """What the heads vouch for, when the log is theirs."""
        if self._accepting:
            return self._vouched
        return check_heads(self._state, self._keys.name, tail, self._verify)

    def _keep(self, head: Head, before: Vouched) -> None:
        """Keep a head in the state and elsewhere; ``before``: what it vouches for besides what this log knows."""
        vouched = before.later(self._vouched).settled(self._vouched.pins)
        unsigned = replace(head, vouched=vouched, signature=b"")
        signature = self._keys.vouch(head.seal.next, unsigned.vouched_message)
        signed = replace(unsigned, signature=signature)
        keep_head(self._state.audit_head, signed)
        if self._elsewhere is not None:
            with anchoring(self._elsewhere):
                keep_head(self._elsewhere, signed)


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
