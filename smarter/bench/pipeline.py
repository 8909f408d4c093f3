"""``smarter bench pipeline``: a scenario from its data to its bills, several times over on states that are thrown away.

The figures are those that the run itself keeps: seconds per stage and what the PES had in the clear.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Figure, Machine, Row
from smarter.bench.lanes import lanes_filled
from smarter.keys.keystore import public_entries
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished, Progress, Spent, Started
from smarter.model.results import Result
from smarter.model.windows import spell
from smarter.protocols.areas import layouts_of
from smarter.protocols.session import recall
from smarter.run import run
from smarter.scenario import Scenario, with_overrides
from smarter.state import StateFolder

NO_BIG_INTEGERS = ("read", "seal", "relay", "open", "pack", "store")
"""Stages in which nothing is done to a big integer of the scheme."""
BUT_BIG_INTEGERS = "all but big integers"


@dataclass(frozen=True)
class _Key:
    """What is stated beside every figure: size of the scheme's key, and lanes of the fullest plaintext."""

    bits: int
    lanes: int


@dataclass(frozen=True)
class _Run:
    """One run, in seconds and bytes.

    Attributes:
        wall: in all.
        first: to its first progress.
        keys: that making keys took.
        setup: to its first hold, outside of keys and stages: planning, and the parties that take their keys up.
        ending: after its last hold, outside of stages: the MDMS opens all records for the result.
        peak: most resident, of this process and of the largest worker.
    """

    result: Result
    wall: float
    first: float
    keys: float
    setup: float
    ending: float
    peak: tuple[int, int] | None
    key: _Key

    @property
    def readings(self) -> int:
        return max(self.result.counts.readings, 1)

    def seconds(self, *stages: str) -> float:
        return sum(self.result.stages[stage].seconds for stage in stages if stage in self.result.stages)

    def per_reading(self, *stages: str) -> float:
        """In µs."""
        return self.seconds(*stages) / self.readings * 1e6

    @property
    def elsewhere(self) -> float:
        """Seconds of holds outside of all stages."""
        return self.wall - self.keys - self.setup - self.ending - self.seconds(*self.result.stages)


def pipeline(scenario: Scenario, *, workers: int, repeats: int = 3) -> Iterator[BenchEvent]:
    """Run ``scenario`` end to end ``repeats`` times, each time on a fresh state.

    Args:
        scenario: checked.
        workers: as of :func:`smarter.run.run`.
        repeats: at least 1.

    Yields:
        Progress in readings, then the report.

    Raises:
        SmarterError: whatever the run raises; no state is left behind.
    """
    scenario.check_available()
    if scenario.consent == "required":
        scenario = with_overrides(scenario, ["consent=assumed"])  # in a state that is thrown away nobody can agree
    runs: list[_Run] = []
    for number in range(repeats):
        runs.append((yield from _run_once(scenario, workers, number, repeats)))
    yield BenchFinished(_report(scenario, workers, runs))


def _run_once(scenario: Scenario, workers: int, number: int, repeats: int) -> Generator[BenchEvent, None, _Run]:
    with TemporaryDirectory(prefix="smarter-bench-") as folder:
        state = StateFolder(Path(folder))
        first = started = keys = setup = carried = 0.0
        total, which = 0, f"run {number + 1} of {repeats}"
        result: Result | None = None
        began = time.perf_counter()
        events = run(scenario, state, unlock=KeyFileUnlock(state.keys), workers=workers)
        assert isinstance(events, Generator)
        # Whoever stops listening ends the run before its folder goes.
        with closing(events):
            for event in events:
                now = time.perf_counter() - began
                if isinstance(event, Started):
                    started, total = now, event.total
                    yield BenchProgress(number * total, repeats * total, f"{which}: keys")
                elif isinstance(event, Progress):
                    first = first or now
                    if event.stage == "keys":
                        keys = now - started
                    elif event.stage == "read":
                        yield BenchProgress(number * total + event.done, repeats * total, f"{which}: readings")
                elif isinstance(event, Spent):
                    carried = now - sum(event.seconds.values())
                    setup = setup or carried - keys
                elif isinstance(event, Finished):
                    result = event.result
        # Only now have its workers ended, too.
        wall, peak = time.perf_counter() - began, peak_memory()
        assert result is not None, "a run ends with its result"
        ending = wall - carried - sum(stage.seconds for stage in result.stages.values())
        return _Run(result, wall, first, keys, setup, ending, peak, _key(scenario, state))


