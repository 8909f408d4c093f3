"""What of a run belongs to which party, in the order of a reading's way: what it saw, its time, and what waits for it.

The app shows it while a run goes on and exports it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from smarter.charts.marks import Kind
from smarter.charts.views import OWN, Views
from smarter.model.events import Tallied

NAMES = {"pes": "PES", "mdms": "MDMS"}
STAGES_OF: Mapping[str, tuple[str, ...]] = {
    "meters": ("read", "seal"),
    "concentrator": ("relay",),
    "pes": ("open", "pack", "encrypt", "add"),
    "releaser": ("release", "deliver"),
    "mdms": ("store",),
    "customer": (),
}
"""Whose each stage of a reading's way is, in that order; the stage whose bytes leave the party is among them."""
RATES_OF = {
    "meters": "readings",
    "concentrator": "frames",
    "pes": "ciphertexts",
    "releaser": "windows",
    "mdms": "windows",
}
BYTES_OF = {"meters": "seal", "concentrator": "relay", "pes": "encrypt", "releaser": "deliver", "mdms": "store"}


@dataclass(frozen=True)
class Counter:
    """So many of something: with the mark of its kind, or none for what only waits."""

    count: int | None
    noun: str
    kind: Kind | None = None


@dataclass(frozen=True)
class Station:
    """One party.

    Attributes:
        seen: what it has seen or made, and what it has dropped or refused.
        bytes: that left it; ``rate``: of :data:`RATES_OF`, a second.
        shares: of the time of all stages, in percent, by stage.
        waits: what is still to be done by it, or ready for it.
    """

    party: str
    name: str
    seen: tuple[Counter, ...]
    bytes: int | None
    rate: float | None
    shares: tuple[tuple[str, float], ...]
    waits: tuple[Counter, ...]


def stations(
    views: Views,
    spent: Mapping[str, float],
    passed: Mapping[str, int],
    speeds: Mapping[str, float],
    tallied: Tallied,
) -> list[Station]:
    """All parties.

    Args:
        views: what each party has counted.
        spent: seconds by stage; ``passed``: bytes by stage.
        speeds: how many a second, by what is counted.
        tallied: what has been counted besides.
    """
    whole = sum(spent.values())
    return [
        Station(
            party,
            NAMES.get(party, party.capitalize()),
            tuple(_seen(party, views, tallied)),
            passed.get(BYTES_OF.get(party, "")),
            speeds.get(RATES_OF.get(party, "")),
            tuple((stage, 100 * spent.get(stage, 0.0) / whole if whole else 0.0) for stage in stages),
            tuple(_waits(party, tallied)),
        )
        for party, stages in STAGES_OF.items()
    ]


def _seen(party: str, views: Views, tallied: Tallied) -> Iterable[Counter]:
    readings = int(views.get(party, {}).get("readings", 0))
    windows = Counter(sum(tallied.released.values()), "windows", "sum")
    if party == "meters":
        yield Counter(readings, "readings", "clear")
        yield Counter(tallied.frames, "frames", "sealed")
    elif party == "concentrator":
        yield Counter(int(views.get(party, {}).get("frames", 0)), "frames", "sealed")
    elif party == "pes":
        yield Counter(readings, "readings", "clear")
        yield Counter(tallied.ciphertexts, "ciphertexts", "sealed")
    elif party == "releaser":
        yield windows
        if refused := sum(tallied.refused.values()):
            yield Counter(refused, "refused", "refused")
    elif party == "mdms":
        yield windows
    elif party == "customer":
        yield Counter(None, "own readings", "clear")
        yield Counter(tallied.frames, "frames kept", "sealed")
    if dropped := tallied.dropped.get(party):
        yield Counter(dropped, "dropped", "refused")


def _waits(party: str, tallied: Tallied) -> Iterable[Counter]:
    """Nothing any more, at the end."""
    if not (tallied.holds or tallied.sums or tallied.aggregates):
        return
    if party == "meters":
        yield Counter(tallied.holds, "holds to come")
    elif party == "pes":
        if tallied.blindings is not None:
            yield Counter(tallied.blindings, "blindings ready")
        yield Counter(tallied.sums, "sums open")
    elif party == "releaser":
        yield Counter(tallied.aggregates, "sums wait")


COUNTERS = ("party", "what", "count", "unit")


def counter_rows(found: Iterable[Station]) -> Iterator[tuple[str, str, int | float, str]]:
    """Everything that is known of parties, as rows of :data:`COUNTERS`."""
    for station in found:
        for counter in (*station.seen, *station.waits):
            if counter.count is not None:
                yield station.party, counter.noun, counter.count, ""
        if station.bytes is not None:
            yield station.party, "passed on", station.bytes, "bytes"
        if station.rate is not None:
            yield station.party, RATES_OF[station.party], round(station.rate, 3), "1/s"
        for stage, share in station.shares:
            yield station.party, stage, round(share, 3), "% of the time"


@dataclass(frozen=True)
class Exposure:
    """Single readings that a party had in the clear which are not its own.

    Attributes:
        peak: the most at one time.
        seconds: for how long one of them was, on average.
        reading_seconds: readings times seconds.
    """

    party: str
    peak: int
    seconds: float
    reading_seconds: float


def exposures(views: Views) -> list[Exposure]:
    """Who had others' readings in the clear, the longest first."""
    found = [
        Exposure(
            party,
            int(counts.get("peak_readings", 0)),
            counts.get("reading_seconds", 0.0) / counts["readings"],
            counts.get("reading_seconds", 0.0),
        )
        for party, counts in views.items()
        if party not in (*OWN, "simulation") and counts.get("readings")
    ]
    return sorted(found, key=lambda exposure: -exposure.reading_seconds)
