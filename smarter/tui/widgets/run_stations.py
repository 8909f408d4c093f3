"""The parties in the order of a reading's way: side by side where there is room, one beneath the other where not.

The run's page gives them to it several times a second; what differs is drawn.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.text import Text
from textual import events
from textual.geometry import Size

from smarter.charts.marks import COLOURS, MARKS
from smarter.charts.parties import Counter, Station
from smarter.charts.stages import sized
from smarter.charts.views import grouped, shortened
from smarter.tui.widgets.text_lines import TextLines

SIDE_BY_SIDE = 100
"""Columns from which parties stand side by side."""
HEIGHT = 10
"""Lines of them then, at least."""
NAME = 15
"""Columns of a party's name where they stand one beneath the other."""
APART = ("customer",)
"""Parties that a reading does not pass on its way."""
WIDTHS = (16, 16, 17, 15, 15, 14)
"""The fewest columns that parties need side by side."""
BRIEF = {
    "ciphertexts": "encrypted",
    "frames kept": "frames",
    "holds to come": "holds left",
    "blindings ready": "blindings",
    "sums open": "sums",
}
SHARED = 14
"""Columns of a stage and its share."""
WIDEST = 5
"""Digits, points and letters of a shortened number."""


class RunStations(TextLines):
    """Six parties."""

    DEFAULT_CSS = "RunStations { height: auto; padding: 0 0 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="stations")
        self._stations: Sequence[Station] = ()

    def show(self, stations: Sequence[Station]) -> None:
        """Show these."""
        if stations != self._stations:
            self._stations = stations
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """How they stand depends on the width."""
        self._draw()

    def _draw(self) -> None:
        lines = self._lines(self.size.width)
        if len(lines) != self.size.height:
            self.refresh(layout=True)
        self.say(lines)

    def _lines(self, width: int) -> list[Text]:
        if self.app.size.width >= SIDE_BY_SIDE:
            return side_by_side(self._stations, width)
        return [line for station in self._stations for line in stacked(station, width)]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """It hardly changes while a run goes on, or everything beneath would jump."""
        return len(self._lines(width))


# Side by side.


def side_by_side(stations: Sequence[Station], width: int) -> list[Text]:
    """Columns, an arrow from each party to the next."""
    more, odd = divmod(max(0, width - sum(WIDTHS) - len(WIDTHS) + 1), len(WIDTHS))
    widths = [least + more + (place < odd) for place, least in enumerate(WIDTHS)]
    columns = [column(station, room) for station, room in zip(stations, widths, strict=False)]
    lines = []
    for number in range(max([HEIGHT, *map(len, columns)])):
        line = Text(no_wrap=True)
        for cells, room in zip(columns, widths, strict=False):
            cell = cells[number] if number < len(cells) else Text()
            cell.truncate(room)
            line.append_text(cell)
            line.append(" " * (room - cell.cell_len + 1))
        line.rstrip()
        lines.append(line)
    return lines


def column(station: Station, width: int) -> list[Text]:
    """One party as lines of at most ``width``."""
    lines = [_headed(station, width)]
    lines += [_fitting(counter, width) for counter in station.seen]
    if passed := _passed(station):
        lines.append(Text("  ".join(passed), style="dim"))
    lines += [_shared(stage, share, width - SHARED) for stage, share in station.shares]
    lines += [_fitting(counter, width) for counter in station.waits]
    return lines


def _fitting(counter: Counter, width: int) -> Text:
    text = counted(counter, brief=False)
    return text if text.cell_len <= width else counted(counter, brief=True)


def _shared(stage: str, share: float, room: int) -> Text:
    """A stage's share of the time, as a bar too where there is room."""
    text = Text().append(f"{share:>3.0f} % {stage:<7}", style=_weight(share))
    if room > 0:
        text.append(f" {'━' * round(share / 100 * room)}", style=COLOURS["sealed"])
    text.rstrip()
    return text


def _headed(station: Station, width: int) -> Text:
    name = Text(station.name, style="bold")
    if station.party in (*APART, "mdms"):
        return name
    line = max(width - name.cell_len - 3, 1)
    shaft = "─" * (line // 2)
    name.append(f" {shaft}", style="dim")
    name.append(MARKS["sealed"], style=COLOURS["sealed"])
    return name.append(f"{'─' * (line - line // 2 - 1)}▶", style="dim")


# One beneath the other.


def stacked(station: Station, width: int) -> list[Text]:
    """One party as lines of at most ``width``, its name before the first; they break where the largest numbers do."""
    lines, used = [_named(station)], NAME
    for piece, widest in _pieces(station):
        if used + widest > width and used > NAME:
            lines.append(Text(" " * NAME, no_wrap=True))
            used = NAME
        lines[-1].append_text(piece).append("  ")
        used += widest + 2
    return lines


def _named(station: Station) -> Text:
    name = Text(no_wrap=True)
    if station.party in APART or station.party == "meters":
        name.append("  ")
    else:
        name.append("▼ ", style=COLOURS["sealed"])
    name.append(station.name, style="bold")
    return name.append(" " * (NAME - name.cell_len))


def _pieces(station: Station) -> Iterable[tuple[Text, int]]:
    """Parts that stay together, and how wide they may become."""
    for counter in (*station.seen, *station.waits):
        mark = 2 if counter.kind else 0
        number = 0 if counter.count is None else WIDEST + 1
        piece = counted(counter, brief=True)
        yield piece, max(piece.cell_len, mark + number + len(BRIEF.get(counter.noun, counter.noun)))
        if counter is station.seen[-1]:
            for passed in _passed(station):
                yield Text(passed, style="dim"), len("999 kB")
            if station.shares:
                yield _shares(station), sum(len(f"{stage} 99 ") for stage, _ in station.shares) + 1


def _shares(station: Station) -> Text:
    text = Text()
    for stage, share in station.shares:
        text.append(f"{stage} {share:.0f} ", style=_weight(share))
    return text.append("%", style=_weight(sum(share for _, share in station.shares)))


# Both.


def counted(counter: Counter, *, brief: bool) -> Text:
    """A count with its mark and what is counted."""
    noun = BRIEF.get(counter.noun, counter.noun) if brief else counter.noun
    if counter.count == 1:
        first, *rest = noun.split(" ", 1)
        noun = " ".join([first.removesuffix("s"), *rest])
    if counter.count is not None:
        noun = f"{(shortened if brief else grouped)(counter.count)} {noun}"
    if counter.kind is None:
        return Text(noun, style="dim")
    return Text(f"{MARKS[counter.kind]} {noun}", style=COLOURS[counter.kind])


def _passed(station: Station) -> list[str]:
    passed = [sized(station.bytes)] if station.bytes else []
    return passed + ([f"{shortened(int(station.rate))}/s"] if station.rate else [])


def _weight(share: float) -> str:
    return "bold" if share >= 50 else "dim" if share < 1 else ""
