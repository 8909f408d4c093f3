"""What a reading costs as bars and as a table: as many columns as have room; page 7 shows one board at a time."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import DataTable

from smarter.bench.standings import Board, Standing, Standings
from smarter.bench.wording import spread, tick, worded
from smarter.charts.bars import Bar, bars_chart
from smarter.charts.marks import MARKS, NONE

SIZES = {"schemes": "key\nbits", "ciphers": "frame\nof", "ways": ""}


def chart_height(standings: Standings, size: int | None) -> int:
    """Lines that the bars of one size take with their title and axis."""
    return len(_bars(standings, size)) + 3


def standings_chart(standings: Standings, size: int | None, width: int, height: int) -> str:
    """A bar a line of one size, with the brief's way as the line that they are measured from."""
    bars = _bars(standings, size)
    title = standings.title[0].upper() + standings.title[1:]
    if size is not None:
        title += f", {size}{standings.spelt}"
    brief = next((bar for line, bar in bars if line.brief), None)
    drawn = [bar for _, bar in bars]
    return bars_chart(title, drawn, lambda value: tick(value, "s"), width=width, colour=True, measure=brief)


def _bars(standings: Standings, size: int | None) -> list[tuple[Standing, Bar]]:
    return [
        (line, Bar(_name(line), line.per_reading.median, worded(line.per_reading.median, "s"), line.demo))
        for line in standings.of(size)
        if line.per_reading.median > 0
    ]


def _name(line: Standing) -> str:
    return f"{line.subject} {MARKS['refused']}" if line.demo else line.subject


class StandingTable(DataTable[Text]):
    """Every line of a board, of all sizes."""

    DEFAULT_CSS = """
    StandingTable { background: $background; scrollbar-size: 1 1; }
    StandingTable:focus { background-tint: $background 0%; }
    """

    def __init__(self) -> None:
        super().__init__(id="table", cursor_type="row", header_height=2)
        self._of: tuple[Board, int | None] | None = None

    def show(self, standings: Standings, size: int | None, width: int) -> None:
        """Show another board, from the lines of a size on, or the same one in another width."""
        columns, row = fitting(standings, width), self.cursor_row
        moved = (standings.board, size) != self._of
        if moved:
            self._of = standings.board, size
            row = standings.lines.index(standings.of(size)[0])
        self.clear(columns=True)
        for heading, cells in columns:
            right = cells is not columns[0][1]
            self.add_column(Text(heading, justify="right" if right else "left"))
        colours = self.app.theme_variables
        for number, line in enumerate(standings.lines):
            style = "bold" if line.brief else colours["refused"] if line.demo else ""
            self.add_row(
                *(
                    Text(cells[number], style=style if place == 0 else "", justify="right" if place else "left")
                    for place, (_, cells) in enumerate(columns)
                )
            )
        self.move_cursor(row=row)
        if moved:
            self.call_after_refresh(self.scroll_to, y=row, animate=False)


def table_of(standings: Standings) -> list[tuple[str, list[str]]]:
    """All columns: heading in at most two lines, and a cell a line."""
    lines = standings.lines
    columns = [("\n", [_name(line) for line in lines])]
    if len(standings.sizes) > 1:
        columns.append((SIZES[standings.board], [NONE if line.size is None else str(line.size) for line in lines]))
    columns += [
        ("cost of\na reading", [worded(line.per_reading.median, "s") for line in lines]),
        ("quickest–slowest\n× runs", [spread(line.per_reading, "s") for line in lines]),
        (
            "against\nthe brief",
            [NONE if line.ratio is None else worded(line.ratio, "×") for line in lines],
        ),
    ]
    facts = dict.fromkeys(fact for line in lines for fact in line.facts)
    columns += [(fact.replace(" ", "\n", 1), [line.facts.get(fact, NONE) for line in lines]) for fact in facts]
    return columns


def fitting(standings: Standings, width: int) -> Sequence[tuple[str, list[str]]]:
    """As many columns, from the left, as have room."""
    columns: list[tuple[str, list[str]]] = []
    room = width
    for heading, cells in table_of(standings):
        room -= 2 + max(len(text) for text in (*heading.split("\n"), *cells))
        if room < 0 and len(columns) > 1:
            break
        columns.append((heading, cells))
    return columns
