"""Page 7, compare: what a reading costs under every scheme and cipher, and our way beside the brief's."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar, Literal, cast

from rich.style import Style
from rich.text import Text
from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from smarter.bench.apart import Order
from smarter.bench.figures import cores
from smarter.bench.kept import Kept, keep, kept_folder, last
from smarter.bench.standings import BOARDS, Board, Standings, standings
from smarter.errors import UsageError
from smarter.export.files import csv_text
from smarter.tui.page import Exported, Page
from smarter.tui.widgets.chart import Chart
from smarter.tui.widgets.measuring import Measuring
from smarter.tui.widgets.standing_table import StandingTable, chart_height, standings_chart, table_of

TITLES: dict[Board, str] = {"schemes": "Schemes", "ciphers": "Ciphers", "ways": "Against the brief"}
NOTHING: dict[Board, str] = {
    "schemes": "Nothing measured yet: press b to measure every scheme and cipher quickly, f to do it thoroughly.",
    "ciphers": "No cipher measured yet: press b to measure every scheme and cipher quickly, f to do it thoroughly.",
    "ways": "Not measured yet: press a to hold our way against the brief's, on the readings of the chosen scenario.",
}
Kind = Literal["operations", "brief"]
KINDS: tuple[Kind, ...] = ("operations", "brief")
TALL = 36
"""Lines from which on the report's notes are shown."""


