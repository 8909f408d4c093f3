"""How a line of a run's log reads: in columns of a width, as plain text to be copied, and as a row of a table.

``run_log`` draws them; the run's page exports them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from rich.text import Text

from smarter.charts.marks import COLOURS, MARKS, Kind, holder_of, kwh, moment
from smarter.charts.parties import NAMES
from smarter.charts.stages import clock
from smarter.model.windows import iso
from smarter.scenario import Scenario
from smarter.tui.picture import Line, What

Zones = Callable[[str], str]
"""The time zone of a neighbourhood, by its name."""

GROUPS: dict[str, tuple[What, ...]] = {
    "released": ("released",),
    "refused": ("refused",),
    "faults": ("dropped", "failed", "warning"),
}
"""What can be shown or hidden together, by name."""
KINDS: dict[What, Kind] = {"released": "sum", "refused": "refused", "dropped": "refused", "failed": "refused"}
WIDE = 100
"""Columns from which there is room for years."""
COLUMNS = ("seconds", "what", "kind", "of", "window_start", "energy_wh", "readings", "expected", "reason")
_YEAR = len("2016-")


def zone_in(scenario: Scenario, neighbourhood: str) -> str:
    """The time zone of one of a scenario's neighbourhoods."""
    return scenario.neighbourhoods[neighbourhood].timezone


@dataclass(frozen=True)
class Wording:
    """The parts of a line: time, what happened, kind, start, of whom, and how much or why."""

    at: str
    mark: str
    what: str
    kind: str
    start: str
    holder: str
    said: str


def worded(line: Line, zones: Zones) -> Wording:
    """Put a line into words."""
    tenths = int(line.at * 10) % 10
    at = f"{clock(line.at)}.{tenths}"
    mark = MARKS[KINDS[line.what]] if line.what in KINDS else "!"
    start = moment(line.start, zones(line.neighbourhood)) if line.start is not None else ""
    if line.what in ("released", "refused"):
        holder = holder_of(line.kind, line.holder)
    else:
        holder = NAMES.get(line.holder, line.holder.capitalize())
    said = line.text
    if line.energy is not None:
        said = f"{kwh(line.energy)} kWh"
        if line.readings is not None and line.readings[0] < line.readings[1]:
            said += f"  ○ {line.readings[0]:,} of {line.readings[1]:,} readings"
    return Wording(at, mark, line.what, line.kind, start, holder, said)


def drawn(line: Line, zones: Zones, width: int) -> Text:
    """A line in columns; one that is longer than ``width`` is cut by whoever draws it."""
    words, wide = worded(line, zones), width >= WIDE
    colour = COLOURS[KINDS[line.what]] if line.what in KINDS else ""
    gap = "  " if wide else " "
    text = Text(no_wrap=True)
    text.append(f"{words.at:>7}{gap}", style="dim")
    text.append(f"{words.mark} {words.what:<8}{gap}", style=colour)
    if not words.kind:
        return text.append(words.said)
    start, dates = (words.start, 16) if wide else (words.start[_YEAR:], 11)
    holders, energies = (18, 14) if wide else (12, 11)
    text.append(f"{words.kind:<7}{gap}{start:<{dates}}{gap}{_fitting(words.holder, holders):<{holders}}{gap}")
    if line.energy is None:
        return text.append(words.said)
    energy, *rest = words.said.split("  ", 1)
    text.append(f"{energy:>{energies}}")
    for part in rest:
        text.append(f"{gap}{part if wide else part.removesuffix(' readings')}")
    return text


def plain(line: Line, zones: Zones) -> str:
    """A line to be copied: all of it, pseudonyms in full."""
    words = worded(line, zones)
    holder = line.holder if line.what in ("released", "refused") else words.holder
    said = (words.at, f"{words.mark} {words.what}", words.kind, words.start, holder, words.said)
    return "  ".join(part for part in said if part)


def rows(lines: Iterable[Line], zones: Zones) -> Iterator[tuple[object, ...]]:
    """Lines as rows of :data:`COLUMNS`."""
    for line in lines:
        start = iso(line.start, zones(line.neighbourhood)) if line.start is not None else ""
        energy = "" if line.energy is None else f"{line.energy / 1000:.3f}"
        readings, expected = line.readings or ("", "")
        yield f"{line.at:.3f}", line.what, line.kind, line.holder, start, energy, readings, expected, line.text


def has(line: Line, words: Iterable[str], zones: Zones) -> bool:
    """Whether all ``words``, in lower case, are in a line."""
    text = plain(line, zones).lower()
    return all(word in text for word in words)


def _fitting(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
