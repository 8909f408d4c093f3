"""How customers come and go: the door with its forms, the notice before enrolling, and the lock behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher, Input, Static

from smarter.charts.rights import notice_words
from smarter.charts.scenario import command
from smarter.errors import WrongCredentials
from smarter.scenario.catalogue import reference_of
from smarter.tui.counter import Visit
from smarter.tui.pages.asked import AskingPage
from smarter.tui.picture import Picture
from smarter.tui.rights_counter import RightsCounter
from smarter.tui.widgets.door_view import DoorView, Way
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.question import Question
from smarter.tui.widgets.shown_once import ShownOnce
from smarter.tui.widgets.told_view import ToldView

ENROLLED = (
    "You are enrolled. Should you forget your password, this recovery code sets a new one; it is not shown again:"
)
RECOVERED = "Your password is set. This recovery code takes the place of the one just used; it is shown once:"


class EnteredPage(AskingPage):
    """Subclasses yield a ``ContentSwitcher`` with the id ``place``, and show what is behind the door."""

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Log in", id="customers.login"),
        Binding("f2", "enrol", "Enrol with a code", id="customers.enrol"),
        Binding("f3", "way('recover')", "Forgot the password", id="customers.recover"),
        Binding("escape", "back", "Back", id="customers.back"),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.visit: Visit | None = None
        self.counter: RightsCounter | None = None
        self.topic = ""
        self._of: object = None

    # Where one is.

    @property
    def door(self) -> DoorView:
        """The forms."""
        return self.query_one(DoorView)

    @property
    def told(self) -> ToldView:
        """What is to be read."""
        return self.query_one(ToldView)

    @property
    def place(self) -> str:
        """What is shown: ``nothing``, ``door``, ``own``, ``live``, or what there is to read."""
        current = self.query_one("#place", ContentSwitcher).current or ""
        return self.topic if current == "told" else current

    @property
    def attended(self) -> bool:
        """Whether somebody is logged in."""
        return self.visit is not None

    def go(self, place: str) -> None:
        """Show another place."""
        self.query_one("#place", ContentSwitcher).current = place
        self.refresh_bindings()

    def tell(self, topic: str, heading: Text, told: Sequence[RenderableType], *, wanted: bool = False) -> None:
        """Show something to read; what comes late only where one still waits for it, unless it is ``wanted`` anyway."""
        if self.place != topic and not wanted:
            return
        self.topic = topic
        self.told.show(heading, told)
        self.go("told")

    def tell_soon(self, topic: str, words: str) -> None:
        """Say what goes on until it can be shown."""
        self.topic = topic
        self.told.say(words)
        self.go("told")

    def show_picture(self, picture: Picture) -> None:
        """Another scenario is another door."""
        scenario, state = self.bench.scenario, self.bench.state
        of = (state and state.path, scenario and scenario.digest, scenario and scenario.time.end)
        if of != self._of:
            if self.attended:
                self.shut("Another scenario is chosen: log in there.")
            self._of = of
            self.counter = RightsCounter(scenario, state, self.bench.unlocking) if scenario and state else None
        if not self.attended and self.place != "notice":
            self._show_door()

    def _show_door(self) -> None:
        words = self._why_no_door()
        if words:
            self.query_one("#nothing", Static).update(words)
        if self.place != (place := "nothing" if words else "door"):
            self.go(place)

    def _why_no_door(self) -> str:
        state, scenario = self.bench.state, self.bench.scenario
        if scenario is None or state is None:
            return "No scenario is chosen: choose one on page 1, then press r there to run it."
        if not state.begun:
            return f"No run of {scenario.name} yet: press 2, then r. Its meters get customers when it has run."
        if state.accounts.exists() or self.door.way != "login":
            return ""
        invite = command(reference_of(scenario.path), self.bench.overrides, "customer invite")
        return (
            "Nobody has an account yet.\n\nWhoever runs the meters invites a customer, in a terminal:\n"
            f"{invite} METER\n\nWith the code that it prints an account is opened: press f2."
        )

    @property
    def _enrollable(self) -> bool:
        return not self.attended and self.bench.state is not None and self.bench.state.begun

    @property
    def _recoverable(self) -> bool:
        state = self.bench.state
        there = state is not None and state.accounts.exists()
        return not self.attended and there and self.place == "door" and self.door.way == "login"

    # Coming in.

    def action_begin(self) -> None:
        """Go to the form."""
        self.door.form.begin()

    def action_way(self, way: Way) -> None:
        """Show another form."""
        self.door.show(way).begin()
        self.go("door")

    def action_enrol(self) -> None:
        """First the notice, which the form that follows agrees to."""
        if self.counter is not None:
            self.set_focus(None)
            heading = Text.assemble(
                ("The notice", "bold"), ("  you agree to it by enrolling", "dim"), no_wrap=True, overflow="ellipsis"
            )
            self.tell("notice", heading, list(notice_words(self.counter.notice)), wanted=True)

    def action_back(self) -> None:
        """Out of the form; from what is read to where one was before."""
        self.set_focus(None)
        if self.attended:
            self.door.form.clear()
            self.go("own")
        else:
            self.door.show("login")
            self.topic = ""
            self._show_door()

    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """A form was filled in: do what it is for."""
        counter, visit = self.counter, self.visit
        if counter is None:
            return

        def refused(error: BaseException) -> None:
            form.refuse(str(error))

        if form.id == "login":
            self.ask(partial(counter.log_in, typed), self._come_in, refused)
        elif form.id == "enrol":
            self.ask(partial(counter.enrol, typed), partial(self._show_code, ENROLLED), refused)
        elif form.id == "recover":
            self.ask(partial(counter.recover, typed), partial(self._show_code, RECOVERED), refused)
        elif visit is not None:
            self.ask(partial(counter.change_password, visit, typed), self._changed, refused)

    @on(LoginForm.Given)
    def _given(self, message: LoginForm.Given) -> None:
        self.given_in(message.form, message.typed)

    def _show_code(self, words: str, code: str) -> None:
        self.door.show("login")
        self._show_door()
        self.app.push_screen(ShownOnce(words, code))

    def _changed(self, _: None) -> None:
        self.door.form.clear()
        self.set_focus(None)
        self.go("own")
        self.notify("Your password is changed.")

    def _come_in(self, visit: Visit) -> None:
        self.visit, self.present = visit, object()
        self.come()
        self.door.show("login")
        self.set_focus(None)
        self.go("own")
        self.entered()

    def entered(self) -> None:
        """Somebody has come in: show what is theirs."""
        raise NotImplementedError

    # Leaving.

    def action_log_out(self) -> None:
        """End the session."""
        self.shut("You are logged out.")

    def shut(self, why: str) -> None:
        """Log out, and forget everything of theirs."""
        visit, counter = self.visit, self.counter
        self.visit, self.present, self.topic = None, object(), ""
        self.forget()
        self.told.forget()
        for modal in self.app.screen_stack:
            if isinstance(modal, ModalScreen) and isinstance(modal, Question | ShownOnce):
                modal.dismiss(None)
        self.set_focus(None)
        self.door.show("login").entitle(why)
        self.go("door")
        if visit is not None and counter is not None:
            self.ask(partial(counter.log_out, visit), _nothing, _nothing)

    def forget(self) -> None:
        """Keep nothing of anybody's in the page's own widgets."""
        raise NotImplementedError

    def refused(self, error: BaseException) -> None:
        """Say what was wrong; whoever's session has ended is logged out."""
        if isinstance(error, WrongCredentials):
            self.shut(str(error))
        else:
            self.bench.say(error)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on who is there."""
        if action == "begin":
            return not self.attended and self.place == "door" and not isinstance(self.focused, Input)
        if action == "enrol":
            return self._enrollable and self.place in ("nothing", "door") and self.door.way == "login"
        if action == "way":
            return self.attended if parameters == ("password",) else self._recoverable
        if action == "log_out":
            return self.attended
        if action == "back":
            out = not self.attended and self.place == "door" and self.door.way == "login"
            return self.place not in ("own", "nothing") and (not out or isinstance(self.focused, Input))
        return super().check_action(action, parameters)


def _nothing(_: Any) -> None:
    """Whether a session could be ended or not, the page is locked."""
