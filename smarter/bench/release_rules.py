"""``smarter bench --release-rules``: what release rule 4 prevents and costs where frames are lost, by simulation.

It judges years of billing windows by the pure functions of ``smarter.releasing``, without keys or messages. Windows
that differ in the order of alike homes or hours only are judged once. Rule 3 needs no check here, since each reading
is in one billing window and one demand window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
from smarter.model.cells import Cell
from smarter.releasing.rules import ReleaseRules, refuse_billing, refuse_demand
from smarter.releasing.suppression import Suppression, is_exposed, suppress
from smarter.releasing.table import Table

HOMES = (5, 10, 30, 114)
LOSSES = (0.001, 0.01, 0.05)
RULES = ReleaseRules(min_meters=5, min_billing_window=2 * 3600)
SEED = 1

READING_S = 60
FRAME_S = 3600
DEMAND_S = 900
BILLING_S = 10_800
FRAMES = BILLING_S // FRAME_S
"""Of a home in a billing window."""
WINDOWS_OF_FRAME = FRAME_S // DEMAND_S
LAST = FRAMES * WINDOWS_OF_FRAME - 1
"""Column of a billing window's last demand window."""
YEAR = 365 * 86_400 // BILLING_S
QUICK_YEAR = 30 * 86_400 // BILLING_S
"""Billing windows of a year, and of the 30 days that ``--quick`` takes for it."""

PACE = Pace(run_seconds=0.02)
"""A check takes less than a millisecond, so short runs do."""
PROGRESS = 100
"""Judged windows between two notes of progress."""
LOST: Mapping[str, int] = {"none lost": 0, "one lost": 1, "two lost": 2}
"""Tables of which the check is timed: how many frames the first home has lost, by name."""

LEAKS, LEFT, WITHHELD, SHARE, HELD = "leaks", "leaks left", "withheld", "share", "bills held"


@dataclass(frozen=True)
class Tally:
    """Counts over billing windows.

    Attributes:
        leaks: billing windows that leak under rules 1 to 3.
        left: billing windows that leak under rule 4, too.
        passed: demand windows that rules 1 to 3 pass.
        withheld: demand windows that rule 4 withholds.
        held: bills that rule 4 holds.
    """

    leaks: int = 0
    left: int = 0
    passed: int = 0
    withheld: int = 0
    held: int = 0

    def plus(self, other: Tally, times: int) -> Tally:
        """The sum of this and ``times`` the other."""
        return Tally(
            self.leaks + times * other.leaks,
            self.left + times * other.left,
            self.passed + times * other.passed,
            self.withheld + times * other.withheld,
            self.held + times * other.held,
        )

    @property
    def share(self) -> float:
        """Percentage of the passed demand windows that rule 4 withholds."""
        return 100 * self.withheld / self.passed if self.passed else 0.0


def release_rules(
    homes: Sequence[int] = HOMES,
    losses: Sequence[float] = LOSSES,
    *,
    seed: int = SEED,
    years: int = 1,
    windows: int = YEAR,
    pace: Pace = PACE,
) -> Iterator[BenchEvent]:
    """Simulate lost frames, and count what leaks without rule 4, what leaks with it, and what it suppresses.

    Args:
        homes: sizes of neighbourhoods.
        losses: shares of frames that are lost, each independently.
        seed: of the simulation; the same seed gives the same counts.
        years: simulated for each figure.
        windows: billing windows of a year.
        pace: how long and how often the time of a check is measured.

    Yields:
        Progress, then the report: counts of each simulated year, and seconds of a check.
    """
    total = windows * (len(homes) * len(losses) * years + pace.repeats)
    done, rows, left = 0, list[Row](), 0
    for loss in losses:
        for size in homes:
            tallies = []
            for year in range(years):
                tally, judged = Tally(), 0
                kinds, counts = drawn_windows(size, loss, windows, (seed, year))
                for number, (received, times) in enumerate(zip(kinds, counts.tolist(), strict=True)):
                    if number % PROGRESS == 0:
                        yield BenchProgress(done + judged, total, f"{size} homes, {_percent(loss)} of frames lost")
                    tally = tally.plus(judged_window(received), times)
                    judged += times
                done += windows
                tallies.append(tally)
            rows += _counts(size, loss, tallies)
            left += sum(tally.left for tally in tallies)
    checks = [_Check(size, what, lost, pace) for size in homes for what, lost in LOST.items()]
    for repeat in range(pace.repeats):
        yield BenchProgress(done, total, f"time of a check: run {repeat + 1}")
        for check in checks:
            check.run()
        done += windows
    rows += [check.row for check in checks]
    yield BenchFinished(
        BenchReport(
            kind="release-rules",
            title="Release rule 4: what it prevents and costs where frames are lost; simulated, without cryptography.",
            machine=Machine.this(),
            rows=tuple(rows),
            notes=_notes(windows, years, seed, left),
        )
    )


