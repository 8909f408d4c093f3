"""The receipt of an erasure in words; ``cli`` prints it, the app shows it, and both can be read back."""

from __future__ import annotations

import json
import re

from smarter.errors import AuthenticationFailed, DataError
from smarter.protocols.receipt import SignedReceipt

LONGEST = 2**20
"""Bytes of a file that is looked at."""

# Receipts of earlier versions have fewer of them.
_WORDS = {
    "epoch_secrets": "secret of a key epoch of the meter",
    "seal_keys": "seal key, wrapped for the customer",
    "announcements": "announcement of a key epoch to the PES",
    "frames": "sealed frame that the meter kept",
    "data_keys": "key of a billing period's windows at the MDMS",
    "demand_keys": "key of a demand window of the neighbourhood",
    "deliveries": "delivery under a grant that nobody had fetched",
}


def receipt_text(signed: SignedReceipt) -> str:
    """What was destroyed and what stays, a line each, and the meter's signature."""
    receipt = signed.receipt
    lines = [f"Erased on {receipt.time}: meter {receipt.meter}", "", "Destroyed:"]
    lines += [f"  {receipt.destroyed[name]:,} × {words}" for name, words in _WORDS.items() if name in receipt.destroyed]
    lines += ["Keys:"]
    lines += [
        f"  {kind.replace('_', ' ')}: {', '.join(names) or 'none'}" for kind, names in sorted(receipt.keys.items())
    ]
    lines += ["Bills, of which the totals stay:"]
    for bill in receipt.bills:
        amount = f"{bill.amount} {bill.currency}" if bill.amount is not None else "no amount"
        lines.append(f"  {bill.period_start} to {bill.period_end}: {amount}, {bill.status}")
    if not receipt.bills:
        lines.append("  none")
    if receipt.open_from:
        lines.append(f"Billing windows from {receipt.open_from} on stay for now.")
    lines += ["What stays:", *(f"  {sentence}" for sentence in receipt.stays)]
    lines += ["", f"Signed by the meter: {signed.signature.hex()}"]
    lines += [f"to be verified by {signed.verify_key.hex()} over this line:", signed.text]
    return "\n".join(lines) + "\n"


_SIGNED = re.compile(
    r"\nSigned by the meter: (?P<signature>[0-9a-f]{128})"
    r"\nto be verified by (?P<verify_key>[0-9a-f]{64}) over this line:"
    r"\n(?P<signed_text>.+)\n\Z"
)


def read_receipt(data: bytes, where: str) -> SignedReceipt:
    """A receipt as printed, or as JSON; that its meter signed it is still to be checked.

    Raises:
        DataError: it is no receipt.
        AuthenticationFailed: its words are not those of what is signed.
    """
    try:
        if len(data) > LONGEST:
            raise ValueError("it is too long")
        text = data.decode().replace("\r\n", "\n")
        found = _SIGNED.search(text)
        parts = found.groupdict() if found else json.loads(text)
        signature, verify_key = (bytes.fromhex(parts[name]) for name in ("signature", "verify_key"))
        signed = SignedReceipt.read(parts["signed_text"], signature, verify_key)
        same = receipt_text(signed) == text if found else json.loads(signed.form()) == parts
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise DataError(
            f"{where} is no receipt of an erasure, or is not whole: hand in all that `smarter customer erase` printed."
        ) from error
    if not same:
        raise AuthenticationFailed(
            f"what {where} says is not what was signed: it was altered, or written by another version of Smarter."
        )
    return signed
