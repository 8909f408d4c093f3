"""What the pages have in common where people log in: the door with its forms, what is behind it, the lock."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from rich.console import RenderableType
from rich.text import Text
from textual import on
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher, Input, Static

from smarter.errors import WrongCredentials
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.pages.asked import AskingPage
from smarter.tui.picture import Picture
from smarter.tui.widgets.forms import Forms
from smarter.tui.widgets.login_form import LoginForm, Typed
from smarter.tui.widgets.told_view import ToldView


class Sessions(Protocol):
    """A counter: it begins and ends sessions, and answers who has one."""

    def log_in(self, typed: Typed) -> Any:
        """Begin a session."""

    def log_out(self, visit: Any) -> None:
        """End it."""


C = TypeVar("C", bound=Sessions)
V = TypeVar("V")


class DoorPage(AskingPage, Generic[C, V]):
    """Subclasses yield a ``ContentSwitcher`` with the id ``place``, and show what is behind the door.

    In it are a ``Static`` with the id ``nothing``, :class:`Forms` with the id ``door`` of which the first is called
    ``login``, a :class:`ToldView` with the id ``told``, and what is their own.

    Attributes:
        visit: who is logged in.
        counter: of the chosen scenario's run.
        topic: what there is to read, or is waited for.
    """

    AUTO_FOCUS = ""
    MODALS: ClassVar[tuple[type[ModalScreen[Any]], ...]] = ()
    """What the page asks and shows over itself; it goes when the page is locked."""

    def __init__(self) -> None:
        super().__init__()
        self.visit: V | None = None
        self.counter: C | None = None
        self.topic = ""
        self._of: object = None

    # What a subclass says.

    @abstractmethod
    def make_counter(self, scenario: Scenario, state: StateFolder) -> C:
        """The counter of a run."""

    @abstractmethod
    def why_no_door(self, scenario: Scenario, state: StateFolder) -> str:
        """What is to be done before anybody can log in; empty when somebody can."""

    @abstractmethod
    def entered(self, visit: V) -> None:
        """Somebody has come in: show what is theirs."""

    @abstractmethod
    def given_in(self, form: LoginForm, typed: Typed) -> None:
        """Another form than the one to log in was filled in."""

    @abstractmethod
    def forget(self) -> None:
        """Keep nothing of anybody's in the page's own widgets."""

    # Where one is.

    @property
    def forms(self) -> Forms:
        """The forms."""
        return self.query_one("#door", Forms)

    @property
    def told(self) -> ToldView:
        """What is to be read."""
        return self.query_one("#told", ToldView)

    @property
    def _current(self) -> str:
        return self.query_one("#place", ContentSwitcher).current or ""

    @property
    def place(self) -> str:
        """What is shown: ``nothing``, ``door``, something behind the door, or what there is to read."""
        return self.topic if self._current == "told" else self._current

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

    def on_mount(self) -> None:
        """Whoever is logged in is so at the scenario that is chosen, whatever page is in front."""
        self.bench.scenario_chosen_signal.subscribe(self, lambda _: self._stand_at_the_chosen_one())

    def show_picture(self, picture: Picture) -> None:
        """Show the door, if nobody has come in."""
        self._stand_at_the_chosen_one()
        if not self.attended and self.place != "notice":
            self.show_door()

    def _stand_at_the_chosen_one(self) -> None:
        """Another scenario is another door."""
        scenario, state = self.bench.scenario, self.bench.state
        of = (state and state.path, scenario and scenario.digest, scenario and scenario.time.end)
        if of == self._of:
            return
        self._of = of
        if self.attended:
            self.shut("Another scenario is chosen: log in there.")
        else:
            self.present = object()  # whoever enrols just now does so elsewhere
            self.forms.show("login")
        self.counter = self.make_counter(scenario, state) if scenario and state else None

    def show_door(self) -> None:
        """Show the form, or why there is none."""
        words = self._why_nothing()
        if words:
            self.query_one("#nothing", Static).update(words)
        if self.place != (place := "nothing" if words else "door"):
            self.go(place)

    def _why_nothing(self) -> str:
        scenario, state = self.bench.scenario, self.bench.state
        if scenario is None or state is None:
            return "No scenario is chosen: choose one on page 1, then press r there to run it."
        return self.why_no_door(scenario, state)

    # Coming in.

    def action_begin(self) -> None:
        """Go to the form."""
        self.forms.shown.begin()

    @on(LoginForm.Given)
    def _given(self, message: LoginForm.Given) -> None:
        if (counter := self.counter) is None:
            return

        if message.form.form.name == "login":
            came = partial(self.came, counter)
            self.ask(partial(counter.log_in, message.typed), came, self.refusing(message.form), always=True)
        else:
            self.given_in(message.form, message.typed)

    def came(self, counter: C, visit: V) -> None:
        """A session has begun at a counter: show what is behind the door, unless another scenario was chosen."""
        if counter is self.counter and not self.attended:
            self._come_in(visit)
        else:
            self.ask(partial(counter.log_out, visit), _nothing, _nothing)

    def _come_in(self, visit: V) -> None:
        self.visit, self.present = visit, object()
        self.come()
        self.forms.show("login")
        self.set_focus(None)
        self.entered(visit)

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
        for modal in self.app.get_screen_stack(self.NAME):
            if isinstance(modal, self.MODALS):
                modal.dismiss(None)
        self.set_focus(None)
        self.forms.show("login").entitle(why)
        self.go("door")
        if visit is not None and counter is not None:
            self.ask(partial(counter.log_out, visit), _nothing, _nothing)

    def let_go(self) -> None:
        """Empty the form: a code or a password may be in it."""
        if self.forms.shown.filled:
            self.set_focus(None)
            self.forms.shown.clear()

    def refused(self, error: BaseException) -> None:
        """Say what was wrong, where it is waited for; whoever's session has ended is logged out."""
        if isinstance(error, WrongCredentials):
            self.shut(str(error))
        elif self._current == "told" and self.told.waits:
            self.told.say(f"✕ {error}")
        else:
            self.bench.say(error)

    def refusing(self, form: LoginForm) -> Callable[[BaseException], None]:
        """Says in the form what was wrong with what it was given; whoever has gone elsewhere is told there."""

        def refused(error: BaseException) -> None:
            in_front = form is self.forms.shown and self.place == "door"
            form.refuse(str(error), begin=in_front)
            if not in_front:
                self.bench.say(error)

        return refused

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whoever is in can leave, and whoever is not can come in."""
        if action == "begin":
            return not self.attended and self.place == "door" and not isinstance(self.focused, Input)
        if action == "log_out":
            return self.attended
        return super().check_action(action, parameters)


def _nothing(_: Any) -> None:
    """Whether a session could be ended or not, the page is locked."""
