"""A benchmark in the background: how far it is, in a line, and its report as a message; page 7 starts and ends it."""

from __future__ import annotations

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import ProgressBar, Static

from smarter.bench.apart import Measurement, Order
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport
from smarter.errors import SmarterError, UsageError

EVERY = 0.25
"""Seconds after which it is said that a benchmark still goes on."""


class Measuring(Horizontal):
    """Shown only while something is measured."""

    DEFAULT_CSS = """
    Measuring { height: 1; padding: 0 1; display: none; background: $panel; }
    Measuring.going-on { display: block; }
    Measuring ProgressBar { width: 36; }
    Measuring Bar { width: 28; }
    Measuring Static { width: 1fr; height: 1; padding: 0 1; }
    """

    class GoesOn(Message):
        """The benchmark goes on still; a few times a second."""

    class Finished(Message):
        """The benchmark has left its report."""

        def __init__(self, report: BenchReport) -> None:
            super().__init__()
            self.report = report

    class Failed(Message):
        """The benchmark has ended without one."""

        def __init__(self, error: SmarterError) -> None:
            super().__init__()
            self.error = error

    class _Heard(Message):
        """From the thread that listens."""

        def __init__(self, measurement: Measurement, what: BenchEvent | SmarterError) -> None:
            super().__init__()
            self.measurement, self.what = measurement, what

    def __init__(self) -> None:
        super().__init__()
        self._measurement: Measurement | None = None

    def on_mount(self) -> None:
        """Whoever has a benchmark measured may want to end it, whatever it is at."""
        self.set_interval(EVERY, self._tell)

    def compose(self) -> ComposeResult:
        """The bar, and what is measured next."""
        yield ProgressBar(show_eta=False)
        yield Static()

    @property
    def goes_on(self) -> bool:
        """Whether something is being measured."""
        return self._measurement is not None

    def start(self, order: Order) -> None:
        """Measure in the background."""
        self._measurement = Measurement(order)
        self.add_class("going-on")
        self.query_one(ProgressBar).update(total=None, progress=0)
        self.query_one(Static).update("getting ready")
        self._listen(self._measurement)

    def cancel(self) -> None:
        """End it; no message follows."""
        if self._measurement is not None:
            self._measurement.cancel()
        self._measurement = None
        self.remove_class("going-on")

    def on_unmount(self) -> None:
        """Whoever leaves the app ends the benchmark, too."""
        if self._measurement is not None:
            self._measurement.cancel()

    def _tell(self) -> None:
        if self.goes_on:
            self.post_message(self.GoesOn())

    @work(thread=True)
    def _listen(self, measurement: Measurement) -> None:
        try:
            for event in measurement.events():
                self.post_message(self._Heard(measurement, event))
        except SmarterError as error:
            self.post_message(self._Heard(measurement, error))
        except OSError as error:
            said = f"the benchmark cannot be started: {error}; when that is mended, measure again."
            self.post_message(self._Heard(measurement, UsageError(said)))

    @on(_Heard)
    def _heard(self, message: _Heard) -> None:
        message.stop()
        if message.measurement is not self._measurement:
            return  # cancelled meanwhile
        match message.what:
            case BenchProgress() as progress:
                self.query_one(ProgressBar).update(total=progress.total, progress=progress.done)
                self.query_one(Static).update(Text(progress.next, no_wrap=True, overflow="ellipsis"))
            case BenchFinished() as finished:
                self.cancel()
                self.post_message(self.Finished(finished.report))
            case SmarterError() as error:
                self.cancel()
                self.post_message(self.Failed(error))
