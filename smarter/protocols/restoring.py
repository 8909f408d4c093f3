"""Going on with a state that was put back to an earlier day: what may have been released since is given up.

The head of the audit log that is kept elsewhere says how far the state had come. ``smarter audit accept-restore`` calls
this; nothing else replaces a head that the log does not have.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from smarter.errors import IntegrityError, ReplacedKeys, RolledBack, UsageError
from smarter.keys import audit
from smarter.keys.audit import AuditKeys
from smarter.keys.keystore import Keystore
from smarter.keys.unlock import Unlock
from smarter.model.audit import LENGTH, LOCAL, Note, Value, neighbourhood
from smarter.protocols.audit_reading import read_audit
from smarter.protocols.auditing import Deployed, log_name
from smarter.state import Journal, StateFolder
from smarter.state.audit.files import find_tail, load_head
from smarter.state.audit.heads import check_signature, require_line
from smarter.state.audit.lines import Head, Vouched, stamp
from smarter.state.audit.log import AuditLog, holding


@dataclass(frozen=True)
class Restored:
    """What tells a state that was put back from the one that its head elsewhere is of.

    Attributes:
        entries: how many the log has; ``known``: how many the head counts.
        lost: by neighbourhood, the moment before which nothing is opened any more that is not decided, epoch seconds.
        keys: parties whose keystores are not those that the head knows.
    """

    entries: int
    known: int
    lost: Mapping[str, int]
    keys: tuple[str, ...]


def find_restored(state: StateFolder) -> Restored:
    """Compare a state with the head of its audit log that is kept elsewhere; nothing is unlocked or written.

    Raises:
        AlteredLog: the log is not whole by itself, or the head does not read back.
        IntegrityError: the head is of an earlier version, and does not say which windows were decided.
        UsageError: there is no such head, or the state is the one that it knows.
    """
    found, head, place = _looked_at(state)
    assert head.vouched is not None, "_looked_at refuses a head without"
    entries = sum(1 for _ in read_audit(state).entries)
    lost = {
        name: max(kinds.values())
        for name, kinds in head.vouched.decided.items()
        if any(found.decided.get(name, {}).get(kind, end - 1) < end for kind, end in kinds.items())
    }
    keys = head.vouched.strangers(found.pins)
    if not (lost or keys or _is_behind(state, head, place)):
        raise UsageError(f"the state in {state.path} is the one that the head in {place} knows: nothing to accept.")
    return Restored(entries, head.number, lost, keys)


def accept_restore(
    state: StateFolder,
    unlock: Unlock,
    reason: str,
    keys_of: Collection[str] = (),
    *,
    clock: Callable[[], float] = time.time,
) -> Restored:
    """Go on with a state that was put back: give up what its head elsewhere knows more, and note it.

    Args:
        state: whose; the caller holds its lock.
        unlock: opens the keystore of the audit log.
        reason: why, in a person's own words; it is kept in the log.
        keys_of: parties whose other keystores are accepted, too.
        clock: of the entry.

    Raises:
        ReplacedKeys: a keystore is not the one that the head knows, and its party is not named.
        UsageError: there is nothing to accept, or no reason.
        and as of :func:`find_restored`.
    """
    reason = reason.strip()
    if not 0 < len(reason) <= LENGTH or not reason.isprintable():
        raise UsageError(f"a reason is needed, of {LENGTH} plain characters at most: it is kept in the audit log.")
    there = find_restored(state)
    if missing := [party for party in there.keys if party not in keys_of]:
        raise ReplacedKeys(
            f"the keystores of {', '.join(missing)} in {state.keys} are not those that the head of the audit log "
            "knows: bring those back, or name each party with --keys-of if its keys were changed since the backup."
        )
    store = Keystore.open(state.keys, audit.PARTY, unlock)
    with closing(Journal(state.journal)) as journal:
        journal.lose(there.lost)
    keys = AuditKeys.of(store, log_name(state))
    with AuditLog.accepting(state, keys, clock, audit.verify_vouched, Deployed(state)) as log:
        accepted: dict[str, Value] = {"reason": reason, "entries": there.known}
        if there.keys:
            accepted["keys"] = " ".join(there.keys)
        log.put(Note("restore", LOCAL, None, accepted))
        for name, moment in there.lost.items():
            log.put(Note("restore", LOCAL, neighbourhood(name), {"lost_until": stamp(moment)}))
    return there


def _looked_at(state: StateFolder) -> tuple[Vouched, Head, Path]:
    place = state.head_elsewhere(log_name(state))
    head = load_head(place) if place is not None else None
    if place is None or head is None:
        where = "nowhere else" if place is None else f"not in {place.parent}"
        raise UsageError(f"the head of the audit log of {state.path} is kept {where}: there is nothing to accept.")
    if head.vouched is None:
        raise IntegrityError(
            f"the head of the audit log in {place} was kept by an earlier version of Smarter and does not say which "
            "windows were decided: bring back the state that it is of, or start again with --fresh."
        )
    check_signature(head, place, audit.verify_vouched)
    return Deployed(state).found(), head, place


def _is_behind(state: StateFolder, head: Head, place: Path) -> bool:
    with holding(state):
        tail, _ = find_tail(state.audit_log)
        with suppress(RolledBack):
            require_line(state.audit_log, head, place, log_name(state), tail)
            return False
    return True
