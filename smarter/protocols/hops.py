"""What is said of each hop of a reading that is followed: a line for people, the same as data, and who can read it.

``trail`` finds out what there is at a hop and calls these; energies are mWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from smarter.api import BillLine, Ciphertexts, Record, SourceMeter
from smarter.model.bills import Bill
from smarter.model.events import Hop
from smarter.model.messages import Frame, RecordHeader, SealedRecord
from smarter.model.messages.frame import FRAME_VERSION, FrameHeader
from smarter.model.windows import Axis
from smarter.parties.mdms.mdms import MAC_BYTES
from smarter.parties.meter.stamps import amount_text
from smarter.parties.releaser import Verdict

METER = ("meter", "its own")
SEAL = (METER, ("PES", "epoch secret"), ("customer", "seal key, once enrolled"))
RELEASER = (("releaser", "aggregation key"),)
NOBODY: tuple[tuple[str, str], ...] = ()


def refused(name: str, why: str, detail: dict[str, object] | None = None) -> Hop:
    """The hop at which a reading's way ends."""
    return Hop(name, "refused", why, detail or {}, NOBODY)


def row(meter: SourceMeter, number: int, value: int, stamp: str) -> Hop:
    """The row in the meter's source; ``value`` in µW or µWh."""
    text = amount_text(value, "kW" if meter.quantity == "power" else "kWh")
    return Hop(
        "row",
        "clear",
        f"{stamp}  {text}  ({Path(meter.origin).name}, row {number:,})",
        {"meter": meter.name, "stamp": stamp, "value": text, "row": number, "origin": meter.origin},
        (METER,),
    )


def reading(energy: int, slot: int, axis: Axis) -> Hop:
    """What the meter's register makes of it."""
    detail: dict[str, object] = {
        "energy_mwh": energy,
        "slot": slot,
        "interval": axis.interval,
        "start": axis.start_of(slot),
    }
    return Hop("reading", "clear", f"{energy:,} mWh", detail, (METER,))


def frame(data: bytes, slot: int) -> Hop:
    """The frame that it leaves the meter in; ``slot``: of the reading."""
    sent = Frame.decode(data)
    header = sent.header
    nonce = f"{header.epoch}·{header.counter:010d}"
    return Hop(
        "frame",
        "sealed",
        f"{header.count} readings, {len(data)} bytes  {_ends(sent.sealed)}  nonce {nonce}",
        {
            "bytes": len(data),
            "place": slot - header.first_slot,
            "sealed": sent.sealed.hex(),
            "overhead": len(sent.sealed) - header.count * header.width,
            "mac": sent.mac.hex(),
            "nonce": header.nonce.hex(),
            "aad": {
                "version": FRAME_VERSION,
                "pseudonym": header.pseudonym.hex(),
                "deployment": header.deployment.hex(),
                "cipher": header.cipher,
                **_when(header),
                "width": header.width,
            },
        },
        SEAL,
    )


def relayed(data: bytes) -> Hop:
    """All that the concentrator can read of the frame."""
    header = Frame.decode(data).header
    pseudonym = header.pseudonym.hex()
    return Hop(
        "relayed",
        "sealed",
        f"{pseudonym[:8]}…, epoch {header.epoch}, counter {header.counter}; when and how many, never how much",
        {"pseudonym": pseudonym, **_when(header)},
        NOBODY,
    )


def opened(seconds: float, others: int) -> Hop:
    """The time that it is in the clear at the PES, and with how many others."""
    text = f"for {seconds * 1000:.1f} ms, with {others} others"
    return Hop("opened", "clear", text, {"seconds": seconds, "with": others}, (("PES", "epoch secret"),))


def lane(kind: str, number: int, lanes: int, capacity: int, energy: int, what: str, window: str) -> Hop:
    """Its place in a plaintext: lane ``number`` of all ``lanes`` of a bundle, ``capacity`` of them to a plaintext."""
    return Hop(
        f"{kind} lane",
        "clear",
        f"lane {number % capacity + 1} of {min(capacity, lanes)}: {energy:,} mWh ({what} of {window})",
        {"kind": kind, "lane": number, "lanes": lanes, "capacity": capacity, "energy_mwh": energy, "window": window},
        (("PES", "plaintext, before it encrypts"),),
    )


