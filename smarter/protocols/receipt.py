"""The receipt of an erasure: what it says, the meter's signature over that, and checking it again.

``erasure`` makes one, ``charts.receipt`` writes it for people and reads it back, ``smarter customer check-receipt``
checks it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter

from smarter.errors import AuthenticationFailed
from smarter.keys.signing import public_of, sign, verify

SIGNING_CONTEXT = b"smarter erasure receipt 1"


@dataclass(frozen=True)
class KeptTotal:
    """What is kept of a bill: its period, ISO 8601, and its totals; energy in mWh, the amount as exact text."""

    period_start: str
    period_end: str
    energy_mwh: int | None
    currency: str
    amount: str | None
    status: str


@dataclass(frozen=True)
class Receipt:
    """What an erasure destroyed and what stays.

    Attributes:
        meter: pseudonym in hexadecimal.
        time: ISO 8601, on the neighbourhood's clock.
        destroyed: how many of what are gone. Keys of demand windows also count when an erasure that was cut off had
            destroyed them.
        keys: which keys were destroyed: key epochs by number, data keys and keys of the PES's state by name.
        bills: what is kept of the bills whose windows were erased, now or earlier.
        open_from: from when on billing windows stay, ISO 8601, since their bill does not stand yet; empty: none do.
        stays: what else stays and why, a sentence each.
    """

    meter: str
    time: str
    destroyed: dict[str, int]
    keys: dict[str, tuple[str, ...]]
    bills: tuple[KeptTotal, ...]
    open_from: str
    stays: tuple[str, ...]


@dataclass(frozen=True)
class SignedReceipt:
    """A receipt as JSON text, the meter's Ed25519 signature over it, and the public key that verifies that."""

    receipt: Receipt
    text: str
    signature: bytes
    verify_key: bytes

    @classmethod
    def of(cls, receipt: Receipt, signing_key: bytes) -> SignedReceipt:
        """A receipt, signed by its meter."""
        text = _text(receipt)
        return cls(receipt, text, sign(signing_key, text.encode(), SIGNING_CONTEXT), public_of(signing_key))

    @classmethod
    def read(cls, text: str, signature: bytes, verify_key: bytes) -> SignedReceipt:
        """One whose parts were handed in, its signature not checked yet; raises ValueError: ``text`` is no receipt."""
        receipt = TypeAdapter(Receipt).validate_json(text, strict=True)
        if _text(receipt) != text:
            raise ValueError("the text has something in it that no receipt has")
        return cls(receipt, text, signature, verify_key)

    def form(self) -> str:
        """All of it as JSON."""
        whole = {
            "receipt": asdict(self.receipt),
            "signed_text": self.text,
            "signature": self.signature.hex(),
            "verify_key": self.verify_key.hex(),
        }
        return json.dumps(whole, indent=2) + "\n"

    def check(self, verify_key: bytes) -> None:
        """Return when the meter with this public key signed it; raises :class:`AuthenticationFailed`."""
        if self.verify_key != verify_key:
            raise AuthenticationFailed(
                f"the receipt is signed by the key {self.verify_key.hex()[:16]}…, and meter {self.receipt.meter} signs "
                f"with {verify_key.hex()[:16]}…: it was forged, or is of another deployment."
            )
        try:
            verify(verify_key, self.text.encode(), self.signature, SIGNING_CONTEXT)
        except AuthenticationFailed as error:
            raise AuthenticationFailed(
                f"the receipt is not as meter {self.receipt.meter} signed it: it was altered."
            ) from error


def _text(receipt: Receipt) -> str:
    return json.dumps(asdict(receipt), sort_keys=True, separators=(",", ":"))
