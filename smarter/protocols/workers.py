"""Worker processes that make encryptions of zero under one public key; ``blinding`` hands them out.

They are spawned, not forked, so that they inherit nothing, and are sent a public key and no more. What the scheme
prepares for many encryptions, such as a table, is made once, by one of them, and mapped by the others.
"""

from __future__ import annotations

import importlib
import mmap
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Any

from smarter.api import PublicKey, Scheme

FAILED = "a worker process was ended from outside; the run went on without workers, more slowly"


PATIENCE = 2.0
"""Seconds that workers have to end by themselves; a batch takes a tenth of one."""
NICENESS = 5
"""Workers make room for the process that has readings in the clear, where there are fewer cores than both can use."""


@dataclass(frozen=True)
class _Task:
    """All that a worker is told: which plugin with which options, the public key, and where the table is to lie.

    ``encryptions`` is what each of them is to make: so many have to pay for the time that making the table takes.
    """

    module: str
    name: str
    options: str
    public: bytes
    encryptions: int
    table: Path


class Workers:
    """So many processes, at work from the first order on.

    Attributes:
        count: how many.
        failure: what became of them, if they ended before their time; they take no orders then.
    """

    def __init__(self, scheme: Scheme, public: PublicKey, count: int, encryptions: int, table: Path) -> None:
        """Start them.

        Args:
            scheme: a plugin that can be imported.
            public: the key.
            count: processes.
            encryptions: about how many are to come.
            table: a file to share what the scheme prepares; it is replaced, and removed in the end.
        """
        self.count = count
        self.failure: str | None = None
        plugin = type(scheme)
        self._task = _Task(
            plugin.__module__,
            plugin.__qualname__,
            scheme.options.model_dump_json(),
            scheme.dump_public(public),
            -(-encryptions // count),
            table,
        )
        table.unlink(missing_ok=True)
        context = get_context("spawn")
        leash, self._leash = context.Pipe(duplex=False)
        self._processes: ProcessPoolExecutor | None = ProcessPoolExecutor(
            count, mp_context=context, initializer=_begin, initargs=(context.Event(), leash)
        )
        self._submit(_prepare, self._task)

    def order(self, count: int) -> Future[list[bytes]] | None:
        """Have ``count`` blindings made, as bytes; None when the workers have failed."""
        return self._submit(_make, self._task, count)

    def _submit(self, work: Any, *arguments: Any) -> Future[Any] | None:
        if self._processes is None:
            return None
        try:
            with _uninterrupted():
                return self._processes.submit(work, *arguments)
        except BrokenProcessPool:
            self.give_up()
            return None

    def give_up(self) -> None:
        """They have ended: say so and ask no more of them."""
        self.failure = FAILED
        # One that was being started when another ended is missed by the pool, which would wait for it for ever.
        self._leash.close()
        self._processes = None
        self._task.table.unlink(missing_ok=True)

    def close(self) -> None:
        """End them; what they have made is forgotten."""
        if self._processes is not None:
            late = threading.Timer(PATIENCE, self._leash.close)
            late.start()
            self._processes.shutdown(wait=True, cancel_futures=True)
            late.cancel()
            self._leash.close()
        self._processes = None
        self._task.table.unlink(missing_ok=True)


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


# In a worker.

_prepared: Event
_prepared_here = False


def _begin(prepared: Event, leash: Connection) -> None:
    global _prepared
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    threading.Thread(target=_end_with_leash, args=[leash], daemon=True).start()
    _prepared = prepared


def _end_with_leash(leash: Connection) -> None:
    """A worker that is let go of, or whose run was killed, must not wait for work for ever."""
    wait([leash])  # nothing is ever sent: it ends when the run closes it, or is no more
    os._exit(1)


@cache
def _loaded(task: _Task) -> tuple[Scheme, PublicKey]:
    plugin = getattr(importlib.import_module(task.module), task.name)
    scheme: Scheme = plugin(plugin.Options.model_validate_json(task.options))
    return scheme, scheme.load_public(task.public)


def _prepare(task: _Task) -> None:
    """The first work of all: prepare, and put what came of it where the others find it."""
    global _prepared_here
    scheme, public = _loaded(task)
    try:
        scheme.prepare(public, task.encryptions)
        # Without room on the disk each prepares for itself.
        if (made := scheme.prepared(public)) is not None:
            with suppress(OSError):
                _write(task.table, made)
        _prepared_here = True
    finally:
        _prepared.set()


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    temporary = path.with_suffix(".tmp")
    try:
        with temporary.open("wb") as file:
            file.writelines(pieces)
        temporary.chmod(0o600)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@cache
def _ready(task: _Task) -> tuple[Scheme, PublicKey]:
    scheme, public = _loaded(task)
    _prepared.wait()
    if not _prepared_here:
        try:
            with task.table.open("rb") as file:
                made = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            scheme.prepare(public, task.encryptions)
        else:
            scheme.take_prepared(public, memoryview(made))
            if hasattr(mmap, "MADV_DONTNEED"):
                made.madvise(mmap.MADV_DONTNEED)  # what was only read through to be taken need not stay mapped
    return scheme, public


def _make(task: _Task, count: int) -> list[bytes]:
    scheme, public = _ready(task)
    return scheme.dump(public, scheme.encrypt(public, [0] * count))
