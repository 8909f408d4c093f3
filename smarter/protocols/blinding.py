"""Blindings made ahead of their use, so that the PES has readings in the clear for a moment only.

Nearly all of an encryption's work is its blinding, an encryption of zero, which needs no plaintext. The PES takes
those that were kept on the disk first, then what workers have made, and makes the rest itself; each is used once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from functools import partial
from types import TracebackType
from typing import Any

from smarter.api import Ciphertexts, PublicKey, Scheme
from smarter.keys.precomputed import Precomputed
from smarter.model.control import attended, paced
from smarter.protocols.workers import Workers
from smarter.state import StateFolder

BATCH = 64
KEPT_AT_ONCE = 512
"""So many are put on the disk together: each time costs a wait for it."""
AHEAD = 128
"""Batches that are made ahead of their use, by all workers together: 8,192 blindings, 6 MB of them at 3072 bits."""
FEW_ENCRYPTIONS = 256
SMALL_KEY_BITS = 1024


class Blindings:
    """The supply of one run, for one public key; closing it ends the workers.

    Attributes:
        expected: about how many will be asked for.
        taken: how many have been handed out.
    """

    def __init__(self, scheme: Scheme, workers: int, state: StateFolder) -> None:
        """Nothing is started before :meth:`begin`.

        Args:
            scheme: of the key.
            workers: processes to make blindings with; 1: none beside this one.
            state: where the workers share a table, and where blindings are kept.
        """
        self._scheme = scheme
        self._count = workers
        self._state = state
        self._workers: Workers | None = None
        self._kept: Precomputed | None = None
        self._ready: deque[Any] = deque()
        self._ordered = 0
        self.expected = self._left = 0
        self.taken = 0

    def begin(self, public: PublicKey, expected: int) -> None:
        """Prepare for about ``expected`` encryptions, with workers unless they take longer to start than to work."""
        self._public = public
        self.expected = self._left = expected
        few = expected < FEW_ENCRYPTIONS or public.bits < SMALL_KEY_BITS
        if self._count < 2 or few or not self._scheme.embeds:
            attended(partial(self._scheme.prepare, public, expected))
        else:
            self._workers = Workers(self._scheme, public, self._count, expected, self._state.table)
            self._order()

    @property
    def ahead(self) -> bool:
        """Whether there is anything to take but what is made on the spot."""
        return self._workers is not None or self._kept is not None

    @property
    def ready(self) -> int:
        """About how many can be taken without waiting."""
        made = len(self._ready) + (self._workers.made * BATCH if self._workers is not None else 0)
        return made + (self._kept.left if self._kept is not None else 0)

    @property
    def failure(self) -> str | None:
        """What became of the workers, if they ended before their time; the supply goes on without them."""
        return self._workers.failure if self._workers is not None else None

    def keep(self, key: bytes, mark: int) -> Iterator[tuple[int, int]]:
        """Take from the disk first, having put there what the scheme's options ask for and the run may use.

        Args:
            key: 32 bytes that seal what is kept.
            mark: of :attr:`mark`, as the journal knows it.

        Yields:
            How many of how many are there.
        """
        wanted = min(self._scheme.precompute, self.expected)
        kept = self._kept = Precomputed.open(self._state.blindings, key, self._public.fingerprint, at_least=mark)
        while kept.left < wanted:
            yield kept.left, wanted
            count = min(wanted - kept.left, KEPT_AT_ONCE)
            for _ in self._await_made(count):
                pass
            made = Ciphertexts(self._public.fingerprint, self._take_made(count))
            kept.extend(self._scheme.dump(self._public, made))
        yield kept.left, wanted

    @property
    def mark(self) -> int:
        """How many of those on the disk have ever been taken; the journal is to know it when a hold is through."""
        return self._kept.mark if self._kept else 0

    def await_ready(self, count: int) -> None:
        """Return when ``count`` can be taken without waiting, or the workers make no more."""
        for _ in self.readying(count):
            pass

    def readying(self, count: int) -> Iterator[tuple[int, int]]:
        """Wait as :meth:`await_ready` does; yields how many of ``count`` are there, unless all are from the first."""
        made, kept = None, self._kept.left if self._kept else 0
        for made in self._await_made(count - kept):
            yield kept + made, count
        if made is not None:
            yield count, count

    def _await_made(self, count: int) -> Iterator[int]:
        self._order()
        while self._workers is not None and self._ordered and len(self._ready) < count:
            yield len(self._ready)
            self._ready.extend(self._scheme.load(self._public, self._workers.get()).values)
            self._ordered = self._ordered - 1 if self._workers.failure is None else 0
            self._order()

    def take(self, count: int) -> Ciphertexts:
        """``count`` fresh encryptions of zero."""
        self.await_ready(count)
        taken: list[Any] = []
        if self._kept is not None:
            taken += self._scheme.load(self._public, self._kept.take(count)).values
        taken += self._take_made(count - len(taken))
        self.taken += count
        return Ciphertexts(self._public.fingerprint, taken)

    def _take_made(self, count: int) -> list[Any]:
        """From the workers, the rest made here."""
        made = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        if len(made) < count:
            lacking = count - len(made)
            for part in paced(lacking):
                made += self._scheme.encrypt(self._public, [0] * len(range(lacking)[part])).values
        return made

    def _order(self) -> None:
        while self._workers is not None and self._left > 0 and self._ordered < max(AHEAD, 2 * len(self._workers)):
            self._workers.order(min(BATCH, self._left))
            self._ordered += 1
            self._left -= BATCH

    def __enter__(self) -> Blindings:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers; what they have made is forgotten."""
        if self._workers is not None:
            self._workers.close()
        if self._kept is not None:
            self._kept.close()
        self._ready.clear()
