"""A scenario's YAML, to be edited in place, and what is wrong with it: a mark at the line, a sentence beneath."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import OptionList, Static, TextArea
from textual.widgets.option_list import Option as Item

from smarter.charts.marks import MARKS
from smarter.scenario.problems import Problem
from smarter.tui.widgets.run_lines import apart
from smarter.tui.widgets.yaml_editor import YamlEditor


class ScenarioText(Vertical):
    """The editor with a line above and the problems below; enter or a click on a problem goes to its line."""

    DEFAULT_CSS = """
    ScenarioText { width: 1fr; }
    ScenarioText #file { height: 1; padding: 0 1; }
    ScenarioText #problems {
        display: none; border: none; padding: 0 0 0 1; height: auto; max-height: 40%; background: $panel;
    }
    ScenarioText.wrong #problems { display: block; }
    """

    class Edited(Message):
        """The text is another one."""

    def __init__(self) -> None:
        super().__init__(id="text")
        self._title, self._note = "", ""
        self._problems: Sequence[Problem] | None = None

    def compose(self) -> ComposeResult:
        """Which file, the YAML, what is wrong."""
        yield Static(id="file")
        yield YamlEditor()
        yield OptionList(id="problems")

    @property
    def editor(self) -> YamlEditor:
        """The YAML."""
        return self.query_one(YamlEditor)

    @property
    def text(self) -> str:
        """What it says now."""
        return self.editor.text

    def load(self, text: str) -> None:
        """Show another file's text."""
        with self.prevent(TextArea.Changed):
            self.editor.load_text(text)
        self.say_wrong(None)

    def entitle(self, title: str, note: str) -> None:
        """Say which file it is, and what is to be known of it."""
        self._title, self._note = title, note
        self._say()

    def say_wrong(self, problems: Sequence[Problem] | None) -> None:
        """Say what is wrong with it; None: nobody knows yet."""
        self._problems = problems
        self.editor.mark(problem.line for problem in problems or () if problem.line is not None)
        listed = self.query_one("#problems", OptionList)
        listed.clear_options()
        listed.add_options([Item(self._line(problem)) for problem in problems or ()])
        self.set_class(bool(problems), "wrong")
        self._say()

    def _line(self, problem: Problem) -> Text:
        place = f"{problem.line}  " if problem.line is not None else "" if problem.place.startswith("--set") else "–  "
        where = problem.place if problem.place.startswith("--set") else problem.field
        mark = (f"{MARKS['refused']} ", self.app.theme_variables["refused"])
        return Text.assemble(mark, (place, "bold"), (f"{where}: " if where else "", "bold"), problem.message)

    def _say(self) -> None:
        right = Text(self._note, style="dim")
        if self._problems is not None:
            count = len(self._problems)
            colour = self.app.theme_variables["refused" if count else "sum"]
            said = f"{MARKS['refused']} {count} problem{'s' * (count != 1)}" if count else "✓ valid"
            right.append(f"  {said}", style=f"not dim {colour}")
        self.query_one("#file", Static).update(apart(Text(self._title, style="bold"), right, self.size.width - 2))

    def on_resize(self, event: events.Resize) -> None:
        """How much of the name has room depends on the width."""
        self._say()

    def next_problem(self) -> None:
        """Go to the next line, after the cursor's, that is wrong."""
        lines = sorted({problem.line for problem in self._problems or () if problem.line is not None})
        row = self.editor.cursor_location[0] + 1
        if lines:
            self.editor.go_to(next((line for line in lines if line > row), lines[0]))

    @on(TextArea.Changed)
    def _changed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Edited())

    @on(OptionList.OptionSelected, "#problems")
    def _go(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        line = (self._problems or ())[event.option_index].line
        self.editor.go_to(line if line is not None else 1)

    @on(OptionList.OptionHighlighted, "#problems")
    def _quiet(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
