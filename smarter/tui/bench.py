"""What all pages can ask the app for: a scenario to work on, its run in the background, the report of a finished one.

The app is built on it. What takes long to import is imported when it is asked for, after the first paint.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from textual.app import App
from textual.message import Message
from textual.notifications import Notification, Notify
from textual.signal import Signal
from textual.timer import Timer, TimerCallback

from smarter.errors import UsageError, WrongPassphrase
from smarter.tui.asking import asking
from smarter.tui.once import once_after, unskipped
from smarter.tui.page import Page
from smarter.tui.picture import Picture
from smarter.tui.settings import Settings
from smarter.tui.stylesheet import KeptStylesheet

if TYPE_CHECKING:
    from smarter.keys.unlock import Unlock
    from smarter.protocols.report import Report
    from smarter.protocols.session import Standing
    from smarter.scenario import Scenario
    from smarter.state import StateFolder
    from smarter.tui.carrier import Carrier


A_MOMENT = 0.1
"""Seconds by which a notice outlasts its time, should its own timer be lost."""


class Bench(App[None]):
    """One scenario at a time, and one run of it.

    Attributes:
        scenario: the one that is worked on; None before one is chosen.
        state: where it runs.
        overrides: what was set in it.
        picture: of its run.
        settings: of the user.
        erased: another one whenever a customer has erased something in this app.
        touched: when a key was last pressed or the mouse moved, as :func:`time.monotonic` counts.
        scenario_chosen_signal: for pages that are not in front and must not wait until they are.
        guard: set while there is something unsaved; it is called instead of leaving, with what leaves.
    """

    class PictureTaken(Message):
        """The run in the background stands like this now."""

        def __init__(self, picture: Picture) -> None:
            super().__init__()
            self.picture = picture

    def __init__(self, settings: Settings) -> None:
        """Nothing is chosen yet."""
        super().__init__()
        self.stylesheet: KeptStylesheet = KeptStylesheet(self.get_css_variables())
        self.settings = settings
        self.scenario: Scenario | None = None
        self.state: StateFolder | None = None
        self.overrides: tuple[str, ...] = ()
        self.picture = Picture()
        self.erased: object = None
        self.touched = 0.0
        self.guard: Callable[[Callable[[], None]], None] | None = None
        self.scenario_chosen_signal: Signal[Scenario] = Signal(self, "scenario chosen")
        self._carrier: Carrier | None = None
        self._unlock: Unlock | None = None

    # Timers that go off once: Textual's own lose the call where the machine is busy.

    def set_timer(
        self, delay: float, callback: TimerCallback | None = None, *, name: str | None = None, pause: bool = False
    ) -> Timer:
        """As Textual's; Textual sets those by which it follows a terminal's new size and ends animations, too."""
        return unskipped(super().set_timer(delay, callback, name=name, pause=pause))

    def on_notify(self, event: Notify) -> None:
        """Take a notice away when its time is over: the notice's own timer may be lost."""
        self._forget_later(event.notification)

    def _forget_later(self, notification: Notification) -> None:
        if notification.has_expired:
            self._refresh_notifications()
        else:
            once_after(notification.time_left + A_MOMENT, partial(self._forget_later, notification), at=self)

    def choose(self, scenario: Scenario, overrides: tuple[str, ...] = ()) -> None:
        """Work on another scenario; the picture is of its run, if it has been run before."""
        from smarter.state import locate

        if self.picture.goes_on:
            raise UsageError("a run is going on: cancel it (2, c) or let it end before another scenario is chosen.")
        self.scenario, self.overrides = scenario, overrides
        self.state = locate(scenario.name, scenario.digest, None)
        self._unlock = None
        self.picture = Picture(scenario=scenario.name)
        self.scenario_chosen_signal.publish(scenario)
        self.refresh_page()

    def start_run(self, *, verify: bool = False) -> None:
        """Run the chosen scenario in the background: from its beginning, from where it was left, or to its result."""
        from smarter.bench.figures import cores
        from smarter.tui.carrier import Carrier

        if self.scenario is None or self.state is None:
            self.notify("No scenario is chosen: choose one on page 1.", severity="warning")
            return
        if self.picture.goes_on:
            self.notify("A run is going on already.", severity="warning")
            return
        self.scenario.check_available()
        self._carrier = Carrier(
            self.scenario,
            self.state,
            self.unlocking(),
            self._publish,
            workers=self.settings.workers or cores(),
            verify=verify,
        )
        self.picture = Picture(condition="running", scenario=self.scenario.name)
        self._carrier.start()
        self.refresh_page()

    def unlocking(self) -> Unlock:
        """How the chosen state's keystores are unlocked; what has been typed once is not asked for again."""
        assert self.state is not None
        if self._unlock is None:
            self._unlock = self._unlock_of(self.state)
        return self._unlock

    def unlocking_of(self, state: StateFolder) -> Callable[[], Unlock]:
        """How a state's keystores are unlocked, as :meth:`unlocking`; also when another scenario is chosen by then."""
        kept: Unlock | None = None

        def unlocking() -> Unlock:
            nonlocal kept
            if self.state is not None and self.state.path == state.path:
                kept = self.unlocking()
            return kept or self._unlock_of(state)

        return unlocking

    def _unlock_of(self, state: StateFolder) -> Unlock:
        from smarter.keys.process import environment
        from smarter.keys.unlock import unlock_from

        return unlock_from(self.settings.unlock, state.keys, environ=environment(), ask=asking(self))

    def forget_typed(self) -> None:
        """Ask again for passphrases that were typed: one of them was wrong."""
        self._unlock = None

    def _publish(self, picture: Picture) -> None:
        """From the thread of the run."""
        self.post_message(self.PictureTaken(picture))

    def pause_run(self) -> None:
        """Pause the run, or let a paused one go on."""
        if self._carrier is None:
            return
        if self.picture.condition == "running":
            self._carrier.pause()
        elif self.picture.condition in ("pausing", "paused"):
            self._carrier.resume()

    def cancel_run(self) -> None:
        """End the run; its state can be resumed."""
        if self._carrier is not None and self.picture.goes_on:
            self._carrier.cancel()

    @property
    def finished(self) -> bool:
        """Whether the chosen scenario has been run to its end, now or earlier."""
        standing = self.standing
        return standing is not None and standing.finished

    @property
    def standing(self) -> Standing | None:
        """How far the chosen scenario has been run; None if not at all, or while a run goes on."""
        from smarter.protocols.session import standing

        if self.scenario is None or self.state is None or self.picture.goes_on:
            return None
        return standing(self.scenario, self.state)

    @contextmanager
    def report(self) -> Iterator[Report]:
        """The MDMS's answers about the chosen scenario, noted in the audit log. Call it off the UI's thread.

        Raises:
            UsageError: there is no finished run.
        """
        from smarter.protocols.session import recall, reporting

        session = recall(self.scenario, self.state) if self.scenario is not None and self.state is not None else None
        if session is None or self.state is None:
            raise UsageError("there is no run of this scenario yet: start one (2, r).")
        try:
            with reporting(session, self.state, self.unlocking()) as report:
                yield report
        except WrongPassphrase:
            self.forget_typed()
            raise
        finally:
            session.journal.close()

    def say(self, error: BaseException) -> None:
        """Show what went wrong, with the way out."""
        self.notify(str(error), severity="error", timeout=12, markup=False)

    def join_run(self, seconds: float) -> None:
        """Wait so long for the cancelled run to end."""
        if self._carrier is not None:
            self._carrier.join(seconds)

    def on_bench_picture_taken(self, message: PictureTaken) -> None:
        """Hand the picture to the page in front."""
        self.picture = message.picture
        if self.picture.condition == "failed":
            self.forget_typed()  # it may be what is wrong
        self.refresh_page()

    def refresh_page(self) -> None:
        """Let the page in front show how things stand."""
        if self._running and self.screen_stack and isinstance(page := self.screen_stack[0], Page):
            page.show_picture(self.picture)
