"""Holding a log, its ledger and its keystores against its heads, before anything is written.

A head in the state goes back to an earlier day with the state; the one kept elsewhere does not. Every writer asks
here first, and so does :class:`~smarter.state.audit.log.AuditLog` at each commit. No secret is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smarter.errors import AlteredLog, AuthenticationFailed, ReplacedKeys, RolledBack
from smarter.state.audit import lines
from smarter.state.audit.files import Tail, anchoring, is_line_of, load_head
from smarter.state.audit.lines import Head, Verify, Vouched, stamp
from smarter.state.folder import StateFolder


def check_heads(
    state: StateFolder, log: str, tail: Tail | None, verify: Verify, found: Callable[[], Vouched] | None = None
) -> Vouched:
    """Hold what is there against the heads; the caller holds the log meanwhile.

    Args:
        state: whose.
        log: its name.
        tail: the end of its committed part.
        verify: of what heads vouch for.
        found: what the state itself shows; left out: only the log is held against the heads.

    Returns:
        What the head elsewhere vouches for, or without one that in the state; of decided windows the later ends.

    Raises:
        AlteredLog: the log was cut or changed, or a head does not read back.
        ReplacedKeys: a keystore is not the one that a head knows.
        RolledBack: the log, or what the ledger has decided, is from before the head elsewhere.
    """
    head = _checked(state, log, tail)
    elsewhere = None
    place = state.head_elsewhere(log)
    if place is not None:
        with anchoring(place):
            elsewhere = load_head(place)
        if elsewhere is not None:
            require_line(state.audit_log, elsewhere, place, log, tail)
    # After the heads, which a run may be ahead of at any moment, and never behind.
    there = found() if found is not None and (head or elsewhere) else None
    vouched: Vouched | None = None
    for one, where in ((elsewhere, place), (head, state.audit_head)):
        if one is not None and one.vouched is not None and where is not None:
            check_signature(one, where, verify)
            if there is not None:
                compare(there, one.vouched, where)
            vouched = vouched.later(one.vouched) if vouched else one.vouched
    return vouched or Vouched()


def _checked(state: StateFolder, log: str, tail: Tail | None) -> Head | None:
    """The head beside the log, which is never ahead of it."""
    path, head = state.audit_log, load_head(state.audit_head)
    if head is None and tail and not tail.only:
        raise AlteredLog(0, "head does not match", f"the head of the audit log {path} is gone")
    last = tail.line.entry.number if tail else 0
    if tail and lines.chained(tail.before or lines.beginning(log), tail.line.content) != tail.line.hash:
        raise AlteredLog(last, "changed", f"entry {last} of the audit log {path} or the one before it was changed")
    if head and head.number > last:
        raise AlteredLog(
            last + 1,
            "cut at the tail",
            f"the audit log {path} was cut: it ends after entry {last} of {head.number}",
        )
    if head and (head.log != log or tail is None or not is_line_of(path, head, tail)):
        raise AlteredLog(last, "head does not match", f"the audit log {path} is not its head's")
    return head


def require_line(path: Path, head: Head, place: Path, log: str, tail: Tail | None) -> None:
    """Raise :class:`RolledBack` unless the log has the very entry that the head in ``place`` was made of."""
    last = tail.line.entry.number if tail else 0
    if head.number > last:
        raise RolledBack(
            f"the audit log {path} ends after entry {last}, and its head in {place} after entry {head.number}"
        )
    if head.log != log or tail is None or not is_line_of(path, head, tail):
        raise RolledBack(f"entry {head.number} of the audit log {path} is not the one that its head in {place} is of")


def check_signature(head: Head, place: Path, verify: Verify) -> None:
    """Raise :class:`AlteredLog` unless what a head vouches for was signed by the key that signs next."""
    try:
        verify(head.seal.next, head.vouched_message, head.signature)
    except AuthenticationFailed as error:
        why = f"the head in {place} was changed in what it says of windows and keys"
        raise AlteredLog(head.number, "head does not match", why) from error


def compare(found: Vouched, vouched: Vouched, place: Path, *, pins: bool = True) -> None:
    """Hold what a state shows against what a head vouches for; ``pins``: also its keystores."""
    for name, kinds in vouched.decided.items():
        for kind, end in kinds.items():
            there = found.decided.get(name, {}).get(kind)
            if there is None or there < end:
                ends = "nowhere" if there is None else f"at {stamp(there)}"
                raise RolledBack(
                    f"the ledger has decided {kind} windows of {name} up to {stamp(end)}, says the head of the audit "
                    f"log in {place}, and ends {ends}"
                )
    if pins and (strangers := vouched.strangers(found.pins)):
        raise ReplacedKeys(
            f"the keystore of {strangers[0]} is not the one that the head of the audit log in {place} knows: it was "
            "replaced, or comes from another day; bring back the one that was there."
        )
