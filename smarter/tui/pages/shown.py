"""What page 1 knows of the scenario that is shown: its text, what is wrong with it, what it is, what a run comes to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.message import Message
from textual.timer import Timer

from smarter.bench.figures import cores
from smarter.scenario import Problem, Scenario, examine
from smarter.scenario.catalogue import Entry
from smarter.tui.once import once_after
from smarter.tui.pages.saving import SavingPage
from smarter.tui.picture import Picture
from smarter.tui.reckoning import Reckoned, reckon
from smarter.tui.widgets.scenario_detail import ScenarioDetail
from smarter.tui.widgets.scenario_text import ScenarioText

if TYPE_CHECKING:
    from smarter.protocols.estimate import Estimate

AT_ONCE, WHILE_TYPING = 0.02, 0.3
"""Seconds until a text is checked."""
GLANCE = 2.0
"""Seconds between two glances at whether another process has run the shown scenario."""


class ShownPage(SavingPage):
    """Checks the shown text in a thread, soon after it is another one, and tells what it found.

    Attributes:
        valid: the scenario that the shown text is, with what is set; None while it is none.
    """

    class Looked(Message):
        """The shown text has been checked."""

        def __init__(self, of: object, found: Scenario | list[Problem]) -> None:
            super().__init__()
            self.of, self.found = of, found

    class Told(Message):
        """It is known what a run of it comes to."""

        def __init__(self, of: object, scenario: Scenario, reckoned: Reckoned) -> None:
            super().__init__()
            self.of, self.scenario, self.reckoned = of, scenario, reckoned

    def __init__(self) -> None:
        super().__init__()
        self.valid: Scenario | None = None
        self._reckoned: Reckoned | None = None
        self._estimates: dict[tuple[str, str], Estimate] = {}
        self._of: object = None
        self._soon: Timer | None = None
        self._stands: tuple[object, object] | None = None
        self._stamps: tuple[object, ...] = ()

    def on_mount(self) -> None:
        """Look from time to time whether it was run elsewhere."""
        self.set_interval(GLANCE, self.glance)

    def glance(self) -> None:
        """Tell anew how far the run has come, if another process has written its journal."""
        if self.app.screen is not self or self.valid is None or self.bench.picture.goes_on:
            return
        from smarter.state import locate

        state = locate(self.valid.name, self.valid.digest, None)
        before, self._stamps = self._stamps, (state.path, *state.stamps())
        if before[:1] == self._stamps[:1] and before != self._stamps:
            self.look_soon()

    @property
    def text(self) -> ScenarioText:
        """The YAML."""
        return self.query_one(ScenarioText)

    def show_picture(self, picture: Picture) -> None:
        """A run has begun or ended."""
        stands = (self.bench.scenario, picture.condition)
        if stands != self._stands:
            self._stands = stands
            self.look_soon()

    def show(self, entry: Entry | None) -> None:
        """Show it; what is being edited stays under the cursor."""
        if entry is None:
            return
        before, self.entry = self.entry, entry
        text = self.text_of(entry)
        if before is None or before.path != entry.path or text != self.text.text:
            self.text.load(text)
            self.valid, self._reckoned = (entry.found if isinstance(entry.found, Scenario) else None), None
            self.look_soon()
        self._entitle()
        self.show_detail()

    def _entitle(self) -> None:
        if self.entry is None:
            return
        note = "shipped: f2 saves a copy" if self.entry.shipped else ""
        if self.entry.path in self.drafts:
            note = "* not saved"
        self.text.entitle(self.entry.reference, note)

    def show_detail(self) -> None:
        """Say what is known of it."""
        if (entry := self.entry) is not None:
            shown = self.query_one(ScenarioDetail)
            chosen = entry.path == self.chosen
            shown.show(entry, self.valid, self.overrides_of(entry), self._reckoned, chosen=chosen)

    @on(ScenarioText.Edited)
    def _edited(self) -> None:
        if self.entry is not None and self.note_text(self.entry, self.text.text):
            self.marks_changed()
        self.look_soon(WHILE_TYPING)

    # Checking.

    def forget_estimates(self) -> None:
        """Look at the data afresh: files may have changed."""
        self._estimates.clear()
        self.look_soon()

    def look_soon(self, seconds: float | None = None) -> None:
        """Check the text in so many seconds, if it is not asked for again before; at once when left out."""
        if self._soon is not None:
            self._soon.stop()
        self._soon = once_after(AT_ONCE if seconds is None else seconds, self._look_now, at=self)

    def _look_now(self) -> None:
        self._soon = None
        if (entry := self.entry) is None:
            return
        self._of, picture = object(), self.bench.picture
        running = self.bench.scenario.digest if picture.goes_on and self.bench.scenario is not None else ""
        self._look(self._of, entry.path, self.text.text, self.overrides_of(entry), running)

    @work(thread=True, exclusive=True, group="look")
    def _look(self, of: object, path: Path, text: str, overrides: Sequence[str], running: str) -> None:
        found = examine(text, path, overrides)
        self.post_message(self.Looked(of, found))
        if isinstance(found, Scenario) and of is self._of:
            workers = self.bench.settings.workers or cores()
            known = self._estimates.get(_key(found))
            reckoned = reckon(found, workers, known=known, goes_on=found.digest == running)
            self.post_message(self.Told(of, found, reckoned))

    def on_shown_page_looked(self, message: Looked) -> None:
        """Mark what is wrong."""
        if message.of is not self._of:
            return
        valid = message.found if isinstance(message.found, Scenario) else None
        self.text.say_wrong([] if isinstance(message.found, Scenario) else message.found)
        if valid is None or self.valid is None or _key(valid) != _key(self.valid):
            self._reckoned = None
        self.valid = valid
        self.show_detail()
        self.refresh_bindings()

    def on_shown_page_told(self, message: Told) -> None:
        """Say what a run comes to."""
        if not isinstance(estimate := message.reckoned.estimate, str):
            self._estimates[_key(message.scenario)] = estimate
        if message.of is self._of:
            self._reckoned = message.reckoned
            self.show_detail()


def _key(scenario: Scenario) -> tuple[str, str]:
    """What its cost depends on."""
    return scenario.digest, str(scenario.time.end)
