"""Where a run's time and bytes go: one stopwatch per stage of a reading's way."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

STAGES = ("read", "seal", "relay", "open", "pack", "encrypt", "add", "release", "deliver", "store")

Step = TypeVar("Step")


@dataclass
class Stages:
    """Seconds and bytes per stage, summed over a run."""

    seconds: dict[str, float] = field(default_factory=lambda: dict.fromkeys(STAGES, 0.0))
    bytes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(STAGES, 0))

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the time spent inside to ``stage``."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[stage] += time.perf_counter() - began

    def awaited(self, stage: str, steps: Iterable[Step]) -> Iterator[Step]:
        """Pass ``steps`` on; the time until each comes is added to ``stage``, what is done with it meanwhile is not."""
        coming = iter(steps)
        while True:
            with self.timed(stage):
                try:
                    step = next(coming)
                except StopIteration:
                    return
            yield step
