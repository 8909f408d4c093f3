"""``smarter bench --against brief``: the loop of the report that Smarter follows, and ours, on the same readings.

Both run under keys of one size, in turns in one process, so that what is compared is a ratio. Keys, tables and the
start of workers are rows of their own; blindings are made inside the span that is timed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from smarter.api import Cipher, KeyPair, Scheme
from smarter.bench.brief_loop import CIPHER, NAME, SCHEME, BriefLoop, brief_cipher, brief_scheme
from smarter.bench.figures import BenchEvent, BenchFinished, BenchProgress, BenchReport, Figure, Machine, Row, elapsed
from smarter.bench.measured import Measured
from smarter.bench.steady_pool import LONG_RUN, steady_pool
from smarter.bench.ways import Ground, OurWay, ways_of
from smarter.model.readings import ReadingBlock
from smarter.protocols.intake import Intake
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.scenario import Scenario

READINGS = 40
"""That the brief's loop carries in a repeat: each takes it about as long as the last."""
USUAL_KEY_BITS = 3072
"""Where the scenario's scheme has no size of key."""

Step = tuple[str, Callable[[], object]]


def against_brief(
    scenario: Scenario, *, workers: int, repeats: int = 3, readings: int = READINGS
) -> Iterator[BenchEvent]:
    """Compare the brief's way with ours over the scenario's readings, whose frames are kept in memory.

    Args:
        scenario: checked; its size of key is that of both ways.
        workers: processes that make blindings in a second figure of each of our ways; 1: none.
        repeats: at least 1; each is a ratio of its own.
        readings: how many the brief's loop carries in each.

    Yields:
        Progress, then the report.

    Raises:
        MissingExtra: the brief's libraries are not installed.
        VerificationFailed: a decrypted sum, of either way, is not that of the plaintext.
    """
    scenario.check_available()
    cipher = brief_cipher()
    scheme = brief_scheme(getattr(scenario.crypto.aggregate.options, "key_bits", USUAL_KEY_BITS))
    yield BenchProgress(0, 1, "keys and frames")
    with TemporaryDirectory(prefix="smarter-bench-") as folder:
        ground = Ground.make(scenario, Path(folder))
    compared = _Comparison(ground, cipher, scheme, workers)
    steps = [step for _ in range(repeats) for step in compared.steps(readings)]
    for done, (name, work) in enumerate(steps):
        yield BenchProgress(done, len(steps), name)
        work()
    yield BenchFinished(compared.report(scenario))


@dataclass
class _Series:
    """The repeats of one way."""

    name: str
    workers: int = 1
    repeats: list[Measured] = field(default_factory=list)


