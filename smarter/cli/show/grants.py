"""A customer's grants for ``smarter customer grants``: to whom, what, until when, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from smarter.charts.marks import heading
from smarter.charts.rights import grant_words
from smarter.protocols.grants import Given


def grants_table(console: Console, given: Sequence[Given], timezone: str) -> None:
    """One row a grant, and its purpose below the table."""
    heading(console, "Your grants", f"spans in {timezone}; what was read cannot be called back")
    console.print()
    for words in grant_words(given, timezone):
        console.print(words)
