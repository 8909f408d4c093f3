"""How customers come and go: the notice before enrolling, recovery, another password."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.widgets import Input

from smarter.charts.rights import notice_words
from smarter.charts.scenario import command
from smarter.errors import SmarterError
from smarter.scenario import Scenario
from smarter.scenario.catalogue import reference_of
from smarter.state import StateFolder
from smarter.tui.counter import Visit
from smarter.tui.pages.door import DoorPage
from smarter.tui.rights_counter import RightsCounter
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.question import Question
from smarter.tui.widgets.shown_once import ShownOnce

ENROLLED = (
    "You are enrolled and logged in. Should you forget your password, this recovery code sets a new one; it is not "
    "shown again:"
)
RECOVERED = (
    "Your password is set, and you are logged in. This recovery code takes the place of the one just used; it is shown "
    "once:"
)


def _do_and_log_in(do: Callable[[Typed], str], counter: RightsCounter, typed: Typed) -> tuple[str, Visit | None]:
    """The code that enrolling or recovering gives, and the session that begins with the password just set."""
    code = do(typed)
    try:
        return code, counter.log_in(typed)
    except (SmarterError, OSError):  # the code is shown in any case; the form to log in says what is wrong
        return code, None


class EnteredPage(DoorPage[RightsCounter, Visit]):
    """Subclasses show what is behind the door, at the place ``own`` first."""

    MODALS = (Question, ShownOnce)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Log in", id="customers.login"),
        Binding("f2", "enrol", "Enrol with a code", id="customers.enrol"),
        Binding("f3", "way('recover')", "Forgot the password", id="customers.recover"),
        Binding("escape", "back", "Back", id="customers.back"),
    ]

    def make_counter(self, scenario: Scenario, state: StateFolder) -> RightsCounter:
        """The customers' counter."""
        return RightsCounter(scenario, state, self.bench.unlocking_of(state))

    def why_no_door(self, scenario: Scenario, state: StateFolder) -> str:
        """Meters get customers when they have run; whoever runs them invites."""
        if not state.begun:
            return f"No run of {scenario.name} yet: press 2, then r. Its meters get customers when it has run."
        if state.accounts.exists() or self.forms.name_shown != "login":
            return ""
        invite = command(reference_of(scenario.path), self.bench.overrides, "customer invite")
        return (
            "Nobody has an account yet.\n\nWhoever runs the meters invites a customer, in a terminal:\n"
            f"{invite} METER --since start\n\nWithout --since the customer reads what is measured after they enrol.\n"
            "With the code that it prints an account is opened: press f2."
        )

    @property
    def _at_login(self) -> bool:
        return self.place == "door" and self.forms.name_shown == "login"

    @property
    def _enrollable(self) -> bool:
        return not self.attended and self.bench.state is not None and self.bench.state.begun

    @property
    def _recoverable(self) -> bool:
        state = self.bench.state
        return not self.attended and self._at_login and state is not None and state.accounts.exists()

    # Coming in.

    def action_way(self, form: str) -> None:
        """Show another form."""
        self.forms.show(form).begin()
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
        self.forms.show("login")
        if self.attended:
            self.go("own")
        else:
            self.topic = ""
            self.show_door()

    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """A form was filled in: do what it is for."""
        counter, visit, name = self.counter, self.visit, form.form.name
        if counter is None:
            return
        ways = {"enrol": (counter.enrol, ENROLLED), "recover": (counter.recover, RECOVERED)}
        if name in ways:
            do, words = ways[name]
            call = partial(_do_and_log_in, do, counter, typed)
            self.ask(call, partial(self._show_code, words, counter), self.refusing(form), always=True)
        elif visit is not None:
            self.ask(partial(counter.change_password, visit, typed), self._changed, self.refusing(form))

    def _show_code(self, words: str, counter: RightsCounter, done: tuple[str, Visit | None]) -> None:
        """Whatever is in front by now: it is not shown again."""
        code, visit = done
        if visit is not None:
            self.came(counter, visit)
        if not self.attended:
            self.forms.show("login")
            self.show_door()
        self.app.push_screen(ShownOnce(words, code))

    def _changed(self, _: None) -> None:
        if self.place == "door":
            self.action_back()
        self.notify("Your password is changed.")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """What can be done depends on who is there."""
        if action == "enrol":
            return self._enrollable and (self.place == "nothing" or self._at_login)
        if action == "way":
            return self.attended if parameters == ("password",) else self._recoverable
        if action == "back":
            out = not self.attended and self._at_login
            return self.place not in ("own", "nothing") and (not out or isinstance(self.focused, Input))
        return super().check_action(action, parameters)
