"""The meter's side of its customer's statements: it verifies all of them, and knows from them what it may do.

``protocols.statements`` hands it what is kept, and what the meter has seen before: a statement that was forged,
altered, put elsewhere or left out is an error, and never a right.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from smarter.errors import AuthenticationFailed, MalformedMessage
from smarter.keys.signing import verify
from smarter.model.messages.statement import SIGNING_CONTEXT, Statement
from smarter.model.messages.wire import Signed


@dataclass(frozen=True)
class Grant:
    """What a customer lets somebody else have.

    Attributes:
        id: 32 hexadecimal digits.
        grantee: their name, for people.
        plugin: the keywrap that their key belongs to.
        key: their public key, as that writes it.
        window: over what readings are added up for them: seconds, or ``month``.
        start: epoch seconds of the span; ``end`` likewise.
        expires: epoch seconds from which nothing is delivered any more.
        purpose: what for, in the customer's words.
        at: when it was given, epoch seconds.
        number: of the statement that gave it.
        revoked: when it was revoked, epoch seconds; None: it was not.
    """

    id: str
    grantee: str
    plugin: str
    key: bytes
    window: int | Literal["month"]
    start: int
    end: int
    expires: int
    purpose: str
    at: int
    number: int
    revoked: int | None = None

    def live(self, now: float) -> bool:
        """Whether something may be delivered under it at ``now``, epoch seconds."""
        return self.revoked is None and now < self.expires


@dataclass(frozen=True)
class Standing:
    """Where a customer stands by all that they have said.

    Attributes:
        notice: the version of the notice that they agree to; None: to none, or no more.
        digest: SHA-256 of the text that they agreed to; empty with ``notice`` None.
        statistics: whether their readings may be in the neighbourhood's demand, once they agree.
        grants: all that were ever given, by id; those revoked among them.
        number: of the last statement; 0: there is none.
    """

    notice: int | None = None
    digest: bytes = b""
    statistics: bool = True
    grants: Mapping[str, Grant] = field(default_factory=dict)
    number: int = 0

    @classmethod
    def of(
        cls, deployment: bytes, pseudonym: bytes, verify_key: bytes, signed: Iterable[bytes], seen: int = 0
    ) -> Standing:
        """Verify the statements of one meter's customer, all of them in order, and fold them.

        Args:
            deployment: 16 bytes.
            pseudonym: of the meter.
            verify_key: the customer's Ed25519 public key, as the meter learnt it at enrolment.
            signed: their bytes.
            seen: the highest number that there has been.

        Raises:
            AuthenticationFailed: one is forged, altered, of another meter or deployment, out of order or missing.
            MalformedMessage: one is no statement.
        """
        standing = cls()
        for statement in read_statements(deployment, pseudonym, verify_key, signed, seen):
            standing = standing.after(statement)
        return standing

    def after(self, statement: Statement) -> Standing:
        """Where they stand when they have said this as well."""
        detail = statement.detail
        changed = replace(self, number=statement.number)
        match statement.kind:
            case "agree":
                return replace(changed, notice=detail["notice"], digest=detail["digest"])
            case "withdraw":
                return replace(changed, notice=None, digest=b"")
            case "opt-out" | "opt-in":
                return replace(changed, statistics=statement.kind == "opt-in")
            case "grant":
                if detail["grant"] in self.grants:
                    raise MalformedMessage(f"a customer's statement {statement.number} gives a grant a second time.")
                given = {name: value for name, value in detail.items() if name != "grant"}
                grant = Grant(id=detail["grant"], **given, at=statement.at, number=statement.number)
                return replace(changed, grants={**self.grants, grant.id: grant})
            case "revoke":
                grants = dict(self.grants)
                revoked = grants.get(detail["grant"])
                if revoked is not None and revoked.revoked is None:
                    grants[revoked.id] = replace(revoked, revoked=statement.at)
                return replace(changed, grants=grants)


def read_statements(
    deployment: bytes, pseudonym: bytes, verify_key: bytes, signed: Iterable[bytes], seen: int = 0
) -> list[Statement]:
    """The statements of one meter's customer, verified; arguments and errors as of :meth:`Standing.of`."""
    statements: list[Statement] = []
    for data in signed:
        message = Signed.decode(data)
        verify(verify_key, message.body, message.signature, SIGNING_CONTEXT)
        statement = Statement.decode(message.body)
        if (statement.deployment, statement.pseudonym) != (deployment, pseudonym):
            raise AuthenticationFailed("a customer's statement is about another meter, or of another deployment.")
        if statement.number != len(statements) + 1:
            raise AuthenticationFailed(
                f"a customer's statements are not whole: number {len(statements) + 1} is missing or out of order."
            )
        statements.append(statement)
    if len(statements) < seen:
        raise AuthenticationFailed(
            f"a customer's statements are not whole: the meter has seen {seen} of them, and there are "
            f"{len(statements)}; restore accounts.sqlite from a backup that has them."
        )
    return statements
