"""Worker processes that make encryptions of zero under one public key; ``blinding`` hands them out.

They are spawned, not forked, so that they inherit no memory, and are sent a public key and no more. Their environment
has no secret. What the scheme prepares for many encryptions, such as a table, is made once, by the first of them, and
mapped by the others.

Each has a pipe of its own, whose far end nobody else holds. (In the pools of the standard library all workers share
one, and so does the process that reads it: it waits for ever when one is killed while it hands a result over.)
"""

from __future__ import annotations

import importlib
import mmap
import os
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event
from pathlib import Path
from queue import SimpleQueue

from smarter.api import PublicKey, Scheme
from smarter.keys.process import dump_no_core, withheld
from smarter.model.control import awaited

FAILED = "a worker process was ended from outside; the run went on without workers, more slowly"
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


@dataclass
class _Worker:
    """A worker as its parent knows it; ``owes`` batches."""

    process: BaseProcess
    pipe: Connection
    owes: int = 0


class Workers:
    """So many processes, at work from the first order on.

    Attributes:
        failure: what became of them, if one ended before its time; all others are ended then, and take no orders.
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
        self._made: SimpleQueue[tuple[_Worker, list[bytes] | None]] = SimpleQueue()
        self._workers: list[_Worker] = []
        try:
            with withheld():
                self._start(count)
        except BaseException:
            self._end()
            raise
        for worker in self._workers:
            # What is made is taken in as it comes: a full pipe would stop its maker.
            threading.Thread(target=self._collect, args=[worker], daemon=True).start()

    def _start(self, count: int) -> None:
        context = get_context("spawn")
        self._prepared = context.Event()  # kept: a worker finds it by name when it starts
        for number in range(count):
            here, there = context.Pipe()
            arguments = (self._task, there, self._prepared, number == 0)
            process = context.Process(target=_work, args=arguments, name=f"blinding-{number}", daemon=True)
            with _uninterrupted():
                process.start()
                self._workers.append(_Worker(process, here))
            there.close()

    def __len__(self) -> int:
        return len(self._workers)

    @property
    def processes(self) -> list[int]:
        """The ids of those that are at work."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def order(self, count: int) -> None:
        """Have a batch of ``count`` blindings made; nothing happens when the workers have failed."""
        if not self._workers:
            return
        worker = min(self._workers, key=lambda worker: worker.owes)
        worker.owes += 1
        with suppress(OSError):  # it has ended, and :meth:`get` is told so
            worker.pipe.send_bytes(count.to_bytes(4, "big"))

    def get(self) -> list[bytes]:
        """The next batch that was ordered, when it is made; empty when the workers have failed."""
        worker, blobs = awaited(self._made)
        if blobs is None:
            self.failure = FAILED
            self._end()
            return []
        worker.owes -= 1
        return blobs

    @property
    def made(self) -> int:
        """How many batches are made and not yet taken."""
        return self._made.qsize()

    def close(self) -> None:
        """End them, in the midst of what they still make; what they have made is forgotten."""
        self._end()

    def _collect(self, worker: _Worker) -> None:
        """In a thread: take in what a worker makes, to its end."""
        try:
            while True:
                count = int.from_bytes(worker.pipe.recv_bytes(), "big")
                made = worker.pipe.recv_bytes()
                size = len(made) // count
                self._made.put((worker, [made[start : start + size] for start in range(0, len(made), size)]))
        except (EOFError, OSError, ZeroDivisionError):
            self._made.put((worker, None))

    def _end(self) -> None:
        for worker in self._workers:
            # The thread that reads its pipe gets an end of file.
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
        self._workers = []
        for path in (self._task.table, _unfinished(self._task.table)):
            path.unlink(missing_ok=True)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Put a Ctrl-C off until the block has ended.

    A worker that is half-started would never end, and one that inherits no mask would be interrupted in its imports,
    before ``_work`` makes it deaf. The mask alone is not enough: Python runs the handler in the main thread whichever
    other thread was interrupted.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT) if threading.current_thread() is threading.main_thread() else None
    if handler is not None:
        signal.signal(signal.SIGINT, lambda number, _: came.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if handler is not None:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if came:
            signal.raise_signal(signal.SIGINT)


# In a worker.


def _work(task: _Task, pipe: Connection, prepared: Event, first: bool) -> None:
    """Make what is ordered, until the other end says that it is enough, or is no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    dump_no_core()
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    plugin = getattr(importlib.import_module(task.module), task.name)
    scheme: Scheme = plugin(plugin.Options.model_validate_json(task.options))
    public = scheme.load_public(task.public)
    _prepare(scheme, public, task, prepared, first)
    with suppress(EOFError, OSError):
        while order := pipe.recv_bytes():
            made = scheme.dump(public, scheme.encrypt(public, [0] * int.from_bytes(order, "big")))
            pipe.send_bytes(order)
            pipe.send_bytes(b"".join(made))


def _prepare(scheme: Scheme, public: PublicKey, task: _Task, prepared: Event, first: bool) -> None:
    """Prepare, and put what came of it where the others find it; or be one of those."""
    if first:
        try:
            scheme.prepare(public, task.encryptions)
            # Without room on the disk each prepares for itself.
            if (made := scheme.prepared(public)) is not None:
                with suppress(OSError):
                    _write(task.table, made)
        finally:
            prepared.set()
        return
    prepared.wait()
    try:
        with task.table.open("rb") as file:
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError):
        scheme.prepare(public, task.encryptions)
        return
    scheme.take_prepared(public, memoryview(mapped))


def _unfinished(path: Path) -> Path:
    return path.with_suffix(".tmp")


def _write(path: Path, pieces: Iterable[bytes]) -> None:
    temporary = _unfinished(path)
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.writelines(pieces)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
