"""Who saw what, for ``smarter run``: a table of parties and kinds of data, and one sentence that says it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from rich.console import Console
from rich.text import Text

from smarter.cli.show.marks import Kind, heading, marked, quiet_table
from smarter.model.views import View

Views = Mapping[str, Mapping[str, int | float]]

NAMES = {"meters": "Meters (own)", "pes": "PES", "mdms": "MDMS"}
"""What a meter reads is its own household's; so is what its customer reads."""

_OWN = ("meters", "customer")
_NARROW = 100
_KILOBYTE = 1000


def views_table(console: Console, views: Views) -> None:
    """The party that saw most single readings first; the meters, whose own they are, last."""
    known = {party: _view(counts) for party, counts in views.items()}
    heading(console, "Who saw what")
    table = quiet_table(gap=1 if console.width < _NARROW else 3)
    table.add_column("party", no_wrap=True)
    columns = (
        "single\nreadings",
        "at most\nat once",
        "reading-\nseconds",
        "household\ntotals",
        "neighbourhood\ntotals",
    )
    for name in (*columns, "kB\nsealed"):
        table.add_column(name, justify="right", no_wrap=True)
    others = [party for party in known if party not in _OWN and party != "simulation"]
    order = sorted(others, key=lambda party: -known[party].readings)
    order += [party for party in (*_OWN, "simulation") if party in known]
    for party in order:
        view = known[party]
        if party == "simulation" and not view.readings:
            continue
        table.add_row(
            NAMES.get(party, party.capitalize()),
            _cell("clear", view.readings),
            _cell("clear", view.peak_readings),
            _cell("clear", view.reading_seconds),
            _cell("sum", view.household_totals),
            _cell("sum", view.neighbourhood_totals),
            _cell("sealed", -(-view.bytes_sealed // _KILOBYTE)),
            style="dim" if party in _OWN else "",
        )
    console.print(table)
    console.print()
    console.print(Text(views_sentence(views)))


def views_sentence(views: Views) -> str:
    """The table in words: who but the meters saw single readings, how many and for how long, and who saw totals."""
    known = {party: _view(counts) for party, counts in views.items()}
    others = {party: view for party, view in known.items() if party not in _OWN and party != "simulation"}
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


def _view(counts: Mapping[str, int | float]) -> View:
    known = {field.name for field in fields(View)}
    return View.from_dict({name: count for name, count in counts.items() if name in known})


def _cell(kind: Kind, count: float) -> Text:
    if not count:
        return Text("0", style="dim")
    return marked(kind, _grouped(count))


def _grouped(count: float) -> str:
    return f"{count:,.0f}" if isinstance(count, int) or count >= 10 else f"{count:,.2g}"


def _exposure(view: View) -> str:
    if not view.peak_readings:
        return f"{view.readings:,} of them"
    return f"at most {view.peak_readings:,} at a time, {_grouped(view.reading_seconds)} reading-seconds in all"


def _the(party: str) -> str:
    return f"the {party.upper() if party in ('pes', 'mdms') else party}"


def _listed(parties: list[str]) -> str:
    *before, last = (_the(party) for party in parties)
    return f"{', '.join(before)} and {last}" if before else last
