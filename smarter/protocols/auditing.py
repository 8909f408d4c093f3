"""The audit log of a deployment: opening it with the keys of its own party, noting what a run does, replacing its key.

Whoever reads, changes or gives out something opens it by :func:`open_audit`, notes what is about to happen, commits,
and goes on. A run notes releases and refusals when they are in the ledger and before anything is decrypted.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator

from smarter.errors import UsageError
from smarter.keys import audit
from smarter.keys.audit import AuditKeys
from smarter.keys.entries import KeyEntry
from smarter.keys.keystore import Keystore
from smarter.keys.unlock import Unlock
from smarter.model.audit import HOUSEHOLDS, LOCAL, Named, Note, Value, household, key, neighbourhood
from smarter.model.audit import party as named_party
from smarter.model.messages import Status
from smarter.parties.releaser import Decision
from smarter.protocols import provision
from smarter.protocols.provision import ROTATABLE, Cryptography, Keyring, audit_keystore
from smarter.state import Journal, LedgerRow, StateFolder
from smarter.state.audit.check import committed
from smarter.state.audit.lines import stamp
from smarter.state.audit.log import AuditLog, Clock

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
    """The same, with the opened keystore of party ``audit``."""
    return AuditLog.open(state, AuditKeys.of(store, log_name(state)), clock, lambda: _past(state))


def _past(state: StateFolder) -> Iterator[Note]:
    journal = Journal(state.journal)
    try:
        for row in journal.ledger():
            if is_release(row):
                window = window_of(row.kind, row.start, row.end, row.digest)
                yield Note("release", named_party("releaser"), _holder(row.kind, row.holder), window)
    finally:
        journal.close()


def log_name(state: StateFolder) -> str:
    """The name of a state's audit log, which is that of its deployment; raises :class:`UsageError` when it has none."""
    deployment = None
    if state.begun:
        journal = Journal(state.journal)
        try:
            deployment = journal.get("deployment")
        finally:
            journal.close()
    if deployment is None:
        raise UsageError(f"there is no run in {state.path} yet, and so no audit log; `smarter run` makes one.")
    return bytes(deployment).hex()


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

    def note(self, decisions: Iterable[Decision]) -> None:
        """Commit what becomes of every window, before one is opened; one without readings is not worth an entry."""
        there = set(self._there()) if self._unsettled else set()
        self._unsettled = False
        for note in (note for decision in decisions for note in _notes_of(decision)):
            place = note.action, self._log.text(note.subject), note.detail["kind"], note.detail["start"]
            if place not in there:
                self._log.put(note)
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


def rotate(state: StateFolder, unlock: Unlock, plugins: Cryptography, party: str, purpose: str) -> KeyEntry:
    """Replace one key of a party, the audit log's own among them, and note it; as of :func:`provision.rotate`."""
    if (party, purpose) == (audit.PARTY, audit.SIGN):
        return _rotate_own(state, unlock)

    def noting(before: KeyEntry, entry: KeyEntry) -> None:
        with open_audit(state, unlock) as log:
            log.note("key-change", LOCAL, key(entry.fingerprint), **_replaced(party, before))

    return provision.rotate(state.keys, unlock, plugins, party, purpose, noting)


def _rotate_own(state: StateFolder, unlock: Unlock) -> KeyEntry:
    """By an entry that the earlier key signs. Of that the public half stays, so that its entries still verify."""
    store = audit_keystore(state.keys, unlock)
    before, entry = store.current(audit.SIGN), audit.new_signing_key()
    # Both are kept first: stopped here, the log's next batch says the same.
    store.add(entry)
    store.save()
    with audit_under(store, state) as log:
        log.note("key-change", LOCAL, key(entry.fingerprint), **_replaced(audit.PARTY, before))
    store.forget_earlier_private(audit.SIGN)
    store.save()
    return entry


def _replaced(party: str, before: KeyEntry) -> dict[str, Value]:
    return {"party": party, "purpose": before.purpose, "before": before.fingerprint}
