"""The audit log of a deployment: opening it with the keys of its own party, noting what a run does, replacing its key.

Whoever reads, changes or gives out something opens it by :func:`open_audit`, notes what is about to happen, commits,
and goes on. A run notes releases and refusals when they are in the ledger and before anything is decrypted.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from smarter.errors import ReplacedKeys, UsageError
from smarter.keys import audit
from smarter.keys.audit import AuditKeys
from smarter.keys.keystore import Keystore, pins_of
from smarter.keys.unlock import Unlock
from smarter.model.audit import HOUSEHOLDS, LOCAL, Named, Note, Value, household, key, neighbourhood
from smarter.model.audit import party as named_party
from smarter.model.messages import Status
from smarter.parties.releaser import Decision
from smarter.protocols.provision import ROTATABLE, Keyring, audit_keystore
from smarter.state import Journal, LedgerRow, StateFolder
from smarter.state.audit.check import committed
from smarter.state.audit.files import find_tail
from smarter.state.audit.heads import check_heads
from smarter.state.audit.lines import Vouched, stamp
from smarter.state.audit.log import AuditLog, Clock, holding

READS_ALL = Note("read", LOCAL, HOUSEHOLDS, {"what": "bills and demand"})
"""Somebody on the machine looks at what the MDMS knows of everybody."""
DIGEST_DIGITS = 16


def open_audit(state: StateFolder, unlock: Unlock, clock: Clock = time.time) -> AuditLog:
    """Open the audit log of a deployment; keys and log are made where there are none yet.

    A log that is begun late begins with what the ledger holds.

    Raises:
        AlteredLog: the log was cut, or is not what its heads were signed for.
        DamagedKeys: the keystore of party ``audit`` does not read back.
        WrongPassphrase: nor does it open.
    """
    log_name(state)  # before keys are made for a log that cannot be
    return audit_under(audit_keystore(state.keys, unlock), state, clock)


def audit_under(store: Keystore, state: StateFolder, clock: Clock = time.time) -> AuditLog:
    """The same, with the opened keystore of party ``audit``.

    Raises:
        ReplacedKeys: it is of another deployment than the journal: that was altered, or comes from another state.
    """
    name = log_name(state)
    if store.pins.deployment not in ("", name):
        raise ReplacedKeys(
            f"the keystores in {state.keys} are of another deployment than {state.journal}: one of them was replaced, "
            "or altered; bring back the one that was there."
        )
    keys = AuditKeys.of(store, name)
    return AuditLog.open(state, keys, clock, audit.verify_vouched, Deployed(state))


@dataclass(frozen=True)
class Deployed:
    """What the audit log asks of its deployment: see :class:`smarter.state.audit.log.Deployment`."""

    state: StateFolder

    def past(self) -> Iterator[Note]:
        """The releases that the ledger holds."""
        with closing(Journal(self.state.journal)) as journal:
            for row in journal.ledger():
                if is_release(row):
                    window = window_of(row.kind, row.start, row.end, row.digest)
                    yield Note("release", named_party("releaser"), _holder(row.kind, row.holder), window)

    def found(self) -> Vouched:
        """What ledger and keystores show.

        Raises:
            DamagedKeys: a keystore is cut or altered.
        """
        with closing(Journal(self.state.journal)) as journal:
            ends = journal.decided_ends()
        return Vouched(ends, {party: pin.digest for party, pin in pins_of(self.state.keys).items()})


def require_untouched(state: StateFolder) -> None:
    """Hold log, ledger and keystores against the heads of the log; every writer to a state asks first.

    Nothing is unlocked. A state without a deployment, or without a log, has nothing to be held against.

    Raises:
        AlteredLog: the log was cut or changed.
        DamagedKeys: a keystore is cut or altered.
        ReplacedKeys: a keystore is not the one that a head knows.
        RolledBack: the state is from before the head that is kept elsewhere.
    """
    if not is_deployed(state):
        return
    with holding(state):
        tail, _ = find_tail(state.audit_log)
        check_heads(state, log_name(state), tail, audit.verify_vouched, Deployed(state).found)


def log_name(state: StateFolder) -> str:
    """The name of a state's audit log, which is that of its deployment; raises :class:`UsageError` when it has none."""
    deployment = _deployment(state)
    if deployment is None:
        raise UsageError(f"there is no run in {state.path} yet, and so no audit log; `smarter run` makes one.")
    return deployment.hex()


def is_deployed(state: StateFolder) -> bool:
    """Whether a deployment was begun on a state."""
    return _deployment(state) is not None


def _deployment(state: StateFolder) -> bytes | None:
    if not state.begun:
        return None
    with closing(Journal(state.journal)) as journal:
        return journal.get("deployment")  # type: ignore[no-any-return] # as it was put there


def note_keys(log: AuditLog, keyring: Keyring) -> None:
    """Commit which private keys a run has opened."""
    for name, purposes in ROTATABLE.items():
        for purpose in purposes:
            entry = keyring.stores[name].current(purpose)
            log.note("key-use", named_party(name), key(entry.fingerprint), purpose=purpose)
    log.commit()


class ReleaseNotes:
    """What a run notes of releases: each window once, over all starts.

    ``unsettled``: the run was stopped with messages in its outbox, of which some may have been noted already.
    """

    def __init__(self, log: AuditLog, state: StateFolder, *, unsettled: bool) -> None:
        self._log = log
        self._state = state
        self._unsettled = unsettled

    def note(self, decisions: Sequence[Decision]) -> None:
        """Commit what becomes of every window, before one is opened; one without readings is not worth an entry."""
        there = set(self._there()) if self._unsettled else set()
        self._unsettled = False
        for note in (note for decision in decisions for note in _notes_of(decision)):
            place = note.action, self._log.text(note.subject), note.detail["kind"], note.detail["start"]
            if place not in there:
                self._log.put(note)
        for decision in decisions:
            if decision.entries:
                asked, end = decision.aggregate, max(entry.end for entry in decision.entries)
                self._log.decided(asked.neighbourhood, asked.kind, end)
        self._log.commit()

    def _there(self) -> Iterator[tuple[object, ...]]:
        for entry in committed(self._state, "release", "refusal"):
            yield entry.action, entry.subject, entry.detail["kind"], entry.detail["start"]


def _notes_of(decision: Decision) -> Iterator[Note]:
    for entry in decision.entries:
        subject = _holder(entry.kind, entry.holder)
        if entry.status.released:
            window = window_of(entry.kind, entry.start, entry.end, entry.digest)
            yield Note("release", named_party("releaser"), subject, window)
        else:
            closed = {"status": entry.status.word, "reason": entry.reason}
            refused = window_of(entry.kind, entry.start, entry.end) | closed
            yield Note("refusal", named_party("releaser"), subject, refused)


def is_release(row: LedgerRow) -> bool:
    """Whether a row of the ledger is of a sum that was opened; one from before there was a status is."""
    return row.status is None or Status(row.status).released


def _holder(kind: str, holder: str) -> Named:
    return neighbourhood(holder) if kind == "demand" else household(holder)


def window_of(kind: str, start: int, end: int, digest: bytes = b"") -> dict[str, Value]:
    """What an entry tells of a window, and of the ciphertext that holds its sum."""
    window: dict[str, Value] = {"kind": kind, "start": stamp(start), "end": stamp(end)}
    return window | {"ciphertext": digest.hex()[:DIGEST_DIGITS]} if digest else window
