"""The log of a run with what is around it: how many lines of what there are, the filter, and a chosen line in full."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import Input, Static

from smarter.charts.marks import COLOURS, MARKS, Kind
from smarter.charts.scenario import command
from smarter.scenario import Scenario
from smarter.scenario.catalogue import reference_of
from smarter.tui.picture import Picture
from smarter.tui.widgets.log_lines import GROUPS, zone_in
from smarter.tui.widgets.run_lines import apart
from smarter.tui.widgets.run_log import RunLog
from smarter.tui.widgets.text_lines import OneLine

MARKED: dict[str, Kind] = {"released": "sum", "refused": "refused", "faults": "refused"}
UNWATCHED = (
    "The log lists what happens while you watch, and this run had finished before. What it released and refused is in "
    "the audit log: "
)


class LogPanel(Vertical):
    """Heading, filter, lines, and the chosen one where it is cut."""

    DEFAULT_CSS = """
    LogPanel { height: 1fr; }
    LogPanel #log-heading { background: $panel; }
    LogPanel #words { display: none; height: 1; border: none; padding: 0 1; }
    LogPanel #words.asked { display: block; }
    LogPanel #unwatched { display: none; height: auto; padding: 0 1; }
    LogPanel #detail { display: none; height: auto; padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__(id="panel")
        self._groups = set(GROUPS)
        self._unwatched = False

    def compose(self) -> ComposeResult:
        """Heading, what is not there, filter, lines, the chosen one."""
        yield OneLine(id="log-heading")
        yield Static(id="unwatched", classes="quiet", markup=False)
        yield Input(placeholder="parts of a line: billing, a3f9, refused", id="words", compact=True)
        yield RunLog()
        yield Static(id="detail", markup=False)

    @property
    def lines(self) -> RunLog:
        """The lines."""
        return self.query_one(RunLog)

    @property
    def filtered(self) -> bool:
        """Whether not all lines are shown, or something is chosen."""
        return self.lines.cursor is not None or self._words.has_class("asked") or self._groups != set(GROUPS)

    @property
    def _words(self) -> Input:
        return self.query_one("#words", Input)

    def take(self, picture: Picture, scenario: Scenario, overrides: Sequence[str]) -> None:
        """Show a picture's lines; a run that had finished before has none, and where they are is said."""
        self.lines.take(picture, partial(zone_in, scenario))
        unwatched = picture.condition == "finished" and not picture.logged
        if unwatched != self._unwatched:
            self._unwatched, note = unwatched, self.query_one("#unwatched", Static)
            listing = command(reference_of(scenario.path), overrides, "audit show")
            note.update(f"{UNWATCHED}{listing}")
            note.display = unwatched
            self._changed()

    def ask(self) -> None:
        """Ask for words to filter by."""
        self._words.add_class("asked")
        self._words.focus()

    def toggle(self, group: str) -> None:
        """Show or hide lines of a group."""
        self._groups ^= {group}
        self._filter()

    def back(self) -> None:
        """Let go of what is chosen; then show all lines."""
        if self.lines.cursor is not None and not self._words.has_focus:
            self.lines.let_go()
            return
        self._words.value = ""
        self._words.remove_class("asked")
        self._groups = set(GROUPS)
        self._filter()
        self.lines.focus()

    @on(Input.Changed, "#words")
    def _filter(self) -> None:
        self.lines.filter(self._words.value, self._groups)

    @on(Input.Submitted, "#words")
    def _words_given(self, event: Input.Submitted) -> None:
        if not event.value:
            self._words.remove_class("asked")
        self.lines.focus()

    @on(RunLog.Changed)
    def _changed(self) -> None:
        log, detail = self.lines, self.query_one("#detail", Static)
        self.query_one("#log-heading", OneLine).say([self._heading(log)])
        chosen = log.chosen
        detail.display = len(chosen) == 1 and log.cuts(chosen[0])
        if detail.display:
            detail.update(log.text)
        self.screen.refresh_bindings()

    def _heading(self, log: RunLog) -> Text:
        left = Text()
        for group, kind in MARKED.items():
            shown = group in self._groups
            click = Style(meta={"@click": f"screen.show_group('{group}')"})
            counted = "" if self._unwatched else f"{log.logged(group):,} "
            said = f"{MARKS[kind]} {counted}{group}{'' if shown else ' hidden'}"
            left.append(said, style=Style.parse(COLOURS[kind] if shown and log.logged(group) else "dim") + click)
            left.append("   ")
        many = len(log.chosen)
        if self._unwatched:
            right = ""
        elif many > 1:
            right = f"{many:,} chosen of {log.count:,}"
        elif log.cursor is not None:
            right = f"{log.cursor + 1:,} of {log.count:,}"
        else:
            right = f"{log.count:,} line{'s' * (log.count != 1)}" + ("" if log.follows else ", end follows")
        return apart(left, Text(right), self.size.width - 2)
