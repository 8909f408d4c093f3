"""Page 6, who saw what: what each party of a run got to see, live, beside that of an earlier run if one was kept.

On demand it audits what the released sums show together, in the background.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.console import Group
from rich.table import Table
from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, VerticalScroll
from textual.widgets import Static

from smarter.charts.marks import MARKS, Kind
from smarter.charts.releases import FIELDS as EXPOSED_FIELDS
from smarter.charts.releases import audit_sentence, exposed_lines, exposed_table
from smarter.charts.views import FIELDS, difference_sentence, differing, sight_lines, views_sentence
from smarter.errors import SmarterError, UsageError
from smarter.export.files import csv_text
from smarter.scenario.differences import differences, differences_in_words
from smarter.tui.page import Exported, Page
from smarter.tui.picture import Condition, Picture
from smarter.tui.widgets.sightings import Side, Sightings

if TYPE_CHECKING:
    from smarter.protocols.release_audit import ReleaseAudit
    from smarter.scenario import Scenario
    from smarter.state import StateFolder

BESIDE = 150
"""Columns from which on two runs stand side by side; under them one beneath the other."""
TALL = 32
"""Lines from which on there is room for blank ones between two tables."""
MARGINS = 3
"""Columns left and right of the tables, the bar for scrolling included."""
LEGEND: Sequence[tuple[Kind, str, str]] = (
    ("clear", "in the clear", "single readings it could read, how many at once, and how long: readings times seconds"),
    ("sum", "sums", "totals of a household or of the neighbourhood"),
    ("sealed", "sealed", "bytes that passed through its hands"),
)
COUNTED = "Counted where bytes are decoded, opened and decrypted."
MOST_EXPOSED = 8
"""Exposed billing windows that the page lists; the exported file has all."""


@dataclass(frozen=True)
class Audited:
    """An audit of releases.

    Attributes:
        scenario: whose releases.
        condition: how its run stood when the audit began.
        zones: IANA name of each neighbourhood's clock.
        found: the result.
    """

    scenario: Scenario
    condition: Condition
    zones: Mapping[str, str]
    found: ReleaseAudit


class ViewsPage(Page):
    """Parties × kinds of data."""

    NAME = "views"
    HELP = (
        "What each party got to see, counted where bytes are decoded, opened and decrypted, never declared. The party "
        "that saw most single readings comes first. Keep a run, then run another scenario, or the same with a changed "
        "value: it appears beside the kept one, with what differs marked ≠. Reading-seconds are measured and never "
        "twice the same: they are marked when they differ by half or more. The audit of releases judges all sums that "
        "were ever released on the state together: whether any billing window shows what a few meters used."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "keep", "Keep", id="views.keep"),
        Binding("x", "drop", "Drop kept", id="views.drop"),
        Binding("r", "run_scenario", "Run", id="views.run"),
        Binding("a", "audit", "Audit releases", id="views.audit"),
    ]
    DEFAULT_CSS = """
    ViewsPage #body { padding: 1 1 0 1; scrollbar-size-vertical: 1; }
    ViewsPage #sides { layout: vertical; height: auto; }
    ViewsPage #sides.beside { layout: horizontal; }
    ViewsPage #kept { display: none; }
    ViewsPage .two #kept { display: block; }
    ViewsPage .two #now { margin-top: 1; }
    ViewsPage .two .beside #now { margin-top: 0; }
    ViewsPage #body.tight { padding: 0 1; }
    ViewsPage .tight .table { margin-top: 0; }
    ViewsPage .said { margin-top: 1; height: auto; max-width: 120; }
    ViewsPage #sentence { text-style: bold; }
    ViewsPage .two #sentence { text-style: none; }
    ViewsPage #differences { display: none; height: auto; max-width: 120; margin-bottom: 1; text-style: bold; }
    ViewsPage .two #differences { display: block; }
    ViewsPage .two #legend { display: none; }
    ViewsPage #releases { display: none; }
    ViewsPage.audited #releases { display: block; max-width: 140; }
    ViewsPage.empty-page #body { display: none; }
    ViewsPage.empty-page.audited #body { display: block; height: 1fr; }
    ViewsPage.empty-page.audited #sides, ViewsPage.empty-page.audited .counted { display: none; }
    ViewsPage.empty-page.audited #nothing { height: auto; }
    ViewsPage #nothing { display: none; }
    ViewsPage.empty-page #nothing { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: Side | None = None
        self._drawn: object = None
        self._audited: Audited | None = None

    def compose_page(self) -> ComposeResult:
        """Two tables, of which the first one shows when a run was kept, and sentences beneath."""
        yield Static(id="nothing", classes="empty")
        with VerticalScroll(id="body"):
            yield Static(id="differences")
            with Container(id="sides"):
                yield Sightings(id="kept")
                yield Sightings(id="now")
            yield Static(id="sentence", classes="said counted")
            yield Static(id="releases", classes="said")
            yield Static(id="legend", classes="said quiet counted")

    def on_mount(self) -> None:
        """Colours follow the theme, also when it changes."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self.show_picture(self.bench.picture))

    def on_resize(self, event: events.Resize) -> None:
        """What has room depends on the width."""
        self._draw()

    def show_picture(self, picture: Picture) -> None:
        """The run has gone on, or another one was chosen."""
        if self._audited is not None and not self._is_current(self._audited):
            self._show_audit(None)
        if picture.views or self._kept is not None:
            self._draw()
        else:
            self._show_nothing(picture)

    # What is shown.

    @property
    def _present(self) -> Side:
        picture, app = self.bench.picture, self.bench
        name = picture.scenario or (app.scenario.name if app.scenario else "")
        return Side(app.scenario, name, app.overrides, picture.condition, picture.views)

    def _sides(self) -> list[tuple[str, Side]]:
        """One run, or two with their places; what was kept and is still there unchanged is one."""
        now, kept = self._present, self._kept
        if kept is None:
            return [("", now)] if now.views else []
        changed = bool(now.views) and (now.scenario, now.views) != (kept.scenario, kept.views)
        return [("Kept", kept), ("Now", now)] if changed else [("Kept", kept)]

    def _draw(self) -> None:
        sides, (width, height), two = self._sides(), self.size, self._kept is not None
        # Not the theme's name: that changes before its colours do.
        colours = [self.app.theme_variables[kind] for kind, _, _ in LEGEND]
        drawn = (sides, two, self.size, colours, self.bench.scenario)
        if not sides or drawn == self._drawn:
            return
        self._drawn = drawn
        beside = two and width >= BESIDE
        self.remove_class("empty-page")
        body = self.query_one("#body")
        body.set_class(two, "two").set_class(two and not beside and height < TALL, "tight")
        self.query_one("#sides").set_class(beside, "beside")
        if self.focused is None:
            body.focus()  # so that arrows scroll
        room = (width - MARGINS) // 2 if beside else width - MARGINS
        first, second = self.query_one("#kept", Sightings), self.query_one("#now", Sightings)
        second.display = len(sides) > 1 or not two
        marks = differing(sides[0][1].views, sides[1][1].views) if len(sides) > 1 else ()
        for widget, (place, side) in zip([first, second] if two else [second], sides, strict=False):
            widget.show(side, place, marks, width=room)
        self.query_one("#differences", Static).update(self._difference(sides))
        self.query_one("#sentence", Static).update(Text(views_sentence(sides[-1][1].views)))
        self.query_one("#legend", Static).update(self._legend())

    def _difference(self, sides: Sequence[tuple[str, Side]]) -> Text:
        if len(sides) < 2:
            again = sides[0][1].scenario != self.bench.scenario
            doing = "Run it (r)" if again else "Choose another scenario or value (1), run it (r)"
            return Text(f"Kept. {doing}, and its views appear beside these.")
        (_, kept), (_, now) = sides
        text = Text(f"≠ {difference_sentence(kept.views, now.views)}")
        if kept.scenario is not None and now.scenario is not None:
            said = differences_in_words(differences(kept.scenario, now.scenario))
            text.append(f" Changed in the scenario: {said}." if said else "", style="not bold")
        return text

    def _legend(self) -> Table:
        colours, legend = self.app.theme_variables, Table.grid(padding=(0, 2, 0, 0))
        for kind, name, words in LEGEND:
            legend.add_row(Text(f"{MARKS[kind]} {name}", style=colours[kind], no_wrap=True), words)
        legend.add_row("", COUNTED)
        return legend

    def _show_nothing(self, picture: Picture) -> None:
        self._drawn = None
        self.add_class("empty-page")
        name = picture.scenario or "a scenario"
        if picture.goes_on:
            self._say_nothing(f"{name} is being got ready; the first counts come with the first readings.")
        elif picture.condition == "failed":
            self._say_nothing(f"{name} failed before anybody saw anything: {picture.error} r runs it again.")
        elif self.bench.scenario is None:
            self._say_nothing("No scenario is chosen: choose one on page 1.")
        else:
            self._say_nothing(f"No run yet: press r to run {name}.")
            self._look_for_an_earlier_one(name)

    def _say_nothing(self, words: str) -> None:
        self.query_one("#nothing", Static).update(Text(words))

    @work(thread=True, exclusive=True)
    def _look_for_an_earlier_one(self, name: str) -> None:
        try:
            if self.bench.finished:
                self.app.call_from_thread(self._say_earlier, name)
        except SmarterError as error:
            self.app.call_from_thread(self.bench.say, error)
        except OSError as error:
            said = UsageError(f"the system refuses: {error}; when that is mended, come back to this page.")
            self.app.call_from_thread(self.bench.say, said)

    def _say_earlier(self, name: str) -> None:
        if not self.bench.picture.views and not self.bench.picture.goes_on:
            self._say_nothing(f"{name} was run earlier: press r to see who saw what (nothing is computed again).")

    # The audit of releases.

    @work(thread=True, exclusive=True, group="audit")
    def _audit(self, scenario: Scenario, state: StateFolder, condition: Condition) -> None:
        from smarter.protocols.release_audit import audit_releases
        from smarter.protocols.session import recalled

        try:
            if not state.begun:
                raise UsageError(f"there is no run of {scenario.name} yet: r runs it.")
            session = recalled(scenario, state)
            try:
                found = audit_releases(session, state)
            finally:
                session.journal.close()
        except SmarterError as error:
            self.app.call_from_thread(self._audit_failed, error)
        except OSError as error:
            said = UsageError(f"the system refuses: {error}; when that is mended, audit again (a).")
            self.app.call_from_thread(self._audit_failed, said)
        else:
            zones = {plan.name: plan.timezone for plan in session.plans}
            self.app.call_from_thread(self._audit_done, Audited(scenario, condition, zones, found))

    def _audit_failed(self, error: SmarterError) -> None:
        self._show_audit(None)
        self.bench.say(error)

    def _audit_done(self, audited: Audited) -> None:
        """Show it, unless another scenario was chosen or a run began meanwhile."""
        current = self._is_current(audited)
        self._show_audit(audited if current else None)
        if current:
            self.query_one("#releases").scroll_visible()

    def _is_current(self, audited: Audited) -> bool:
        return (audited.scenario, audited.condition) == (self.bench.scenario, self.bench.picture.condition)

    def _show_audit(self, audited: Audited | None) -> None:
        self._audited = audited
        self.set_class(audited is not None, "audited")
        if audited is not None:
            self.query_one("#releases", Static).update(self._audit_words(audited))

    def _audit_words(self, audited: Audited) -> Group:
        found = audited.found
        kind: Kind = "refused" if found.exposed else "sum"
        sentence = Text(f"{MARKS[kind]} {audit_sentence(found)}.", style=f"bold {self.app.theme_variables[kind]}")
        if not found.exposed:
            return Group(sentence)
        return Group(sentence, Text(""), exposed_table(found, audited.zones, MOST_EXPOSED))

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """There is nothing to drop before something was kept."""
        return self._kept is not None if action == "drop" else True

    def action_keep(self) -> None:
        """Keep the present views, to hold others against them."""
        now = self._present
        if not now.views:
            self.notify("There is nothing to keep yet: run a scenario first (r).", severity="warning")
            return
        self._keep(now)

    def action_drop(self) -> None:
        """Show one run again."""
        self._keep(None)

    def _keep(self, side: Side | None) -> None:
        self._kept = side
        self.refresh_bindings()
        self.show_picture(self.bench.picture)

    def action_audit(self) -> None:
        """Judge all that was released on the state, in the background."""
        scenario, state = self.bench.scenario, self.bench.state
        if scenario is None or state is None:
            self.notify("No scenario is chosen: choose one on page 1.", severity="warning")
            return
        self.set_class(True, "audited")
        self.query_one("#releases", Static).update(Text("The releases are being audited …", style="dim"))
        self._audit(scenario, state, self.bench.picture.condition)

    def action_run_scenario(self) -> None:
        """Run the chosen scenario; of a finished one, fetch the result."""
        self.bench.start_run()

    # What is given out.

    def exported(self) -> Sequence[Exported]:
        """Views, each line with its run, and what the audit found."""
        lines = [(place.lower(), side.name, *line) for place, side in self._sides() for line in sight_lines(side.views)]
        files = [Exported("views.csv", csv_text(("run", "scenario", *FIELDS), lines))] if lines else []
        if self._audited is not None:
            exposed = exposed_lines(self._audited.found, self._audited.zones)
            files.append(Exported("releases.csv", csv_text(EXPOSED_FIELDS, exposed), private=True))
        return files

    def copied(self) -> str:
        """The sentences."""
        lines = [f"{side.heading().plain}: {views_sentence(side.views)}" for _, side in self._sides()]
        if self._audited is not None:
            lines.append(f"{self._audited.scenario.name}: {audit_sentence(self._audited.found)}.")
        return "\n".join(lines)