class ComparePage(Page):
    """Boards of what a reading costs."""

    NAME = "compare"
    HELP = (
        "What a reading costs under every scheme and size of key, every cipher and size of frame, and, on the readings "
        "of the chosen scenario, our way beside the brief's: a ciphertext a reading, with phe's Paillier. The brief's "
        "way is the line that all is measured from. Figures are medians, measured on this machine in a process of its "
        "own, with several sizes when it is done fully; what is marked ✕ protects nothing and is there to be compared "
        "with. The last report of each kind is kept."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "Cancel", id="compare.cancel"),
        Binding("b", "measure('operations', True)", "Bench quickly", id="compare.quick"),
        Binding("f", "measure('operations', False)", "Fully", id="compare.full"),
        Binding("a", "measure('brief', False)", "Against brief", id="compare.brief"),
        Binding("g", "next_board", "Next board", id="compare.board"),
        Binding("s", "next_size", "Size", id="compare.size"),
    ]
    DEFAULT_CSS = """
    ComparePage #boards { height: 1; padding: 0 1; }
    ComparePage #of { height: 1; padding: 0 1; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    ComparePage #chart-box { height: auto; max-height: 64%; margin-top: 1; padding: 0 1; scrollbar-size: 1 1; }
    ComparePage StandingTable { height: 1fr; margin-top: 1; }
    ComparePage #notes { height: auto; max-height: 8; padding: 0 1; display: none; }
    ComparePage.tall #notes { display: block; }
    ComparePage #none, ComparePage.nothing #none { display: none; height: 1fr; }
    ComparePage.nothing #none { display: block; }
    ComparePage.nothing #chart-box, ComparePage.nothing StandingTable, ComparePage.nothing #notes { display: none; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._kept: dict[Kind, Kept] = {}
        self._board: Board = "schemes"
        self._sizes: dict[Board, int] = {}

    def compose_page(self) -> ComposeResult:
        """Boards, of what they are, bars, table; how far a benchmark is."""
        yield Static(id="boards")
        yield Static(id="of", markup=False)
        yield Static(id="none", classes="empty")
        with VerticalScroll(id="chart-box"):
            yield Chart(id="chart")
        yield StandingTable()
        yield Static(id="notes", classes="quiet", markup=False)
        yield Measuring()

    def on_mount(self) -> None:
        """Show what was measured last."""
        self.app.theme_changed_signal.subscribe(self, lambda _: self._draw())
        self.query_one(StandingTable).focus()
        self._recall()

    def on_resize(self, event: events.Resize) -> None:
        """Columns follow the width."""
        self.set_class(event.size.height >= TALL, "tall")
        self._draw()

    @work(thread=True)
    def _recall(self) -> None:
        found: dict[Kind, Kept] = {kind: kept for kind in KINDS if (kept := last(kind)) is not None}
        self.app.call_from_thread(self._recalled, found)

    def _recalled(self, found: dict[Kind, Kept]) -> None:
        self._kept = {**found, **self._kept}
        self._draw()

    # What is shown.

    @property
    def _shown(self) -> Standings | None:
        kept = self._kept.get(BOARDS[self._board])
        return standings(kept.report, self._board) if kept is not None else None

    def _size_of(self, shown: Standings) -> int | None:
        chosen = self._sizes.get(self._board)
        return chosen if chosen in shown.sizes else max(shown.sizes, default=None)

    def _draw(self) -> None:
        shown, kept = self._shown, self._kept.get(BOARDS[self._board])
        self.query_one("#boards", Static).update(self._boards())
        self.query_one("#of", Static).update(_of(kept) if kept else "")
        self.set_class(shown is None, "nothing")
        self.query_one("#none", Static).update(NOTHING[self._board])
        if shown is not None and kept is not None:
            size, chart = self._size_of(shown), self.query_one("#chart", Chart)
            self.query_one(StandingTable).show(shown, size, self.size.width - 2)
            self.query_one("#notes", Static).update("\n".join(kept.report.notes))
            chart.styles.height = chart_height(shown, size)
            chart.show((kept.at, self._board, size), partial(standings_chart, shown, size))
        self.refresh_bindings()

    def _boards(self) -> Text:
        text = Text()
        for board, title in TITLES.items():
            here = board == self._board
            meta = {"@click": f"screen.show_board('{board}')"}
            text.append(f" {title} ", style=Style(reverse=here, bold=here, meta=meta)).append(" ")
        return text

    # Measuring.

    def action_measure(self, kind: Kind, quick: bool) -> None:
        """Begin to measure in the background."""
        scenario, measuring = self.bench.scenario, self.query_one(Measuring)
        if measuring.goes_on:
            self.notify("A benchmark is going on already: c cancels it.", severity="warning")
        elif self.bench.picture.goes_on:
            self.notify(
                "A run is going on, and figures taken beside it would lie: let it end or cancel it (2, c) first.",
                severity="warning",
            )
        elif kind == "brief" and scenario is None:
            self.notify("No scenario is chosen: choose one on page 1.", severity="warning")
        else:
            resolved = scenario.resolved() if kind == "brief" and scenario is not None else None
            workers = self.bench.settings.workers or cores()
            measuring.start(Order(kind=kind, quick=quick, scenario=resolved, workers=workers))
            self.refresh_bindings()

    @on(Measuring.GoesOn)
    def _beside_a_run(self) -> None:
        if self.bench.picture.goes_on:
            self._end("A run was started, so the benchmark was stopped: figures taken beside it would lie.")

    @on(Measuring.Failed)
    def _failed(self, message: Measuring.Failed) -> None:
        self.refresh_bindings()
        self.bench.say(message.error)

    @on(Measuring.Finished)
    def _finished(self, message: Measuring.Finished) -> None:
        report, now = message.report, datetime.now(UTC)
        kind = cast(Kind, report.kind)
        try:
            self._kept[kind] = keep(report, now)
        except OSError as error:
            self._kept[kind] = Kept(at=now, report=report)
            self.bench.say(UsageError(f"{kept_folder()}: {error.strerror}; the report is shown, but not kept."))
        if BOARDS[self._board] != kind:
            self._board = next(board for board, of in BOARDS.items() if of == kind)
        self._draw()
        self.notify(f"Measured: {report.title}", markup=False)

    def _end(self, why: str) -> None:
        self.query_one(Measuring).cancel()
        self.refresh_bindings()
        self.notify(why, severity="warning")

    # Keys.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A benchmark is cancelled while it goes on; where all have one size, there is none to choose."""
        if action == "cancel":
            return self.is_mounted and self.query_one(Measuring).goes_on
        if action == "next_size":
            return (shown := self._shown) is not None and len(shown.sizes) > 1
        return True

    def action_cancel(self) -> None:
        """End the benchmark."""
        self._end("Cancelled: nothing of it is kept.")

    def action_show_board(self, board: Board) -> None:
        """Show a board by name."""
        self._board = board
        self._draw()

    def action_next_board(self) -> None:
        """Show the next board."""
        boards = list(TITLES)
        self.action_show_board(boards[(boards.index(self._board) + 1) % len(boards)])

    def action_next_size(self) -> None:
        """Draw the bars of another size of key or frame."""
        shown = self._shown
        if shown is not None and (size := self._size_of(shown)) is not None:
            self._sizes[self._board] = shown.sizes[(shown.sizes.index(size) + 1) % len(shown.sizes)]
            self._draw()

    # What is given out.

    def exported(self) -> Sequence[Exported]:
        """The table as CSV, the bars as text with the report's notes, and as a picture."""
        shown, kept = self._shown, self._kept.get(BOARDS[self._board])
        if shown is None or kept is None:
            return ()
        columns, chart, name = table_of(shown), self.query_one("#chart", Chart), f"compare-{self._board}"
        headings = [" ".join(heading.split()) or shown.board for heading, _ in columns]
        lines = zip(*(cells for _, cells in columns), strict=True)
        return (
            Exported(f"{name}.csv", csv_text(headings, lines)),
            Exported(f"{name}.txt", "\n".join([chart.text, "", _of(kept), *kept.report.notes, ""])),
            Exported(f"{name}.svg", chart.svg(TITLES[self._board])),
        )

    def copied(self) -> str:
        """The bars."""
        return self.query_one("#chart", Chart).text if self._shown is not None else ""


def _of(kept: Kept) -> str:
    machine = kept.report.machine
    parts = (
        f"measured {kept.at.astimezone():%Y-%m-%d %H:%M}",
        kept.report.title.rstrip(".") if kept.report.kind == "brief" else "",  # says on which scenario
        f"{machine.cores} core{'s' * (machine.cores != 1)}",
        machine.processor,
        f"Smarter {machine.smarter}",
    )
    return " · ".join(filter(None, parts))
