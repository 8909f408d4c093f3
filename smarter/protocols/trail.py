"""Following one reading hop by hop: what exists of it at each party, and who can read that with which key.

Only a simulation can do this, since it plays all parties; what it looks at is counted as its own view. ``run`` asks it
after each hold and release, ``smarter follow`` and the app show what it says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from smarter.api import Record, SourceMeter
from smarter.errors import UsageError
from smarter.model.clock import WallClock
from smarter.model.events import Hop
from smarter.model.messages import Frame
from smarter.model.readings import ReadingBlock
from smarter.model.windows import iso
from smarter.parties.pes import Layout
from smarter.parties.releaser import Decision, Release
from smarter.protocols.network import SentFrame
from smarter.protocols.pes import Carried, PesDeployment
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session

UNITS = {"power": ("kW", 9), "energy": ("kWh", 9), "register": ("kWh", 9)}

METER = ("meter", "its own")
SEAL = (METER, ("PES", "epoch secret"), ("customer", "seal key, once enrolled"))
NOBODY: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Trace:
    """Which reading to follow: a source's meter name, and a moment in epoch seconds."""

    neighbourhood: str
    meter: str
    moment: int


class Trail:
    """Makes the hops of one reading as its hold is carried and its windows are released."""

    def __init__(self, trace: Trace, session: Session) -> None:
        plans = {plan.name: plan for plan in session.plans}
        self._plan = plans[trace.neighbourhood]
        self._combine = session.scenario.pes.combine
        self._frame = session.scenario.frame
        self._scheme = session.cryptography.scheme
        rows = [row for row, kept in enumerate(session.roster[self._plan.name]) if kept.source == trace.meter]
        if not rows:
            names = ", ".join(meter.name for meter in self._plan.meters)
            raise UsageError(f"neighbourhood {self._plan.name} has no meter {trace.meter}; it has {names}.")
        self._row = rows[0]
        self._kept = session.roster[self._plan.name][self._row]
        self._slot = int(self._plan.axis.slot_at(trace.moment))
        if not self._plan.first_slot <= self._slot < self._plan.end_slot:
            span = f"{iso(self._plan.start, self._plan.timezone)} to {iso(self._plan.end, self._plan.timezone)}"
            raise UsageError(f"{iso(trace.moment, self._plan.timezone)} is not in the span of {span}.")
        self._added = {"demand": 0, "billing": 0}
        self._sent: dict[bytes, SentFrame] = {}
        self._block: ReadingBlock | None = None
        self._arrived = False
        self._joined: set[str] = set()

    @property
    def _pseudonym(self) -> str:
        return self._kept.pseudonym.hex()

    def of_hold(
        self,
        plan: NeighbourhoodPlan,
        readings: Sequence[Sequence[ReadingBlock]],
        carried: Carried,
        parties: PesDeployment,
        first: int,
        end: int,
    ) -> Iterator[Hop]:
        """The hops within the hold that holds the reading; counts in other holds what joins its sums."""
        if plan is not self._plan:
            return
        layouts: dict[str, Layout] = {layout.kind: layout for layout in parties.pes.layouts(plan.name)}
        for packed in carried.absorbed.packed:
            layout = layouts[packed.kind]
            if packed.place[:2] == self._place(layout) and packed.place[2] < 0:
                self._added[packed.kind] += len(packed.addends)
        self._sent |= {sent.data: sent for sent in carried.sent if sent.meter == self._row}
        if first <= self._slot < end:
            yield from self._begin(readings, parties)
        frame = next((f for f in self._sent.values() if 0 <= self._slot - f.first_slot < f.count), None)
        if self._block is None or self._arrived:
            return
        if first <= self._slot < end:
            yield from self._sealed(frame)
        if frame is None or frame.data not in carried.relayed:
            if first <= self._slot < end and frame:
                yield Hop("relayed", "refused", "not passed on in its hold: altered or late on its way", {}, NOBODY)
            return
        self._arrived = True
        yield from self._relayed(frame, carried)
        for kind in ("billing", "demand"):
            yield from self._encrypted(layouts[kind], self._block, carried, parties)

    def _begin(self, readings: Sequence[Sequence[ReadingBlock]], parties: PesDeployment) -> Iterator[Hop]:
        parties.views["simulation"].readings += 1
        block = next((b for b in readings[self._row] if b.first_slot <= self._slot < b.end_slot), None)
        if block is None:
            stamp = iso(int(self._plan.axis.start_of(self._slot)), self._plan.timezone)
            raise UsageError(f"meter {self._kept.source} has no reading at {stamp}; choose another minute.")
        self._block = block
        yield from self._at_meter(block)

    def _at_meter(self, block: ReadingBlock) -> Iterator[Hop]:
        meter = next(meter for meter in self._plan.meters if meter.name == self._kept.source)
        stamp = iso(int(self._plan.axis.start_of(self._slot)), self._plan.timezone)
        number, value = _row_of(meter, self._plan, self._slot)
        unit, places = UNITS[meter.quantity]
        text = f"{Decimal(value).scaleb(-places).normalize():f} {unit}"
        yield Hop(
            "row",
            "clear",
            f"{stamp}  {text}  ({Path(meter.origin).name}, row {number:,})",
            {"meter": meter.name, "stamp": stamp, "value": text, "row": number, "origin": meter.origin},
            (METER,),
        )
        energy = int(block.energies[self._slot - block.first_slot])
        yield Hop("reading", "clear", f"{energy:,} mWh", {"energy_mwh": energy, "slot": self._slot}, (METER,))

    def _sealed(self, sent: SentFrame | None) -> Iterator[Hop]:
        if sent is None:
            yield Hop("frame", "refused", "none: the scenario's faults lose the reading; no sum has it", {}, NOBODY)
            return
        frame = Frame.decode(sent.data)
        header = frame.header
        nonce = f"{header.epoch}·{header.counter:010d}"
        yield Hop(
            "frame",
            "sealed",
            f"{header.count} readings, {len(sent.data)} bytes  {_hex(frame.sealed)}  nonce {nonce}",
            {
                "bytes": len(sent.data),
                "sealed": frame.sealed.hex(),
                "mac": frame.mac.hex(),
                "nonce": header.nonce.hex(),
                "aad": {
                    "pseudonym": header.pseudonym.hex(),
                    "deployment": header.deployment.hex(),
                    "cipher": header.cipher,
                    "epoch": header.epoch,
                    "counter": header.counter,
                    "first_slot": header.first_slot,
                    "interval": header.interval,
                    "count": header.count,
                },
            },
            SEAL,
        )

    def _relayed(self, sent: SentFrame, carried: Carried) -> Iterator[Hop]:
        header = Frame.decode(sent.data).header
        yield Hop(
            "relayed",
            "sealed",
            f"{self._pseudonym[:8]}…, epoch {header.epoch}, counter {header.counter}; nothing else can be read",
            {"pseudonym": self._pseudonym, "epoch": header.epoch, "counter": header.counter},
            NOBODY,
        )
        seconds = carried.absorbed.seconds
        yield Hop(
            "opened",
            "clear",
            f"for {seconds * 1000:.1f} ms, with {carried.absorbed.readings - 1} others",
            {"seconds": seconds, "with": carried.absorbed.readings - 1},
            (("PES", "epoch secret"),),
        )

    def _encrypted(
        self, layout: Layout, block: ReadingBlock, carried: Carried, parties: PesDeployment
    ) -> Iterator[Hop]:
        window = int(layout.window_of(np.array([self._slot]))[0])
        span = self._span(layout, window)
        low = int(layout.edges[window])
        arrived = sorted(
            {self._sent[data].first_slot: self._sent[data] for data in carried.relayed if data in self._sent}.items()
        )
        share = [
            (start, start + f.count)
            for start, f in arrived
            if start < layout.edges[window + 1] and start + f.count > low
        ]
        if self._combine == "none":
            ordinal = sum(min(stop, self._slot) - max(start, low) for start, stop in share if start < self._slot)
            value, what = int(block.energies[self._slot - block.first_slot]), "the reading itself"
        else:
            ordinal = sum(stop <= self._slot for _, stop in share)
            start, stop = next(pair for pair in share if pair[0] <= self._slot < pair[1])
            start, stop = max(start, low), min(stop, int(layout.edges[window + 1]))
            value = int(block.energies[start - block.first_slot : stop - block.first_slot].sum())
            what = "this frame's share"
        lane, lanes = self._lane(layout, window)
        yield Hop(
            f"{layout.kind} lane",
            "clear",
            f"lane {lane % layout.plan.capacity + 1} of {min(layout.plan.capacity, lanes)}: "
            f"{value:,} mWh ({what} of {span})",
            {"kind": layout.kind, "lane": lane, "lanes": lanes, "energy_mwh": value, "window": span},
            (("PES", "plaintext, before it encrypts"),),
        )
        addend = ordinal * layout.meters + self._row if layout.kind == "demand" else ordinal
        place = self._place(layout)
        for packed in carried.absorbed.packed:
            mine = packed.place[:2] == place and packed.place[2:] in ((-1, -1), (window, self._row))
            if packed.kind == layout.kind and mine and addend in packed.addends:
                one = packed.ciphertexts[packed.addends.index(addend)]
                blob = self._scheme.dump(parties.aggregate_key, one)[0]
                self._joined.add(layout.kind)
                yield Hop(
                    f"{layout.kind} ciphertext",
                    "sealed",
                    f"{len(blob)} bytes  {_hex(blob)}  under key {one.key[:4]}…",
                    {"kind": layout.kind, "bytes": len(blob), "ciphertext": blob.hex(), "key": one.key},
                    NOBODY,
                )
                return
        yield Hop(
            f"{layout.kind} ciphertext", "refused", "none: its window is bound to be refused, or is closed", {}, NOBODY
        )

    def _lane(self, layout: Layout, window: int) -> tuple[int, int]:
        bundle = layout.bundle(int(layout.closes[window]))
        lane = layout.lane(bundle, np.array([window]), np.array([self._row]))
        return int(lane[0]), layout.lanes(bundle)

    def _place(self, layout: Layout) -> tuple[int, int]:
        window = int(layout.window_of(np.array([self._slot]))[0])
        return int(layout.closes[window]), self._lane(layout, window)[0] // layout.plan.capacity

    def _span(self, layout: Layout, window: int) -> str:
        zone = ZoneInfo(self._plan.timezone)
        start, end = (datetime.fromtimestamp(int(edge), zone) for edge in layout.grid.edges[window : window + 2])
        return f"{start:%Y-%m-%d %H:%M}–{end:%H:%M}"

    def of_release(self, decision: Decision, release: Release, records: Sequence[Record]) -> Iterator[Hop]:
        """The hops of a release that holds the reading's window."""
        if not self._arrived:
            return
        asked, moment = decision.aggregate, int(self._plan.axis.start_of(self._slot))
        holder = self._pseudonym if asked.kind == "billing" else self._plan.name
        for verdict, record in zip(release.verdicts, records, strict=True):
            if verdict.holder != holder or not verdict.start <= moment < verdict.end:
                continue
            if asked.kind not in self._joined:
                if not verdict.passes:
                    yield Hop(f"{asked.kind} released", "refused", verdict.reason, {"reason": verdict.reason}, NOBODY)
                continue
            blob = asked.ciphertexts[verdict.lane // asked.capacity]
            yield Hop(
                f"{asked.kind} sum",
                "sealed",
                f"of {self._added[asked.kind]:,} such ciphertexts, {len(blob)} bytes  {_hex(blob)}",
                {
                    "kind": asked.kind,
                    "ciphertexts": self._added[asked.kind],
                    "bytes": len(blob),
                    "ciphertext": blob.hex(),
                },
                (("releaser", "aggregation key"),),
            )
            if not verdict.passes:
                yield Hop(f"{asked.kind} released", "refused", verdict.reason, {"reason": verdict.reason}, NOBODY)
                continue
            energy = release.energies[verdict.lane]
            yield Hop(
                f"{asked.kind} released",
                "sum",
                f"{energy:,} mWh from {verdict.readings:,} readings; the minute is gone",
                {"kind": asked.kind, "energy_mwh": energy, "readings": verdict.readings, "meters": verdict.meters},
                (("releaser", "aggregation key"),),
            )
            yield Hop(
                f"{asked.kind} record",
                "sealed",
                f"{len(record.body)} bytes  {_hex(record.body[-64:])}",
                {"kind": asked.kind, "bytes": len(record.body), "record": record.body.hex()},
                (("MDMS", "delivery key"),),
            )

    def of_report(self, report: Report) -> Iterator[Hop]:
        """The line of the bill that the reading's window is on."""
        if "billing" not in self._joined:
            return
        moment = int(self._plan.axis.start_of(self._slot))
        rows = report.household(self._pseudonym, self._plan.name)
        for bill in report.bills(self._pseudonym, self._plan.timezone, rows):
            priced = [row for row in rows if bill.start <= row.start < bill.end and row.energy is not None]
            for line in bill.lines:
                for window in line.windows:
                    if priced[window].start <= moment < priced[window].end:
                        energy = Decimal(priced[window].energy or 0).scaleb(-6)
                        yield Hop(
                            "bill",
                            "sum",
                            f"{energy:.3f} kWh × {line.rate} {bill.currency} ({line.label}), "
                            f"in a bill of {bill.amount}",
                            {
                                "label": line.label,
                                "rate": str(line.rate),
                                "currency": bill.currency,
                                "energy_kwh": str(energy),
                                "bill": str(bill.amount),
                            },
                            (("MDMS", "delivery key"), ("customer", "the bill")),
                        )


def _row_of(meter: SourceMeter, plan: NeighbourhoodPlan, slot: int) -> tuple[int, int]:
    """The row of a reading in its source: its number, and its value in millionths."""
    stamp = int(plan.axis.start_of(slot)) + (plan.axis.interval if meter.stamp_at == "end" else 0)
    if meter.clock == "local":
        stamp = int(WallClock(meter.timezone or plan.timezone).local(np.array([stamp]))[0])
    for rows in meter.rows(after=stamp, before=stamp + 1):
        found = np.flatnonzero(rows.stamps == stamp)
        if len(found):
            return int(rows.numbers[found[0]]), int(rows.values[found[0]])
    raise UsageError(f"{meter.origin}: the row of the reading cannot be found again.")


def _hex(data: bytes) -> str:
    """First and last bytes, for people."""
    return f"{data[:3].hex(' ')} … {data[-3:].hex(' ')}"
