"""The real program on a pseudo-terminal, as a user has it: it opens, runs, shows, and leaves the terminal as it was."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pexpect = pytest.importorskip("pexpect", reason="there are no pseudo-terminals here")
pyte = pytest.importorskip("pyte")

if not hasattr(pexpect, "spawn"):
    pytest.skip("there are no pseudo-terminals on this system", allow_module_level=True)

PATIENCE = 60.0
"""Seconds until a screen that does not come is a failure; a machine may be busy."""


class Terminal:
    """A terminal with a shell in it that runs one command and then says how things are."""

    def __init__(self, command: str, columns: int, rows: int, environment: dict[str, str]) -> None:
        script = f"{command}; echo left with $?; stty -a"
        self._child = pexpect.spawn("/bin/sh", ["-c", script], dimensions=(rows, columns), env=environment, timeout=5)
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self.raw = b""

    @property
    def text(self) -> str:
        """What it shows."""
        return "\n".join(self._screen.display)

    def press(self, keys: str) -> None:
        self._child.send(keys)

    def see(self, pattern: str) -> str:
        """Wait until the screen shows it."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            assert time.monotonic() < until, f"no {pattern!r} on:\n{self.text}"
            try:
                data = self._child.read_nonblocking(65_536, timeout=0.2)
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                assert re.search(pattern, self.text), f"it ended without {pattern!r} on:\n{self.text}"
                break
            self.raw += data
            # pyte knows no private parameters beyond ?: Textual asks for keyboard protocols with > and =.
            self._stream.feed(re.sub(rb"\x1b\[[>=<][0-9;]*[a-zA-Z]", b"", data))
        return self.text

    @property
    def shell(self) -> int:
        """Its process."""
        return int(self._child.pid)

    def hang_up(self) -> None:
        """Close it as a window is closed: whoever works on it has to see to it."""
        self._child.ptyproc.fileobj.close()

    def close(self) -> None:
        if not self._child.ptyproc.fileobj.closed:
            self._child.close(force=True)


