"""The forms of the customers' page, one at a time: log in, enrol, recover, change the password, grant something."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from smarter.tui.widgets.login_form import Field, LoginForm

Way = Literal["login", "enrol", "recover", "password", "grant"]
NAME = Field("name", "name")
NEW = Field("password", "new password", secret=True, hint="12 characters or more")
AGAIN = Field("again", "the same again", secret=True)
DERIVING = "one moment: a password is made costly to guess …"


def _forms() -> Iterator[LoginForm]:
    yield LoginForm(
        "Log in",
        (NAME, Field("password", "password", secret=True)),
        words="Your own readings, every minute of them, for you alone.",
        busy=DERIVING,
        id="login",
    )
    yield LoginForm(
        "Open an account",
        (Field("code", "code", secret=True, shown=True, hint="it came with the meter"), NAME, NEW, AGAIN),
        words="You agree to the notice. Your meter learns a key of yours.",
        busy="one moment: a key pair is made for you …",
        id="enrol",
    )
    yield LoginForm(
        "Forgot the password",
        (NAME, Field("code", "recovery code", secret=True, shown=True, hint="from when you enrolled"), NEW, AGAIN),
        words="The recovery code sets a new password, and is used up.",
        busy=DERIVING,
        id="recover",
    )
    yield LoginForm(
        "Change the password",
        (Field("before", "password so far", secret=True), NEW, AGAIN),
        words="Every other session of yours ends.",
        busy=DERIVING,
        id="password",
    )

    yield LoginForm(
        "Grant a third party sums of your readings",
        (
            Field("grantee", "to whom"),
            Field("key", "file of their key", hint="RSA, as PEM or JWK"),
            Field("purpose", "what for"),
            Field("window", "sums over", hint="15min, 1h, 1d, month", value="1d"),
            Field("from", "from", optional=True, hint="the scenario's first moment"),
            Field("to", "until", optional=True, hint="the scenario's end"),
            Field("expires", "expires", optional=True, hint="in 90 days"),
        ),
        words="Your meter delivers them, and nothing finer. What was fetched cannot be called back.",
        id="grant",
    )


class DoorView(Vertical):
    """Shows one of the forms."""

    DEFAULT_CSS = """
    DoorView { align: center middle; height: 1fr; padding: 0 2; }
    DoorView ContentSwitcher { width: 64; max-width: 100%; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(id="door")

    def compose(self) -> ComposeResult:
        """The forms."""
        with ContentSwitcher(initial="login"):
            yield from _forms()

    @property
    def way(self) -> Way:
        """Which form is shown."""
        return self.form.id  # type: ignore[return-value] # of those above

    @property
    def form(self) -> LoginForm:
        """The form that is shown."""
        shown = self.query_one(ContentSwitcher).visible_content
        assert isinstance(shown, LoginForm)
        return shown

    def show(self, way: Way) -> LoginForm:
        """Show a form, empty."""
        self.query_one(ContentSwitcher).current = way
        self.form.clear()
        return self.form
