"""What sources hold, for ``smarter readings``: a row a meter, and what a run over all of it would refuse."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from smarter.charts.marks import kwh, marked, moment, quiet_table
from smarter.model.windows import spell
from smarter.parties.meter.survey import Survey

MOST_INTERVALS = 2


def survey_table(console: Console, surveys: Sequence[Survey], timezone: str) -> None:
    """One row a meter, its problems below; columns of stamps that are odd only where some are."""
    repeated, nonexistent = any(each.repeated for each in surveys), any(each.nonexistent for each in surveys)
    total = round(sum(each.total_mwh for each in surveys))
    table = quiet_table(footer=len(surveys) > 1, gap=2 if console.width >= 100 else 1)
    table.add_column("meter", f"{len(surveys):,} meters", overflow="fold")
    table.add_column("rows", f"{sum(each.rows for each in surveys):,}", justify="right", no_wrap=True)
    table.add_column("local time", min_width=16)
    table.add_column("interval", min_width=5)
    table.add_column("gaps", f"{sum(len(each.gaps) for each in surveys):,}", justify="right", no_wrap=True)
    if repeated:
        table.add_column("repeated\nstamps", f"{sum(each.repeated for each in surveys):,}", justify="right")
    if nonexistent:
        table.add_column("stamps\nnever shown", f"{sum(each.nonexistent for each in surveys):,}", justify="right")
    table.add_column("kWh", kwh(total), justify="right", no_wrap=True)
    table.add_column("max kW", justify="right", no_wrap=True)
    for each in surveys:
        table.add_row(
            Text(each.name),
            f"{each.rows:,}",
            f"{moment(each.first, timezone)} to {moment(each.last, timezone)}",
            _intervals(each),
            f"{len(each.gaps):,}",
            *([f"{each.repeated:,}"] if repeated else []),
            *([f"{each.nonexistent:,}"] if nonexistent else []),
            kwh(round(each.total_mwh)),
            f"{each.max_kw:,.3f}",
        )
    console.print(table)
    for each in surveys:
        for problem in each.problems:
            console.print(marked("refused", f"{each.name}: ") + Text(problem))


def _intervals(survey: Survey) -> str:
    """The intervals in order of first use; of many, how many more."""
    seen = list(dict.fromkeys(run.interval_s for run in survey.intervals))
    words = ", ".join(spell(interval) for interval in seen[:MOST_INTERVALS])
    return words + (f" and {len(seen) - MOST_INTERVALS} more" if len(seen) > MOST_INTERVALS else "")
