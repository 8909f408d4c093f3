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
from smarter.parties.meter.differences import Differences
from smarter.parties.meter.intervals import way_out
from smarter.parties.meter.register import shift_of
from smarter.parties.meter.runs import Owner, Runs, Steps, Stretch
from smarter.parties.meter.stamps import TimedRows, amount_text, stamp_text, timed
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
        first: start of the earliest row, epoch seconds of UTC.
        last: end of the latest row, given the interval of its run (of a register: when it was last read).
        intervals: the runs, in order; none when there is but one row whose interval is not known.
        gaps: where rows are missing within a run: (start, end) in epoch seconds.
        repeated: rows that repeat a stamp and its value.
        nonexistent: rows with a stamp that the clock never showed.
        total_mwh: exact, by the interval of each run; of a register, over the steps without a gap or an unsettled fall.
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


def survey(meter: SourceMeter, timezone: str, interval: int | None = None) -> Survey:
    """Read all rows of a meter once; ``timezone`` holds unless the meter has its own.

    ``interval``: seconds between rows as a run would take them; None where that is not known.
    A row that runs back behind one before it is listed, and left out of everything but the count and the span.

    Raises:
        DataError: the rows cannot be read, or there are none. What is merely out of order is listed.
        ScenarioError: an unknown zone.
    """
    return surveys([meter], timezone, interval=interval)[0]


