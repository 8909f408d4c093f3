"""Who saw what: which party comes first, what is shown of its view, and the sentences that say it in words.

``cli`` prints a table of it, the app shows one while a run goes on, or two side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from rich.text import Text

from smarter.charts.marks import Kind, marked
from smarter.model.views import View

Views = Mapping[str, Mapping[str, int | float]]
"""What each party counted, by party; as events and results have it."""

NAMES = {"meters": "Meters (own)", "pes": "PES", "mdms": "MDMS"}
"""What a meter reads is its own household's; so is what its customer reads."""
OWN = ("meters", "customer")

_KILOBYTE = 1000


@dataclass(frozen=True)
class Column:
    """A kind of data: its heading in two lines, the field of the view that counts it, and what that field is.

    Attributes:
        unit: how many of the field make one of what is shown; parts count as whole ones.
        more: whether it is shown only where there is room.
    """

    heading: str
    field: str
    kind: Kind
    unit: int = 1
    more: bool = False

    def count(self, view: View) -> int | float:
        """What is shown of a view."""
        count: int | float = getattr(view, self.field)
        return count if self.unit == 1 else -(-int(count) // self.unit)


COLUMNS = (
    Column("single\nreadings", "readings", "clear"),
    Column("at most\nat once", "peak_readings", "clear"),
    Column("reading-\nseconds", "reading_seconds", "clear"),
    Column("household\ntotals", "household_totals", "sum"),
    Column("neighbour-\nhood totals", "neighbourhood_totals", "sum"),
    Column("withheld\ntotals", "withheld_totals", "sum", more=True),
    Column("ciphertexts\ndecrypted", "decrypted", "sum", more=True),
    Column("sealed\nframes", "frames", "sealed", more=True),
    Column("kB\nsealed", "bytes_sealed", "sealed", unit=_KILOBYTE),
)


FIELDS = ("party", *(column.field for column in COLUMNS))
"""Columns of a file of views, in which nothing is rounded."""


@dataclass(frozen=True)
class Sight:
    """One party's row; ``own``: what it sees is its own household's."""

    party: str
    view: View
    own: bool

    @property
    def name(self) -> str:
        """As tables have it."""
        return NAMES.get(self.party, self.party.capitalize())


def sights(views: Views) -> list[Sight]:
    """The party that saw most single readings first; the meters, whose own they are, last."""
    known = {party: _view(counts) for party, counts in views.items()}
    others = [party for party in known if party not in OWN and party != "simulation"]
    order = sorted(others, key=lambda party: (-known[party].readings, -known[party].reading_seconds))
    order += [party for party in (*OWN, "simulation") if party in known]
    return [
        Sight(party, known[party], party in OWN) for party in order if party != "simulation" or known[party].readings
    ]


def sight_lines(views: Views) -> Iterator[tuple[object, ...]]:
    """A line a party, in the columns :data:`FIELDS`."""
    for sight in sights(views):
        yield sight.party, *(getattr(sight.view, column.field) for column in COLUMNS)


def cell(column: Column, view: View) -> Text:
    """A count with the mark of its kind; none has no mark."""
    count = column.count(view)
    return marked(column.kind, grouped(count)) if count else Text("0", style="dim")


SHORT = {"G": 10**9, "M": 10**6, "k": 10**3}
SHORT_FROM = 10_000


def shortened(count: float) -> str:
    """A count where there is little room: three digits and k, M or G of large ones."""
    if count < SHORT_FROM:
        return grouped(count)
    letter, size = next((letter, size) for letter, size in SHORT.items() if count >= size)
    whole = count / size
    return f"{whole:.{max(0, 3 - len(str(int(whole))))}f}{letter}"


def grouped(count: float) -> str:
    """A count with its thousands grouped; small measured ones to two digits."""
    return f"{count:,.0f}" if isinstance(count, int) or count >= 10 else f"{count:,.2g}"


def views_sentence(views: Views) -> str:
    """The table in words: who but the meters saw single readings, how many and for how long, and who saw totals."""
    known = {party: _view(counts) for party, counts in views.items()}
    others = {party: view for party, view in known.items() if party not in OWN and party != "simulation"}
    clear = sorted((party for party in others if others[party].readings), key=lambda party: -others[party].readings)
    if not clear:
        words = "Nobody but the meters saw a single reading"
    elif len(clear) == 1:
        words = f"Only {_the(clear[0])} saw single readings besides the meters: {_exposure(others[clear[0]])}"
    else:
        saw = "; ".join(f"{_the(party)} {_exposure(others[party])}" for party in clear)
        words = f"{_listed(clear)} saw single readings besides the meters: {saw}"
        words = words[0].upper() + words[1:]
    totals: dict[tuple[int, int], list[str]] = {}
    for party, view in others.items():
        if view.household_totals or view.neighbourhood_totals:
            totals.setdefault((view.household_totals, view.neighbourhood_totals), []).append(party)
    for (household, neighbourhood), parties in totals.items():
        both = [f"{household:,} household total{'s' * (household != 1)}"] if household else []
        both += [f"{neighbourhood:,} neighbourhood total{'s' * (neighbourhood != 1)}"] if neighbourhood else []
        words += f"; {_listed(parties)} saw {' and '.join(both)}"
    for party, view in others.items():
        if view.withheld_totals:
            words += f"; {_the(party)} withheld {view.withheld_totals:,} of those that it saw"
    if looked := known.get("simulation", View()).readings:
        words += f"; the simulation looked at {looked:,} itself to follow a reading"
    return words + "."


def differing(left: Views, right: Views) -> set[tuple[str, str]]:
    """Party and field of all that is shown differently in two runs; a party that only one of them has differs in all.

    Reading-seconds are measured and never quite the same: they differ when they do by half or more.
    """
    one, other = ({sight.party: sight.view for sight in sights(views)} for views in (left, right))
    found = set()
    for party in one | other:
        for column in COLUMNS:
            before, now = (column.count(each[party]) if party in each else None for each in (one, other))
            if _differ(column, before, now):
                found.add((party, column.field))
    return found


def difference_sentence(kept: Views, present: Views) -> str:
    """What a run showed in the clear that the one that was kept did not, or the reverse, in words."""
    one, other = ({sight.party: sight for sight in sights(views) if not sight.own} for views in (kept, present))
    said = []
    for party in one | other:
        changes = []
        for column in COLUMNS:
            before, now = (column.count(each[party].view if party in each else View()) for each in (one, other))
            if column.kind == "clear" and _differ(column, before, now):
                changes.append(f"{column.heading.replace(chr(10), ' ').replace('- ', '-')} {_change(before, now)}")
        if changes:
            said.append(f"{_the(party)}: {', '.join(changes)}")
    if not said:
        return "In the clear, nothing differs from the kept run."
    return f"Against the kept run, {'; '.join(said)}."


ALIKE = 1.5
"""Two measured spans of time further apart than this factor differ."""


def _differ(column: Column, before: float | None, now: float | None) -> bool:
    if before is None or now is None:
        return before is not now
    if column.field != "reading_seconds" or not before or not now:
        return before != now
    return max(before, now) >= ALIKE * min(before, now)


def _change(before: float, now: float) -> str:
    return f"{grouped(before)} → {grouped(now)}"


def _view(counts: Mapping[str, int | float]) -> View:
    known = {field.name for field in fields(View)}
    return View.from_dict({name: count for name, count in counts.items() if name in known})


def _exposure(view: View) -> str:
    if not view.peak_readings:
        return f"{view.readings:,} of them"
    return f"at most {view.peak_readings:,} at a time, {grouped(view.reading_seconds)} reading-seconds in all"


def _the(party: str) -> str:
    return f"the {party.upper() if party in ('pes', 'mdms') else party}"


def _listed(parties: list[str]) -> str:
    *before, last = (_the(party) for party in parties)
    return f"{', '.join(before)} and {last}" if before else last