def drawn_windows(
    homes: int, loss: float, windows: int, seed: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Draw billing windows; the different ones, shape n × homes × frames, and how often each was drawn.

    Args:
        homes: of the neighbourhood; they are sorted by the frames that arrived, since their order has no meaning.
        loss: share of frames that are lost.
        windows: how many billing windows are drawn.
        seed: of the simulation, and the number of the year.
    """
    drawn = np.random.default_rng((*seed, homes, round(loss * 1_000_000)))
    received = drawn.random((windows, homes, FRAMES)) >= loss
    # The hours before the last one are alike, too: the one with the fewest frames comes first.
    order = np.argsort(received[..., :-1].sum(axis=1), axis=1, kind="stable")
    received[..., :-1] = np.take_along_axis(received[..., :-1], order[:, None], axis=2)
    bits = 1 << np.arange(FRAMES)
    kinds, counts = np.unique(np.sort(received @ bits, axis=1), axis=0, return_counts=True)
    return (kinds[..., None] & bits) > 0, counts


def released_table(received: NDArray[np.bool_]) -> Table:
    """The table of one billing window with every sum released that rules 1 and 2 pass.

    Args:
        received: whether each frame of each home arrived, shape homes × frames.
    """
    readings = received * np.int64(DEMAND_S // READING_S)
    demand = [refuse_demand(RULES, counts, DEMAND_S // READING_S) is None for counts in readings.T]
    billed = np.array(
        [
            refuse_billing(RULES, frames * FRAME_S // READING_S, READING_S, BILLING_S, BILLING_S) is None
            for frames in range(FRAMES + 1)
        ]
    )
    return Table(
        cells=np.repeat(received * np.uint8(Cell.BOTH), WINDOWS_OF_FRAME, axis=1),
        bills=billed[received.sum(axis=1)],
        demand=np.repeat(np.array(demand), WINDOWS_OF_FRAME),
    )


def judged_window(received: NDArray[np.bool_]) -> Tally:
    """The tally of one billing window; ``received``: as of :func:`released_table`."""
    table, k = released_table(received), RULES.min_meters
    passed = int(table.demand.sum())
    remedy = suppress(table, LAST, k)
    # It acts on an exposed table only. The check costs most where it fails, so it is not repeated there.
    if remedy == Suppression():
        leaks = int(is_exposed(table, k))
        return Tally(leaks=leaks, left=leaks, passed=passed)
    if remedy.withheld:
        table = table.without_demand(LAST)
    for row in remedy.held:
        table = table.without_bill(row)
    left = int(is_exposed(table, k))
    return Tally(leaks=1, left=left, passed=passed, withheld=int(remedy.withheld), held=len(remedy.held))


def _counts(homes: int, loss: float, tallies: Sequence[Tally]) -> Iterator[Row]:
    for what, unit, values in (
        (LEAKS, "", [tally.leaks for tally in tallies]),
        (LEFT, "", [tally.left for tally in tallies]),
        (WITHHELD, "", [tally.withheld for tally in tallies]),
        (SHARE, "%", [tally.share for tally in tallies]),
        (HELD, "", [tally.held for tally in tallies]),
    ):
        yield Row(
            group=f"{_percent(loss)} of frames lost",
            subject=f"{homes} homes",
            what=what,
            unit=unit,
            figure=Figure.of(values),
        )


class _Check:
    """Rule 4 on one table, timed in turns with other tables, so that a busy moment of the machine falls on all."""

    def __init__(self, homes: int, what: str, lost: int, pace: Pace) -> None:
        received = np.ones((homes, FRAMES), np.bool_)
        received[0, :lost] = False
        self._homes, self._what, self._table = homes, what, released_table(received)
        self._count, _ = pace.calibrated(self._ready)
        self._seconds: list[float] = []

    def run(self) -> None:
        """Time one run."""
        self._seconds.append(elapsed(self._ready(self._count)) / self._count)

    @property
    def row(self) -> Row:
        """Seconds of one check, over all runs."""
        figure = Figure.of(self._seconds)
        return Row(group="check", subject=f"{self._homes} homes", what=self._what, unit="s", figure=figure)

    def _ready(self, count: int) -> Callable[[], object]:
        def work() -> None:
            for _ in range(count):
                suppress(self._table, LAST, RULES.min_meters)

        return work


def _notes(windows: int, years: int, seed: int, left: int) -> tuple[str, ...]:
    least = RULES.min_meters
    span = f"{windows:,} billing windows of {BILLING_S // 3600} h"
    after = f"{left:,} billing windows still leak; please report this" if left else "no billing window leaks"
    return (
        f"with rule 4, {after}",
        f"{LEAKS}: billing windows in which fewer than {least} homes together learn more than their own bills, "
        f"under rules 1 to 3; {LEFT}: the same with rule 4",
        f"{WITHHELD}: demand windows that rule 4 withholds; {SHARE}: of the demand windows that rules 1 to 3 pass; "
        f"{HELD}: by rule 4",
        f"each figure: {span if years == 1 else f'{years} times {span}'}, demand windows of {DEMAND_S // 60} min, a "
        f"frame an hour, lost independently and for good; seed {seed}",
        f"check: rule 4 for one billing window, with what it then suppresses; the frames lost are of one home, "
        f"and rule 2 refuses the bill of a home that lost two of {FRAMES}",
    )


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
