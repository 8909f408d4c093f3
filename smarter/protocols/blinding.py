"""Blindings made ahead by worker processes, so that the PES has readings in the clear for a moment only.

Nearly all of an encryption's work is its blinding, an encryption of zero, which needs no plaintext. Workers make those
from the public key alone and see nothing else; the PES adds one to each plaintext it embeds. Each is used once: they
live in memory only, so that a crash forgets them.
"""

from __future__ import annotations

import importlib
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait
from typing import Any

from smarter.api import Ciphertexts, PublicKey, Scheme

BATCH = 64
AHEAD = 4
"""Batches per worker that are made ahead of their use."""
_FEW_ENCRYPTIONS = 256
_SMALL_KEY_BITS = 1024


@contextmanager
def made_ahead(
    scheme: Scheme, public: PublicKey, workers: int, *, expected: int, at_once: int
) -> Iterator[BlindingPool | None]:
    """Blindings for about ``expected`` encryptions, by so many worker processes; ``at_once`` are ready on entry.

    None where workers would take longer to start than to work, or the scheme cannot embed: it then makes its own.
    """
    if workers < 2 or not scheme.embeds or expected < _FEW_ENCRYPTIONS or public.bits < _SMALL_KEY_BITS:
        scheme.prepare(public, expected)
        yield None
        return
    pool = BlindingPool(scheme, public, workers, expected)
    try:
        # Nothing is opened before the workers are at work: the first hold would be in the clear while they start.
        pool.await_ready(at_once)
        yield pool
    finally:
        pool.close()


class BlindingPool:
    """Encryptions of zero under one public key, handed out once each.

    Attributes:
        failure: what became of the workers, if they ended before their time; the pool goes on without them.
    """

    def __init__(self, scheme: Scheme, public: PublicKey, workers: int, expected: int) -> None:
        self._scheme = scheme
        self._public = public
        self._left = expected
        self._ready: deque[Any] = deque()
        self._making: deque[Future[list[bytes]]] = deque()
        self._most = AHEAD * workers
        self.failure: str | None = None
        plugin = type(scheme)
        arguments = (
            plugin.__module__,
            plugin.__qualname__,
            scheme.options.model_dump(mode="json"),
            scheme.dump_public(public),
            -(-expected // workers),
        )
        # Spawned, not forked: a worker must not inherit what this process holds.
        self._workers: ProcessPoolExecutor | None = ProcessPoolExecutor(
            workers, mp_context=get_context("spawn"), initializer=_begin, initargs=arguments
        )

    def await_ready(self, count: int) -> None:
        """Return when ``count`` can be taken without waiting, or the workers make no more."""
        self._order()
        while len(self._ready) < count and self._making:
            try:
                blobs = self._making.popleft().result()
            except BrokenProcessPool:
                self._give_up()
                return
            self._ready.extend(self._scheme.load(self._public, blobs).values)
            self._order()

    def take(self, count: int) -> Ciphertexts:
        """``count`` fresh encryptions of zero."""
        self.await_ready(count)
        taken = [self._ready.popleft() for _ in range(min(count, len(self._ready)))]
        if len(taken) < count:
            taken += self._scheme.encrypt(self._public, [0] * (count - len(taken))).values
        return Ciphertexts(self._public.fingerprint, taken)

    def _order(self) -> None:
        while self._workers is not None and self._left > 0 and len(self._making) < self._most:
            try:
                with _uninterrupted():
                    self._making.append(self._workers.submit(_make, min(BATCH, self._left)))
            except BrokenProcessPool:
                self._give_up()
            self._left -= BATCH

    def _give_up(self) -> None:
        self.failure = "a worker process was ended from outside; the run went on without workers, more slowly"
        self._workers = None
        self._making.clear()

    def close(self) -> None:
        """End the workers; what they have made is forgotten."""
        if self._workers is not None:
            self._workers.shutdown(wait=True, cancel_futures=True)
        self._ready.clear()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put a Ctrl-C off until the block has ended.

    Handing out work can start a worker: half-started it would never end, and one that inherits no mask would be
    interrupted in its imports, before ``_begin`` makes it deaf.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_of_worker: tuple[Scheme, PublicKey] | None = None


def _begin(module: str, name: str, options: dict[str, Any], public: bytes, expected: int) -> None:
    """In a worker: load the scheme and the public key, which is all that it ever holds."""
    global _of_worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    plugin = getattr(importlib.import_module(module), name)
    scheme: Scheme = plugin(plugin.Options.model_validate(options))
    key = scheme.load_public(public)
    scheme.prepare(key, expected)
    _of_worker = (scheme, key)


def _end_with_parent() -> None:
    """A worker whose run was killed must not wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _make(count: int) -> list[bytes]:
    assert _of_worker is not None, "a worker begins before it works"
    scheme, public = _of_worker
    return scheme.dump(public, scheme.encrypt(public, [0] * count))
