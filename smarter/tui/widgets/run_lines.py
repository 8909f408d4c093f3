"""The single lines of the run's page, from a picture: what runs, progress, what is in the clear, how it ended."""

from __future__ import annotations

from math import ceil

from rich.text import Text

from smarter.charts.marks import COLOURS, MARKS
from smarter.charts.parties import NAMES, exposures
from smarter.charts.stages import DOING, clock, span_of, sparkline
from smarter.charts.views import grouped
from smarter.scenario import Scenario
from smarter.tui.picture import Condition, Picture

STANDS: dict[Condition, str] = {
    "waiting": "",
    "running": "▶ running",
    "pausing": "⏸ pausing after this hold",
    "paused": "⏸ paused, p goes on",
    "stopping": "■ cancelling",
    "cancelled": "■ cancelled",
    "failed": "✕ failed",
    "finished": "✓ finished",
}
ENDED: dict[Condition, str] = {"failed": COLOURS["refused"], "finished": COLOURS["sum"]}
LEAST_BAR, MOST_BAR = 10, 120
WIDE = 110
"""Columns from which there is room for the finer figures."""
SPARKS = 16


def heading(scenario: Scenario, picture: Picture, width: int) -> Text:
    """Which scenario, protocol, scheme and meters; at the right how its run stands, and since when."""
    aggregate = scenario.crypto.aggregate
    bits = getattr(aggregate.options, "key_bits", "")
    names = list(scenario.neighbourhoods)
    where = names[0] if len(names) == 1 else f"{len(names)} neighbourhoods"
    parts = [scenario.protocol, f"{aggregate.plugin} {bits}".strip(), where]
    if picture.meters:
        parts[-1] += f", {picture.meters:,} meters"
    right = Text().append(STANDS[picture.condition], style=f"bold {ENDED.get(picture.condition, '')}".strip())
    right.append(f"  {clock(picture.seconds)}")
    left = Text.assemble((scenario.name, "bold"), *(f" · {part}" for part in parts))
    return apart(left, right, width)


def progress(picture: Picture, width: int) -> Text:
    """How many readings are carried and how long it will take; before and after them what goes on besides."""
    doing = DOING.get(picture.stage)
    beside = picture.goes_on and doing is not None and picture.condition != "paused"
    done, total = picture.step if beside else (picture.done, picture.total)
    if picture.condition == "waiting" or (picture.goes_on and not total):
        return Text("looking at keys and data …" if picture.goes_on else "")
    percent = 100 * done // total if total else 0
    if beside and doing is not None:
        words = f"{doing.words}, {done:,} of {total:,} {doing.unit}"
    else:
        words = f"{percent:>3} %  {done:,} of {total:,} readings"
        if picture.left is not None and picture.condition == "running":
            words += f"  {clock(ceil(picture.left))} left"
    bar = max(LEAST_BAR, min(width - len(words) - 2, MOST_BAR))
    colour = "dim" if beside else ENDED.get(picture.condition, COLOURS["sealed"])
    text = _bar(done / total if total else 0.0, bar, colour)
    return text.append(f"  {words}")


def in_the_clear(picture: Picture, width: int) -> Text:
    """Who has others' readings in the clear, how many and for how long; and how fast it goes."""
    text = Text().append("in the clear  ", style="dim")
    found = exposures(picture.views)
    if not found:
        text.append("nobody but the meters, so far" if picture.goes_on else "nobody but the meters")
    for exposure in found[:1]:
        name = NAMES.get(exposure.party, exposure.party)
        text.append(f"{MARKS['clear']} {name} peak {exposure.peak:,}", style=COLOURS["clear"])
        if width >= WIDE:
            text.append(f"  each for {span_of(exposure.seconds)}")
        text.append(f"  {grouped(exposure.reading_seconds)} reading-seconds")
    if not picture.rates:
        return text
    rate = Text(f"{picture.rate:,.0f} readings/s")
    room = min(width - text.cell_len - rate.cell_len - 4, SPARKS)
    right = Text(f"{sparkline(picture.rates, max(room, 0)):>{max(room, 0)}}  ").append_text(rate)
    return apart(text, right, width)


def ending(picture: Picture) -> Text | None:
    """What a run has come to, and what to do next; None while it goes on."""
    if picture.condition == "cancelled":
        return Text("■ Cancelled: nothing is lost. r takes it up where it was.")
    if picture.condition == "failed":
        return Text.assemble((f"✕ {picture.error}", COLOURS["refused"]), "\nr tries again.")
    if picture.condition != "finished" or picture.result is None:
        return None
    result, tallied = picture.result, picture.tallied
    billed = " and ".join(f"{amount} {currency}" for currency, amount in result.billed.items())
    text = Text().append(f"✓ {result.counts.meters:,} meters billed {billed or 'nothing'}", style="bold")
    text.append(f"  {MARKS['sum']} {sum(tallied.released.values()):,} windows released", style=COLOURS["sum"])
    if refused := sum(tallied.refused.values()):
        text.append(f"  {MARKS['refused']} {refused:,} refused", style=COLOURS["refused"])
    text.append(f"  {result.seconds:,.1f} s")
    if result.verified:
        text.append("\n✓ Verified, every number.")
    else:
        text.append("\nv recomputes every number.")
    return text.append("  Look at 4 demand, 5 bills, 6 who saw what.")


def _bar(share: float, width: int, colour: str) -> Text:
    halves = int(share * width * 2)
    full, half = divmod(min(halves, width * 2), 2)
    text = Text().append("━" * full + "╸" * half, style=colour)
    return text.append("━" * (width - full - half), style="dim")


def apart(left: Text, right: Text, width: int) -> Text:
    """One at the left, one at the right; the left one gives way."""
    left.truncate(max(width - right.cell_len - 2, 0), overflow="ellipsis")
    left.append(" " * (width - left.cell_len - right.cell_len))
    left.append_text(right)
    left.no_wrap = True
    return left
