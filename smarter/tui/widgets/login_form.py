"""A calm form on a page: a few fields, what goes on, what was wrong; customers and operators log in by one.

What is typed into a secret field leaves the form with :class:`LoginForm.Given`, and is not kept in it, unless the field
is a lasting one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label, Static

from smarter.charts.marks import MARKS

HINT = "enter: go on   esc: leave the form"


@dataclass(frozen=True)
class Field:
    """One line of a form.

    Attributes:
        name: by which what is typed is handed over.
        label: before the field.
        secret: shown as dots, and forgotten as soon as it is handed over.
        shown: a secret, but shown while it is typed, since it is copied from paper.
        lasting: a secret that stays in it until the form has done what it is for, since it is long and asked for once.
        hint: in the empty field.
        optional: whether it may stay empty.
        value: what is in it at first.
    """

    name: str
    label: str
    secret: bool = False
    shown: bool = False
    lasting: bool = False
    hint: str = ""
    optional: bool = False
    value: str = ""


@dataclass(frozen=True)
class Form:
    """What a form asks for.

    Attributes:
        name: by which it is told from others.
        title: what it does.
        fields: from top to bottom.
        words: beneath the title, for people.
        busy: said while what was given is being looked at.
    """

    name: str
    title: str
    fields: Sequence[Field]
    words: str
    busy: str = "one moment …"


@dataclass(frozen=True)
class Typed:
    """What was typed, by the fields' names. It has no text form: Textual writes down what workers are called with."""

    values: Mapping[str, str] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.values[name]


class LoginForm(Vertical):
    """Enter goes to the next field, and on the last one hands over what was typed."""

    # Before the field sees them: keys that come in one burst, from a password manager or a paste, would else be typed
    # into the field that was left, the password into that of the name.
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("enter", "enter", show=False, priority=True),
    ]
    DEFAULT_CSS = """
    LoginForm { width: 64; max-width: 100%; height: auto; }
    LoginForm .title { text-style: bold; height: auto; }
    LoginForm .words { height: auto; margin-bottom: 1; color: $text-muted; }
    LoginForm Horizontal { height: 1; margin-bottom: 1; }
    LoginForm Label { width: 20; color: $text-muted; text-wrap: nowrap; text-overflow: ellipsis; }
    LoginForm Input { width: 1fr; }
    LoginForm .said { height: auto; min-height: 1; }
    LoginForm .said.wrong { color: $refused; }
    """

    class Given(Message):
        """All fields were filled in."""

        def __init__(self, form: LoginForm, typed: Typed) -> None:
            super().__init__()
            self.form, self.typed = form, typed

        @property
        def control(self) -> LoginForm:
            """The form, for ``@on`` with a selector."""
            return self.form

    def __init__(self, form: Form) -> None:
        self.form = form
        self.busy = False
        self.inputs: Sequence[Input] = [_entry(each) for each in form.fields]
        self._words = Static(form.words, classes="words", markup=False)
        self._said = Static(HINT, classes="said quiet", markup=False)
        lines = zip(form.fields, self.inputs, strict=True)
        # Children by themselves, not composed: so they can be typed into as soon as the form is mounted.
        super().__init__(
            Static(form.title, classes="title", markup=False),
            self._words,
            *(Horizontal(Label(each.label, markup=False), entry) for each, entry in lines),
            self._said,
        )

    @property
    def said(self) -> str:
        """What it says of the last try."""
        return str(self._said.render())

    @property
    def filled(self) -> bool:
        """Whether something was typed into it, and nobody looks at that just now."""
        entries = zip(self.form.fields, self.inputs, strict=True)
        return not self.busy and any(entry.value != each.value for each, entry in entries)

    @property
    def words(self) -> str:
        """What it says beneath its title."""
        return str(self._words.render())

    def entitle(self, words: str) -> None:
        """Say something else beneath the title."""
        self._words.update(words)

    def begin(self) -> None:
        """Go to the first field that lacks something; to the first of all where none needs to be filled in."""
        if self.is_attached:
            optional = all(each.optional for each in self.form.fields)
            self.screen.set_focus(next(self._lacking(), self.inputs[0 if optional else -1]))

    def _lacking(self) -> Iterator[Input]:
        """Fields that must have something and have nothing."""
        for each, entry in zip(self.form.fields, self.inputs, strict=True):
            if not entry.value and not each.optional:
                yield entry

    def action_move(self, by: int) -> None:
        """To the field above or below."""
        self.screen.set_focus(self.inputs[max(0, min(self._here + by, len(self.inputs) - 1))])

    @property
    def _here(self) -> int:
        # The screen knows at once where the focus is; the field hears of it after the keys that are on their way to it.
        focused = self.screen.focused
        return next((place for place, each in enumerate(self.inputs) if each is focused), 0)

    def action_enter(self) -> None:
        """To the next field; from the last one, hand over what was typed."""
        if self.busy:
            return
        if self._here < len(self.inputs) - 1:
            self.action_move(1)
            return
        self._hand_over(self.inputs)

    def _hand_over(self, waiting: Sequence[Input]) -> None:
        """Hand over what was typed, once each field has taken the keys that came before: a burst overtakes them."""
        if waiting:
            waiting[0].call_later(self._hand_over, waiting[1:])
            return
        if self.busy or not self.is_attached:
            return
        if (lacking := next(self._lacking(), None)) is not None:
            self.screen.set_focus(lacking)
            return
        typed = Typed(dict(self._taken()))
        self.wait(self.form.busy)
        self.post_message(self.Given(self, typed))

    def _taken(self) -> Iterator[tuple[str, str]]:
        for each, entry in zip(self.form.fields, self.inputs, strict=True):
            yield each.name, entry.value
            if each.secret and not each.lasting:
                entry.value = ""

    def wait(self, words: str) -> None:
        """Say what goes on; nothing can be given meanwhile."""
        self.busy = True
        self._say(words, wrong=False)
        for each in self.inputs:
            each.disabled = True

    def refuse(self, words: str, *, begin: bool) -> None:
        """Say what was wrong, and ask again: with the cursor in it, if that is to ``begin``."""
        self._rest()
        self._say(f"{MARKS['refused']} {words}", wrong=True)
        if begin:
            self.begin()

    def clear(self) -> None:
        """Forget everything that was typed or said."""
        self._rest()
        self._say("", wrong=False)
        self.entitle(self.form.words)
        for each, entry in zip(self.form.fields, self.inputs, strict=True):
            entry.value = each.value

    def _rest(self) -> None:
        self.busy = False
        for each in self.inputs:
            each.disabled = False

    def _say(self, words: str, *, wrong: bool) -> None:
        self._said.update(Text(words or HINT))
        self._said.set_class(wrong, "wrong").set_class(not words, "quiet")


def _entry(field: Field) -> Input:
    return Input(
        field.value,
        password=field.secret and not field.shown,
        placeholder=field.hint,
        compact=True,
        name=field.name,
    )
