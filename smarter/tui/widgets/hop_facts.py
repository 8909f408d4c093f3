"""What exists at a hop, in facts and bytes; ``hop_detail`` puts them beside who can read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from smarter.charts.hops import Step, place_of
from smarter.charts.marks import COLOURS, MARKS, NONE, kwh, moment, span
from smarter.keys.naming import short
from smarter.model.clock import zone
from smarter.tui.lessons import AAD
from smarter.tui.widgets.hop_pictures import Fact, facts, frame_bar, hex_lines, lanes_bar, share_bar, sum_line

RIGHT = 54
"""Columns of bytes that have a place of their own: sixteen a line."""
READABLE = 78
"""Columns of a sentence that is read with ease."""
Detail = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """How a hop is looked at.

    Attributes:
        timezone: of the neighbourhood.
        energy: of the reading that is followed, mWh.
        width: columns for what exists; ``beside`` for bytes.
        beside: whether they have a place of their own.
        whole: all bytes, not only the first and last.
        more: how to see them all.
    """

    timezone: str
    energy: int | None
    width: int
    beside: bool
    whole: bool
    more: str = "x shows all"

    def bytes(self, name: str, digits: str, meaning: str = "") -> RenderableType:
        """Bytes, under what they are."""
        data = bytes.fromhex(digits)
        heading = Text.assemble((name, "bold"), (f"  {len(data):,} bytes{meaning and f', {meaning}'}", "dim"))
        width = RIGHT if self.beside else self.width
        return Group(Text(), heading, hex_lines(data, width, self.whole, self.more))


Parts = tuple[Sequence[RenderableType], Sequence[RenderableType]]
"""What exists, and its bytes."""


def exists(step: Step, look: Look) -> Parts:
    """All that can be said of a hop that was not refused."""
    say = _SHOWN.get(step.name)
    return say(step.hop.detail, look) if say is not None else ([], [])


def _row(row: Detail, look: Look) -> Parts:
    origin = str(row["origin"])
    lines: list[Fact] = [
        ("value", row["value"], "mean power of the minute" if str(row["value"]).endswith("kW") else "of the minute"),
        ("stamp", row["stamp"], ""),
        ("row", f"{row['row']:,}", f"of {Path(origin).name}"),
        ("file", origin, ""),
    ]
    return [facts(lines)], []


def _reading(reading: Detail, look: Look) -> Parts:
    length = reading["interval"]
    power = reading["energy_mwh"] * 3600 / length / 1_000_000
    lines: list[Fact] = [
        ("energy", f"{reading['energy_mwh']:,} mWh", f"{power:,.3f} kW for {length} s"),
        ("slot", f"{reading['slot']:,}", f"from {_exactly(reading['start'], look.timezone)} on"),
    ]
    return [facts(lines)], []


def _frame(frame: Detail, look: Look) -> Parts:
    aad, nonce = frame["aad"], frame["nonce"]
    place = (
        f"yours is reading {frame['place'] + 1:,} of {aad['count']:,}; each takes {aad['width']} bytes, whatever it is"
    )
    split = Text.assemble((nonce[:8], "bold"), (" ‖ ", "dim"), (nonce[8:], "bold"))
    what: list[RenderableType] = [
        frame_bar(frame, min(look.width, READABLE)),
        Text(place, style="dim"),
        Text(),
        Text.assemble(
            ("nonce  ", "bold"), split, (f"  epoch {aad['epoch']} ‖ counter {aad['counter']}: never twice", "dim")
        ),
        Text(),
        Text.assemble(("header ", "bold"), ("in the clear for all, and vouched for by the seal (AAD)", "dim")),
        facts((name.replace("_", " "), _field(name, aad, look), _meaning(name, aad, look)) for name in AAD),
    ]
    text = len(frame["sealed"]) // 2 - frame["overhead"]
    return what, [
        look.bytes("sealed", frame["sealed"], f"{text:,} of readings and {frame['overhead']} of tag"),
        look.bytes("billing MAC", frame["mac"], "which customers have no key for"),
    ]


def _field(name: str, aad: Detail, look: Look) -> str:
    value = aad[name]
    if name == "deployment" and not look.whole:
        return short(value)
    return f"{value:,}" if isinstance(value, int) and name != "version" else str(value)


def _meaning(name: str, aad: Detail, look: Look) -> str:
    if name == "first_slot":
        return f"its first reading: {_exactly(_start(aad), look.timezone)}"
    return AAD[name]


def _relayed(seen: Detail, look: Look) -> Parts:
    lines: list[Fact] = [
        ("pseudonym", seen["pseudonym"], "from where"),
        ("epoch", f"{seen['epoch']:,}", "under which keys"),
        ("counter", f"{seen['counter']:,}", "whether it came before"),
        ("first slot", f"{seen['first_slot']:,}", f"from when: {_exactly(_start(seen), look.timezone)}"),
        ("count", f"{seen['count']:,}", "how many"),
        ("energy", f"{MARKS['sealed']} {MARKS['sealed']} {MARKS['sealed']}", "never how much"),
    ]
    return [facts(lines)], []


def _opened(opened: Detail, look: Look) -> Parts:
    milliseconds, others = opened["seconds"] * 1000, opened["with"]
    clear = COLOURS["clear"]
    shown = min(others, max(min(look.width, READABLE) - 4, 0))
    crowd = Text.assemble((f"[{MARKS['clear']}]", f"bold {clear}"), ("·" * shown, clear), "…" if shown < others else "")
    lines: list[Fact] = [
        ("in the clear", f"{milliseconds:,.1f} ms", "from opening the first frame to the last encryption"),
        ("readings", f"{others + 1:,}", "yours and those of all meters in the hold"),
        ("exposed", f"{opened['seconds'] * (others + 1):,.1f} reading-seconds", "what the report counts"),
    ]
    return [crowd, Text(), facts(lines)], []


def _lane(lane: Detail, look: Look) -> Parts:
    each = "for each household" if lane["kind"] == "billing" else "for each window that closes together"
    shown = min(lane["capacity"], lane["lanes"])
    lines: list[Fact] = [
        ("lane", place_of(lane), f"one {each}, all sealed together"),
        ("energy", f"{lane['energy_mwh']:,} mWh", _of_yours(look.energy, lane["energy_mwh"])),
        ("window", lane["window"], ""),
    ]
    return [lanes_bar(lane["lane"] % lane["capacity"], shown, min(look.width, READABLE)), Text(), facts(lines)], []


def _ciphertext(one: Detail, look: Look) -> Parts:
    lines: list[Fact] = [
        ("bytes", f"{one['bytes']:,}", "as many for an empty house as for a busy one"),
        ("key", short(one["key"]), "of the aggregation, its public half"),
    ]
    return [facts(lines)], [look.bytes("ciphertext", one["ciphertext"])]


def _sum(total: Detail, look: Look) -> Parts:
    lines: list[Fact] = [
        ("bytes", f"{total['bytes']:,}", "no more than one of them"),
        ("added up", "by the PES", "which needs no key for it"),
    ]
    return [sum_line(total["ciphertexts"]), Text(), facts(lines)], [look.bytes("sum", total["ciphertext"])]


def _released(total: Detail, look: Look) -> Parts:
    meters = total["meters"]
    lines: list[Fact] = [
        ("energy", f"{total['energy_mwh']:,} mWh", f"{kwh(total['energy_mwh'])} kWh"),
        ("readings", f"{total['readings']:,}", f"of {meters:,} meter{'s' * (meters != 1)}"),
        ("yours", _part(look.energy, total["energy_mwh"]), "which only this simulation can say"),
    ]
    bar = [share_bar(look.energy, total["energy_mwh"], min(look.width, READABLE)), Text()] if look.energy else []
    return [*bar, facts(lines)], []


def _record(record: Detail, look: Look) -> Parts:
    aad = record["aad"]
    lines: list[Fact] = [
        ("of", short(aad["holder"]) if aad["kind"] == "billing" else aad["holder"], f"{aad['kind']} window"),
        ("window", span(aad["start"], aad["end"], look.timezone), ""),
        ("sender", short(aad["sender"]), "key by which the releaser signs"),
        ("receiver", short(aad["receiver"]), "key of the MDMS that unwraps"),
        ("nonce", record["nonce"], "once for each record"),
    ]
    what: list[RenderableType] = [
        Text.assemble(("header ", "bold"), ("bound to the seal", "dim")),
        facts(lines),
    ]
    return what, [
        look.bytes("sealed", record["sealed"], "status, energy, counts"),
        look.bytes("wrapped key", record["wrapped"], "of this delivery"),
        look.bytes("MAC", record["mac"], "of the MDMS: it came by a delivery"),
    ]


def _bill(line: Detail, look: Look) -> Parts:
    amount = f"{Decimal(line['amount']).normalize():f}"
    what = Text.assemble(
        f"{line['energy_kwh']} kWh  ×  {line['rate']} {line['currency']}  =  ",
        (f"{amount} {line['currency']}", f"bold {COLOURS['sum']}"),
    )
    lines: list[Fact] = [
        ("line", line["label"], f"{line['windows']:,} windows at this rate"),
        ("bill", f"{line['bill']} {line['currency']}", "rounded once, at its end"),
    ]
    return [what, Text(), facts(lines)], []


def _chart(chart: Detail, look: Look) -> Parts:
    power = chart["energy_mwh"] * 3600 / chart["interval"] / 1_000_000
    known = sum(energy is not None for energy in chart["energies_mwh"])
    lines: list[Fact] = [
        ("energy", f"{chart['energy_mwh']:,} mWh", f"{power:,.3f} kW"),
        (
            "readings",
            f"{known:,} of {len(chart['energies_mwh']):,}",
            "opened here as the customer would",
        ),
    ]
    return [facts(lines)], []


_SHOWN: Mapping[str, Callable[[Detail, Look], Parts]] = {
    "row": _row,
    "reading": _reading,
    "frame": _frame,
    "relayed": _relayed,
    "opened": _opened,
    "lane": _lane,
    "ciphertext": _ciphertext,
    "sum": _sum,
    "released": _released,
    "record": _record,
    "bill": _bill,
    "chart": _chart,
}


def _of_yours(energy: int | None, whole: int) -> str:
    return f"of it yours: {_part(energy, whole)}" if energy is not None else ""


def _part(energy: int | None, whole: int) -> str:
    if energy is None:
        return NONE
    share = f", {energy * 100 / whole:.2f} %" if energy > 0 and whole > 0 else ""
    return f"{energy:,} mWh{share}"


def _start(header: Detail) -> int:
    start: int = header["first_slot"] * header["interval"] + header["phase"]
    return start


def _exactly(epoch: int, timezone: str) -> str:
    local = datetime.fromtimestamp(epoch, zone(timezone))
    return moment(epoch, timezone) + (f":{local:%S}" if local.second else "")
