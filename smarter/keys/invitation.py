"""What a one-time code gives meter and customer: a name to find the invitation by, and a MAC key for each direction.

Only what is derived here is ever stored; the code itself is on the installer's paper. ``parties.customer`` derives it
anew from what was typed, the meter has kept it since the invitation was made.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from smarter.errors import DamagedKeys
from smarter.keys.codes import key_from
from smarter.keys.naming import FINGERPRINT_DIGITS

VERIFIER_BYTES = 64


@dataclass(frozen=True)
class Invitation:
    """One code's verifier for one meter.

    Attributes:
        name: what the invitation is found by; says nothing of the code.
        request: MAC key of the customer's request.
        answer: MAC key of the meter's answer.
    """

    name: str
    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)

    @classmethod
    def of(cls, code: bytes, deployment: bytes, pseudonym: bytes) -> Invitation:
        """What ``code`` gives for a meter."""
        request, answer = (key_from(code, use, deployment, pseudonym) for use in (b"enrol", b"enrolled"))
        return cls(invitation_name(code, deployment), request, answer)

    def dump(self) -> bytes:
        """Both keys, for the meter's keystore."""
        return self.request + self.answer

    @classmethod
    def load(cls, name: str, keys: bytes) -> Invitation:
        """The reverse of :meth:`dump`; raises :class:`DamagedKeys`."""
        if len(keys) != VERIFIER_BYTES:
            raise DamagedKeys("an invitation in the meters' keystore does not read back: invite the customer again.")
        return cls(name, keys[: VERIFIER_BYTES // 2], keys[VERIFIER_BYTES // 2 :])


def invitation_name(code: bytes, deployment: bytes) -> str:
    """What an invitation is found by, before it is known which meter the code is of."""
    return key_from(code, b"name", deployment).hex()[:FINGERPRINT_DIGITS]


def mac_of(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.digest(key, message, "sha256")


def is_mac(key: bytes, message: bytes, mac: bytes) -> bool:
    """Whether ``mac`` is that of ``message``."""
    return hmac.compare_digest(mac_of(key, message), mac)
