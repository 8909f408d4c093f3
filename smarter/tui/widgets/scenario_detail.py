"""One scenario beside the list: what it is, what a run of it comes to, how far it has been run, what is set in it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.containers import VerticalScroll
from textual.widgets import Static

from smarter.charts.marks import MARKS
from smarter.charts.scenario import about, facts, workload
from smarter.scenario.catalogue import Entry
from smarter.scenario.model import Scenario
from smarter.tui.reckoning import Reckoned

if TYPE_CHECKING:
    from smarter.bench.duration import Duration
    from smarter.protocols.session import Standing


class ScenarioDetail(VerticalScroll):
    """What :meth:`show` was called with last."""

    DEFAULT_CSS = """
    ScenarioDetail { height: 1fr; padding: 0 1; margin-top: 1; }
    ScenarioDetail > Static { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(Static(), id="detail")

    def show(
        self,
        entry: Entry,
        scenario: Scenario | None,
        overrides: Sequence[str],
        reckoned: Reckoned | None,
        *,
        chosen: bool,
    ) -> None:
        """Show another scenario, or the same one as it is now; None while its text is not valid."""
        self.query_one(Static).update(Group(*self._parts(entry, scenario, overrides, reckoned, chosen)))

    def _parts(
        self, entry: Entry, scenario: Scenario | None, overrides: Sequence[str], reckoned: Reckoned | None, chosen: bool
    ) -> list[RenderableType]:
        colours = self.app.theme_variables
        title = Text(scenario.name if scenario is not None else entry.name, style="bold")
        if chosen:
            title.append("  ▶ chosen", style=colours["accent"])
        if scenario is None:
            return [
                title,
                Text(f"{MARKS['refused']} It cannot be run as it is: f8 goes to the line.", colours["refused"]),
            ]
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column()
        for said in overrides:
            grid.add_row("set", Text(f"--set {shlex.quote(said)}", style=colours["accent"]))
        for label, words in self._of_run(reckoned):
            grid.add_row(label, words)
        for label, fact in facts(scenario):
            grid.add_row(Text(label, overflow="ellipsis"), Text(fact))
        return [title, Text(scenario.description), Text(), grid]

    def _of_run(self, reckoned: Reckoned | None) -> list[tuple[str, Text]]:
        if reckoned is None:
            return [("cost", Text("looking at its data …", style="dim"))]
        estimate, standing = reckoned.estimate, reckoned.standing
        if isinstance(estimate, str):
            said = [("cost", Text(f"{MARKS['refused']} {estimate}", style=self.app.theme_variables["refused"]))]
        else:
            lines = [Text(line) for line in workload(estimate)]
            lines.append(_time(reckoned.duration))
            said = [("cost" if place == 0 else "", line) for place, line in enumerate(lines)]
        return [*said, ("run", Text(standing if isinstance(standing, str) else _stands(standing)))]


def _time(duration: Duration | None) -> Text:
    if duration is None:
        return Text("page 7 measures how long that takes here", style="dim")
    text = Text.assemble((f"about {about(duration.seconds)}", "bold"), " to encrypt and to release")
    return text.append(f", as measured {duration.at.astimezone():%Y-%m-%d}", style="dim")


def _stands(standing: Standing | None) -> str:
    if standing is None:
        return "not yet: r runs it"
    if standing.finished:
        return "to its end: r shows the result"
    percent = 100 * standing.done // standing.expected if standing.expected else 0
    return f"left at {percent} %: r takes it up"
