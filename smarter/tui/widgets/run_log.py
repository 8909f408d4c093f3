"""The log of a run: tens of thousands of lines, of which those on the screen are drawn; it follows the newest.

Lines come in batches with each picture. Whoever moves up stays there; ``end`` follows again.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from smarter.tui.picture import Line, Picture, What
from smarter.tui.widgets.log_lines import GROUPS, Zones, drawn, has, plain


class RunLog(ScrollView):
    """Selectable lines, filtered by words and by what happened.

    Attributes:
        cursor: the chosen line among those that are shown; None when none is.
        follows: whether it shows the newest, whatever comes.
    """

    can_focus = True
    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"log--cursor", "log--chosen"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "move(-1)", "Choose", show=False),
        Binding("down", "move(1)", "Choose", show=False),
        Binding("shift+up", "move(-1, True)", "Choose more above", show=False, id="run.more_above"),
        Binding("shift+down", "move(1, True)", "Choose more below", show=False, id="run.more_below"),
        Binding("pageup", "page(-1)", "A page up", show=False),
        Binding("pagedown", "page(1)", "A page down", show=False),
        Binding("home", "first", "The oldest line", show=False),
        Binding("end", "follow", "Follow the newest", show=False, id="run.follow"),
    ]
    DEFAULT_CSS = """
    RunLog {
        height: 1fr; padding: 0 0 0 1; overflow-x: hidden; overflow-y: auto; background: $background;
        scrollbar-gutter: stable;
        .log--cursor { background: $primary 35%; text-style: bold; }
        .log--chosen { background: $primary 20%; }
    }
    """

    class Changed(Message):
        """Other lines are chosen or shown."""

    def __init__(self) -> None:
        super().__init__(id="log")
        self._run = 0
        self._logged = 0
        self._all: Sequence[Line] = ()
        self._numbers: list[int] = []  # of the lines that are shown, ascending
        self._counts: Counter[What] = Counter()
        self._words: tuple[str, ...] = ()
        self._groups = set(GROUPS)
        self._zones: Zones = lambda _: "UTC"
        self.cursor: int | None = None
        self.follows = True
        self._other_end: int | None = None

    # Lines.

    def take(self, picture: Picture, zones: Zones) -> None:
        """Show a picture's lines; what was there is not looked at again."""
        if (picture.run, picture.logged) == (self._run, self._logged):
            return
        self._zones = zones
        if picture.run != self._run:
            self._run, self._logged, self._numbers = picture.run, 0, []
            self._counts.clear()
            self.cursor, self._other_end, self.follows = None, None, True
        known, self._logged, self._all = self._logged, picture.logged, picture.lines
        oldest = self._logged - len(self._all)
        gone = bisect_left(self._numbers, oldest)
        del self._numbers[:gone]
        self._counts.update(line.what for line in self._all[max(known - oldest, 0) :])
        self._numbers += self._passing(max(known, oldest))
        if self.cursor is not None:
            self.cursor = max(0, self.cursor - gone)
        if self._other_end is not None:
            self._other_end = max(0, self._other_end - gone)
        self._changed(gone)

    def _passing(self, since: int) -> list[int]:
        oldest = self._logged - len(self._all)
        whats = {what for group in self._groups for what in GROUPS[group]}
        return [
            number
            for number in range(since, self._logged)
            if (line := self._all[number - oldest]).what in whats
            and (not self._words or has(line, self._words, self._zones))
        ]

    def _changed(self, gone: int = 0) -> None:
        self.virtual_size = Size(self.size.width, len(self._numbers))
        if self.follows:
            self.scroll_end(animate=False, immediate=True, force=True, x_axis=False)
        elif gone:
            self.scroll_to(y=self.scroll_offset.y - gone, animate=False)
        self.refresh()
        self.post_message(self.Changed())

    def filter(self, words: str, groups: set[str]) -> None:
        """Show lines that have all words, of these groups only."""
        if (wanted := tuple(words.lower().split())) == self._words and groups == self._groups:
            return
        self._words, self._groups = wanted, set(groups)
        self._numbers = self._passing(self._logged - len(self._all))
        self.cursor, self._other_end, self.follows = None, None, True
        self._changed()

    def _line(self, place: int) -> Line:
        return self._all[self._numbers[place] - self._logged + len(self._all)]

    def logged(self, group: str) -> int:
        """How many lines of a group there have been."""
        return sum(self._counts[what] for what in GROUPS[group])

    def cuts(self, line: Line) -> bool:
        """Whether a line has more than there is room for."""
        width = self.size.width
        return drawn(line, self._zones, width).cell_len > width

    @property
    def shown(self) -> list[Line]:
        """All lines that pass the filter."""
        return [self._line(place) for place in range(len(self._numbers))]

    @property
    def count(self) -> int:
        """How many these are."""
        return len(self._numbers)

    @property
    def chosen(self) -> list[Line]:
        """The lines that are chosen."""
        return [self._line(place) for place in self._chosen_places() if place < self.count]

    def _chosen_places(self) -> range:
        if self.cursor is None:
            return range(0)
        other = self.cursor if self._other_end is None else self._other_end
        return range(min(self.cursor, other), max(self.cursor, other) + 1)

    @property
    def text(self) -> str:
        """The lines that are chosen, or all that are shown, to be copied."""
        return "\n".join(plain(line, self._zones) for line in self.chosen or self.shown)

    @property
    def all_text(self) -> str:
        """All lines that are shown, chosen or not."""
        return "\n".join(plain(line, self._zones) for line in self.shown)

    # Drawing.

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        place, width, ground = self.scroll_offset.y + y, self.size.width, self.rich_style
        if place >= self.count:
            return Strip.blank(width, ground)
        chosen = self._chosen_places()
        if place in chosen:
            ground += self._style(place)
        text = drawn(self._line(place), self._zones, width)
        text.truncate(width, overflow="ellipsis")
        strip = Strip(text.render(self.app.console)).apply_style(ground)
        return strip.extend_cell_length(width, ground)

    def _style(self, place: int) -> Style:
        name = "log--cursor" if place == self.cursor and self.has_focus else "log--chosen"
        return self.get_component_rich_style(name)

    def on_resize(self, event: events.Resize) -> None:
        """Lines are as wide as there is room."""
        self._changed()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Whoever scrolls back is not pulled away; who scrolls to the end again follows."""
        super().watch_scroll_y(old_value, new_value)
        if self.cursor is None and self.follows != (new_value >= self.max_scroll_y):
            self.follows = not self.follows
            self.post_message(self.Changed())

    def on_focus(self) -> None:
        """The cursor looks different."""
        self.refresh()

    def on_blur(self) -> None:
        """Likewise."""
        self.refresh()

    # Choosing.

    def choose(self, place: int, *, more: bool = False) -> None:
        """Choose a line, or all from the one that was chosen first to it."""
        if not self.count:
            return
        first = self._other_end if self._other_end is not None else self.cursor
        self.cursor = min(max(place, 0), self.count - 1)
        self._other_end = first if more else None
        self.follows = False
        top, height = self.scroll_offset.y, self.size.height
        if not top <= self.cursor < top + height:
            self.scroll_to(y=self.cursor if self.cursor < top else self.cursor - height + 1, animate=False)
        self.refresh()
        self.post_message(self.Changed())

    def let_go(self) -> None:
        """Choose nothing and follow the newest."""
        self.cursor, self._other_end, self.follows = None, None, True
        self._changed()

    def action_move(self, step: int, more: bool = False) -> None:
        """Choose the next line above or below; from nothing, the newest."""
        self.choose(self.count - 1 if self.cursor is None else self.cursor + step, more=more)

    def action_page(self, direction: int) -> None:
        """Choose a line a screen away."""
        self.action_move(direction * max(self.size.height - 1, 1) if self.cursor is not None else 0)

    def action_first(self) -> None:
        """Choose the oldest line."""
        self.choose(0)

    def action_follow(self) -> None:
        """Follow the newest."""
        self.let_go()

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """A click chooses, one with shift chooses more; so does dragging."""
        self.focus()
        if event.button == 1 and (place := self._place(event)) < self.count:
            self.choose(place, more=event.shift)
            self.capture_mouse()

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Dragging chooses more, and scrolls at the edges."""
        if self.app.mouse_captured is self:
            self.choose(self._place(event), more=True)

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """The end of dragging."""
        self.release_mouse()

    def _place(self, event: events.MouseEvent) -> int:
        return self.scroll_offset.y + event.y
