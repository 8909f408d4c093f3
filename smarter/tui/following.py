"""Follows readings in a thread and tells, a few times a second, how far it is; page 3 listens.

A following is cancelled when another one is wanted; nothing of it is left behind but its hops.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smarter.errors import Interrupted, SmarterError
from smarter.model.control import Control
from smarter.model.events import Hop, Progress, Traced
from smarter.scenario import Scenario
from smarter.tui.choice import Choice

EVERY = 0.1
"""Seconds between two tellings."""
BESIDE = 30
"""Readings before and after the chosen one that are followed along: to step to them takes no time."""
STAGES = {
    "keys": "making fresh keys",
    "input": "looking at the meters' data",
    "precompute": "making blindings",
    "ahead": "making blindings",
    "read": "sealing, opening, adding up, releasing",
}
Ways = Mapping[int, Sequence[Hop]]
"""Hops by the start of the reading that they are of, epoch seconds."""


@dataclass(frozen=True)
class Told:
    """How far a following is.

    Attributes:
        ways: so far.
        stage: what goes on, in words.
        done: of ``total``.
        total: what the stage counts.
        ended: whether nothing comes any more.
        seconds: since it began.
        error: what ended it too early.
    """

    ways: Ways = field(default_factory=dict)
    stage: str = "beginning"
    done: int = 0
    total: int = 0
    ended: bool = False
    seconds: float = 0.0
    error: BaseException | None = None


class Following:
    """One following."""

    def __init__(self, scenario: Scenario, choice: Choice, tell: Callable[[Following, Told], None]) -> None:
        """Nothing goes on before :meth:`play`; ``tell`` is called in its thread."""
        self.choice = choice
        self._scenario = scenario
        self._tell = tell
        self._control = Control()

    def covers(self, choice: Choice) -> bool:
        """Whether another reading is followed along."""
        ours = self.choice
        near = abs(ours.slot - choice.slot) <= BESIDE and ours.local.date() == choice.local.date()
        return near and (ours.neighbourhood, ours.meter) == (choice.neighbourhood, choice.meter)

    def cancel(self) -> None:
        """End soon, and tell no more."""
        self._control.cancel()

    def play(self) -> None:
        """Follow, in the thread that calls this."""
        from smarter.follow import follow
        from smarter.protocols.trail import Trace

        began = told = time.monotonic()
        hops: dict[int, list[Hop]] = {}
        now = Told()

        def ways() -> Ways:
            return {start: tuple(found) for start, found in hops.items()}

        choice = self.choice
        trace = Trace(choice.neighbourhood, choice.meter, choice.start, BESIDE)
        error: BaseException | None = None
        self._tell(self, now)
        try:
            for event in follow(self._scenario, trace, control=self._control):
                if isinstance(event, Traced):
                    hops.setdefault(event.start, []).append(event.hop)
                elif isinstance(event, Progress):
                    now = Told({}, STAGES.get(event.stage, event.stage), event.done, event.total)
                    if time.monotonic() - told >= EVERY:
                        told = time.monotonic()
                        self._tell(self, Told(ways(), now.stage, now.done, now.total))
        except Interrupted:
            return
        except (SmarterError, OSError) as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - shown as what it is, a bug; the app lives on
            error = RuntimeError(f"a bug: {type(caught).__name__}: {caught}; please report it.")
        found = ways() if error is None else {}
        self._tell(self, Told(found, now.stage, now.done, now.total, True, time.monotonic() - began, error))
