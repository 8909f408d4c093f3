"""The end of ``smarter run``'s report: what was refused or dropped, and where the time went."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.console import Console
from rich.text import Text

from smarter.charts.marks import heading, holder_of, marked, quiet_table
from smarter.model.results import RefusedWindow, Result

SHOWN = 10


def refusals(console: Console, refused: Sequence[RefusedWindow]) -> None:
    """The first windows that were not released, and how many more there are; nothing when all were."""
    if not refused:
        return
    heading(console, "Not released")
    table = quiet_table()
    for name in ("window", "of", "start", "status"):
        table.add_column(name, no_wrap=True)
    table.add_column("why")
    for window in refused[:SHOWN]:
        start = f"{datetime.fromisoformat(window.start):%Y-%m-%d %H:%M}"
        holder = Text(holder_of(window.kind, window.holder))
        table.add_row(marked("refused", window.kind), holder, start, window.status, Text(window.reason))
    console.print(table)
    if (more := len(refused) - SHOWN) > 0:
        console.print(Text(f"and {more:,} more; result.json (--json) lists them all.", style="dim"))


def stages_line(console: Console, result: Result) -> None:
    """How much was carried, how long it took and on what, what was dropped, and whether it was verified."""
    counts = result.counts
    console.print()
    console.print(
        Text(
            f"{counts.readings:,} of {counts.expected:,} readings from {counts.meters:,} "
            f"meter{'s' * (counts.meters != 1)} in {counts.frames:,} frames and {counts.ciphertexts:,} ciphertexts, "
            f"{result.seconds:,.1f} s"
        )
    )
    spent = {stage: figures.seconds for stage, figures in result.stages.items()}
    whole = sum(spent.values())
    shares = [f"{stage} {share} %" for stage in spent if whole and (share := round(100 * spent[stage] / whole))]
    if shares:
        console.print(Text(" · ".join(shares), style="dim"))
    for party, reasons in counts.dropped.items():
        for reason, count in reasons.items():
            name = party.upper() if party in ("pes", "mdms") else party
            console.print(marked("refused", f"{count:,} dropped by the {name}: {reason}"))
    if counts.damaged_records:
        console.print(marked("refused", f"{counts.damaged_records:,} records of the store do not verify"))
    if result.verified:
        console.print(marked("sum", "verified: every number equals the one recomputed from the plaintext"))
