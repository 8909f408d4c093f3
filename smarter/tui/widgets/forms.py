"""A page's forms, one at a time in its middle; the pages where people log in show their forms by it."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical

from smarter.tui.widgets.login_form import Form, LoginForm


class Forms(Vertical):
    """Only the form that is shown is there: the others cost no time, and keep nothing of what was typed."""

    DEFAULT_CSS = """
    Forms { align: center middle; height: 1fr; padding: 0 2; }
    """

    def __init__(self, forms: Sequence[Form], *, id: str) -> None:  # noqa: A002 - as every widget calls it
        """The first of ``forms`` is shown."""
        super().__init__(id=id)
        self._forms = {form.name: form for form in forms}
        self.shown = LoginForm(forms[0])

    def compose(self) -> ComposeResult:
        """The form."""
        yield self.shown

    @property
    def name_shown(self) -> str:
        """Which form is shown."""
        return self.shown.form.name

    def show(self, name: str) -> LoginForm:
        """Show a form, empty."""
        if name == self.name_shown:
            self.shown.clear()
            return self.shown
        if (focused := self.screen.focused) is not None and self.shown in focused.ancestors:
            self.screen.set_focus(None)  # or the form to come would be given it
        self.shown.remove()
        self.shown = LoginForm(self._forms[name])
        self.mount(self.shown)
        return self.shown
