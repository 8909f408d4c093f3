"""Page 2, run: the parties at work, how far they are, and the log of what was released, refused and dropped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from smarter.charts.parties import COUNTERS, Station, counter_rows, stations
from smarter.errors import SmarterError
from smarter.export.files import csv_text
from smarter.protocols.session import Standing
from smarter.scenario import Scenario
from smarter.tui.page import Exported, Page
from smarter.tui.picture import Condition, Picture
from smarter.tui.widgets.log_lines import COLUMNS, rows, zone_in
from smarter.tui.widgets.log_panel import LogPanel
from smarter.tui.widgets.run_lines import ending, heading, in_the_clear, progress
from smarter.tui.widgets.run_stations import RunStations
from smarter.tui.widgets.text_lines import OneLine

SHOW = Binding.Group("Show", compact=True)
TALL = 30
"""Lines from which there is room to breathe."""


class RunPage(Page):
    """A run while it goes on, and what it has come to."""

    NAME = "run"
    HELP = (
        "The parties in the order of a reading's way, each with what it has seen ● in the clear, ▒ sealed and Σ as "
        "sums, the bytes that it passed on, its share of the time, and what waits. A pause begins when all that was "
        "opened is encrypted; cancelling takes effect at once, and r takes the run up. The log follows the newest "
        "line: move up or click to choose, with shift to choose more; y copies what is chosen, or all that is shown."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "run_scenario(False)", "Run", id="run.start", tooltip="Run, take up, or show the result"),
        Binding("v", "run_scenario(True)", "Run and verify", id="run.verify"),
        Binding("p", "pause", "Pause", id="run.pause", tooltip="Pause, or go on"),
        Binding("c", "cancel", "Cancel", id="run.cancel"),
        Binding("slash", "filter", "Filter", key_display="/", id="run.filter"),
        Binding("l", "show_group('released')", "Released", group=SHOW, id="run.released"),
        Binding("u", "show_group('refused')", "Refused", group=SHOW, id="run.refused"),
        Binding("f", "show_group('faults')", "Faults", group=SHOW, id="run.faults"),
        Binding("escape", "back", "All lines", id="run.back"),
    ]
    AUTO_FOCUS = "RunLog"
    DEFAULT_CSS = """
    RunPage #something { height: 1fr; }
    RunPage #ending { display: none; height: auto; padding: 0 1; }
    RunPage.tall #progress, RunPage.tall #stations, RunPage.tall #clear { margin-bottom: 1; }
    """

    class Looked(Message):
        """It is known how far the chosen scenario has come."""

        def __init__(self, of: object, words: str) -> None:
            super().__init__()
            self.of, self.words = of, words

    def __init__(self) -> None:
        super().__init__()
        self._stands: tuple[Scenario | None, Condition] | None = None
        self._of: object = None
        self._ending: Text | None = None

    def compose_page(self) -> ComposeResult:
        """Lines, parties, lines, log; or what to do."""
        with Vertical(id="something"):
            yield OneLine(id="heading")
            yield OneLine(id="progress")
            yield RunStations()
            yield OneLine(id="clear")
            yield Static(id="ending", markup=False)
            yield LogPanel()
        yield Static(id="nothing", classes="empty", markup=False)

    def on_resize(self, event: events.Resize) -> None:
        """What has room depends on the size."""
        self.set_class(event.size.height >= TALL, "tall")
        self._show(self.bench.picture)

    # What is shown.

    def show_picture(self, picture: Picture) -> None:
        """The run has gone on, or another scenario is chosen."""
        stands = (self.bench.scenario, picture.condition)
        if stands != self._stands:
            self._stands = stands
            self.refresh_bindings()
            if picture.condition == "waiting":
                self._invite()
        self._show(picture)

    def _show(self, picture: Picture) -> None:
        scenario, width = self.bench.scenario, self.size.width - 2
        runs = scenario is not None and picture.condition != "waiting"
        self.query_one("#something").display = runs
        self.query_one("#nothing").display = not runs
        if scenario is None or not runs or width <= 0:
            return
        self.query_one("#heading", OneLine).say([heading(scenario, picture, width)])
        self.query_one("#progress", OneLine).say([progress(picture, width)])
        self.query_one(RunStations).show(_stations(picture))
        self.query_one("#clear", OneLine).say([in_the_clear(picture, width)])
        self._show_ending(ending(picture))
        self.query_one(LogPanel).take(picture, scenario, self.bench.overrides)

    def _show_ending(self, text: Text | None) -> None:
        if text != self._ending:
            self._ending, ended = text, self.query_one("#ending", Static)
            ended.update(text or "")
            ended.display = text is not None

    # Before there is a run.

    def _invite(self) -> None:
        self._of, scenario = object(), self.bench.scenario
        if scenario is None:
            self.query_one("#nothing", Static).update("No scenario is chosen: choose one on page 1.")
        else:
            self.query_one("#nothing", Static).update(_named(scenario, "…"))
            self._look(self._of, scenario)

    @work(thread=True, exclusive=True)
    def _look(self, of: object, scenario: Scenario) -> None:
        try:
            words = _invitation(self.bench.standing)
        except SmarterError as error:
            words = f"✕ {error}"
        except OSError as error:
            words = f"✕ the system refuses: {error}"
        self.post_message(self.Looked(of, _named(scenario, words)))

    def on_run_page_looked(self, message: Looked) -> None:
        """Say how far the chosen scenario has come, if it still is the chosen one."""
        if message.of is self._of:
            self.query_one("#nothing", Static).update(message.words)

    # Actions.

    def action_run_scenario(self, verify: bool) -> None:
        """Run the chosen scenario, take it up, or show its result."""
        self.bench.start_run(verify=verify)

    def action_pause(self) -> None:
        """Pause the run, or let it go on."""
        self.bench.pause_run()

    def action_cancel(self) -> None:
        """Cancel the run."""
        self.bench.cancel_run()

    def action_filter(self) -> None:
        """Ask for words to filter by."""
        self.query_one(LogPanel).ask()

    def action_show_group(self, group: str) -> None:
        """Show or hide released or refused windows, or faults."""
        self.query_one(LogPanel).toggle(group)

    def action_back(self) -> None:
        """Let go of what is chosen; then show all lines."""
        self.query_one(LogPanel).back()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on how the run stands."""
        picture = self.bench.picture
        if action == "run_scenario":
            return self.bench.scenario is not None and not picture.goes_on
        if action == "pause":
            return picture.condition in ("running", "pausing", "paused")
        if action == "cancel":
            return picture.goes_on and picture.condition != "stopping"
        if action in ("filter", "show_group"):
            return picture.condition != "waiting" and not isinstance(self.focused, Input)
        if action == "back":
            return picture.condition != "waiting" and self.query_one(LogPanel).filtered
        return super().check_action(action, parameters)

    # Files.

    def copied(self) -> str:
        """The lines that are chosen, or all that are shown."""
        return self.query_one(LogPanel).lines.text

    def exported(self) -> Sequence[Exported]:
        """The log as it is filtered, as CSV and text, and all counters as CSV."""
        picture, scenario, log = self.bench.picture, self.bench.scenario, self.query_one(LogPanel).lines
        if picture.condition == "waiting" or scenario is None:
            return ()
        return (
            Exported(f"log-{scenario.name}.csv", csv_text(COLUMNS, rows(log.shown, partial(zone_in, scenario)))),
            Exported(f"log-{scenario.name}.txt", f"{log.all_text}\n"),
            Exported(f"counters-{scenario.name}.csv", csv_text(COUNTERS, counter_rows(_stations(picture)))),
        )


def _stations(picture: Picture) -> list[Station]:
    return stations(picture.views, picture.spent, picture.bytes, picture.speeds, picture.tallied)


def _named(scenario: Scenario, words: str) -> str:
    return f"{scenario.name}\n{scenario.description}\n\n{words}"


def _invitation(standing: Standing | None) -> str:
    """How far the chosen scenario has come, and what a key does."""
    if standing is None:
        return "Press r to run it, v to run it and verify every number."
    if standing.finished:
        return "It has been run to its end. Press r to see the result, v to verify every number."
    percent = 100 * standing.done // standing.expected if standing.expected else 0
    return (
        f"A run of it was left at {percent} %, {standing.done:,} of {standing.expected:,} readings. "
        "Press r to take it up, v to verify every number at its end, too."
    )
