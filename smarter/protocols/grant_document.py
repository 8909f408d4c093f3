"""The grant document: what a customer hands to the grantee with a grant, by another way than the deliveries come.

``smarter customer grant`` prints one, ``smarter grants read`` takes it. It is a small JSON file that tells nothing of
any reading; what the grantee needs most in it is the meter's verify key, which the customer learnt when they enrolled.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from smarter.errors import DataError
from smarter.model.messages.frame import DEPLOYMENT_BYTES, PSEUDONYM_BYTES
from smarter.model.messages.statement import GRANT_BYTES
from smarter.model.windows import iso
from smarter.parties.grantee import Source
from smarter.parties.meter.statements import Grant
from smarter.protocols.grant_wish import spell_window
from smarter.state import Account

FORMAT = "smarter-grant"
LONGEST = 64 * 2**10
"""Bytes of a file that is looked at."""
_BYTES = {"deployment": DEPLOYMENT_BYTES, "meter": PSEUDONYM_BYTES, "verify_key": 32, "grant": GRANT_BYTES}


@dataclass(frozen=True)
class GrantDocument:
    """A grant as its grantee gets to know it; bytes in hexadecimal, times in ISO 8601.

    Attributes:
        deployment: whose meter it is.
        meter: its pseudonym.
        verify_key: the Ed25519 public key that it signs deliveries with.
        grant: the grant's id.
        grantee: to whom.
        key: fingerprint of their key.
        window: such as ``1h`` or ``month``.
        timezone: of the clock that windows are cut by.
        start: of the span; ``end`` likewise.
        expires: when the grant ends by itself.
        purpose: what for.
    """

    deployment: str
    meter: str
    verify_key: str
    grant: str
    grantee: str
    key: str
    window: str
    timezone: str
    start: str
    end: str
    expires: str
    purpose: str

    @classmethod
    def of(cls, grant: Grant, deployment: bytes, account: Account, key: str, timezone: str) -> GrantDocument:
        """That of a grant which the holder of ``account`` gave to the key with fingerprint ``key``."""
        return cls(
            deployment.hex(),
            account.meter.hex(),
            account.verify_key.hex(),
            grant.id,
            grant.grantee,
            key,
            spell_window(grant.window),
            timezone,
            iso(grant.start, timezone),
            iso(grant.end, timezone),
            iso(grant.expires, timezone),
            grant.purpose,
        )

    def text(self) -> str:
        """The file."""
        return json.dumps({"format": FORMAT, "version": 1, **asdict(self)}, indent=2, ensure_ascii=False) + "\n"

    @classmethod
    def read(cls, data: bytes, where: str) -> GrantDocument:
        """The reverse of :meth:`text`; raises :class:`DataError`."""
        try:
            fields = _fields(data)
            if fields.pop("format", None) != FORMAT or fields.pop("version", None) != 1:
                raise ValueError("it is of another format")
            document = cls(**fields)
            for name, size in _BYTES.items():
                if len(bytes.fromhex(fields[name])) != size:
                    raise ValueError(f"its {name} is of another size")
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(
                f"{where} is no grant document, or was damaged: ask the customer for what `smarter customer grant` "
                "printed."
            ) from error
        return document

    @property
    def source(self) -> Source:
        """Whose deliveries it is about."""
        return Source(
            bytes.fromhex(self.deployment), bytes.fromhex(self.meter), self.grant, bytes.fromhex(self.verify_key)
        )


def _fields(data: bytes) -> dict[str, Any]:
    if len(data) > LONGEST:
        raise ValueError("it is too long")
    fields = json.loads(data)
    if not isinstance(fields, dict) or not all(isinstance(fields[name], str) for name in fields if name != "version"):
        raise ValueError("a field is no text")
    return fields