def _key(scenario: Scenario, state: StateFolder) -> _Key:
    session = recall(scenario, state)
    assert session is not None, "a finished run has a session"
    session.journal.close()
    scheme = session.cryptography.scheme
    *_, entry = (entry for entry in public_entries(state.keys, "releaser") if entry.purpose == "aggregate")
    public = scheme.load_public(entry.public)
    bits = scheme.plaintext_bits(public)
    layouts = [layout for plan in session.plans for layout in layouts_of(scenario, plan, bits)]
    return _Key(public.bits, lanes_filled(layouts))


def peak_memory() -> tuple[int, int] | None:
    """Most resident bytes so far, of this process and of the largest that it has ended; None where nobody counts."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    here, ended = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return here * unit, ended * unit


def _report(scenario: Scenario, workers: int, runs: Sequence[_Run]) -> BenchReport:
    result, key, pes = runs[-1].result, runs[-1].key, scenario.pes

    def row(group: str, subject: str, what: str, unit: str, values: Iterable[float]) -> Row:
        return Row(
            group=group,
            subject=subject,
            what=what,
            unit=unit,
            figure=Figure.of(list(values)),
            key_bits=key.bits,
            lanes=key.lanes,
            frame=scenario.frame,
            workers=workers,
        )

    rows = [
        row("run", "end to end", "readings", "readings/s", (run.readings / run.wall for run in runs)),
        row("run", "end to end", "wall clock", "s", (run.wall for run in runs)),
        row("run", "keys", "wall clock", "s", (run.keys for run in runs)),
        row("run", "first progress", "wall clock", "s", (run.first for run in runs)),
        row("run", "set-up", "wall clock", "s", (run.setup for run in runs)),
        row("run", "result", "wall clock", "s", (run.ending for run in runs)),
    ]
    for stage in result.stages:
        rows += [
            row("stage", stage, "wall clock", "s", (run.seconds(stage) for run in runs)),
            row("stage", stage, "per reading", "µs", (run.per_reading(stage) for run in runs)),
        ]
    views = [run.result.views["pes"] for run in runs]
    rows += [
        row("stage", BUT_BIG_INTEGERS, "per reading", "µs", (run.per_reading(*NO_BIG_INTEGERS) for run in runs)),
        row("stage", "outside of all stages", "wall clock", "s", (run.elsewhere for run in runs)),
        row("in the clear", "PES", "readings", "readings", (view["readings"] for view in views)),
        row("in the clear", "PES", "at most at once", "readings", (view["peak_readings"] for view in views)),
        row("in the clear", "PES", "in all", "reading-seconds", (view["reading_seconds"] for view in views)),
        row("packing", "PES", "ciphertexts", "ciphertexts", (run.result.counts.ciphertexts for run in runs)),
    ]
    peaks = [run.peak for run in runs if run.peak is not None]
    if peaks:
        rows.append(row("memory", "this process", "most resident", "bytes", (here for here, _ in peaks)))
    if peaks and workers > 1:
        rows.append(row("memory", "largest worker", "most resident", "bytes", (worker for _, worker in peaks)))
    return BenchReport(
        kind="pipeline",
        title=f"{scenario.name}, end to end on fresh states: {result.counts.readings:,} readings of "
        f"{result.counts.meters} meters.",
        machine=Machine.this(),
        rows=tuple(rows),
        notes=(
            f"scheme {scenario.crypto.aggregate.plugin}, store {scenario.store.plugin}, combine {pes.combine}, "
            f"hold {spell(pes.hold)}",
            f"{BUT_BIG_INTEGERS}: {', '.join(NO_BIG_INTEGERS)}",
            "encrypt: also waiting for the blindings that workers make ahead, and for the table that they make first",
            "set-up, result: before the first hold and after the last one; with keys and all stages they are the run",
            "most resident: since the process began, so that it cannot fall from run to run",
        ),
    )