class _Comparison:
    def __init__(self, ground: Ground, cipher: Cipher, brief: Scheme, workers: int) -> None:
        self._ground = ground
        self._brief_cipher = cipher
        self._brief_scheme = brief
        self._scheme = ground.session.cryptography.scheme
        self._public = ground.pair.public
        self._workers = workers
        self._apart: dict[tuple[str, str], list[float]] = {}
        self._brief = _Series(NAME)
        self._ours: list[tuple[OurWay, _Series, _Series | None]] = []
        for way in ways_of(ground.session.scenario):
            helped = workers > 1 and self._scheme.embeds
            several = _Series(f"{way.name}, {workers} workers", workers) if helped else None
            self._ours.append((OurWay(ground, way), _Series(way.name), several))

    def steps(self, readings: int) -> Iterator[Step]:
        """One repeat of everything."""
        yield f"a key of {self._brief_scheme.name}", lambda: self._prepared(self._brief_scheme)
        yield f"a key and its table of {self._scheme.name}", lambda: self._prepared(self._scheme)
        yield NAME, lambda: self._measure_brief(readings)
        for way, alone, several in self._ours:
            yield alone.name, partial(self._measure_alone, way, alone)
            if several is not None:
                yield several.name, partial(self._measure_helped, way, alone, several)

    def _prepared(self, scheme: Scheme) -> KeyPair:
        """A key pair and its table, if it has one, for a long run."""
        began = time.perf_counter()
        pair = scheme.generate()
        self._note(scheme.name, "key", time.perf_counter() - began)
        if type(scheme).prepare is not Scheme.prepare:
            self._note(scheme.name, "table", elapsed(lambda: scheme.prepare(pair.public, LONG_RUN)))
        return pair

    def _note(self, subject: str, what: str, seconds: float) -> None:
        self._apart.setdefault((subject, what), []).append(seconds)

    def _measure_brief(self, readings: int) -> None:
        plan = self._ground.session.plans[0]
        pair = self._brief_scheme.generate()
        loop = BriefLoop(self._brief_cipher, self._brief_scheme, pair, plan, _sample(plan, readings))
        self._brief.repeats.append(loop.measure())

    def _measure_alone(self, way: OurWay, series: _Series) -> None:
        self._scheme.prepare(self._public, LONG_RUN)
        series.repeats.append(way.measure(None))

    def _measure_helped(self, way: OurWay, alone: _Series, series: _Series) -> None:
        needed = alone.repeats[-1].blindings
        began = time.perf_counter()
        with steady_pool(self._scheme, self._public, self._workers, needed) as pool:
            self._note(f"{self._workers} workers", "start", time.perf_counter() - began)
            series.repeats.append(way.measure(pool))

    def report(self, scenario: Scenario) -> BenchReport:
        """What was measured; every ratio is that of one repeat."""
        brief = self._brief
        ours = [series for _, *pair in self._ours for series in pair if series is not None]
        every = [brief, *ours]
        rows = [self._row(one, "pes", "per reading", "µs", (m.per_reading for m in one.repeats)) for one in every]
        for one in ours:
            ratios = (b.per_reading / m.per_reading for b, m in zip(brief.repeats, one.repeats, strict=True))
            rows.append(self._row(one, f"against {NAME}", "readings per second", "×", ratios))
        for one in every:
            group, peaks = "in the clear", (m.view.peak_readings for m in one.repeats)
            rows += [
                self._row(one, group, "at most at once", "readings", peaks),
                self._row(one, group, "per 1,000 readings", "reading-seconds", (m.clear for m in one.repeats)),
            ]
        for one in every:
            rows += [
                self._row(one, "packing", "readings", "readings", (m.readings for m in one.repeats)),
                self._row(one, "packing", "ciphertexts", "ciphertexts", (m.ciphertexts for m in one.repeats)),
                self._row(one, "packing", "lanes", "lanes", (m.lanes for m in one.repeats)),
                self._row(one, "packing", "sums checked", "sums", (m.sums for m in one.repeats)),
            ]
        for (subject, what), seconds in self._apart.items():
            figure, bits = Figure.of(seconds), self._public.bits
            rows.append(Row(group="apart", subject=subject, what=what, unit="s", figure=figure, key_bits=bits))
        seal, aggregate = scenario.crypto.seal.plugin, scenario.crypto.aggregate.plugin
        return BenchReport(
            kind="brief",
            title=f"{scenario.name}: {NAME} ({CIPHER}, {SCHEME}) and our PES ({seal}, {aggregate}), one key size.",
            machine=Machine.this(),
            rows=tuple(rows),
            notes=(
                f"frames of {scenario.frame} readings unless said otherwise; a message a reading in {NAME}",
                "steady state: frames are sealed, keys, tables and workers at hand; no blinding is made beforehand",
                "timed: opening, checking, packing, encrypting, adding; of ours also closing windows and signing that",
                f"apart: tables are for {LONG_RUN:,} encryptions; workers start as processes that get a table",
                "sums checked: all that the release rules let be opened; each is that of the plaintext",
            ),
        )

    def _row(self, series: _Series, group: str, what: str, unit: str, values: Iterable[float]) -> Row:
        return Row(
            group=group,
            subject=series.name,
            what=what,
            unit=unit,
            figure=Figure.of(list(values)),
            key_bits=self._public.bits,
            lanes=series.repeats[-1].lanes,
            workers=series.workers,
        )


def _sample(plan: NeighbourhoodPlan, readings: int) -> list[ReadingBlock]:
    """About ``readings`` real ones: as many of each meter, its first, of no more meters than it takes."""
    each = -(-readings // plan.size)
    blocks = []
    for meter in plan.meters[: -(-readings // each)]:
        intake = Intake(plan, meter)
        found = (block for first, end in plan.holds(None) for block in intake.take(first, end))
        block = next(found, None)
        if block is not None:
            blocks.append(ReadingBlock(block.meter, block.first_slot, block.energies[:each]))
    return blocks
