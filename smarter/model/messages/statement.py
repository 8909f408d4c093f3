"""A customer's signed statement to their meter: agreed, withdrawn, opted out or in, granted, revoked.

``parties.customer`` makes and signs them, ``parties.meter.statements`` verifies and folds them; ``state.statements``
keeps their bytes. They count up from 1 for each customer of a meter, with no gap, so that none can be left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from smarter.errors import MalformedMessage
from smarter.model.messages import wire
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES

SIGNING_CONTEXT = b"smarter statement 1"
Kind = Literal["agree", "withdraw", "opt-out", "opt-in", "grant", "revoke"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Value = str | int | bytes
GRANT_BYTES = 16
LONGEST_NAME = 100
LONGEST_PURPOSE = 500
LONGEST_KEY = 16_384
LAST_NUMBER = (1 << 31) - 1
MONTH = "month"
_FORMS: Mapping[Kind, Mapping[str, type | tuple[type, ...]]] = {
    "agree": {"notice": int, "digest": bytes},
    "withdraw": {},
    "opt-out": {},
    "opt-in": {},
    "grant": {
        "grant": str,
        "grantee": str,
        "plugin": str,
        "key": bytes,
        "window": (int, str),
        "start": int,
        "end": int,
        "expires": int,
        "purpose": str,
    },
    "revoke": {"grant": str},
}
"""What each kind says beside what all say, and in what type."""
_LENGTHS = {"grantee": LONGEST_NAME, "purpose": LONGEST_PURPOSE, "key": LONGEST_KEY, "plugin": 64}
_GRANT = re.compile(f"[0-9a-f]{{{2 * GRANT_BYTES}}}")


@dataclass(frozen=True)
class Statement:
    """The body of a statement; it travels in a :class:`~smarter.model.messages.wire.Signed`.

    Attributes:
        deployment: 16 bytes.
        pseudonym: 8 bytes, of the customer's meter.
        number: from 1.
        kind: of :data:`KINDS`.
        at: epoch seconds, by the customer's clock.
        detail: of ``agree`` the notice's version and the SHA-256 of the text shown; of ``revoke`` the grant; of
            ``grant`` its id (32 hexadecimal digits), the grantee's name and public key (byte form, of the keywrap
            ``plugin``), the window in seconds or ``month``, ``start``, ``end`` and ``expires`` in epoch seconds, and
            the purpose.
    """

    deployment: bytes
    pseudonym: bytes
    number: int
    kind: Kind
    at: int
    detail: Mapping[str, Any]

    def encode(self) -> bytes:
        """The byte form, which is signed; raises :class:`MalformedMessage` where it would not read back."""
        self._check()
        fields = [self.deployment, self.pseudonym, self.number, self.kind, self.at, dict(sorted(self.detail.items()))]
        return wire.encode("statement", fields)

    @classmethod
    def decode(cls, data: bytes) -> Statement:
        """The reverse; raises :class:`MalformedMessage`."""
        statement = cls(*wire.decode("statement", data, [bytes, bytes, int, str, int, dict]))
        statement._check()
        return statement

    def _check(self) -> None:
        form: Mapping[str, Any] | None = _FORMS.get(self.kind)
        if form is None or (len(self.deployment), len(self.pseudonym)) != (DEPLOYMENT_BYTES, PSEUDONYM_BYTES):
            raise MalformedMessage("a statement is of no known kind, or names a deployment or meter that cannot be.")
        if not 1 <= self.number <= LAST_NUMBER or set(self.detail) != set(form):
            raise MalformedMessage(f"statement {self.number} of a customer does not say what {self.kind!r} says.")
        for name, wanted in form.items():
            value = self.detail[name]
            if not isinstance(value, wanted) or isinstance(value, bool) or not _fits(name, value):
                raise MalformedMessage(f"the {name} of a customer's statement {self.number} cannot be.")
        if self.kind == "grant" and self.detail["start"] >= self.detail["end"]:
            raise MalformedMessage(f"the grant in a customer's statement {self.number} ends before it starts.")


def _fits(name: str, value: Value) -> bool:
    if name == "grant":
        return isinstance(value, str) and _GRANT.fullmatch(value) is not None
    if name == "window":
        return value == MONTH or (isinstance(value, int) and value > 0)
    if name == "digest":
        return isinstance(value, bytes) and len(value) == 32
    if isinstance(value, int):
        return 0 <= value < 1 << 62
    return len(value) <= _LENGTHS[name]
