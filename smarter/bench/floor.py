"""``smarter bench --floor``: our encryption loop beside the raw multiplications that as many encryptions need.

What is raw is the scheme's to say (:meth:`smarter.api.Scheme.floors`); it is timed in turns with the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import cast

from smarter.api import Floor, Scheme
from smarter.bench.figures import (
    BenchEvent,
    BenchFinished,
    BenchProgress,
    BenchReport,
    Figure,
    Machine,
    Pace,
    Row,
    elapsed,
)
from smarter.bench.schemes import EXPECTED, demand_lanes, full_plaintexts
from smarter.errors import UsageError
from smarter.registry import Registry
from smarter.registry import registry as installed

SCHEME = "paillier"
KEY_BITS = (3072,)
LOOP = "encryption loop"
GOAL = 1.3
SLICES = 8
"""Turns of a run: short, so that what else the machine does falls on all of them alike."""


def floor(
    scheme: str = SCHEME,
    *,
    key_bits: Sequence[int] = KEY_BITS,
    pace: Pace | None = None,
    registry: Registry | None = None,
) -> Iterator[BenchEvent]:
    """Measure a scheme's steady encryption loop over its floors; keys and tables are made before.

    Args:
        scheme: by name.
        key_bits: sizes of keys.
        pace: how long and how often to measure.
        registry: whose plugins; by default all that are installed.

    Yields:
        Progress, then the report: seconds an encryption, and the loop's as a multiple of each floor's.

    Raises:
        UnknownPlugin: a name that nobody registered.
        UsageError: a scheme that states no floor.
    """
    kind = cast(type[Scheme], (registry or installed()).get("scheme", scheme))
    pace = pace or Pace()
    rows: list[Row] = []
    notes = [
        f"{LOOP}: encrypt, from drawing exponents to checking bounds; its table, for {EXPECTED:,} encryptions, is made "
        "before",
        f"over: seconds of the loop over those of the floor in the same run; {GOAL} over its own multiplications is "
        "what is aimed at",
    ]
    for number, bits in enumerate(key_bits):
        done, steps = number * (pace.repeats + 1), len(key_bits) * (pace.repeats + 1)
        yield BenchProgress(done, steps, f"{scheme}, {bits} bits: key and table")
        loop, floors, count = _ready(kind, bits, pace)
        works = {LOOP: loop, **{each.name: each.work for each in floors}}
        seconds: dict[str, list[float]] = {name: [] for name in works}
        for repeat in range(pace.repeats):
            yield BenchProgress(done + 1 + repeat, steps, f"{scheme}, {bits} bits: run {repeat + 1}")
            spent = dict.fromkeys(works, 0.0)
            for _ in range(SLICES):
                for name, work in works.items():
                    spent[name] += elapsed(work)
            for name, total in spent.items():
                seconds[name].append(total / SLICES / count)
        rows += _rows(seconds, bits)
        for each in floors:
            counted = ", ".join(f"{many} × ({operation})" for operation, many in each.counts.items())
            notes.append(f"{each.name}, {bits} bits, for one encryption: {counted}")
    title = f"What {scheme} takes to encrypt, over the raw multiplications that it needs; in turns, one process."
    yield BenchFinished(
        BenchReport(kind="floor", title=title, machine=Machine.this(), rows=tuple(rows), notes=tuple(notes))
    )


def _ready(kind: type[Scheme], bits: int, pace: Pace) -> tuple[Callable[[], object], Sequence[Floor], int]:
    """The loop over a run's encryptions, what it is held against, and how many encryptions these are."""
    scheme = kind(kind.Options.model_validate({"key_bits": bits}))
    public = scheme.generate().public
    scheme.prepare(public, EXPECTED)
    if not scheme.floors(public, 1):
        raise UsageError(f"scheme {kind.name} does not say what its encryptions need at {bits} bits; {SCHEME} does.")
    plan = demand_lanes(scheme.plaintext_bits(public))

    def ready(count: int) -> Callable[[], object]:
        plaintexts = full_plaintexts(plan, count)
        return lambda: scheme.encrypt(public, plaintexts)

    count, _ = replace(pace, run_seconds=pace.run_seconds / SLICES).calibrated(ready)
    return ready(count), scheme.floors(public, count), count


def _rows(seconds: Mapping[str, Sequence[float]], bits: int) -> Iterator[Row]:
    def row(group: str, subject: str, what: str, unit: str, values: Sequence[float]) -> Row:
        return Row(group=group, subject=subject, what=what, unit=unit, figure=Figure.of(values), key_bits=bits)

    for name, values in seconds.items():
        yield row("floor", name, "per encryption", "s", values)
    for name, values in seconds.items():
        if name != LOOP:
            ratios = [ours / raw for ours, raw in zip(seconds[LOOP], values, strict=True)]
            yield row("overhead", LOOP, f"over {name}", "×", ratios)
