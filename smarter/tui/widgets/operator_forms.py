"""The forms of the operators' page, one at a time: log in, and name another tariff."""

from __future__ import annotations

from typing import Literal

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.widgets import ContentSwitcher

from smarter.tui.widgets.login_form import Field, LoginForm

Form = Literal["operator", "rerate"]


class OperatorForms(Vertical):
    """Shows one of the forms."""

    DEFAULT_CSS = """
    OperatorForms { align: center middle; height: 1fr; padding: 0 2; }
    OperatorForms ContentSwitcher { width: 64; max-width: 100%; height: auto; }
    """

    def __init__(self) -> None:
        super().__init__(id="forms")

    def compose(self) -> ComposeResult:
        """The forms."""
        with ContentSwitcher(initial="operator"):
            yield LoginForm(
                "Log in as an operator",
                (
                    Field("name", "name"),
                    Field("password", "password", secret=True),
                    Field("code", "code", secret=True, shown=True, hint="that your app shows, or a spare code"),
                ),
                words="Bills and demand by pseudonym, as your role allows.",
                busy="one moment: a password is made costly to guess …",
                id="operator",
            )
            yield LoginForm(
                "Bills under another tariff",
                (
                    Field("tariff", "tariff", optional=True, hint="a plugin or a YAML file; empty: as it is"),
                    Field("options", "options", optional=True, hint="such as rate=0.15 or rates.peak=0.30"),
                ),
                words="Computed from the billing windows that were released. Nothing is changed.",
                busy="opening the records …",
                id="rerate",
            )

    @property
    def form(self) -> LoginForm:
        """The form that is shown."""
        shown = self.query_one(ContentSwitcher).visible_content
        assert isinstance(shown, LoginForm)
        return shown

    def show(self, form: Form) -> LoginForm:
        """Show a form, empty."""
        self.query_one(ContentSwitcher).current = form
        self.form.clear()
        return self.form
