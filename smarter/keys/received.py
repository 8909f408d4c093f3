"""What a third party remembers of deliveries under grants, in a private file beside its key.

By it ``protocols.grantee`` notices when another key signs than before, or when a mailbox was taken back to an earlier
day.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smarter.errors import AuthenticationFailed, DataError
from smarter.keys.files import read_private, write_private

FORMAT = "smarter-received"
LONGEST = 16 * 2**20


@dataclass(frozen=True)
class Remembered:
    """Of one grant: the key that signed, and the last delivery's number and SHA-256; hexadecimal."""

    verify_key: str
    number: int
    digest: str


class ReceivedFile:
    """The file. Changes are in memory until :meth:`save`."""

    def __init__(self, path: Path) -> None:
        """Read it, if it is there; raises :class:`DataError` when it does not read back."""
        self._path = path
        self._grants: dict[str, Remembered] = {}
        if path.exists():
            try:
                whole = json.loads(read_private(path, LONGEST))
                if (whole["format"], whole["version"]) != (FORMAT, 1):
                    raise ValueError("it is of another format")
                self._grants = {grant: Remembered(**fields) for grant, fields in whole["grants"].items()}
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise DataError(
                    f"{path} does not read back; restore it from a backup, or remove it to trust anew."
                ) from error

    @classmethod
    def beside(cls, key: Path) -> ReceivedFile:
        """That of a private key's file: ``advice.received.json`` beside ``advice.pem``."""
        return cls(key.with_name(f"{key.name.removesuffix('.pem')}.received.json"))

    def verify_key(self, grant: str) -> bytes | None:
        """The key that has signed under a grant before; None: nothing was received under it."""
        known = self._grants.get(grant)
        return bytes.fromhex(known.verify_key) if known else None

    def check(self, grant: str, verify_key: bytes, messages: Sequence[bytes], gone: int = 0) -> None:
        """Return when all that was received before is still there, or ``gone`` before it, and the same key is to sign.

        Raises:
            AuthenticationFailed: it is not.
        """
        known = self._grants.get(grant)
        if known is None:
            return
        if known.verify_key != verify_key.hex():
            raise AuthenticationFailed(
                f"deliveries under grant {grant[:8]} were signed by another key before: ask the customer which one is."
            )
        if known.number <= gone:
            return
        there = messages[known.number - 1 - gone : known.number - gone]
        if not there or not hmac.compare_digest(_digest(there[0]), known.digest):
            raise AuthenticationFailed(
                f"delivery {known.number} under grant {grant[:8]} is not the one that was received before: the mailbox "
                "was taken back or altered; ask whoever runs the meters."
            )

    def remember(self, grant: str, verify_key: bytes, messages: Sequence[bytes], gone: int = 0) -> None:
        """All of ``messages`` have been received under a grant, of which so many were ``gone`` before them."""
        self._grants[grant] = Remembered(verify_key.hex(), gone + len(messages), _digest(messages[-1]))

    def save(self) -> None:
        """Replace the file."""
        grants = {grant: vars(known) for grant, known in sorted(self._grants.items())}
        write_private(self._path, (json.dumps({"format": FORMAT, "version": 1, "grants": grants}) + "\n").encode())


def _digest(message: bytes) -> str:
    return hashlib.sha256(message).hexdigest()
