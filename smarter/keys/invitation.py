"""What a one-time code gives meter and customer: a name to find the invitation by, and a MAC key for each direction.

Only what is derived here is ever stored; the code itself is on the installer's paper. ``parties.customer`` derives it
again from what was typed, the meter has kept it since the invitation was made, with the key epochs that stay sealed.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from smarter.errors import DamagedKeys
from smarter.keys.codes import key_from
from smarter.keys.naming import FINGERPRINT_DIGITS

VERIFIER_BYTES = 64
EPOCH_BYTES = 4
SLOT_BYTES = 8


@dataclass(frozen=True)
class Invitation:
    """One code's verifier for one meter.

    Attributes:
        name: what the invitation is found by; says nothing of the code.
        request: MAC key of the customer's request.
        answer: MAC key of the meter's answer.
        after: the last key epoch that stays sealed to the customer; None: the last one that there is at enrolment.
        slot: no key epoch that begins before is theirs either; None in an invitation of an earlier version.
    """

    name: str
    request: bytes = field(repr=False)
    answer: bytes = field(repr=False)
    after: int | None = None
    slot: int | None = None

    @classmethod
    def of(
        cls, code: bytes, deployment: bytes, pseudonym: bytes, after: int | None = None, slot: int | None = None
    ) -> Invitation:
        """What ``code`` gives for a meter; ``after`` and ``slot``: as the installer says, not by the code."""
        request, answer = (key_from(code, use, deployment, pseudonym) for use in (b"enrol", b"enrolled"))
        return cls(invitation_name(code, deployment), request, answer, after, slot)

    def dump(self) -> bytes:
        """Both keys, slot and epoch if there are any, for the private part of an entry in the meters' keystore."""
        slot = b"" if self.slot is None else slot_bytes(self.slot)
        after = b"" if self.after is None else self.after.to_bytes(EPOCH_BYTES, "big")
        return self.request + self.answer + slot + after

    @classmethod
    def load(cls, name: str, keys: bytes) -> Invitation:
        """The reverse of :meth:`dump`; raises :class:`DamagedKeys`."""
        whole = VERIFIER_BYTES + SLOT_BYTES
        if len(keys) not in (VERIFIER_BYTES, whole, whole + EPOCH_BYTES):
            raise DamagedKeys("an invitation in the meters' keystore does not read back: invite the customer again.")
        half, slot, after = VERIFIER_BYTES // 2, keys[VERIFIER_BYTES:whole], keys[whole:]
        # One of an earlier version has neither: it opens nothing from before the enrolment.
        return cls(
            name,
            keys[:half],
            keys[half:VERIFIER_BYTES],
            int.from_bytes(after, "big") if after else None,
            slot_of(slot) if slot else None,
        )


def slot_bytes(slot: int) -> bytes:
    """A slot as the meters' keystore keeps it."""
    return slot.to_bytes(SLOT_BYTES, "big", signed=True)


def slot_of(data: bytes) -> int:
    """The reverse of :func:`slot_bytes`."""
    return int.from_bytes(data, "big", signed=True)


def invitation_name(code: bytes, deployment: bytes) -> str:
    """What an invitation is found by, before it is known which meter the code is of."""
    return key_from(code, b"name", deployment).hex()[:FINGERPRINT_DIGITS]


def mac_of(key: bytes, message: bytes) -> bytes:
    """HMAC-SHA256."""
    return hmac.digest(key, message, "sha256")


def is_mac(key: bytes, message: bytes, mac: bytes) -> bool:
    """Whether ``mac`` is that of ``message``."""
    return hmac.compare_digest(mac_of(key, message), mac)
