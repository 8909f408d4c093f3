"""Measures the app as its user has it, on a terminal: ``python docs/measure_app.py`` (not on Windows, 2 minutes).

Prints how long the first paint takes, how long each page takes to answer its key while the quickstart runs (visited the
first time and again), and how much longer the quickstart takes from the app than without it. State is in a folder that
is thrown away. What the terminal gets is stamped as it comes and read afterwards, so that reading costs nothing.
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pexpect
import pyte

SIZES = ((80, 24), (140, 45), (300, 80))
PAGES = "0987654312" * 2
APART = 0.3
"""Seconds between two keys: somebody in a hurry."""
REPEATS = 5
SMARTER = (sys.executable, "-m", "smarter")


class Terminal:
    """The app on a terminal of its own, and when which of its output came."""

    def __init__(self, columns: int, rows: int, folder: str) -> None:
        self._size = columns, rows
        self._chunks: list[tuple[float, bytes]] = []
        self.began = time.perf_counter()
        environment = _environment(folder) | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        command, *arguments = SMARTER
        self._child = pexpect.spawn(command, arguments, dimensions=(rows, columns), env=environment, timeout=None)
        self._child.delaybeforesend = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                self._chunks.append((time.perf_counter(), self._child.read_nonblocking(1 << 16, timeout=None)))
            except pexpect.EOF:
                return

    def press(self, key: str) -> float:
        """When it was pressed."""
        now = time.perf_counter()
        self._child.send(key)
        return now

    def quit(self) -> None:
        """Leave, and wait until that is done."""
        self._child.send("q")
        self._reader.join(10)
        self._child.close(force=True)

    def screens(self) -> Iterator[tuple[float, pyte.Screen]]:
        """What stood there after each output."""
        screen = pyte.Screen(*self._size)
        stream = pyte.ByteStream(screen)
        for when, data in list(self._chunks):
            # pyte knows no private parameters beyond ?: Textual asks for keyboard protocols with > and =.
            stream.feed(re.sub(rb"\x1b\[[>=<][0-9;]*[a-zA-Z]", b"", data))
            yield when, screen

    def seen(self, words: str) -> float:
        """When it first showed them; infinite: never."""
        return next((when for when, screen in self.screens() if words in "\n".join(screen.display)), float("inf"))


def _environment(folder: str) -> dict[str, str]:
    kinds = ("DATA", "CONFIG", "CACHE")
    return dict(os.environ) | {f"XDG_{kind}_HOME": str(Path(folder) / kind.lower()) for kind in kinds}


def _here(screen: pyte.Screen) -> str:
    """The tab of the page in front."""
    return "".join(cell.data if cell.reverse else " " for _, cell in sorted(screen.buffer[0].items()))


def answers(columns: int, rows: int) -> tuple[Sequence[float], Sequence[float]]:
    """Milliseconds from each page's key to its page, in a run that has just begun: first visits, and later ones."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(columns, rows, folder)
        time.sleep(3)
        terminal.press("2")
        time.sleep(1)
        terminal.press("r")
        pressed = []
        for key in PAGES:
            time.sleep(APART)
            pressed.append((key, terminal.press(key)))
        time.sleep(APART)
        terminal.quit()
        taken = []
        screens = terminal.screens()
        for key, when in pressed:
            came = next(at for at, screen in screens if at >= when and f" {key} " in _here(screen))
            taken.append(1_000 * (came - when))
        half = len(taken) // 2
        return taken[:half], taken[half:]


def first_paint() -> float:
    """Seconds from the start of the process to the bar of tabs."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(140, 45, folder)
        time.sleep(2.5)
        terminal.quit()
        return terminal.seen("1 Scenarios") - terminal.began


def from_the_app() -> float:
    """Seconds from the key that starts the quickstart to its end."""
    with tempfile.TemporaryDirectory() as folder:
        terminal = Terminal(140, 45, folder)
        time.sleep(3)
        terminal.press("2")
        time.sleep(1)
        pressed = terminal.press("r")
        time.sleep(1)
        while (ended := terminal.seen("finished")) == float("inf"):
            time.sleep(1)
        terminal.quit()
        return ended - pressed


def headless() -> float:
    """Seconds that the same takes without the app, from the start of its process."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        command = [*SMARTER, "run", "quickstart", "--quiet"]
        subprocess.run(command, env=_environment(folder), stdout=subprocess.DEVNULL, check=True)  # noqa: S603 - ours
        return time.perf_counter() - began


def main() -> None:
    """Measure, and print."""
    paints = [first_paint() for _ in range(REPEATS)]
    print(f"first paint: median {statistics.median(paints):.2f} s, most {max(paints):.2f} s")
    for size in SIZES:
        for name, taken in zip(("first visits", "later ones"), answers(*size), strict=True):
            print(f"{size[0]}x{size[1]}, {name}: median {statistics.median(taken):.0f} ms, most {max(taken):.0f} ms")
    pairs = [(headless(), from_the_app()) for _ in range(REPEATS)]
    ratios = [app / alone for alone, app in pairs]
    alone, app = (statistics.median(times) for times in zip(*pairs, strict=True))
    print(f"quickstart: {alone:.2f} s without the app, {app:.2f} s from it; {statistics.median(ratios):.2f} times")


if __name__ == "__main__":
    main()
