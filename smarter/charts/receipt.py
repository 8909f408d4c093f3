"""The receipt of an erasure in words; ``cli`` prints it, the app shows it."""

from __future__ import annotations

from smarter.protocols.erasure import SignedReceipt

_WORDS = {
    "epoch_secrets": "secret of a key epoch of the meter",
    "seal_keys": "seal key, wrapped for the customer",
    "announcements": "announcement of a key epoch to the PES",
    "frames": "sealed frame that the meter kept",
    "data_keys": "key of a billing period's windows at the MDMS",
    "deliveries": "delivery under a grant that nobody had fetched",
}


def receipt_text(signed: SignedReceipt) -> str:
    """What was destroyed and what stays, a line each, and the meter's signature."""
    receipt = signed.receipt
    lines = [f"Erased on {receipt.time}: meter {receipt.meter}", "", "Destroyed:"]
    lines += [f"  {receipt.destroyed[name]:,} × {words}" for name, words in _WORDS.items()]
    lines += ["Keys:"]
    lines += [f"  {kind.replace('_', ' ')}: {', '.join(names) or 'none'}" for kind, names in receipt.keys.items()]
    lines += ["Bills, of which the totals stay:"]
    for bill in receipt.bills:
        amount = f"{bill.amount} {bill.currency}" if bill.amount is not None else "no amount"
        lines.append(f"  {bill.period_start} to {bill.period_end}: {amount}, {bill.status}")
    if not receipt.bills:
        lines.append("  none")
    if receipt.open_from:
        lines.append(f"Billing windows from {receipt.open_from} on stay for now.")
    lines += ["What stays:", *(f"  {sentence}" for sentence in receipt.stays)]
    lines += ["", f"Signed by the meter: {signed.signature.hex()}", f"to be verified by {signed.verify_key.hex()}"]
    return "\n".join(lines) + "\n"
