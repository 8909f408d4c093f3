"""Folds a run's events, one by one, into the picture that the app shows.

``carrier`` folds while a run goes on and hands pictures to the app; tests feed events in. No screen is touched here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from smarter.model.events import (
    Counts,
    Event,
    Fault,
    Finished,
    Hop,
    Paused,
    Progress,
    Refused,
    Released,
    Resumed,
    Spent,
    Started,
    Tallied,
    Traced,
    Warned,
)
from smarter.model.results import Result
from smarter.tui.picture import Condition, Line, Picture, What

LINES_KEPT = 20_000
RATES_KEPT = 60
MOMENTS = 2.0
"""Seconds over which a rate is taken, or two holds if they take longer."""


_runs = count(1)


class Folder:
    """Folds the events of one run: thousands a second cost it little, a picture is made when it is asked for."""

    def __init__(self) -> None:
        self._run = next(_runs)
        self._condition: Condition = "running"
        self._error = ""
        self._started: Started | None = None
        self._step = Progress("", 0, 0)
        self._done = 0
        self._spent = Spent({}, {})
        self._tallied = Tallied()
        self._views: dict[str, Mapping[str, int | float]] = {}
        self._lines: deque[Line] = deque(maxlen=LINES_KEPT)
        self._logged = 0
        self._hops: list[Hop] = []
        self._marks: deque[tuple[float, Mapping[str, int]]] = deque()
        self._rates: deque[float] = deque(maxlen=RATES_KEPT)
        self._result: Result | None = None
        self._take: dict[type[Any], Callable[[Any, float], None]] = {
            Started: self._begin,
            Warned: self._warn,
            Progress: self._progress,
            Counts: self._count,
            Spent: self._spend,
            Tallied: self._tally,
            Paused: self._pause,
            Resumed: self._resume,
            Released: self._released,
            Refused: self._refused,
            Fault: self._fault,
            Traced: self._traced,
            Finished: self._finish,
        }

    def fold(self, event: Event, at: float) -> None:
        """Take an event in that came ``at`` seconds after the start."""
        self._take[type(event)](event, at)

    def turn(self, condition: Condition, error: str = "") -> None:
        """Note that the run is to pause, goes on, was cancelled or failed."""
        self._condition, self._error = condition, error

    def picture(self, at: float) -> Picture:
        """The run as it is ``at`` seconds after its start; called a few times a second."""
        speeds = self._speeds()
        if self._condition == "running" and speeds:
            self._rates.append(speeds["readings"])
        started = self._started
        return Picture(
            condition=self._condition,
            scenario=started.scenario if started else "",
            meters=started.meters if started else 0,
            run=self._run,
            stage=self._step.stage,
            step=(self._step.done, self._step.total),
            done=self._done,
            total=started.total if started else 0,
            seconds=at,
            views=dict(self._views),
            spent=self._spent.seconds,
            bytes=self._spent.bytes,
            tallied=self._tallied,
            lines=tuple(self._lines),
            logged=self._logged,
            rates=tuple(self._rates),
            speeds=speeds,
            hops=tuple(self._hops),
            result=self._result,
            error=self._error,
        )

    def _speeds(self) -> Mapping[str, float]:
        if not self._marks or self._result is not None:
            return {}
        (since, before), (now, counted) = self._marks[0], self._marks[-1]
        if since == now:
            return {}
        return {what: (counted[what] - before[what]) / (now - since) for what in counted}

    # By kind of event.

    def _begin(self, event: Started, at: float) -> None:
        self._started, self._done = event, event.done
        for warning in event.warnings:
            self._log(Line(at, "warning", "", "", "", None, warning))

    def _warn(self, event: Warned, at: float) -> None:
        self._log(Line(at, "warning", "", "", "", None, event.warning))

    def _progress(self, event: Progress, at: float) -> None:
        self._step = event
        if event.stage == "read":
            self._done = event.done

    def _count(self, event: Counts, at: float) -> None:
        self._views[event.party] = event.counts

    def _spend(self, event: Spent, at: float) -> None:
        self._spent = event

    def _tally(self, event: Tallied, at: float) -> None:
        self._tallied = event
        counted = {
            "readings": self._done,
            "frames": event.frames,
            "ciphertexts": event.ciphertexts,
            "windows": sum(event.released.values()),
        }
        self._marks.append((at, counted))
        while len(self._marks) > 2 and at - self._marks[0][0] > MOMENTS:
            self._marks.popleft()

    def _pause(self, event: Paused, at: float) -> None:
        if self._condition == "pausing":
            self._condition = "paused"

    def _resume(self, event: Resumed, at: float) -> None:
        self._marks.clear()  # the pause is no work

    def _released(self, event: Released, at: float) -> None:
        of = event.neighbourhood, event.start
        share = event.readings, event.expected
        self._log(Line(at, "released", event.kind, event.holder, *of, energy=event.energy, readings=share))

    def _refused(self, event: Refused, at: float) -> None:
        reason = event.reason if event.status == "refused" else f"{event.status}: {event.reason}"
        self._log(Line(at, "refused", event.kind, event.holder, event.neighbourhood, event.start, reason))

    def _fault(self, event: Fault, at: float) -> None:
        what: What = "dropped" if event.what == "frame" else "failed"
        self._log(Line(at, what, event.what, event.party, event.neighbourhood, event.start, event.reason))

    def _traced(self, event: Traced, at: float) -> None:
        self._hops.append(event.hop)

    def _finish(self, event: Finished, at: float) -> None:
        """A run that had finished before comes with nothing but its result."""
        self._condition, self._result = "finished", event.result
        result = event.result
        self._views = dict(result.views)
        self._spent = Spent(
            {stage: figures.seconds for stage, figures in result.stages.items()},
            {stage: figures.bytes for stage, figures in result.stages.items()},
        )
        windows = result.counts.windows.items()
        self._tallied = Tallied(
            result.counts.frames,
            result.counts.ciphertexts,
            {kind: by.get("complete", 0) + by.get("incomplete", 0) for kind, by in windows},
            {kind: by.get("refused", 0) for kind, by in windows},
            {party: sum(reasons.values()) for party, reasons in result.counts.dropped.items()},
        )

    def _log(self, line: Line) -> None:
        self._lines.append(line)
        self._logged += 1
