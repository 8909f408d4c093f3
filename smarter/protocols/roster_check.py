"""Whether who is an operator is as the audit log has it: so an earlier day's accounts, put back, are found.

The operators' desk asks it when an auditor verifies the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from smarter.model.audit import Entry
from smarter.model.audit import account as named_account
from smarter.protocols.roster import Listed
from smarter.state.audit.log import AuditLog


@dataclass(frozen=True)
class _Noted:
    """How an account stands by the log."""

    role: str
    kept_out: bool
    removed: bool


def unlike_log(listed: Iterable[Listed], entries: Iterable[Entry], log: AuditLog) -> Iterator[str]:
    """What of the roster the log says otherwise, in words; nothing when they agree.

    Changes are noted before they are made: one that was cut short by a crash shows here too, until it is repeated.
    """
    noted: dict[str, _Noted] = {}
    for entry in entries:
        if entry.action == "operator-change":
            before, what = noted.get(entry.subject), entry.detail.get("what")
            still = before is not None and before.kept_out and what not in ("added", "enabled")
            noted[entry.subject] = _Noted(str(entry.detail.get("role")), still or what == "disabled", what == "removed")
    for each in listed:
        found = noted.pop(log.text(named_account(each.name)), None)
        if found is None or found.removed:
            yield f"{each.name} is no operator by the log"
        elif found.role != each.role:
            yield f"{each.name} is {each.role} and by the log {found.role}"
        elif found.kept_out != (each.standing == "disabled"):
            yield f"{each.name} is {'let in' if found.kept_out else 'kept out'} and by the log not"
    if missing := sum(not each.removed for each in noted.values()):
        yield f"{missing} that there are by the log are not there"
