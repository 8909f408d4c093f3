"""What the pages have in common that show a finished run's report: demand, and bills.

The report is read in a thread, part by part; each part is a call that the UI's thread makes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import ClassVar

from textual import work
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Static
from textual.worker import get_current_worker

from smarter.errors import SmarterError
from smarter.model.results import Result
from smarter.protocols.report import Report
from smarter.tui.pages.charted import ChartedPage
from smarter.tui.picture import Picture


class ReportPage(ChartedPage):
    """Reads the report whenever there is another one.

    Subclasses yield a ``Static`` with the id ``nothing`` beside ``#something``, and fill :meth:`read`. One
    :class:`TimeChart` on the page is zoomed and panned by keys.

    Attributes:
        WHAT: it shows, as a clause: ``demand is shown``.
        reported: whether there is something to show.
    """

    WHAT: ClassVar[str]
    AUTO_FOCUS = ""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("o", "again", "Open again", id="report.again"),
    ]
    DEFAULT_CSS = """
    ReportPage #something { height: 1fr; }
    ReportPage #nothing { height: 1fr; padding: 0 4; }
    ReportPage Footer.-compact FooterLabel { margin-right: 1; }
    """

    class Read(Message):
        """A part of the report has been read, ``of`` this one."""

        def __init__(self, of: object, then: Callable[[], None]) -> None:
            super().__init__()
            self.of, self.then = of, then

    def __init__(self) -> None:
        super().__init__()
        self._of: object = None
        self._shown: tuple[object, Result | None] | None = None
        self._locked = False
        self.reported = False

    def read(self, report: Report) -> Iterator[Callable[[], None] | None]:
        """Read the report, in a thread; what it yields is called in the UI's. None asks whether to go on."""
        raise NotImplementedError

    def show_picture(self, picture: Picture) -> None:
        """Read the report of a run that has ended; say what to do when there is none."""
        if picture.goes_on:
            self._of, self._shown = None, None
            share = f" {picture.done * 100 // picture.total} % is done." if picture.total else ""
            self.say_nothing(f"A run goes on (2 shows it).{share} Then {self.WHAT} here.")
            return
        state = self.bench.state
        now = (state and state.path, picture.condition, self.bench.erased)
        if self._shown is not None and self._shown[0] == now and self._shown[1] is picture.result:
            return
        self._shown = now, picture.result
        self._open()

    def action_again(self) -> None:
        """Try to read the report once more, after it could not be."""
        self._open()

    def _open(self) -> None:
        self._of = object()
        self._locked = False
        self.say_nothing("Opening the records …")
        if self.bench.scenario is None:
            self.say_nothing("No scenario is chosen: choose one on page 1, then press r there to run it.")
        else:
            self._read_report(self._of, self.bench.scenario.name)

    @work(thread=True, exclusive=True, group="report")
    def _read_report(self, of: object, scenario: str) -> None:
        worker = get_current_worker()

        def post(then: Callable[[], None]) -> None:
            self.post_message(self.Read(of, then))

        try:
            if not self.bench.finished:
                way_out = f"No finished run of {scenario} yet: press 2, then r, to run it or take it up"
                post(partial(self.say_nothing, f"{way_out}; then {self.WHAT} here."))
                return
            with self.bench.report() as report:
                for then in self.read(report):
                    if worker.is_cancelled:
                        return
                    if then is not None:
                        post(then)
        except SmarterError as error:
            post(partial(self._failed, error, str(error)))
        except OSError as error:
            post(partial(self._failed, error, f"the system refuses: {error}; when that is mended, press o."))

    def on_report_page_read(self, message: Read) -> None:
        """Show a part of the report, unless another one is wanted by now."""
        if message.of is self._of:
            message.then()

    def _failed(self, error: BaseException, words: str) -> None:
        self._locked = True
        self.say_nothing(f"✕ {words}\n\no opens the records again.")
        self.bench.say(error)

    def say_nothing(self, words: str) -> None:
        """Say why there is nothing to show, and what to do."""
        nothing = self.query_one("#nothing", Static)
        self.query_one("#something").display = False
        nothing.display = True
        nothing.update(words)
        self.reported = False
        self.refresh_bindings()

    def say_something(self) -> None:
        """Show what there is."""
        self.query_one("#something").display = True
        self.query_one("#nothing").display = False
        self.reported = True
        self.refresh_bindings()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A report that could not be opened can be opened again."""
        if action == "again":
            return self._locked
        return super().check_action(action, parameters)