def ciphertext(kind: str, encrypted: Ciphertexts, data: bytes) -> Hop:
    """What the PES makes of that plaintext: one ciphertext, and its byte form."""
    return Hop(
        f"{kind} ciphertext",
        "sealed",
        f"{len(data)} bytes  {_ends(data)}  under key {encrypted.key[:4]}…",
        {"kind": kind, "bytes": len(data), "ciphertext": data.hex(), "key": encrypted.key},
        NOBODY,
    )


def total(kind: str, ciphertexts: int, data: bytes) -> Hop:
    """The encrypted sum that it went into, of so many ciphertexts."""
    return Hop(
        f"{kind} sum",
        "sealed",
        f"of {ciphertexts:,} such ciphertexts, {len(data)} bytes  {_ends(data)}",
        {"kind": kind, "ciphertexts": ciphertexts, "bytes": len(data), "ciphertext": data.hex()},
        RELEASER,
    )


def released(verdict: Verdict, energy: int) -> Hop:
    """The sum when the releaser has opened it."""
    return Hop(
        f"{verdict.kind} released",
        "sum",
        f"{energy:,} mWh from {verdict.readings:,} readings; the minute is gone",
        {"kind": verdict.kind, "energy_mwh": energy, "readings": verdict.readings, "meters": verdict.meters},
        RELEASER,
    )


def record(kind: str, stored: Record, delivered: bytes) -> Hop:
    """The sum as the MDMS stores it; ``delivered``: what of that came from the releaser, with the MDMS's MAC."""
    sealed, mac = SealedRecord.decode(delivered[:-MAC_BYTES]), delivered[-MAC_BYTES:]
    header = RecordHeader.decode(sealed.header)
    return Hop(
        f"{kind} record",
        "sealed",
        f"{len(stored.body)} bytes  {_ends(stored.body[-64:])}",
        {
            "kind": kind,
            "bytes": len(stored.body),
            "record": stored.body.hex(),
            "wrapped": sealed.wrapped.hex(),
            "nonce": sealed.nonce.hex(),
            "sealed": sealed.sealed.hex(),
            "mac": mac.hex(),
            "aad": {
                "deployment": header.deployment.hex(),
                "kind": header.kind,
                "sender": header.sender,
                "receiver": header.receiver,
                "holder": header.holder,
                "start": header.start,
                "end": header.end,
            },
        },
        (("MDMS", "delivery key"),),
    )


def billed(bill: Bill, line: BillLine, window: int) -> Hop:
    """The line of a bill that prices a window of so many mWh."""
    energy = Decimal(window).scaleb(-6)
    return Hop(
        "bill",
        "sum",
        f"{energy:.3f} kWh × {line.rate} {bill.currency} ({line.label}), in a bill of {bill.amount}",
        {
            "label": line.label,
            "rate": str(line.rate),
            "currency": bill.currency,
            "energy_kwh": str(energy),
            "energy_mwh": window,
            "amount": f"{energy * line.rate:f}",
            "windows": len(line.windows),
            "bill": str(bill.amount),
        },
        (("MDMS", "delivery key"), ("customer", "the bill")),
    )


def chart(energies: Sequence[int | None], start: int, interval: int, place: int) -> Hop:
    """What a customer sees, once enrolled: ``energies`` of their day, from the frames that their own meter keeps."""
    energy = energies[place]
    return Hop(
        "chart",
        "clear",
        f"{energy:,} mWh, the customer's own minute, once enrolled",
        {
            "energy_mwh": energy,
            "start": start,
            "interval": interval,
            "place": place,
            "energies_mwh": energies,
        },
        (("customer", "seal key, once enrolled"),),
    )


def _when(header: FrameHeader) -> dict[str, int]:
    """What a header says of when and how many."""
    return {
        "epoch": header.epoch,
        "counter": header.counter,
        "first_slot": header.first_slot,
        "interval": header.interval,
        "phase": header.phase,
        "count": header.count,
    }


def _ends(data: bytes) -> str:
    """First and last bytes, for people."""
    return f"{data[:3].hex(' ')} … {data[-3:].hex(' ')}"
