"""What customers state to their meters: making a statement, and knowing from all of them where somebody stands.

``smarter customer`` and the app state through it for whoever is logged in; runs and grants ask it for the meters. A
statement is noted in the audit log, then signed and kept, and then the meter's side notes in the journal that it was
there: so no copy of the accounts from an earlier day can take it back.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from smarter.errors import UsageError
from smarter.model.audit import Action, Note, Value, household
from smarter.model.messages.statement import Kind, Statement
from smarter.model.messages.statement import Value as Detail
from smarter.parties.customer import CustomerSecrets
from smarter.parties.meter.statements import Standing, read_statements
from smarter.protocols.holder import Holder, Witness, named_holder
from smarter.protocols.notice import Notice
from smarter.protocols.session import Session
from smarter.state.statements import Statements

_ACTIONS: dict[Kind, Action] = {"grant": "grant", "revoke": "revocation"}


def state(
    session: Session,
    statements: Statements,
    holder: Holder,
    kind: Kind,
    *,
    witness: Witness,
    clock: Callable[[], float] = time.time,
    **detail: Detail,
) -> Statement:
    """State something to the meter of whoever is logged in; ``detail``: as of :class:`Statement`.

    Raises:
        UsageError: it would change nothing, or something else was stated at the same moment.
        AuthenticationFailed: what they have stated before is not whole.
    """
    meter, secrets = holder.account.meter, CustomerSecrets.decode(holder.private)
    before = standing_of(session, statements, meter, secrets.verify_key)
    _refuse_idle(before, kind, detail)
    statement = Statement(session.deployment, meter, before.number + 1, kind, int(clock()), detail)
    signed = secrets.sign(statement)
    witness(Note(_ACTIONS.get(kind, "consent"), named_holder(holder.account), household(meter.hex()), _told(statement)))
    statements.append(meter, secrets.verify_key, statement.number, signed)
    session.journal.see_statements(secrets.verify_key, statement.number)
    return statement


def agree(
    session: Session,
    statements: Statements,
    holder: Holder,
    notice: Notice,
    *,
    witness: Witness,
    clock: Callable[[], float] = time.time,
) -> Statement:
    """Agree to a notice that has been shown; raises as :func:`state`."""
    shown: dict[str, Detail] = {"notice": notice.version, "digest": notice.digest}
    return state(session, statements, holder, "agree", witness=witness, clock=clock, **shown)


def standing_of(session: Session, statements: Statements | None, pseudonym: bytes, verify_key: bytes) -> Standing:
    """Where the customer of a meter stands, by the key that verifies what they state; None: there is no file of them.

    What the meter has seen is noted, so that it never sees less of it again.

    Raises:
        AuthenticationFailed: their statements are not whole, or one is not theirs.
        MalformedMessage: one is no statement.
    """
    journal = session.journal
    seen = journal.statements_seen(verify_key)
    kept = statements.of_meter(pseudonym, verify_key) if statements else []
    standing = Standing.of(session.deployment, pseudonym, verify_key, kept, seen)
    if standing.number > seen:
        journal.see_statements(verify_key, standing.number)
    return standing


def own_standing(session: Session, statements: Statements, holder: Holder) -> Standing:
    """Where whoever is logged in stands; raises as :func:`standing_of`."""
    verify_key = CustomerSecrets.decode(holder.private).verify_key
    return standing_of(session, statements, holder.account.meter, verify_key)


def own_statements(session: Session, statements: Statements, holder: Holder) -> list[Statement]:
    """All that whoever is logged in has stated, verified; raises as :func:`standing_of`."""
    meter, verify_key = holder.account.meter, CustomerSecrets.decode(holder.private).verify_key
    seen = session.journal.statements_seen(verify_key)
    return read_statements(session.deployment, meter, verify_key, statements.of_meter(meter, verify_key), seen)


def _refuse_idle(standing: Standing, kind: Kind, detail: dict[str, Detail]) -> None:
    grant = standing.grants.get(str(detail.get("grant", "")))
    idle = {
        "agree": (standing.notice, standing.digest) == (detail.get("notice"), detail.get("digest")),
        "withdraw": standing.notice is None,
        "opt-out": not standing.statistics,
        "opt-in": standing.statistics,
        "grant": grant is not None,
        "revoke": grant is None or grant.revoked is not None,
    }
    if not idle[kind]:
        return
    said = {
        "agree": "you agree to this version of the notice already.",
        "withdraw": "there is no agreement of yours to withdraw.",
        "opt-out": "your readings are out of the neighbourhood's statistics already.",
        "opt-in": "your readings are in the neighbourhood's statistics already.",
        "grant": "there is a grant with this number already.",
        "revoke": "there is no such grant of yours, or it is revoked already; `smarter customer grants` lists them.",
    }
    raise UsageError(said[kind])


def _told(statement: Statement) -> dict[str, Value]:
    told: dict[str, Value] = {"number": statement.number}
    if statement.kind not in _ACTIONS:
        told["what"] = statement.kind
    for name in ("notice", "grant"):
        value = statement.detail.get(name)
        if isinstance(value, int | str):
            told[name] = value
    return told
