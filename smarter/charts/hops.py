"""The hops of a followed reading, for people: in branches, in short, and who can read what; ``cli`` and the app ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text

from smarter.charts.marks import Kind, kwh, marked
from smarter.keys.naming import short
from smarter.model.events import Hop

TOTALS = ("sum", "released", "record", "bill")
"""Steps at which a reader sees no single reading any more."""

_TITLES = {
    "": "",
    "billing": "to the household's bill",
    "demand": "to the neighbourhood's demand",
    "own": "to the customer's own chart",
}
_OWN = {"bill": "billing", "chart": "own"}


@dataclass(frozen=True)
class Step:
    """A hop in its place.

    Attributes:
        number: from 1.
        name: without the branch: ``lane``.
        branch: ``billing``, ``demand`` or ``own``; empty for what they have in common.
        hop: itself.
    """

    number: int
    name: str
    branch: str
    hop: Hop


@dataclass(frozen=True)
class Branch:
    """Where a reading goes to, as a title, and the steps there; none where it never comes to."""

    title: str
    steps: Sequence[Step]


def in_branches(hops: Sequence[Hop]) -> list[Branch]:
    """What all have in common first; then the way to the bill, to the demand, and to the customer.

    Where the common way has come to its end, the branches that are cut off are there without a step.
    """
    parted: dict[str, list[tuple[str, Hop]]] = {name: [] for name in _TITLES}
    for hop in hops:
        first, _, rest = hop.name.partition(" ")
        branch = first if rest else _OWN.get(hop.name, "")
        parted[branch].append((rest or hop.name, hop))
    branches, number = [], 0
    cut_off = not parted["billing"] and any(hop.mark == "refused" for _, hop in parted[""][-1:])
    for branch, named in parted.items():
        if named or cut_off:
            steps = [Step(number + place, name, branch, hop) for place, (name, hop) in enumerate(named, 1)]
            branches.append(Branch(_TITLES[branch], steps))
            number += len(steps)
    return branches


def readers(hop: Hop, *, keys: bool = True) -> list[Text]:
    """Each reader after the mark of what they see there, the single reading or only a total; with their key."""
    if not hop.readers:
        return [marked("refused" if hop.mark == "refused" else "sealed", "nobody here")]
    kind: Kind = "sum" if hop.mark == "sum" or hop.name.split()[-1] in TOTALS else "clear"
    return [marked(kind, who) + Text(f" ({key})" if keys else "", style="dim") for who, key in hop.readers]


def in_short(step: Step) -> str:
    """A hop's line where there is little room."""
    say = _SHORT.get(step.name)
    return step.hop.text if step.hop.mark == "refused" or say is None else say(step.hop.detail)


_SHORT: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "row": lambda row: f"{row['value']}, row {row['row']:,}",
    "frame": lambda frame: f"{frame['aad']['count']:,} readings in {frame['bytes']:,} bytes",
    "relayed": lambda seen: f"{short(seen['pseudonym'])}, epoch {seen['epoch']}, counter {seen['counter']}",
    "lane": lambda lane: f"{place_of(lane)}: {lane['energy_mwh']:,} mWh",
    "ciphertext": lambda one: f"{one['bytes']:,} bytes  {bytes.fromhex(one['ciphertext'][:6]).hex(' ')} …",
    "sum": lambda total: f"of {total['ciphertexts']:,} such ciphertexts",
    "released": lambda total: f"{total['energy_mwh']:,} mWh of {total['readings']:,} readings",
    "record": lambda record: f"{record['bytes']:,} bytes for the MDMS",
    "bill": lambda line: f"{kwh(int(line['energy_mwh']))} kWh × {line['rate']} {line['currency']}",
    "chart": lambda _: "the customer's own minute",
}


def place_of(lane: Mapping[str, Any]) -> str:
    """Which lane of its plaintext: ``lane 5 of 10``."""
    return f"lane {lane['lane'] % lane['capacity'] + 1} of {min(lane['capacity'], lane['lanes'])}"
