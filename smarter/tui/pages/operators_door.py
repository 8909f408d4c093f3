"""How operators come and go on their page: the door with its form, and the lock behind them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from rich.console import RenderableType
from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import ContentSwitcher, Input, Static

from smarter.charts.scenario import command
from smarter.errors import WrongCredentials
from smarter.keys import roster
from smarter.keys.keystore import Keystore
from smarter.scenario.catalogue import reference_of
from smarter.tui.operators_counter import OperatorsCounter, OperatorVisit
from smarter.tui.pages.asked import AskingPage
from smarter.tui.picture import Picture
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.operator_forms import OperatorForms
from smarter.tui.widgets.told_view import ToldView


class OperatorsDoorPage(AskingPage):
    """Subclasses yield a ``ContentSwitcher`` with the id ``place`` and a ``Static`` with the id ``who``.

    They show what is behind the door.
    """

    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "begin", "Log in", id="operators.login"),
    ]
    DEFAULT_CSS = """
    OperatorsDoorPage #who { display: none; height: 1; padding: 0 1; color: $text-muted; text-align: right; }
    OperatorsDoorPage #place { height: 1fr; }
    OperatorsDoorPage.attended #who { display: block; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.visit: OperatorVisit | None = None
        self.counter: OperatorsCounter | None = None
        self._of: object = None

    # Where one is.

    @property
    def place(self) -> str:
        """What is shown: ``nothing``, ``forms``, ``list``, ``one``, ``demand`` or ``told``."""
        return self.query_one("#place", ContentSwitcher).current or ""

    @property
    def forms(self) -> OperatorForms:
        """The forms."""
        return self.query_one(OperatorForms)

    @property
    def told(self) -> ToldView:
        """What is to be read."""
        return self.query_one(ToldView)

    @property
    def attended(self) -> bool:
        """Whether somebody is logged in."""
        return self.visit is not None

    def go(self, place: str) -> None:
        """Show another place."""
        self.query_one("#place", ContentSwitcher).current = place
        self.refresh_bindings()

    def tell(self, heading: str, quiet: str, told: Sequence[RenderableType]) -> None:
        """Show something to read."""
        words = Text.assemble((heading, "bold"), (f"  {quiet}", "dim"), no_wrap=True, overflow="ellipsis")
        self.told.show(words, told)
        self.go("told")

    def tell_soon(self, words: str) -> None:
        """Say what goes on, or went wrong."""
        self.told.say(words)
        self.go("told")

    def show_picture(self, picture: Picture) -> None:
        """Another scenario is another door."""
        scenario, state = self.bench.scenario, self.bench.state
        of = (state and state.path, scenario and scenario.digest)
        if of != self._of:
            if self.attended:
                self.shut("Another scenario is chosen: log in there.")
            self._of = of
            self.counter = OperatorsCounter(scenario, state, self.bench.unlocking) if scenario and state else None
        if not self.attended:
            self._show_door()

    def _show_door(self) -> None:
        words = self._why_no_door()
        if words:
            self.query_one("#nothing", Static).update(words)
        if self.place != (place := "nothing" if words else "forms"):
            self.go(place)

    def _why_no_door(self) -> str:
        scenario, state = self.bench.scenario, self.bench.state
        if scenario is None or state is None:
            return "No scenario is chosen: choose one on page 1, then press r there to run it."
        if not state.begun:
            return f"No run of {scenario.name} yet: press 2, then r. It has operators when it has run."
        if Keystore.exists(state.keys, roster.PARTY):
            return ""
        first = command(reference_of(scenario.path), self.bench.overrides, "operator first")
        return (
            "Nobody is an operator yet.\n\nWhoever runs the machine makes the first administrator, in a terminal:\n"
            f"{first} --name NAME\n\nAdministrators make others, with `smarter operator add`."
        )

    # Coming and going.

    def action_begin(self) -> None:
        """Go to the form."""
        self.forms.form.begin()

    @on(LoginForm.Given)
    def _given(self, message: LoginForm.Given) -> None:
        form, typed, counter = message.form, message.typed, self.counter
        if counter is None:
            return

        def refused(error: BaseException) -> None:
            form.refuse(str(error))

        if form.id == "operator":
            self.ask(partial(counter.log_in, typed), self._come_in, refused)
        else:
            self.given_in(form, typed)

    def _come_in(self, visit: OperatorVisit) -> None:
        self.visit, self.present = visit, object()
        self.come()
        self.query_one("#who", Static).update(f"{visit.operator.name}, {visit.operator.role}")
        self.add_class("attended")
        self.forms.show("operator")
        self.set_focus(None)
        self.entered()

    def action_log_out(self) -> None:
        """End the session."""
        self.shut("You are logged out.")

    def shut(self, why: str) -> None:
        """Log out, and forget everything that was shown."""
        visit, counter = self.visit, self.counter
        self.visit, self.present = None, object()
        self.set_focus(None)
        self.remove_class("attended")
        self.query_one("#who", Static).update("")
        self.told.forget()
        self.forget()
        self.forms.show("operator").entitle(why)
        self.go("forms")
        if visit is not None and counter is not None:
            self.ask(partial(counter.log_out, visit), _nothing, _nothing)

    def entered(self) -> None:
        """Somebody has come in: show what their role has."""
        raise NotImplementedError

    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """Another form was filled in."""
        raise NotImplementedError

    def forget(self) -> None:
        """Keep nothing of what was shown in the page's own widgets."""
        raise NotImplementedError

    def refused(self, error: BaseException) -> None:
        """Say what was wrong; whoever's session has ended is logged out."""
        if isinstance(error, WrongCredentials):
            self.shut(str(error))
        else:
            self.tell_soon(f"✕ {error}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whoever is in can leave, and whoever is not can come in."""
        if action == "begin":
            return not self.attended and self.place == "forms" and not isinstance(self.focused, Input)
        if action == "log_out":
            return self.attended
        return super().check_action(action, parameters)


def _nothing(_: Any) -> None:
    """Whether a session could be ended or not, the page is locked."""
