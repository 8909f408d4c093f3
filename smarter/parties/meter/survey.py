"""What a meter's rows hold, told without judging: span, intervals, gaps, totals, and what a run would refuse.

``smarter readings`` prints it, and a scenario without a span of its own takes the span from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from smarter.api import DataError, SourceMeter
from smarter.model.clock import DAY, NEVER, WallClock
from smarter.model.control import heed
from smarter.model.windows import spell
from smarter.parties.meter.runs import Owner, Runs, Steps, Stretch
from smarter.parties.meter.stamps import TimedRows, stamp_text, timed
from smarter.parties.meter.step import in_step

TOLD = 3
"""So many problems of a kind are told in words; the rest are counted."""


@dataclass(frozen=True)
class Run:
    """A stretch of rows at one interval, from the start of the first row's to the end of the last row's."""

    interval_s: int
    first_epoch: int
    last_epoch: int
    rows: int


@dataclass(frozen=True)
class Survey:
    """One meter's rows at a glance.

    Attributes:
        name, origin: as the source has them.
        rows: all of them.
        first: start of the first row, epoch seconds of UTC.
        last: end of the last row, given the interval of its run (of a register: when it was last read).
        intervals: the runs, in order; none when there is but one row.
        gaps: where rows are missing within a run: (start, end) in epoch seconds.
        repeated: rows that repeat a stamp and its value.
        nonexistent: rows with a stamp that the clock never showed.
        total_mwh: exact, by the interval of each run; of a register, over the steps without a gap.
        min_kw, max_kw: least and most mean power of a row.
        problems: what a run over all of it would refuse, the first few of each kind in words.
    """

    name: str
    origin: str
    rows: int
    first: int
    last: int
    intervals: tuple[Run, ...]
    gaps: tuple[tuple[int, int], ...]
    repeated: int
    nonexistent: int
    total_mwh: Fraction
    min_kw: float
    max_kw: float
    problems: tuple[str, ...]


def survey(meter: SourceMeter, timezone: str) -> Survey:
    """Read all rows of a meter once; ``timezone`` holds unless the meter has its own.

    A row that runs back behind one before it is listed and left out of everything but the count.

    Raises:
        DataError: the rows cannot be read, or there are none. What is merely out of order is listed.
        ScenarioError: an unknown zone.
    """
    return surveys([meter], timezone)[0]


def surveys(meters: Sequence[SourceMeter], timezone: str, until: int | None = None) -> list[Survey]:
    """The surveys of several meters; those whose rows are in one file are read in step.

    Args:
        until: an instant after which rows need not be read; a meter that has none before it is left out.
    """
    found: dict[str, Survey] = {}
    for together in in_step(meters):
        underway = [_Surveying(meter, timezone, until) for meter in together]
        behind = [(NEVER, place) for place in range(len(underway))]
        while behind:
            heed()
            _, place = heappop(behind)
            if underway[place].read():
                heappush(behind, (underway[place].last, place))
        found |= {each.meter.name: each.told() for each in underway if each.rows or until is None}
    return [found[meter.name] for meter in meters if meter.name in found]


class _Surveying:
    """A meter that is being read.

    Attributes:
        rows: read so far.
        last: time of the latest of them.
    """

    def __init__(self, meter: SourceMeter, timezone: str, until: int | None) -> None:
        self.meter = meter
        self.rows = 0
        self.last = NEVER
        self._clock = WallClock(meter.timezone or timezone) if meter.clock == "local" else None
        before = until
        if until is not None and self._clock is not None:
            before = int(self._clock.local(np.array([until], np.int64))[0]) + DAY  # all of a repeated hour
        self._blocks = timed(meter.rows(before=before), self._clock, meter.origin)
        self._problems = _Problems(self._clock)
        owner: Owner = "after" if meter.stamp_at == "end" else "before"
        if meter.quantity == "register":
            owner = "between"
        self._runs = Runs(owner, self._problems.odd, self._problems.changed)
        self._nonexistent = self._repeated = self._last_value = 0
        self._first: int | None = None

    def read(self) -> bool:
        """Take a block of rows in; False when there is none left."""
        block = next(self._blocks, None)
        if block is None:
            return False
        problems = self._problems
        self.rows += len(block)
        self._nonexistent += len(block) - int(np.count_nonzero(block.exists))
        problems.rows("stamps that this clock never shows", block, ~block.exists, "is one that this clock never shows")
        block = block.take(block.exists)
        if not len(block):
            return True
        if self._first is None:
            self._first, self.last = int(block.times[0]), int(block.times[0]) - 1
        latest = np.maximum.accumulate(np.append(self.last, block.times[:-1]))
        ahead, again = block.times > latest, block.times == latest
        if again.any():
            leader = np.maximum.accumulate(np.where(ahead, np.arange(len(block)), -1))
            differs = again & (block.values != np.where(leader < 0, self._last_value, block.values[leader]))
            self._repeated += int(np.count_nonzero(again & ~differs))
            problems.rows("stamps with two values", block, differs, "repeats the one before with another value")
        problems.rows("stamps that run back", block, block.times < latest, "runs back behind one before it")
        block = block.take(ahead)
        if len(block):
            self._runs.read(block.times, block.values, block.numbers)
            self.last, self._last_value = int(block.times[-1]), int(block.values[-1])
        return True

    def told(self) -> Survey:
        """What there is to say, when all has been read."""
        meter, runs = self.meter, self._runs
        if self._first is None:
            raise DataError(f"{meter.origin} has no rows with a time; check the file and its time zone.")
        runs.finish()
        if not runs.stretches:
            self._problems.add("single rows", ["a single row has no interval, so its energy is unknown"], 1)
        power = meter.quantity == "power"
        told = [kw for stretch in runs.stretches for kw in _kilowatts(stretch, power=power)]
        return Survey(
            name=meter.name,
            origin=meter.origin,
            rows=self.rows,
            first=runs.stretches[0].first if runs.stretches else self._first,
            last=runs.stretches[-1].last if runs.stretches else self.last,
            intervals=tuple(Run(each.interval, each.first, each.last, each.rows) for each in runs.stretches),
            gaps=tuple(runs.gaps),
            repeated=self._repeated,
            nonexistent=self._nonexistent,
            total_mwh=sum((_energy(stretch, power=power) for stretch in runs.stretches), Fraction(0)),
            min_kw=min(told, default=0.0),
            max_kw=max(told, default=0.0),
            problems=self._problems.told(),
        )


def _energy(stretch: Stretch, *, power: bool) -> Fraction:
    return Fraction(stretch.total * stretch.interval, 3_600_000) if power else Fraction(stretch.total, 1000)


def _kilowatts(stretch: Stretch, *, power: bool) -> list[float]:
    per_hour = Fraction(1) if power else Fraction(3600, stretch.interval)
    return [float(value * per_hour / 10**9) for value in (stretch.least, stretch.most) if value is not None]


@dataclass
class _Problems:
    """Problems by kind: the first few in words, the others counted."""

    clock: WallClock | None
    words: dict[str, list[str]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, kind: str, texts: list[str], count: int) -> None:
        kept = self.words.setdefault(kind, [])
        kept += texts[: TOLD - len(kept)]
        self.counts[kind] = self.counts.get(kind, 0) + count

    def rows(self, kind: str, block: TimedRows, which: NDArray[np.bool_], what: str) -> None:
        places = np.flatnonzero(which)
        if len(places):
            texts = [
                f"row {block.numbers[place]}: stamp {stamp_text(int(block.stamps[place]))} {what}"
                for place in places[:TOLD]
            ]
            self.add(kind, texts, len(places))

    def odd(self, steps: Steps, interval: int) -> None:
        text = (
            f"row {steps.number}: {spell(steps.step)} from {self._text(steps.first)} to the next row, "
            f"where rows are {spell(interval)} apart"
        )
        self.add("steps that are no multiple of the interval", [text], steps.count)

    def changed(self, steps: Steps, before: int) -> None:
        text = (
            f"row {steps.number}: the interval changes from {spell(before)} to {spell(steps.step)} at "
            f"{self._text(steps.first)}; a run takes a span of one interval"
        )
        self.add("changes of interval", [text], 1)

    def told(self) -> tuple[str, ...]:
        lines: list[str] = []
        for kind, texts in self.words.items():
            more = self.counts[kind] - len(texts)
            lines += [*texts, *([f"and {more} more {kind}"] if more else [])]
        return tuple(lines)

    def _text(self, time: int) -> str:
        at = np.array([time], np.int64)
        return stamp_text(int((at if self.clock is None else self.clock.local(at))[0]))
