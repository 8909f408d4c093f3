"""Secrets in variables reach no other process, and no core dump: looked for in real processes, as an attacker would."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from smarter.cli import serving
from smarter.keys import process

SMARTER = (sys.executable, "-m", "smarter")
SECRETS = {
    "SMARTER_PASSPHRASE": "correct horse battery",
    "SMARTER_PASSPHRASE_RELEASER": "staple plaid otter",
    "SMARTER_NEW_PASSPHRASE": "vending mauve kettle",
    "SMARTER_KEY_PASSPHRASE": "orbit of seven",
    "SMARTER_PASSWORD": "eight words of it",
    "SMARTER_NEW_PASSWORD": "nine words of it",
    "SMARTER_CODE": "ten words of it",
    "SMARTER_TOTP": "918273",
}
OPEN = {"SMARTER_ANCHOR", "SMARTER_SHARES", "_SMARTER_COMPLETE"}
PROC = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc")


def children(parent: int) -> list[int]:
    """The processes that ``parent`` has started, and those that they have."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [child for child, of in parents.items() if of == parent]
    return found + [other for child in found for other in children(child)]


def leaks(block: bytes) -> list[str]:
    return [name for name, value in SECRETS.items() if value.encode() in block]


def looked_into(running: subprocess.Popen[Any]) -> Iterator[tuple[int, bytes, str]]:
    """Each process of a tree while it is at work: its id, what it was started with, its limits."""
    for pid in (running.pid, *children(running.pid)):
        with contextlib.suppress(OSError):  # it has ended
            folder = Path(f"/proc/{pid}")
            program = (folder / "cmdline").read_bytes()
            if pid != running.pid and b"smarter" not in program and b"multiprocessing" not in program:
                continue
            yield pid, (folder / "environ").read_bytes(), (folder / "limits").read_text()


@PROC
@pytest.mark.slow
def test_no_process_of_a_run_shows_a_secret_or_may_dump_core(lane: Any) -> None:
    options = ["--workers", "2", "--quiet", "--state", lane.state]
    for setting in ("crypto.aggregate.key_bits=2048", "pes.combine=none", "pes.lanes=1", "windows.demand=15min"):
        options += ["--set", setting]
    command = [*SMARTER, "run", str(lane.scenario), *map(str, options)]
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **SECRETS})
    seen: set[int] = set()
    while running.poll() is None and len(seen) < 4:
        for pid, block, limits in looked_into(running):
            # Before its first line the command has what the shell gave it.
            if pid == running.pid and not lane.state.exists():
                continue
            assert not leaks(block), pid
            assert re.search(r"Max core file size +0 +0 ", limits), pid
            seen.add(pid)
        time.sleep(0.05)
    running.kill()
    running.wait()
    assert len(seen) >= 4, "the command, two workers, and what keeps track of their locks"

    again = subprocess.run(command, env={**os.environ, "SMARTER_PASSPHRASE": "wrong"}, capture_output=True, check=False)
    assert again.returncode == 4, "the secrets have locked the keystores all the same"


@PROC
@pytest.mark.slow
def test_the_app_shows_no_secret_while_it_is_open(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    here, there = pty.openpty()
    variables = {**os.environ, **SECRETS, "TERM": "xterm-256color", "XDG_DATA_HOME": str(tmp_path)}
    running = subprocess.Popen([*SMARTER, "app"], stdin=there, stdout=there, stderr=there, env=variables)
    os.close(there)
    drawn = threading.Event()

    def read() -> None:
        with contextlib.suppress(OSError):
            while os.read(here, 65_536):
                drawn.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert drawn.wait(60)
        until = time.monotonic() + 60
        while not children(running.pid) and time.monotonic() < until:
            time.sleep(0.05)
        looked = list(looked_into(running))
        assert len(looked) >= 2
        assert not [pid for pid, block, _ in looked if leaks(block)]
        assert all(re.search(r"Max core file size +0 +0 ", limits) for _, _, limits in looked)
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(30)
        os.close(here)


@PROC
def test_what_linux_shows_of_the_start_of_a_process_is_overwritten_and_all_else_is_left() -> None:
    asked = (
        "import os, sys; from smarter.keys.process import given, keep_secrets; keep_secrets(); "
        "print(given('SMARTER_PASSPHRASE'), given('SMARTER_CODE'), os.getenv('SMARTER_CODE'), os.environ['LAST']); "
        "sys.stdout.flush(); sys.stdout.buffer.write(open('/proc/self/environ', 'rb').read()); sys.stdout.flush(); "
        "os.system('env')"
    )
    variables = {
        "FIRST": "1",
        **SECRETS,
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "LAST": "2",
        "PATH": "/bin:/usr/bin",
    }
    said = subprocess.run([sys.executable, "-c", asked], env=variables, capture_output=True, check=True).stdout
    first, rest = said.split(b"\n", 1)
    assert first.decode() == f"{SECRETS['SMARTER_PASSPHRASE']} {SECRETS['SMARTER_CODE']} None 2"
    assert leaks(rest) == []
    assert b"SMARTER_" not in rest
    assert rest.count(b"FIRST=1") == rest.count(b"LAST=2") == 2


def test_what_serve_starts_gets_the_secrets_by_no_shell_that_stays(call: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("textual_serve")
    started: list[tuple[str, Mapping[str, str]]] = []
    monkeypatch.setattr(serving, "_serve", lambda command, *_: started.append((command, dict(os.environ))))
    monkeypatch.setattr(process, "_taken", {"SMARTER_PASSPHRASE": "correct horse"})
    monkeypatch.setenv("SMARTER_PASSPHRASE", "")
    assert call("serve").code == 0
    ((command, variables),) = started
    assert command.startswith("exec ") or os.name == "nt"
    assert variables["SMARTER_PASSPHRASE"] == "correct horse"


def test_each_variable_is_known_to_be_a_secret_or_not() -> None:
    sources = Path(process.__file__).parents[1].rglob("*.py")
    named = {name for path in sources for name in re.findall(r"\b_?SMARTER_[A-Z_]+", path.read_text())}
    assert {name for name in named if not process.is_secret(name) and not name.startswith("SMARTER_APP_")} == OPEN
    assert all(process.is_secret(name) for name in SECRETS)
