"""A run as it can be shown: an immutable picture, which pages draw.

``folding`` makes it of a run's events. It is there before the first paint, so nothing that takes long is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from smarter.model.events import Hop, Tallied

if TYPE_CHECKING:
    from smarter.model.results import Result
    from smarter.model.windows import WindowKind

Condition = Literal["waiting", "running", "pausing", "paused", "stopping", "cancelled", "failed", "finished"]
What = Literal["released", "refused", "dropped", "failed", "warning"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a run's log.

    Attributes:
        at: seconds since the run was started.
        what: windows are released or refused, frames dropped; something else failed, or the run warns.
        kind: of the window; ``frame`` or ``worker`` of a fault; empty for warnings.
        holder: neighbourhood, or pseudonym in hexadecimal, or the party that dropped.
        neighbourhood: whose it is; empty where it is nobody's.
        start: epoch seconds of the window, or of the hold in which a frame came; None where there is none.
        text: reason, for people.
        energy: mWh that were released.
        readings: how many went into a released window, and how many could have.
    """

    at: float
    what: What
    kind: WindowKind | str
    holder: str
    neighbourhood: str
    start: int | None
    text: str = ""
    energy: int | None = None
    readings: tuple[int, int] | None = None


@dataclass(frozen=True)
class Picture:
    """What there is to show of a run.

    Attributes:
        condition: whether it goes on.
        scenario: its name; ``meters``: how many.
        run: a number that the app's next run does not have.
        stage: what goes on, as :class:`~smarter.model.events.Progress` has it; ``step``: how many of how many units.
        done: of ``total`` readings.
        seconds: since it was started, pauses included.
        views: what each party has counted, by party.
        spent: seconds by stage of a reading's way.
        bytes: bytes by stage.
        tallied: what has been counted besides, and what waits.
        lines: the newest lines of the log, oldest first; ``logged``: how many there have been.
        rates: readings a second over the last moments, oldest first.
        speeds: ``readings``, ``frames``, ``ciphertexts`` and ``windows`` a second, of late.
        hops: of the reading that is followed.
        result: when it has finished.
        error: one sentence, when it has failed.
    """

    condition: Condition = "waiting"
    scenario: str = ""
    meters: int = 0
    run: int = 0
    stage: str = ""
    step: tuple[int, int] = (0, 0)
    done: int = 0
    total: int = 0
    seconds: float = 0.0
    views: Mapping[str, Mapping[str, int | float]] = field(default_factory=dict)
    spent: Mapping[str, float] = field(default_factory=dict)
    bytes: Mapping[str, int] = field(default_factory=dict)
    tallied: Tallied = field(default_factory=Tallied)
    lines: tuple[Line, ...] = ()
    logged: int = 0
    rates: tuple[float, ...] = ()
    speeds: Mapping[str, float] = field(default_factory=dict)
    hops: tuple[Hop, ...] = ()
    result: Result | None = None
    error: str = ""

    @property
    def goes_on(self) -> bool:
        """Whether the run holds its state."""
        return self.condition in ("running", "pausing", "paused", "stopping")

    @property
    def rate(self) -> float:
        """Readings a second, of late."""
        return self.rates[-1] if self.rates else 0.0

    @property
    def left(self) -> float | None:
        """Seconds that are likely to be left; None while nobody can say."""
        mean = sum(self.rates) / max(len(self.rates), 1)
        if self.stage != "read" or not mean or not self.goes_on:
            return None
        return (self.total - self.done) / mean
