"""What a benchmark leaves: figures with their spread, and what they were measured on.

``BenchReport`` is what ``smarter bench --json`` prints; its listeners draw tables and bars from it.
"""

from __future__ import annotations

import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from smarter import __version__
from smarter.model import views


class Frozen(BaseModel):
    """Checked on the way in, unchanged afterwards."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Figure(Frozen):
    """The median of repeated runs, and their spread: ``low`` and ``high`` are the quickest and the slowest run."""

    median: float
    low: float
    high: float
    runs: int

    @classmethod
    def of(cls, values: Sequence[float]) -> Figure:
        """The figure of one or more runs."""
        return cls(median=statistics.median(values), low=min(values), high=max(values), runs=len(values))

    def per(self, count: int) -> Figure:
        """The same runs, shared among so many things."""
        return Figure(median=self.median / count, low=self.low / count, high=self.high / count, runs=self.runs)


class Row(Frozen):
    """One measured thing.

    Attributes:
        group: what it is listed under: ``scheme``, ``cipher``, ``stage``, ``pes``, ``floor``, ...
        subject: the plugin, stage or way that was measured.
        what: the operation: ``encrypt``, ``open``, ``readings``, ...
        unit: of the figure: ``s``, ``ms``, ``µs``, ``readings/s``, ``bytes``, ``×``, ``%``, ``reading-seconds``; empty
            for a count.
        figure: the median and its spread.
        key_bits: of the scheme's key, where there is one.
        lanes: readings or totals that one plaintext holds, where that counts.
        frame: readings sealed together, where that counts.
        workers: processes that encrypted; 1: the measuring one alone.
        demo: the plugin protects nothing and is there to be compared with.
    """

    group: str
    subject: str
    what: str
    unit: str
    figure: Figure
    key_bits: int | None = None
    lanes: int | None = None
    frame: int | None = None
    workers: int = 1
    demo: bool = False


class Machine(Frozen):
    """Where it was measured."""

    cores: int
    processor: str
    system: str
    python: str
    smarter: str

    @classmethod
    def this(cls) -> Machine:
        """The machine that this process runs on."""
        return cls(
            cores=cores(),
            processor=_processor(),
            system=platform.system(),
            python=platform.python_version(),
            smarter=__version__,
        )


class BenchReport(Frozen):
    """All rows of one benchmark, in the order in which they are to be read.

    Attributes:
        kind: ``operations``, ``pipeline``, ``brief``, ``floor`` or ``release-rules``.
        title: one sentence that says what was measured on what.
        notes: what a reader has to know beside the rows, such as plugins left out and why.
    """

    format: Literal[1] = 1
    kind: Literal["operations", "pipeline", "brief", "floor", "release-rules"]
    title: str
    machine: Machine
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class BenchProgress:
    """A benchmark went on: ``done`` of ``total`` steps, and what is measured next."""

    done: int
    total: int
    next: str


@dataclass(frozen=True)
class BenchFinished:
    """The benchmark is over; nothing comes after this."""

    report: BenchReport


BenchEvent = BenchProgress | BenchFinished

PATIENCE = 3.0
"""Seconds for all runs of a figure of which a single operation makes a run."""
NEAR = 0.7
MOST_GROWTH = 30
SHORTEST = 1e-9
"""Seconds; a clock may not have moved at all."""


def cores() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def timed(work: Callable[[], object], runs: int) -> Figure:
    """Seconds that ``work`` takes, over so many runs."""
    return Figure.of([elapsed(work) for _ in range(runs)])


def elapsed(work: Callable[[], object]) -> float:
    """Seconds that ``work`` takes, once."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


Work = Callable[[int], Callable[[], object]]
"""Gets so many operations ready, and returns what carries them out: only that is timed."""


@dataclass(frozen=True)
class Pace:
    """How long and how often things are measured.

    Attributes:
        repeats: runs of each figure; fewer where one operation alone takes long.
        run_seconds: about how long a run lasts: so many operations it has, at least one.
    """

    repeats: int = 5
    run_seconds: float = 0.1

    def figure(self, ready: Work) -> Figure:
        """Seconds that one operation takes."""
        # Whoever acts in a run has a view, so that what is opened and decrypted is counted; here too.
        with views.acting(views.View()):
            count, seconds = self.calibrated(ready)
            runs = self.repeats if count > 1 else max(1, min(self.repeats, int(PATIENCE / seconds)))
            if count == runs == 1:
                return Figure.of([seconds])
            return Figure.of([elapsed(ready(count)) / count for _ in range(runs)])

    def calibrated(self, ready: Work) -> tuple[int, float]:
        """How many operations a run has, and the seconds that a first such run took."""
        count, seconds = 1, elapsed(ready(1))
        while seconds < self.run_seconds * NEAR:
            count = int(count * min(self.run_seconds / max(seconds, SHORTEST), MOST_GROWTH)) + 1
            seconds = elapsed(ready(count))
        return count, seconds


QUICK = Pace(repeats=3, run_seconds=0.03)
"""For whoever will not wait."""


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:  # noqa: PTH123
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
