"""What the audit log holds about one customer and their household, for their own eyes.

``smarter customer log`` and the app show it. It begins with their own enrolment: what was noted of whoever lived there
before is not theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from smarter.model.audit import Entry, Named, account, customer, grantee, household
from smarter.protocols.audit_reading import about, read_audit
from smarter.protocols.grants import Given
from smarter.state import Account, StateFolder
from smarter.state.audit.log import AuditLog


def own_entries(state: StateFolder, log: AuditLog, own: Account, given: Iterable[Given] = ()) -> list[Entry]:
    """The entries that concern the holder of an account, their own names in the place of identifiers.

    Args:
        state: whose log it is.
        log: the opened one, whose keys tell who is who; that they look has been noted.
        own: their account.
        given: their grants, so that grantees can be named.

    Raises:
        AlteredLog: the log is not whole.
    """
    mine = (household(own.meter.hex()), customer(own.name), account(own.name))
    names: dict[Named, str] = dict(zip(mine, ("your household", f"you ({own.name})", "your account"), strict=True))
    names |= {grantee(each.receiver): each.grant.grantee for each in given}
    spelt = {log.text(named): name for named, name in names.items()}
    entries = list(about(read_audit(state).entries, log, *mine))
    enrolled = [place for place, entry in enumerate(entries) if _enrols(entry, log.text(customer(own.name)))]
    return [_named(entry, spelt) for entry in entries[enrolled[-1] :]] if enrolled else []


def _enrols(entry: Entry, actor: str) -> bool:
    return entry.action == "enrolment" and entry.actor == actor and entry.detail.get("what") == "enrolled"


def _named(entry: Entry, names: Mapping[str, str]) -> Entry:
    actor, subject = (names.get(text, text) for text in (entry.actor, entry.subject))
    return replace(entry, actor=actor, subject=subject)
