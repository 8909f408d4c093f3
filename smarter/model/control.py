"""Pausing and cancelling a run from another thread, and how what takes long heeds it without knowing whom.

``run`` says with :func:`heeding` who is asked; elsewhere nobody is. A run may be ended anywhere: as after a crash, what
was not written down is done again when it is taken up.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from queue import Empty, SimpleQueue
from typing import TypeVar

from smarter.errors import Interrupted

T = TypeVar("T")
Heed = Callable[[], None]

GLANCE = 0.1
"""Seconds of waiting, or of work, after which one heeds again."""
FIRST = 8
"""Pieces of work before it is known how long one takes."""

_asked: ContextVar[Heed | None] = ContextVar("smarter_heed", default=None)


class Control:
    """How a listener pauses, resumes and cancels a run from another thread: a pause begins between two holds."""

    def __init__(self) -> None:
        self._going = threading.Event()
        self._going.set()
        self._cancelled = False

    @property
    def paused(self) -> bool:
        """Whether the run is to wait."""
        return not self._going.is_set()

    def pause(self) -> None:
        """Stop after the hold that is being carried, and wait: nothing is left in the clear meanwhile."""
        self._going.clear()

    def resume(self) -> None:
        """Go on."""
        self._going.set()

    def cancel(self) -> None:
        """End with :class:`Interrupted` at once; the state can be resumed, from the last hold that was carried."""
        self._cancelled = True
        self._going.set()

    def checkpoint(self) -> None:
        """Called by the run between two events: waits while it is paused."""
        self._going.wait()
        self.heed()

    def heed(self) -> None:
        """Called by the run in the middle of what takes long."""
        if self._cancelled:
            raise Interrupted("the run was cancelled; the same command resumes it.")


@contextmanager
def heeding(ask: Heed) -> Iterator[None]:
    """While inside, :func:`heed` asks this; it raises to end what goes on."""
    token = _asked.set(ask)
    try:
        yield
    finally:
        _asked.reset(token)


def heed() -> None:
    """Go on, or raise what the one who cancels raises."""
    if (ask := _asked.get()) is not None:
        ask()


def awaited(queue: SimpleQueue[T]) -> T:
    """The next of a queue that another thread fills, heeding while it is awaited."""
    if _asked.get() is None:
        return queue.get()
    while True:
        try:
            return queue.get(timeout=GLANCE)
        except Empty:
            heed()


def attended(work: Callable[[], None]) -> None:
    """Do ``work`` that cannot heed itself: in a thread, which is left to its end when nobody waits for it any more."""
    if _asked.get() is None:
        work()
        return
    done: SimpleQueue[BaseException | None] = SimpleQueue()

    def do() -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - raised again below, in the thread that asked
            done.put(error)
        else:
            done.put(None)

    threading.Thread(target=do, daemon=True).start()
    if (error := awaited(done)) is not None:
        raise error


def paced(count: int) -> Iterator[slice]:
    """``count`` pieces of work in parts that take about :data:`GLANCE` each, heeding between them."""
    if _asked.get() is None:
        yield slice(0, count)
        return
    start, size = 0, FIRST
    while start < count:
        heed()
        end, began = min(start + size, count), time.perf_counter()
        yield slice(start, end)
        took = max(time.perf_counter() - began, GLANCE / 1024)
        size = max(1, int((end - start) * min(GLANCE / took, 8)))
        start = end
