"""What ``smarter operator`` prints for people: who is an operator, meters by pseudonym, bills under two tariffs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from smarter.charts import operators
from smarter.charts.marks import heading
from smarter.protocols.operator_desk import SeenMeter
from smarter.protocols.rerating import Rerating
from smarter.protocols.roster import Listed


def operators_table(console: Console, listed: Sequence[Listed]) -> None:
    """Everybody with role and standing."""
    console.print(operators.operators_table(listed))


def meters_table(console: Console, meters: Sequence[SeenMeter]) -> None:
    """Every meter by its whole pseudonym."""
    heading(console, "Meters", f"{len(meters):,}, by pseudonym")
    console.print(operators.meters_table(meters))


def rerating_table(console: Console, rerating: Rerating) -> None:
    """A row a household, and the sums of those compared."""
    heading(console, f"Bills under tariff {rerating.tariff}", f"beside those there are, in {rerating.currency}")
    console.print(operators.rerating_table(rerating))
    if (words := operators.left_out(rerating)) is not None:
        console.print(words)