def surveys(
    meters: Sequence[SourceMeter], timezone: str, until: int | None = None, interval: int | None = None
) -> list[Survey]:
    """The surveys of several meters; those whose rows are in one file are read in step.

    Args:
        meters: to read.
        timezone: of those without one of their own.
        until: an instant after which rows need not be read; a meter that has none before it is left out.
        interval: seconds between rows as a run would take them; None where that is not known.
    """
    found: dict[str, Survey] = {}
    for together in in_step(meters):
        underway = [_Surveying(meter, timezone, until, interval) for meter in together]
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

    def __init__(self, meter: SourceMeter, timezone: str, until: int | None, interval: int | None) -> None:
        self.meter = meter
        self.rows = 0
        self.last = NEVER
        self._clock = WallClock(meter.timezone or timezone) if meter.clock == "local" else None
        before = until
        if until is not None and self._clock is not None:
            before = int(self._clock.local(np.array([until], np.int64))[0]) + DAY  # all of a repeated hour
        self._interval = interval
        shift = shift_of(meter.quantity, meter.stamp_at, meter.register, interval or 0)
        if before is not None:
            before += min(shift, 0)
        self._blocks = timed(meter.rows(before=before), self._clock, meter.origin, max(shift, 0))
        self._differences = Differences(meter.register) if meter.quantity == "register" else None
        self._problems = _Problems(self._clock)
        owner: Owner = "after" if meter.stamp_at == "end" else "before"
        if meter.quantity == "register":
            owner = "between"
        self._runs = Runs(owner, self._problems.odd, self._problems.changed, interval)
        self._nonexistent = self._repeated = self._last_value = self._back = 0
        self._first: int | None = None
        self._earliest = int(np.iinfo(np.int64).max)

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
        self._earliest = min(self._earliest, int(block.times.min()))
        latest = np.maximum.accumulate(np.append(self.last, block.times[:-1]))
        ahead, again = block.times > latest, block.times == latest
        if again.any():
            leader = np.maximum.accumulate(np.where(ahead, np.arange(len(block)), -1))
            differs = again & (block.values != np.where(leader < 0, self._last_value, block.values[leader]))
            self._repeated += int(np.count_nonzero(again & ~differs))
            problems.rows("stamps with two values", block, differs, "repeats the one before with another value")
        back = block.times < latest
        self._back += int(np.count_nonzero(back))
        problems.rows("stamps that run back", block, back, "runs back behind one before it; sort the rows by time")
        block = block.take(ahead)
        if len(block):
            self._runs.read(block.times, self._counted(block), block.numbers)
            self.last, self._last_value = int(block.times[-1]), int(block.values[-1])
        return True

    def _counted(self, block: TimedRows) -> NDArray[np.int64]:
        """The values of rows; of a register, what it counted since the row before."""
        if self._differences is None:
            return block.values
        before = self._differences.last
        counted = self._differences.take(block.values)
        shown = np.append(block.values[0] if before is None else before, block.values[:-1])
        self._problems.falls(block, counted.refused, shown)
        return counted.steps

    def told(self) -> Survey:
        """What there is to say, when all has been read."""
        meter, runs = self.meter, self._runs
        if self._first is None:
            raise DataError(f"{meter.origin} has no rows with a time; check the file and its time zone.")
        one_stamp = self.last == self._first and self.rows > 1 and not self._back
        if not one_stamp:
            runs.finish()
        if one_stamp:
            self._problems.add("stamps", [self._one_stamp()], 1)
        elif not runs.stretches:
            why = (
                "a single row has no interval, so its energy is unknown"
                if self._differences is None
                else "a single row of a register has no energy; a second says what it counted"
            )
            self._problems.add("single rows", [why], 1)
        elif self._interval and runs.stretches[0].interval != self._interval and self._problems.regular:
            self._problems.apart(runs.stretches[0], self._interval)
        if self._back and self._back == self.rows - self._repeated - self._nonexistent - 1:
            self._problems.add("orders", ["the newest row comes first; sort the rows by time"], 1)
        power = meter.quantity == "power"
        told = [kw for stretch in runs.stretches for kw in _kilowatts(stretch, power=power)]
        return Survey(
            name=meter.name,
            origin=meter.origin,
            rows=self.rows,
            first=self._shifted(runs.stretches[0].first if runs.stretches else self._first, self._earliest),
            last=self._shifted(runs.stretches[-1].last if runs.stretches else self.last),
            intervals=tuple(Run(each.interval, each.first, each.last, each.rows) for each in runs.stretches),
            gaps=tuple(runs.gaps),
            repeated=self._repeated,
            nonexistent=self._nonexistent,
            total_mwh=sum((_energy(stretch, power=power) for stretch in runs.stretches), Fraction(0)),
            min_kw=min(told, default=0.0),
            max_kw=max(told, default=0.0),
            problems=self._problems.told(),
        )

    def _shifted(self, time: int, earliest: int | None = None) -> int:
        """A time of the rows in order as that of all rows, and of a register the one at which it was read."""
        if earliest is not None and self._first is not None:
            time -= max(self._first - earliest, 0)
        late = self._differences is not None and self.meter.register.read_at == "end" and self._runs.stretches
        return time + self._runs.stretches[-1].interval if late else time

    def _one_stamp(self) -> str:
        at = self._problems.text_of(self.last)
        return f"all {self.rows:,} rows have the one stamp {at}; name the column that tells them apart in time"


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

    def falls(self, block: TimedRows, which: NDArray[np.bool_], shown: NDArray[np.int64]) -> None:
        """Values of a register below those before, which no option settles."""
        places = np.flatnonzero(which)
        texts = [
            f"row {block.numbers[place]}: the register falls from {amount_text(int(shown[place]), 'kWh')} to "
            f"{amount_text(int(block.values[place]), 'kWh')} at {stamp_text(int(block.stamps[place]))}; remove the "
            "row, or set option register.falls"
            for place in places[:TOLD]
        ]
        if texts:
            self.add("falls of the register", texts, len(places))

    @property
    def regular(self) -> bool:
        """Whether all rows were at one interval."""
        return not {"steps that are no multiple of the interval", "changes of interval"} & self.counts.keys()

    def apart(self, stretch: Stretch, interval: int) -> None:
        """Rows at another interval than the scenario's from the first on."""
        text = (
            f"rows are {spell(stretch.interval)} apart from {self.text_of(stretch.first)} on, and windows.reading is "
            f"{spell(interval)}; {way_out(stretch.interval, interval)}"
        )
        self.add("other intervals", [text], 1)

    def odd(self, steps: Steps, interval: int) -> None:
        text = (
            f"row {steps.number}: {spell(steps.step)} from {self.text_of(steps.first)} to the next row, "
            f"where rows are {spell(interval)} apart"
        )
        self.add("steps that are no multiple of the interval", [text], steps.count)

    def changed(self, steps: Steps, before: int) -> None:
        text = (
            f"row {steps.number}: the interval changes from {spell(before)} to {spell(steps.step)} at "
            f"{self.text_of(steps.first)}; a run takes a span of one interval"
        )
        self.add("changes of interval", [text], 1)

    def told(self) -> tuple[str, ...]:
        lines: list[str] = []
        for kind, texts in self.words.items():
            more = self.counts[kind] - len(texts)
            lines += [*texts, *([f"and {more} more {kind}"] if more else [])]
        return tuple(lines)

    def text_of(self, time: int) -> str:
        """An instant as the meter's clock shows it."""
        at = np.array([time], np.int64)
        return stamp_text(int((at if self.clock is None else self.clock.local(at))[0]))
