"""A benchmark in a process of its own: what its caller does meanwhile is not measured, and it can be ended at once.

The app makes a :class:`Measurement` and listens to it. The process gets its order as JSON on standard input, whose end
is the caller's, too, and answers with an event a line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, Literal, NoReturn, TextIO

from smarter.bench.figures import QUICK, BenchEvent, BenchFinished, BenchProgress, BenchReport, Frozen, Pace
from smarter.errors import SmarterError
from smarter.keys.process import dump_no_core, withheld

GRACE = 1.0
"""Seconds that a process which was told to end has for tidying up."""
FAILED = 70


class Order(Frozen):
    """What is to be measured.

    Attributes:
        kind: ``operations`` of schemes and ciphers, or our way against the ``brief``'s.
        quick: short runs, and one size of keys, of the operations.
        schemes: names of those to be measured; None: all; likewise ``ciphers``.
        key_bits: sizes of keys; empty: the usual ones.
        scenario: for the brief, :meth:`smarter.scenario.Scenario.resolved`.
        workers: for the brief, processes of our way.
    """

    kind: Literal["operations", "brief"]
    quick: bool = False
    schemes: tuple[str, ...] | None = None
    ciphers: tuple[str, ...] | None = None
    key_bits: tuple[int, ...] = ()
    scenario: dict[str, Any] | None = None
    workers: int = 1

    def carried_out(self) -> Iterator[BenchEvent]:
        """The benchmark, in this process."""
        if self.kind == "operations":
            from smarter.bench.operations import KEY_BITS, QUICK_KEY_BITS, operations

            usual = QUICK_KEY_BITS if self.quick else KEY_BITS
            pace = QUICK if self.quick else Pace()
            return operations(self.schemes, self.ciphers, key_bits=self.key_bits or usual, pace=pace)
        from smarter.bench.brief import against_brief
        from smarter.scenario import parse_scenario

        text, source = json.dumps(self.scenario), "the chosen scenario"
        scenario = parse_scenario(text, source=source, base=Path.cwd(), resolved=True)
        return against_brief(scenario, workers=self.workers)


class Measurement:
    """One order, being carried out in a process of its own from :meth:`events` on."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._process: subprocess.Popen[bytes] | None = None
        self._cancelled = threading.Event()

    def cancel(self) -> None:
        """End it; :meth:`events` ends without a report. To be called from any thread."""
        self._cancelled.set()
        if (process := self._process) is not None:
            self._stop(process)

    def events(self) -> Iterator[BenchEvent]:
        """Progress, then the report; less after :meth:`cancel`.

        Raises:
            SmarterError: what the benchmark raised, by its message.
        """
        # -P: what lies in the working directory is nobody's module.
        command = [sys.executable, "-P", "-m", "smarter.bench.apart"]
        with TemporaryFile() as complaints:
            with withheld():
                self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                    start_new_session=os.name == "posix",
                )
            if self._cancelled.is_set():
                self._stop(process)
            finished = False
            try:
                for event in self._heard(process):
                    finished = isinstance(event, BenchFinished)
                    yield event
            finally:
                self._ended(process)
            if not finished and not self._cancelled.is_set():
                complaints.seek(0)
                said = complaints.read().decode("utf-8", "replace").strip().splitlines() or [
                    f"exit {process.returncode}"
                ]
                raise SmarterError(f"the benchmark's process ended early: {said[-1]}; run `smarter bench` to see more.")

    def _heard(self, process: subprocess.Popen[bytes]) -> Iterator[BenchEvent]:
        assert process.stdin is not None
        assert process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.write(self._order.model_dump_json().encode() + b"\n")
            process.stdin.flush()
        for line in process.stdout:
            if self._cancelled.is_set():
                return
            said = json.loads(line)
            if "error" in said:
                raise SmarterError(said["error"])
            yield (
                BenchFinished(BenchReport.model_validate(said["report"])) if "report" in said else BenchProgress(**said)
            )

    @staticmethod
    def _stop(process: subprocess.Popen[bytes]) -> None:
        with suppress(OSError):
            process.terminate()
        last_word = threading.Timer(GRACE, process.kill)
        last_word.daemon = True
        last_word.start()

    def _ended(self, process: subprocess.Popen[bytes]) -> None:
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def main() -> int:
    """Carry out the order on standard input."""
    signal.signal(signal.SIGTERM, _leave)
    dump_no_core()
    answers = _answers()
    order = Order.model_validate_json(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_caller, daemon=True).start()
    try:
        for event in order.carried_out():
            _say(_spelt(event), answers)
    except SmarterError as error:
        _say({"error": str(error)}, answers)
    except OSError as error:
        _say({"error": f"the system refuses: {error}; when that is mended, measure again."}, answers)
    return 0


def _answers() -> TextIO:
    """Where events go: standard output, which from now on is nobody else's. What plugins print is a complaint."""
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _spelt(event: BenchEvent) -> dict[str, Any]:
    return {"report": event.report.model_dump()} if isinstance(event, BenchFinished) else asdict(event)


def _say(said: dict[str, Any], answers: TextIO) -> None:
    print(json.dumps(said), file=answers, flush=True)


def _leave(*_: object) -> NoReturn:
    raise SystemExit(FAILED)


def _end_with_caller() -> None:
    # Nothing more is said, so its end is the caller's. Not by sys.stdin, whose lock would be in the way at exit.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(FAILED)


if __name__ == "__main__":
    sys.exit(main())
