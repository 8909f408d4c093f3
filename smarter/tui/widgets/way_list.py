"""A reading's way as a column of hops along a thread of marks, the chosen one open beneath its line."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.style import Style
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.geometry import Region, Spacing
from textual.widgets import Static

from smarter.charts.day import day_chart
from smarter.charts.hops import Branch, Step, in_branches, in_short, readers
from smarter.charts.marks import COLOURS, MARKS
from smarter.model.events import Hop
from smarter.tui.widgets.chart import Chart
from smarter.tui.widgets.hop_detail import hop_detail

WIDE, WIDER = 110, 150
"""Columns from which readers are shown with their keys, and from which there is room for three of them."""
TALL = 36
"""Lines from which branches stand apart."""
CHART, CHART_LOW = 15, 10
"""Lines of the customer's day."""
NAMES = 11
LEAST = len("who can read it")
"""Columns of the readers, whose heading is above them."""
LEAD = 9
"""Columns before a hop's name: the thread, where one is, the number."""
GUTTER = 6
"""Columns before what is open."""
THREADS = {"clear": "│", "sealed": "┊", "sum": "║", "refused": " "}
PRINTED, INDENT = 100, 3
"""Columns of the way as text, and of those before what is said of a hop."""


class WayList(VerticalScroll, can_focus=False):
    """Which hop is chosen and whether it is open is for the page to say; a click on a line asks it to."""

    DEFAULT_CSS = """
    WayList { height: 1fr; }
    WayList Static { height: auto; width: 100%; }
    WayList #day { margin: 0 2 0 6; width: 1fr; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._branches: list[Branch] = []
        self._timezone = ""
        self._energy: int | None = None
        self._place = (0, 1)  # the chosen line, and how many lines it has with what is open
        self.steps: list[Step] = []
        self.chosen = 0
        self.opened = True
        self.whole = False

    def compose(self) -> ComposeResult:
        """The lines to the chosen one, what is open, the day's chart if that is, and the other lines."""
        yield Static(id="above")
        yield Static(id="open")
        yield Chart(id="day")
        yield Static(id="below")

    def on_mount(self) -> None:
        """Lines have their own colours, and are clicked all along."""
        for part in self.query(Static):
            part.auto_links = False

    def on_resize(self, event: events.Resize) -> None:
        """How much is said depends on the width."""
        self._draw()

    def show(self, hops: Sequence[Hop], timezone: str) -> None:
        """Show another way, or more of the same; the same hop stays chosen, if there is one of that name."""
        chosen = self.step.hop.name if self.steps else ""
        self._branches, self._timezone = in_branches(hops), timezone
        self.steps = [step for branch in self._branches for step in branch.steps]
        found = next((hop for hop in hops if hop.name == "reading"), None)
        energy = found.detail.get("energy_mwh") if found is not None else None
        self._energy = energy if isinstance(energy, int) else None
        places = [place for place, step in enumerate(self.steps) if step.hop.name == chosen]
        self.chosen = places[0] if places else min(self.chosen, max(len(self.steps) - 1, 0))
        self._draw()

    def choose(self, place: int, *, opened: bool | None = None) -> None:
        """Choose another hop."""
        self.chosen = min(max(place, 0), len(self.steps) - 1)
        self.opened = self.opened if opened is None else opened
        self._draw()
        self.call_after_refresh(self._scroll_there)

    def show_bytes(self) -> None:
        """All bytes, or their first and last."""
        self.whole = not self.whole
        self._draw()

    @property
    def _chart_lines(self) -> int:
        return CHART if self.size.height >= TALL else CHART_LOW

    @property
    def readers_at(self) -> int:
        """In which column readers stand."""
        width = self.size.width - 1
        return width - 1 - self._readers_width(width)

    @property
    def step(self) -> Step:
        """The chosen one."""
        return self.steps[self.chosen]

    # Text.

    @property
    def text(self) -> str:
        """The chosen hop, with all of its bytes."""
        return _printed(*self._told(self.step)) if self.steps else ""

    @property
    def all_text(self) -> str:
        """Every hop."""
        return _printed(*(part for step in self.steps for part in (*self._told(step), Text())))

    @property
    def chart(self) -> Chart:
        """Of the customer's day."""
        return self.query_one(Chart)

    def _told(self, step: Step) -> Iterator[RenderableType]:
        hop = step.hop
        yield Text.assemble(f"{step.number:>2} ", (hop.name, "bold"), f"  {MARKS[hop.mark]} {hop.text}")
        detail = hop_detail(step, self._timezone, self._energy, PRINTED - INDENT, whole=True)
        yield Padding(detail, (0, 0, 0, INDENT))

    # Drawing.

    def _draw(self) -> None:
        width = self.size.width - 1  # of the bar that scrolls
        if not self.is_mounted or width < 1:
            return
        above, below = self._lines(width)
        step = self.step if self.steps and self.opened else None
        self._place = len(above) - 1, 1
        self.query_one("#above", Static).update(Text("\n").join(above))
        self.query_one("#below", Static).update(Text("\n").join(below))
        self.query_one("#open", Static).display = step is not None
        self.chart.display = step is not None and step.name == "chart" and step.hop.mark != "refused"
        self.chart.styles.height = self._chart_lines
        if step is not None:
            who = not _has_keys(step, width)
            detail = hop_detail(
                step,
                self._timezone,
                self._energy,
                width - GUTTER,
                whole=self.whole,
                who=who,
                right=self.readers_at - GUTTER,
            )
            if self.size.height >= TALL:
                detail = Group(Text(), detail, Text())
            opened = _threaded(detail, self._thread(step), width)
            self.query_one("#open", Static).update(opened)
            self._place = len(above) - 1, 1 + len(opened.plain.splitlines())
            if self.chart.display:
                self._place = len(above) - 1, self._place[1] + self._chart_lines
                self._show_chart(step.hop.detail)

    def _show_chart(self, day: dict[str, Any]) -> None:
        energies, start, interval = tuple(day["energies_mwh"]), day["start"], day["interval"]
        draw = partial(_drawn, energies, start, interval, day["place"], self._timezone)
        self.chart.show((energies, start, interval, day["place"]), draw)

    def _lines(self, width: int) -> tuple[list[Text], list[Text]]:
        """Those up to the chosen one, and those after it."""
        above: list[Text] = []
        below: list[Text] = []
        lines = above
        column = self._readers_width(width)
        for number, branch in enumerate(self._branches):
            last = number + 1 == len(self._branches)
            if branch.title:
                if self.size.height >= TALL:
                    lines.append(Text(" │", style="dim"))
                lines.append(Text(f" {'╰' if last else '├'}─", style="dim"))
                if branch.steps:
                    lines[-1].append(f"╮ {branch.title}")
                else:
                    lines[-1].append(MARKS["refused"], style=f"not dim {COLOURS['refused']}").append(f" {branch.title}")
            for step in branch.steps:
                lines.append(self._line(step, last and bool(branch.title), width, column))
                if step is self.steps[self.chosen]:
                    lines = below
        return above, below

    def _readers_width(self, width: int) -> int:
        longest = max((_beside(_who(step, width)).cell_len for step in self.steps), default=0)
        return min(max(longest, LEAST), width // 2)

    def _line(self, step: Step, last: bool, width: int, column: int) -> Text:
        chosen = step is self.steps[self.chosen]
        hop, colour = step.hop, COLOURS[step.hop.mark]
        thread = Text.assemble(" ", (MARKS[hop.mark], colour), "   ") if not step.branch else Text(" ")
        if step.branch:
            thread.append(" " if last else "│", style="dim")
            thread.append_text(Text.assemble(" ", (MARKS[hop.mark], colour), " "))
        pointer = ("▾" if self.opened else "▸") if chosen else " "
        room = width - LEAD - NAMES - 2 - column - 1
        said = hop.text if Text(hop.text).cell_len <= room else in_short(step)
        text = Text(said, no_wrap=True)
        text.truncate(room, overflow="ellipsis", pad=True)
        line = Text.assemble(
            thread,
            (pointer, "bold"),
            (f"{step.number:>2} ", "dim"),
            (f"{step.name:<{NAMES}}", "bold" if chosen else ""),
            text,
            "  ",
            _beside(_who(step, width)),
            no_wrap=True,
        )
        line.pad_right(max(width - line.cell_len, 0))
        line.stylize(Style(meta={"@click": f"screen.choose({step.number - 1})"}))
        if chosen:
            line.stylize(Style(bgcolor=self.app.theme_variables["panel"]))
        return line

    def _thread(self, step: Step) -> Text:
        """What runs down beside what is open."""
        colour = COLOURS[step.hop.mark]
        thread = (THREADS[step.hop.mark], colour)
        if not step.branch:
            return Text.assemble(" ", thread, " " * (GUTTER - 2))
        trunk = " " if step in self._branches[-1].steps else "│"
        return Text.assemble(" ", (trunk, "dim"), " ", thread, " " * (GUTTER - 4))

    def _scroll_there(self) -> None:
        """Show the chosen line with as much as possible of what is open beneath it."""
        line, lines = self._place
        region = Region(0, line, self.size.width, min(lines, self.size.height))
        self.scroll_to_region(region, spacing=Spacing(1, 0, 1, 0), animate=False, force=True)


def _has_keys(step: Step, width: int) -> bool:
    """Whether a line has room for the keys that readers use."""
    return width >= (WIDE if len(step.hop.readers) < 3 else WIDER)


def _who(step: Step, width: int) -> list[Text]:
    return readers(step.hop, keys=_has_keys(step, width))


def _beside(who: Sequence[Text]) -> Text:
    return Text("  ").join(who)


def _drawn(
    energies: tuple[int | None, ...],
    start: int,
    interval: int,
    place: int,
    timezone: str,
    width: int,
    height: int,
) -> str:
    return day_chart(energies, start, interval, place, timezone, width=width, height=height, colour=True)


def _printed(*parts: Any) -> str:
    console = Console(width=PRINTED, file=io.StringIO(), record=True, color_system=None)
    for part in parts:
        console.print(part)
    return "\n".join(line.rstrip() for line in console.export_text().splitlines()) + "\n"


def _threaded(inner: RenderableType, thread: Text, width: int) -> Text:
    """Something beside a thread that runs down all of its lines; as text, so that it is laid out only once."""
    console = Console(width=width, file=io.StringIO(), color_system="truecolor")
    options = console.options.update(width=max(width - thread.cell_len, 1), height=None)
    lines = []
    for segments in console.render_lines(inner, options, pad=False):
        line = thread.copy()
        for segment in segments:
            line.append(segment.text, segment.style)
        line.rstrip()
        lines.append(line)
    return Text("\n").join(lines)
