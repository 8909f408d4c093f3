"""Runs a scenario in a thread and tells, a few times a second, how it stands.

The app starts one at a time. A pause begins between two holds, cancelling takes effect at once; the state stays
resumable.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress

from smarter.errors import Interrupted, SmarterError
from smarter.keys.unlock import Unlock
from smarter.model.control import Control
from smarter.protocols.trail import Trace
from smarter.run import run
from smarter.scenario import Scenario
from smarter.state import StateFolder
from smarter.tui.folding import Folder
from smarter.tui.picture import Condition, Picture

EVERY = 0.2
"""Seconds between two pictures: each takes some of the time that the run has."""
NICE = 5
"""How far the run's threads and processes stand behind the UI's thread; where a core is free they lose nothing."""


class Carrier:
    """One run in the background."""

    def __init__(
        self,
        scenario: Scenario,
        state: StateFolder,
        unlock: Unlock,
        publish: Callable[[Picture], None],
        *,
        workers: int,
        trace: Trace | None = None,
        verify: bool = False,
    ) -> None:
        """Nothing runs before :meth:`start`.

        Args:
            scenario: checked.
            state: of the run.
            unlock: opens its keystores.
            publish: is given a picture, in any thread, five times a second and at every turn.
            workers: as of :func:`smarter.run.run`.
            trace: a reading to follow.
            verify: recompute every number at the end.
        """
        self._control = Control()
        self._folder = Folder()
        self._folding = threading.Lock()
        self._ended = threading.Event()
        self._publish = publish
        self._arguments = {
            "unlock": unlock,
            "workers": workers,
            "control": self._control,
            "trace": trace,
            "verify": verify,
        }
        self._scenario, self._state = scenario, state
        # A daemon: whoever quits does not wait for it longer than :meth:`join` says.
        self._thread = threading.Thread(target=self._carry, name="run", daemon=True)
        self._began = 0.0

    def start(self) -> None:
        """Begin, or take up, the run."""
        self._began = time.perf_counter()
        self._thread.start()
        threading.Thread(target=self._tell, name="run-told", daemon=True).start()

    def pause(self) -> None:
        """Wait, as soon as what has been opened is encrypted."""
        self._turn("pausing")
        self._control.pause()

    def resume(self) -> None:
        """Go on."""
        self._turn("running")
        self._control.resume()

    def cancel(self) -> None:
        """End at once; the same run can be taken up later."""
        self._turn("stopping")
        self._control.cancel()

    def join(self, seconds: float) -> bool:
        """Wait so long for the end; whether it has come."""
        if self._thread.ident is not None:
            self._thread.join(seconds)
        return not self._thread.is_alive()

    def _turn(self, condition: Condition) -> None:
        with self._folding:
            if not self._ended.is_set():
                self._folder.turn(condition)
        self._show()

    def _show(self, *, going_on: bool = False) -> None:
        with self._folding:
            if not (going_on and self._ended.is_set()):
                self._publish(self._folder.picture(time.perf_counter() - self._began))

    def _tell(self) -> None:
        """In a thread of its own: a run that has nothing to report goes on, too."""
        while not self._ended.wait(EVERY):
            self._show(going_on=True)

    def _carry(self) -> None:
        _give_way()
        condition: Condition = "finished"
        error = ""
        try:
            for event in run(self._scenario, self._state, **self._arguments):  # type: ignore[arg-type] # by name
                with self._folding:
                    self._folder.fold(event, time.perf_counter() - self._began)
        except Interrupted:
            condition = "cancelled"
        except SmarterError as wrong:
            condition, error = "failed", str(wrong)
        except OSError as wrong:
            condition, error = "failed", f"the system refuses: {wrong}; when that is mended, run again."
        except Exception as wrong:  # noqa: BLE001 - shown as what it is, a bug; the app lives on
            condition, error = "failed", f"a bug: {type(wrong).__name__}: {wrong}; please report it."
        with self._folding:
            self._ended.set()
            self._folder.turn(condition, error)
        self._show()


def _give_way() -> None:
    """Let the UI's thread go first; what the run starts from here, threads and processes, inherits that."""
    if sys.platform == "linux":  # elsewhere a process has one priority
        with suppress(OSError):
            thread = os.PRIO_PROCESS, threading.get_native_id()
            os.setpriority(*thread, os.getpriority(*thread) + NICE)
