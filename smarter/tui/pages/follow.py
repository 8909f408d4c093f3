"""Page 3, follow a reading: one minute of one meter hop by hop, and who can read it where; it is there to teach."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static

from smarter.errors import UsageError
from smarter.model.events import Hop
from smarter.tui.choice import Choice
from smarter.tui.following import Told
from smarter.tui.page import Exported
from smarter.tui.pages.followed import FollowedPage
from smarter.tui.widgets.meter_choice import MeterChoice
from smarter.tui.widgets.reading_lines import heading, invitation, legend, progress
from smarter.tui.widgets.way_list import WayList

HOPS, MINUTES, HOURS, DAYS = (Binding.Group(name, compact=True) for name in ("Hop", "Minute", "Hour", "Day"))


class FollowPage(FollowedPage):
    """What is followed; how far it is; its hops."""

    NAME = "follow"
    HELP = (
        "One minute of one meter on its way from a row in a file to a line of a bill: what exists of it at each hop, "
        "and who can read that with which key. It is a small run of its own, by the real parties with fresh keys, of "
        "the days around the minute; its state is thrown away. Only a simulation can look over everybody's shoulder "
        "like this. A click on a hop opens it; those on the first line choose another meter or minute."
    )
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "Follow", id="follow.start"),
        Binding("c", "cancel", "Cancel", id="follow.cancel"),
        Binding("up,k", "hop(-1)", "Previous hop", key_display="↑", group=HOPS, id="follow.up"),
        Binding("down,j", "hop(1)", "Next hop", key_display="↓", group=HOPS, id="follow.down"),
        Binding("enter", "open", "Open", id="follow.open", tooltip="Open the chosen hop, or close it"),
        Binding("left", "step(-1)", "Earlier", group=MINUTES, id="follow.earlier"),
        Binding("right", "step(1)", "Later", group=MINUTES, id="follow.later"),
        Binding("m", "meter", "Meter", id="follow.meter"),
        Binding("w", "when", "When", id="follow.when"),
        Binding("n", "next", "Next", id="follow.next", tooltip="The next neighbourhood"),
        Binding("x", "bytes", "All bytes", id="follow.bytes"),
        Binding("left_square_bracket", "hours(-1)", "An hour earlier", group=HOURS, id="follow.hour_earlier"),
        Binding("right_square_bracket", "hours(1)", "An hour later", group=HOURS, id="follow.hour_later"),
        Binding("left_curly_bracket", "hours(-24)", "A day earlier", group=DAYS, id="follow.day_earlier"),
        Binding("right_curly_bracket", "hours(24)", "A day later", group=DAYS, id="follow.day_later"),
        Binding("home", "hop(-1000)", "First hop", show=False, id="follow.first"),
        Binding("end", "hop(1000)", "Last hop", show=False, id="follow.last"),
        Binding("pageup", "scroll(-1)", "Scroll up", show=False, id="follow.page_up"),
        Binding("pagedown", "scroll(1)", "Scroll down", show=False, id="follow.page_down"),
        Binding("escape", "leave", "Leave it", id="follow.leave"),
    ]
    DEFAULT_CSS = """
    FollowPage #heading { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    FollowPage #typed { display: none; height: 1; border: none; padding: 0 1; }
    FollowPage #typed.asked { display: block; }
    FollowPage #progress { height: 1; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    FollowPage WayList { display: none; }
    FollowPage.shown WayList { display: block; }
    FollowPage.shown #nothing { display: none; }
    FollowPage.stale WayList Static { text-opacity: 45%; }
    """

    def compose_page(self) -> ComposeResult:
        """Which reading; how far it is; its way, or what to do."""
        yield Static(id="heading")
        yield Input(placeholder="2016-01-05 17:52, or 17:52 of the same day", id="typed", compact=True)
        yield Static(id="progress")
        yield WayList()
        yield Static(id="nothing", classes="empty", markup=False)

    def on_mount(self) -> None:
        """The first line's parts have colours of their own, and lead to actions."""
        self.query_one("#heading", Static).auto_links = False

    # What is shown.

    def show_way(self, choice: Choice, hops: Sequence[Hop]) -> None:
        """As many hops as there are so far."""
        self.shown = choice
        self.query_one(WayList).show(hops, choice.plan.timezone)
        self.add_class("shown")

    def invite(self, choice: Choice) -> None:
        """What the page does, and the key for it."""
        self.say(invitation(choice))

    def say(self, words: str) -> None:
        """Words in place of hops."""
        self.shown = None
        self.remove_class("shown")
        self.query_one("#nothing", Static).update(words)
        self.draw()

    def draw(self, told: Told | None = None) -> None:
        """Which reading, and how far it is."""
        choice = self.choice
        self.set_class(self.shown != choice, "stale")
        several = len(self.plans) > 1
        self.query_one("#heading", Static).update(heading(choice, several) if choice is not None else "")
        if self.following is not None:
            line = progress(told or Told(), self.app.theme_variables)
        else:
            line = legend(self.query_one(WayList).readers_at) if self.shown is not None else Text()
        self.query_one("#progress", Static).update(line)
        self.refresh_bindings()

    # Actions.

    def action_follow(self) -> None:
        """Follow what is chosen, with fresh keys."""
        if self.choice is not None:
            self.begin(self.choice)

    def action_cancel(self) -> None:
        """Stop following; what was shown before is chosen again."""
        self.stop()
        if self.shown is not None:
            self.choice = self.shown
        elif self.choice is not None:
            self._asked = False
            self.invite(self.choice)
        self.draw()

    def action_open(self) -> None:
        """Open the chosen hop or close it; where there is none yet, follow."""
        way = self.query_one(WayList)
        if self.shown is not None:
            way.choose(way.chosen, opened=not way.opened)
        elif self.following is None:
            self.action_follow()

    def action_hop(self, by: int) -> None:
        """Go along the way."""
        way = self.query_one(WayList)
        way.choose(way.chosen + by)

    def action_choose(self, place: int) -> None:
        """Open this hop, or close it if it is the open one."""
        way = self.query_one(WayList)
        way.choose(place, opened=not (way.opened and place == way.chosen))

    def action_bytes(self) -> None:
        """All bytes, or the first and last."""
        self.query_one(WayList).show_bytes()

    def action_scroll(self, pages: int) -> None:
        """Look further up or down."""
        way = self.query_one(WayList)
        way.scroll_relative(y=pages * (way.size.height - 2), animate=False)

    def action_step(self, slots: int) -> None:
        """To the reading before or after."""
        if self.choice is not None:
            self.want(self.choice.stepped(slots))

    def action_hours(self, hours: int) -> None:
        """So much later, by the clock on the wall."""
        if self.choice is not None:
            self.want(self.choice.later(timedelta(hours=hours)))

    def action_next(self) -> None:
        """The next neighbourhood."""
        if self.choice is not None:
            place = next(number for number, plan in enumerate(self.plans) if plan is self.choice.plan)
            self.want(Choice.first(self.plans[(place + 1) % len(self.plans)]))

    def action_meter(self) -> None:
        """Ask for another meter."""
        if (choice := self.choice) is not None:
            asking = MeterChoice(choice.neighbourhood, choice.meters, choice.meter)
            self.app.push_screen(asking, lambda name: self.want(choice.of(name)) if name is not None else None)

    def action_when(self) -> None:
        """Ask for another time."""
        if self.choice is not None:
            typed = self.query_one("#typed", Input)
            typed.value = self.choice.when
            typed.add_class("asked")
            typed.focus()

    @on(Input.Submitted, "#typed")
    def _typed(self, event: Input.Submitted) -> None:
        assert self.choice is not None
        try:
            choice = self.choice.at(event.value)
        except UsageError as error:
            self.bench.say(error)
            return
        self.action_leave()
        self._asked = True
        self.want(choice)

    def action_leave(self) -> None:
        """Type no time."""
        self.query_one("#typed", Input).remove_class("asked")
        self.set_focus(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What there is to go along, to choose from, to cancel."""
        if action in ("hop", "bytes", "scroll", "choose"):
            return self.shown is not None
        if action in ("follow", "open", "step", "hours", "meter", "when"):
            return self.choice is not None
        if action == "leave":
            return self.query_one("#typed").has_class("asked") if self.is_mounted else False
        if action == "cancel":
            return self.following is not None
        if action == "next":
            return len(self.plans) > 1
        return super().check_action(action, parameters)

    # Files.

    def exported(self) -> Sequence[Exported]:
        """The whole way, as data and as text; the customer's day as a picture, if it was looked at."""
        choice = self.shown
        if choice is None or choice not in self.ways:
            return ()
        way = self.query_one(WayList)
        name = f"follow-{choice.meter}-{choice.local:%Y-%m-%d-%H%M}"
        title = f"Meter {choice.meter} of {choice.neighbourhood}, {choice.when} {choice.plan.timezone}"
        data = json.dumps([asdict(hop) for hop in self.ways[choice]], indent=2)
        files = [Exported(f"{name}.json", f"{data}\n"), Exported(f"{name}.txt", f"{title}\n\n{way.all_text}")]
        if way.chart.display and way.chart.text:
            files.append(Exported(f"{name}.svg", way.chart.svg(title)))
        return files

    def copied(self) -> str:
        """The chosen hop with all of its bytes."""
        return self.query_one(WayList).text if self.shown is not None else ""
