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

from smarter.errors import Interrupted, UsageError
from smarter.tui.app import SmarterApp
from smarter.tui.keymap import check_keymap
from smarter.tui.settings import load_settings, settings_file

PATIENCE = 1.0
"""Seconds that leaving waits for a run, and whatever else goes on, to end by itself; a run is resumable either way."""


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
    with contextlib.suppress(NotImplementedError, AttributeError):  # Windows
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, app.exit, None, Interrupted.exit_code)
    app.run(loop=loop)
    threads.shutdown(wait=False, cancel_futures=True)
    app.join_run(PATIENCE)
    if app.bug is not None:
        raise app.bug
    if app.return_code == Interrupted.exit_code:
        raise Interrupted("the app was ended from outside; what was running can be taken up.")


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
