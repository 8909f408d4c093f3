"""One plugin in full: what it is, where it is from, what it can do, what is wrong with it, and its options."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from textual import events, work
from textual.containers import VerticalScroll
from textual.widgets import Static

from smarter.charts.marks import MARKS, quiet_table
from smarter.charts.plugins import Option, capabilities_in_words, options_in, problem_of
from smarter.registry import Listing, contained, registry, said
from smarter.scenario.choices import field_of

TABLE_FROM = 84
"""Columns from which on options are a table; below, a paragraph each."""
COPIED_WIDTH = 100
PAD = 4
WAY_OUT = (
    "Update or remove the package that brings it, or report this to whoever makes it; other plugins work without it."
)


class PluginDetail(VerticalScroll):
    """What :meth:`show` was called with last."""

    DEFAULT_CSS = """
    PluginDetail { width: 1fr; padding: 0 1 0 2; scrollbar-size-vertical: 1; }
    PluginDetail > Static { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(Static(), id="detail")
        self._listing: Listing | None = None
        self._options: Sequence[Option] | str = ()

    def show(self, listing: Listing) -> None:
        """Show another plugin; its options follow as soon as its model has been asked."""
        if listing is not self._listing:
            self._listing, self._options = listing, ()
            self.scroll_home(animate=False)
            if listing.error is None:
                self._ask(listing)
        self._draw()

    @work(thread=True, exclusive=True)
    def _ask(self, listing: Listing) -> None:
        try:
            with contained():
                schema = registry().get(listing.kind, listing.name).Options.model_json_schema()
            found: Sequence[Option] | str = options_in(schema)
        except Exception as error:  # noqa: BLE001 - a plugin's code may raise anything
            found = f"its options cannot be listed: {said(error)}"
        self.app.call_from_thread(self._asked, listing, found)

    def _asked(self, listing: Listing, options: Sequence[Option] | str) -> None:
        if listing is self._listing:
            self._options = options
            self._draw()

    def on_resize(self, event: events.Resize) -> None:
        """Options become a table where there is room."""
        self._draw()

    def _draw(self) -> None:
        if self._listing is not None and self.is_mounted:
            self.query_one(Static).update(Group(*self._parts(self._listing, self.size.width - PAD)))

    @property
    def text(self) -> str:
        """All of it, for the clipboard."""
        if self._listing is None:
            return ""
        console = Console(width=COPIED_WIDTH, color_system=None)
        with console.capture() as captured:
            console.print(Group(*self._parts(self._listing, 0)))
        return "\n".join(line.rstrip() for line in captured.get().splitlines())

    def _parts(self, listing: Listing, width: int) -> list[RenderableType]:
        colours = self.app.theme_variables
        origin = " ".join(filter(None, (listing.kind.strip("?"), "from", listing.origin, listing.version)))
        parts: list[RenderableType] = [Text.assemble((listing.name, "bold"), (f"  {origin}", "dim"))]
        if listing.summary:
            parts.append(Text(listing.summary))
        if problem := problem_of(listing):
            parts += [Text(), Text(f"{MARKS['refused']} {problem}.", style=colours["refused"])]
        if listing.error is not None:
            parts.append(Text(WAY_OUT))
        if able := capabilities_in_words(listing.capabilities):
            parts += [Text(), Text.assemble(("capabilities  ", "dim"), ", ".join(able))]
        if (field := field_of(listing.kind)) and listing.error is None:
            parts += [Text(), Text.assemble(("in a scenario  ", "dim"), f"{field}: {{plugin: {listing.name}}}")]
        if listing.error is not None:
            return parts
        if isinstance(self._options, str):
            return [*parts, Text(), Text(f"{MARKS['refused']} {self._options}", style=colours["refused"])]
        if not self._options:
            return [*parts, Text(), Text("It has no options.", style="dim")]
        parts += [Text(), Text(f"options  {len(self._options)}", style="dim")]
        return [*parts, _table(self._options)] if width >= TABLE_FROM else [*parts, *_paragraphs(self._options)]


def _table(options: Sequence[Option]) -> Table:
    table = quiet_table()
    table.add_column("name", no_wrap=True)
    table.add_column("type", max_width=24)
    table.add_column("default", max_width=16, overflow="fold")
    table.add_column("what it is", ratio=1)
    for option in options:
        about = option.description
        if option.parts:
            about += f" Fields: {', '.join(option.parts)}."
        default = "required" if option.default is None else option.default
        kind = Text("\n").join(filter(None, (Text(option.kind), Text(option.bounds, style="dim"))))
        table.add_row(Text(option.name, style="bold"), kind, Text(default), Text(about.strip()))
    return table


def _paragraphs(options: Sequence[Option]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    for option in options:
        facts = ", ".join(filter(None, (option.kind, option.bounds, option.otherwise)))
        about = option.description + (f" Fields: {', '.join(option.parts)}." if option.parts else "")
        parts += [Text(), Text.assemble((option.name, "bold"), f"  {facts}"), Padding(Text(about), (0, 0, 0, 2))]
    return parts
