"""Shows the app on the terminal until it is left, and leaves at once, whatever its threads are doing.

``cli`` calls it, for bare ``smarter``, ``smarter app`` and behind ``smarter serve``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

from smarter.errors import Interrupted, SmarterError, UsageError
from smarter.tui.app import SmarterApp
from smarter.tui.keymap import check_keymap
from smarter.tui.settings import load_settings, settings_file

PATIENCE = 1.0
"""Seconds that leaving waits for a run, and whatever else goes on, to end by itself; a run is resumable either way."""

MOST = 5 * PATIENCE
"""Seconds after which a process that was ended from outside is gone, even if its terminal is gone or takes nothing."""


def launch(scenario: str, overrides: tuple[str, ...] = ()) -> None:
    """Show the app, with ``scenario`` chosen, until the user leaves.

    Raises:
        SmarterError: the settings cannot be.
        Exception: a bug that ended the app.
    """
    settings = load_settings()
    check_keymap(settings.keymap, settings_file())
    if os.environ.get("TERM") == "dumb":
        raise UsageError("the app needs a terminal that can be drawn on, this one says it is dumb (TERM).")
    app = SmarterApp(scenario, settings, overrides, alone=True)
    # A loop and threads of our own: asyncio's would wait for every thread that still reads or reckons.
    loop, threads = asyncio.new_event_loop(), ThreadPoolExecutor()
    loop.set_default_executor(threads)
    ended: SimpleQueue[int] = SimpleQueue()
    threading.Thread(target=_cut, args=(ended,), name="cut", daemon=True).start()

    def end(*_: object) -> None:
        """Not by the loop's own means: it may be what is stuck."""
        ended.put(Interrupted.exit_code)
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            loop.call_soon_threadsafe(app.exit, None, Interrupted.exit_code)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):  # Windows has not all
            signal.signal(getattr(signal, name), end)
    app.run(loop=loop)
    threads.shutdown(wait=False, cancel_futures=True)
    app.join_run(PATIENCE)
    if app.bug is not None:
        ended.put(SmarterError.exit_code)
        raise app.bug
    if app.return_code == Interrupted.exit_code:
        raise Interrupted("the app was ended from outside; what was running can be taken up.")


def _cut(ended: SimpleQueue[int]) -> None:
    """End the process some time after a code has come: by then it ought to have ended by itself."""
    code = ended.get()
    time.sleep(MOST)
    os._exit(code)


def leave(code: int) -> None:
    """End the process, even if threads that nobody waits for any more still work: what they do is safe to cut."""
    until = time.monotonic() + PATIENCE
    others = [one for one in threading.enumerate() if one is not threading.current_thread() and not one.daemon]
    for thread in others:
        thread.join(max(0.0, until - time.monotonic()))
    if any(thread.is_alive() for thread in others):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
