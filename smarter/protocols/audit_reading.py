"""Reading the audit log of a deployment, checked on the way, and holding it against its heads and the ledger.

``smarter audit`` calls it, and whoever shows customers what concerns them. Nothing here needs the key that signs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from smarter.errors import AlteredLog, IntegrityError, UsageError
from smarter.keys import audit
from smarter.keys.keystore import Keystore, public_entries
from smarter.model.audit import HOUSEHOLDS, Entry, Named, Value
from smarter.protocols.auditing import Deployed, is_release, log_name, window_of
from smarter.state import Journal, StateFolder
from smarter.state.audit.check import snapshot, walk
from smarter.state.audit.files import load_head
from smarter.state.audit.heads import compare
from smarter.state.audit.lines import Head
from smarter.state.audit.log import AuditLog
from smarter.state.folder import ANCHOR


@dataclass(frozen=True)
class Reading:
    """A log that is being read. ``torn``: bytes behind it that were never committed."""

    entries: Iterator[Entry]
    torn: int


@dataclass(frozen=True)
class Checked:
    """A log that is whole: how many entries it has, and how many bytes behind them were never committed."""

    entries: int
    torn: int


def read_audit(state: StateFolder, elsewhere: Sequence[Path] = ()) -> Reading:
    """The entries of a log, each given out when a signature over it has been found right.

    They end in a comparison with the heads in the state and ``elsewhere``. Others may go on writing.

    Raises:
        AlteredLog: when it comes to the first entry that is wrong, with its number and what is wrong.
        DamagedKeys: the keystore of party ``audit`` does not read back.
        UsageError: there is no log yet.
    """
    name = log_name(state)
    if not Keystore.exists(state.keys, audit.PARTY) and not state.audit_log.exists():
        raise UsageError(f"there is no audit log in {state.path} yet; the next `smarter run` begins one.")
    listed = public_entries(state.keys, audit.PARTY)
    keys = {entry.public for entry in listed if entry.purpose == audit.SIGN}
    seen = snapshot(state, *elsewhere)
    return Reading(walk(seen, name, keys, audit.verify, audit.verify_vouched), seen.torn)


def about(entries: Iterable[Entry], log: AuditLog, *named: Named) -> Iterator[Entry]:
    """The entries that name one of ``named`` as actor or subject, for a household also those about all of them.

    ``log``: the opened one, whose keys tell who is who.
    """
    names = {log.text(one) for one in named}
    if any(one.kind == "household" for one in named):
        names.add(log.text(HOUSEHOLDS))
    return (entry for entry in entries if entry.subject in names or entry.actor in names)


def default_heads(state: StateFolder) -> list[Path]:
    """Where heads of a state's log are kept elsewhere, if they are to be."""
    return state.heads_elsewhere(log_name(state))


def heads_in(anchor: Path, state: StateFolder) -> list[Path]:
    """``anchor`` itself, or in that folder all heads of a state's log."""
    return replace(state, anchor=anchor).heads_elsewhere(log_name(state)) if anchor.is_dir() else [anchor]


def head_of(state: StateFolder) -> Head:
    """The head of a log that is whole."""
    for _ in read_audit(state).entries:
        pass
    head = load_head(state.audit_head)
    if head is None:
        raise UsageError(f"nothing has been committed to the audit log in {state.path} yet.")
    return head


def check_audit(state: StateFolder, elsewhere: Sequence[Path]) -> Checked:
    """Check a log from its first entry to its last, against the heads in the state and ``elsewhere``, and the ledger.

    Raises:
        AlteredLog: with the number of the first entry that is wrong, and what is wrong.
        DamagedKeys: the keystore of party ``audit`` does not read back.
        IntegrityError: there is no head ``elsewhere``.
        ReplacedKeys: a keystore is not the one that a head knows.
        RolledBack: the ledger is from before a head.
        UsageError: there is no log yet.
    """
    # Ledger, outbox, log: each before what it leads to, should a run go on meanwhile.
    unlogged, pending = _released(state)
    reading, count = read_audit(state, elsewhere), 0
    for entry in reading.entries:
        count += 1
        if entry.action == "release":
            mark = _mark(entry.detail)
            unlogged[mark] -= 1
            if unlogged[mark] < 0:
                kind, start, end, _ = mark
                raise AlteredLog(
                    entry.number,
                    "not in the ledger",
                    f"entry {entry.number} of the audit log {state.audit_log} is a release that the ledger does not "
                    f"have: of a {kind} window from {start} to {end}",
                )
    for place in elsewhere:
        if not place.exists():
            raise IntegrityError(
                f"no head of the audit log is kept in {place}, so that nobody can say whether its tail was cut; name a "
                f"head that you have kept with --anchor, or do without by an empty {ANCHOR}."
            )
    _compare_heads(state, elsewhere)
    missing = next((mark for mark, times in unlogged.items() if times > 0), None)
    # What was in the outbox when the run was stopped is in the ledger, and perhaps not opened yet.
    if missing is not None and not pending:
        kind, start, end, _ = missing
        raise AlteredLog(
            count + 1,
            "not in the log",
            f"the ledger has a release that is not in the audit log {state.audit_log}: of a {kind} window from {start} "
            f"to {end}",
        )
    return Checked(count, reading.torn)


def _compare_heads(state: StateFolder, elsewhere: Sequence[Path]) -> None:
    """Hold ledger and keystores against what heads vouch for; an old head that was printed knows older keystores."""
    current = (state.audit_head, state.head_elsewhere(log_name(state)))
    heads = {place: load_head(place) for place in (state.audit_head, *elsewhere)}
    found = Deployed(state).found()  # after the heads, which a run may be ahead of
    for place, head in heads.items():
        if head is not None and head.vouched is not None:
            compare(found, head.vouched, place, pins=place in current)


def _released(state: StateFolder) -> tuple[Counter[tuple[Value, ...]], bool]:
    """What the ledger says was released, and whether some of that may be still to come."""
    journal = Journal(state.journal)
    try:
        released = Counter(
            _mark(window_of(row.kind, row.start, row.end, row.digest)) for row in journal.ledger() if is_release(row)
        )
        return released, bool(journal.outbox())
    finally:
        journal.close()


def _mark(window: Mapping[str, Value]) -> tuple[Value, ...]:
    return tuple(window.get(name, "") for name in ("kind", "start", "end", "ciphertext"))
