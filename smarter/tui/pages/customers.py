"""Page 9, customers: somebody logs in and sees every minute of their own use, and whether their bills are right."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import events, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import ContentSwitcher, Static
from textual.worker import get_current_worker

from smarter.charts.own_use import bill_words
from smarter.errors import SmarterError
from smarter.export.own_readings import SUFFIXES
from smarter.parties.customer import OwnReadings
from smarter.protocols.bill_check import BillCheck
from smarter.tui.counter import Counter, Seen, Visit
from smarter.tui.page import Exported
from smarter.tui.pages.own_rights import RightsPage
from smarter.tui.picture import Picture
from smarter.tui.widgets.customer_forms import CUSTOMER_FORMS
from smarter.tui.widgets.forms import Forms
from smarter.tui.widgets.live_view import LiveView
from smarter.tui.widgets.own_view import OwnView
from smarter.tui.widgets.question import Answer, Question
from smarter.tui.widgets.told_view import ToldView

WIDE = 120
"""Columns from which the rows have room beside the chart."""
FORMATS = (
    Answer("c", "CSV: start and energy", "csv"),
    Answer("j", "JSON", "json"),
    Answer("g", "Green Button (ESPI) XML", "green-button"),
)


class CustomersPage(RightsPage):
    """What is behind the door: the chart, live minutes, bills."""

    NAME = "customers"
    HELP = (
        "Your own use, reading by reading, opened by your own key in this process and nowhere else. The figures are of "
        "the stretch that is shown: zoom to a day, and it stands beside the day before. By minute, at most a week is "
        "shown, the middle of what you saw before. While you type, keys are the form's: esc gives them back."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("w", "next_level", "Length", id="customers.by"),
        Binding("u", "costs", "Cost", id="customers.cost"),
        Binding("d", "rows", "Rows", id="customers.rows"),
        Binding("l", "live", "Live", id="customers.live"),
        Binding("b", "bills", "Check bills", id="customers.bills"),
        Binding("c", "consents", "Consents", id="customers.consents"),
        Binding("g", "grants", "Grants", id="customers.grants"),
        Binding("k", "log", "Who did what", id="customers.log"),
        Binding("x", "give_out", "Readings as a file", id="customers.file"),
        Binding("p", "way('password')", "Password", show=False, id="customers.password"),
        Binding("r", "again", "Read again", show=False, id="customers.again"),
        Binding("o", "log_out", "Log out", id="customers.logout"),
    ]

    class Came(Message):
        """New readings have come while one watches."""

        def __init__(self, of: object, own: OwnReadings, count: int) -> None:
            super().__init__()
            self.of, self.own, self.count = of, own, count

    def __init__(self) -> None:
        super().__init__()
        self._read_after: object = None

    def compose_page(self) -> ComposeResult:
        """One at a time: why there is nothing, a form, own use, live minutes, something to read."""
        with ContentSwitcher(initial="nothing", id="place"):
            yield Static(id="nothing", classes="empty", markup=False)
            yield Forms(CUSTOMER_FORMS, id="door")
            yield OwnView()
            yield LiveView()
            yield ToldView(id="told")

    def on_resize(self, event: events.Resize) -> None:
        """Where there is no room for both, the rows take the chart's place."""
        self._own.set_class(event.size.width < WIDE, "narrow")

    @property
    def _own(self) -> OwnView:
        return self.query_one(OwnView)

    @property
    def charted(self) -> bool:
        """Whether there is a chart over time to zoom."""
        return self.place == "own" and self._own.shows

    @property
    def timezone(self) -> str:
        """IANA name of the meter's clock."""
        return self._own.timezone

    def go(self, place: str) -> None:
        """Show another place; nobody watches what is not shown, and whoever has watched sees what came."""
        watched = self.place == "live" != place
        super().go(place)
        if watched:
            self.workers.cancel_group(self, "watch")
            if self.attended:
                self._read()

    def show_picture(self, picture: Picture) -> None:
        """A run that has ended has more readings."""
        super().show_picture(picture)
        if self.attended and picture.result is not self._read_after and not picture.goes_on:
            self._read()

    def entered(self, visit: Visit) -> None:
        """Show the chart."""
        self.go("own")
        self._read()
        self.remind_of_notice()

    def forget(self) -> None:
        """Keep nothing of anybody's."""
        super().forget()
        self._read_after = None
        self.workers.cancel_group(self, "watch")
        self._own.forget()
        self.query_one(LiveView).forget()

    # Own use.

    def _read(self) -> None:
        if self.visit is not None and self.counter is not None:
            self._read_after = self.bench.picture.result
            self.ask(partial(self.counter.read, self.visit), self._show, self._unread)

    def _show(self, seen: Seen) -> None:
        self._own.show(seen)
        self.refresh_bindings()

    def _unread(self, error: BaseException) -> None:
        self._own.say(str(error))
        self.refused(error)

    def action_again(self) -> None:
        """Open the readings as they are now."""
        self._read()

    def action_next_level(self) -> None:
        """By minute, hour, day, month."""
        self._own.next_level()

    def action_costs(self) -> None:
        """Cost in place of energy."""
        self._own.toggle_costs()

    def action_rows(self) -> None:
        """The rows beside the chart."""
        self._own.toggle_table()

    # Bills.

    def action_bills(self) -> None:
        """Compute the bills anew, and hold them against the MDMS's."""
        if self.visit is None or self.counter is None:
            return
        if self.bench.picture.goes_on:
            self.tell_soon("bills", "A run goes on (2 shows it); when it has ended, your bills are checked here.")
            return
        self.tell_soon("bills", "Opening the records …")
        self.ask(partial(self.counter.check_bills, self.visit), self._show_bills, self.refused)

    def _show_bills(self, checks: Sequence[BillCheck]) -> None:
        heading = Text.assemble(
            ("Your bills", "bold"),
            ("  beside what your own readings come to", "dim"),
            no_wrap=True,
            overflow="ellipsis",
        )
        self.tell("bills", heading, list(bill_words(checks, self.timezone)))

    # Files.

    def action_give_out(self) -> None:
        """Ask as what, and write every reading into a file."""
        self.app.push_screen(Question("Write every reading of yours as", FORMATS), self._give_out)

    def _give_out(self, wanted: str | None) -> None:
        if wanted is None or self.visit is None or self.counter is None:
            return

        def written(text: str) -> None:
            self.bench.give_out([Exported(f"own-readings.{SUFFIXES[wanted]}", text, private=True)])

        self.ask(partial(self.counter.exported, self.visit, wanted), written, self.refused)

    # Live.

    def action_live(self) -> None:
        """Watch what comes."""
        self.query_one(LiveView).begin()
        self.go("live")
        self._watch_now()

    def on_screen_suspend(self) -> None:
        """Nobody watches a page that is not there."""
        self.workers.cancel_group(self, "watch")

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Watch on."""
        if self.place == "live":
            self._watch_now()

    def _watch_now(self) -> None:
        if self.visit is not None and self.counter is not None:
            self._watch(self.present, self.counter, self.visit)

    @work(thread=True, exclusive=True, group="watch", description="watch")
    def _watch(self, of: object, counter: Counter, visit: Visit) -> None:
        worker = get_current_worker()
        try:
            for live in counter.watch(visit, lambda: worker.is_cancelled):
                if live.own is not None:
                    self.post_message(self.Came(of, live.own, live.count))
        except (SmarterError, OSError) as error:
            self.post_message(self.Answered(of, partial(self.refused, error.with_traceback(None))))

    def on_customers_page_came(self, message: Came) -> None:
        """Show them, if the same person still watches."""
        if message.of is self.present and self.place == "live":
            self.query_one(LiveView).show(message.own, message.count)

    # Keys and files.

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What needs readings is there when there are some."""
        if action in ("next_level", "costs", "rows"):
            return self.charted
        if action == "again":
            return self.attended and self.place == "own"
        if action in ("live", "bills", "give_out"):
            return self.attended and self.place != "door"
        return super().check_action(action, parameters)

    def exported(self) -> Sequence[Exported]:
        """What is shown, in files for oneself alone."""
        if self.place == "own":
            return self._own.exported()
        text = self.copied()
        return (Exported(f"own-{self.place}.txt", text, private=True),) if text else ()

    def copied(self) -> str:
        """What is shown as text."""
        if self.place == "own":
            return self._own.copied
        if self.place == "live":
            return self.query_one(LiveView).text
        return self.told.text if self.place == self.topic else ""