Start = Callable[..., Terminal]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``smarter`` with arguments on a terminal of its own."""
    started = []

    def begin(*arguments: str, columns: int = 100, rows: int = 30, **environment: str) -> Terminal:
        # Another test may have said how large its own terminal is.
        variables = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        variables |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"} | environment
        terminal = Terminal(f"{sys.executable} -m smarter {' '.join(arguments)}", columns, rows, variables)
        started.append(terminal)
        return terminal

    yield begin
    for terminal in started:
        terminal.close()


@pytest.fixture
def call() -> Callable[..., subprocess.CompletedProcess[str]]:
    """Calls ``smarter`` without a terminal."""

    def called(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "smarter", *arguments]
        return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300)

    return called


def restored(terminal: Terminal) -> bool:
    """Whether the terminal is as it was: main screen, cursor, no mouse reports, lines edited and echoed."""
    modes = dict(re.findall(rb"\x1b\[\?(\d+)([hl])", terminal.raw))
    as_it_was = {b"1049": b"l", b"25": b"h", b"1000": b"l", b"1003": b"l", b"2004": b"l"}
    return all(modes[mode] == left for mode, left in as_it_was.items()) and bool(
        re.search(r"(?<!-)\bicanon\b", terminal.text) and re.search(r"(?<!-)\becho\b", terminal.text)
    )


@pytest.mark.slow
def test_it_opens_on_a_terminal_and_leaves_it_as_it_was(start: Start) -> None:
    terminal = start()
    terminal.see("1 Scenarios")
    terminal.press("?")
    terminal.see("This page")
    terminal.press("?")
    terminal.press("q")
    terminal.see("left with 0")
    terminal.see("icanon")
    assert restored(terminal)


@pytest.mark.slow
def test_the_quickstart_is_run_and_looked_at_on_every_page(start: Start) -> None:
    terminal = start()
    terminal.see(r"▶ quickstart")
    terminal.press("2")
    terminal.see(r"\br Run\b")
    terminal.press("r")
    terminal.see("✓ finished")
    for key, shown in (
        ("3", "Meter apt1 of maple-street"),
        ("4", "peak kW"),
        ("5", "10 meters"),
        ("6", "Only the PES saw single readings"),
        ("7", "press b to measure every scheme"),
        ("8", "aes-gcm"),
        ("9", "Nobody has an account yet"),
        ("0", "Nobody is an operator yet"),
        ("1", "672 demand and 560 billing"),
    ):
        terminal.press(key)
        terminal.see(shown)
    terminal.press("q")
    terminal.see("left with 0")
    terminal.see("icanon")
    assert restored(terminal)


@pytest.mark.slow
def test_quitting_while_a_run_goes_on_takes_a_moment_and_the_run_can_be_taken_up(
    start: Start, call: Callable[..., subprocess.CompletedProcess[str]]
) -> None:
    terminal = start()
    terminal.see("1 Scenarios")
    terminal.press("2")
    terminal.see("2 Run")
    terminal.press("r")
    terminal.see(r"\brunning\b")
    terminal.see(r"[1-9]\d* %")
    terminal.press("q")
    terminal.see("left with 0")
    terminal.see("icanon")
    assert restored(terminal)
    result = call("run", "quickstart", "--verify", "--json", "--quiet")
    assert result.returncode == 0, result.stderr
    assert '"verified": true' in result.stdout


@pytest.mark.slow
def test_ended_from_outside_it_leaves_the_terminal_as_it_was_too(start: Start) -> None:
    terminal = start()
    terminal.see("1 Scenarios")
    subprocess.run(["pkill", "-TERM", "-P", str(terminal.shell)], check=True)
    terminal.see("ended from outside")
    terminal.see("left with 130")
    terminal.see("icanon")
    assert restored(terminal)


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.3, 0.8, 1.6])
def test_ended_from_outside_while_pages_are_made_it_says_so(start: Start, after: float) -> None:
    terminal = start()
    terminal.see("one moment|1 Scenarios")
    time.sleep(after)
    subprocess.run(["pkill", "-TERM", "-P", str(terminal.shell)], check=True)
    assert "a bug" not in terminal.see("left with")
    assert "left with 130" in terminal.text


@pytest.mark.slow
@pytest.mark.parametrize("after", [0.0, 0.4, 0.8])
def test_a_terminal_that_closes_leaves_no_process_behind(start: Start, after: float) -> None:
    terminal = start()
    terminal.see("one moment|1 Scenarios")
    pid = int(subprocess.run(["pgrep", "-P", str(terminal.shell)], capture_output=True, text=True, check=True).stdout)
    time.sleep(after)
    terminal.hang_up()
    until = time.monotonic() + PATIENCE
    while _works(pid):
        assert time.monotonic() < until, "it is still there"
        time.sleep(0.1)


def _works(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code that nobody has fetched."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state) and not state.startswith("Z")


@pytest.mark.slow
def test_settings_that_cannot_be_are_one_sentence_and_exit_code_2(start: Start) -> None:
    terminal = start(SMARTER_APP_THEME="blue", columns=200)
    terminal.see("left with 2")
    assert re.search(r"smarter: .*app\.toml, theme: .*; correct or remove it\.", terminal.text)
    assert "1049" not in terminal.raw.decode()


@pytest.mark.slow
@pytest.mark.parametrize("where", ["", "2>/dev/null"])
def test_without_a_whole_terminal_there_is_help_or_a_sentence(
    start: Start, call: Callable[..., subprocess.CompletedProcess[str]], where: str
) -> None:
    if where:
        assert "Usage: smarter" in start(where, rows=60).see("left with 0")
    else:
        asked = call("app")
        assert asked.returncode == 2
        assert asked.stderr.startswith("smarter: the app needs a terminal")
