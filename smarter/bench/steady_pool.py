"""Worker processes at work that have made nothing yet: where a steady state is measured from.

A run's supply of blindings is filled from its first moment; what is made then would come for free in a benchmark.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from smarter.api import PublicKey, Scheme
from smarter.protocols.blinding import BATCH, Blindings
from smarter.protocols.workers import Workers
from smarter.state import StateFolder

LONG_RUN = 100_000
"""Encryptions for which tables are made: they are not in the figures, and a deployment is there to stay."""
WARM_UP = 2
"""Batches per worker that are made and thrown away: by then each has its table."""


class _SteadyBlindings(Blindings):
    def begin(self, public: PublicKey, expected: int) -> None:
        """Return when all workers have their tables; they make ``expected`` blindings from the first call on."""
        self._public = public
        # The run's table is for what a worker makes; this one is that of a process alone.
        self._workers = Workers(self._scheme, public, self._count, self._count * LONG_RUN, self._state.table)
        for _ in range(WARM_UP * self._count):
            self._workers.order(BATCH)
        for _ in range(WARM_UP * self._count):
            self._workers.get()
        self._left = expected


@contextmanager
def steady_pool(scheme: Scheme, public: PublicKey, workers: int, count: int) -> Iterator[Blindings]:
    """``count`` blindings by so many workers, none of them made before the first is asked for."""
    with (
        TemporaryDirectory(prefix="smarter-bench-") as folder,
        _SteadyBlindings(scheme, workers, StateFolder(Path(folder))) as pool,
    ):
        pool.begin(public, count)
        yield pool
