"""What every test shares: real data where it is at hand, and a home of the tests' own.

Keys that several tests of one folder need are made once a session in that folder's ``conftest.py``.
"""

from __future__ import annotations

import gc
import os
import re
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings
from ruamel.yaml import YAML
from ruamel.yaml.nodes import Node

from smarter.keys.kdf import ScryptCost
from smarter.keys.keystore import Keystore
from smarter.keys.secret import Unlock
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished
from smarter.model.results import Result
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder

# Hundreds of processes import the same modules: they are compiled once, whatever the shell says of that.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# OpenBLAS, which comes with numpy and which nothing here calls, spends a fifth of a command's start on its threads.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

# A deadline in milliseconds says more about the machine's other work than about the code.
settings.register_profile("smarter", deadline=None, print_blob=True)
settings.load_profile("smarter")

# Apps come and go by the hundred: looking through all that stays for each of them took a tenth of their tests' time.
gc.freeze()
gc.set_threshold(50_000, 50, 100)

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The repository's root."""
    return CHECKOUT


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped without it."""
    folder = CHECKOUT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder.relative_to(CHECKOUT.parent)} beside the checkout")
    return folder


@pytest.fixture(scope="session", autouse=True)
def home_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test, nor a process it starts, reads or writes the user's own folders, keys or settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        for variable, folder in (
            ("XDG_DATA_HOME", ".local/share"),
            ("XDG_CONFIG_HOME", ".config"),
            ("XDG_CACHE_HOME", ".cache"),
            ("XDG_STATE_HOME", ".local/state"),
        ):
            patch.setenv(variable, str(home / folder))
        patch.delenv("SMARTER_PASSPHRASE", raising=False)
        yield home


@pytest.fixture(scope="session", autouse=True)
def signals_are_heard() -> Iterator[None]:
    """What a test starts heeds Ctrl-C and a closing terminal, also where the tests were started not to.

    In the background and under ``nohup`` those are ignored, and so they are by all children; not when they are handled.
    """
    ignored = [
        number
        for name in ("SIGINT", "SIGHUP")
        if (number := getattr(signal, name, None)) and signal.getsignal(number) is signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def texts_are_read_once() -> Iterator[None]:
    """A text that was read as YAML is not read again: tests have few, and the graph of nodes is only looked at."""
    compose = YAML.compose
    read: dict[str, Node | None] = {}

    def compose_once(yaml: YAML, text: str) -> Node | None:
        if text not in read:
            read[text] = compose(yaml, text)
        return read[text]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(YAML, "compose", compose_once)
        yield


@pytest.fixture
def cheap_passphrases(monkeypatch: pytest.MonkeyPatch) -> None:
    """A keystore that is locked by a passphrase from now on, in this process, takes next to no work to open."""
    monkeypatch.setitem(Keystore.create.__kwdefaults__, "cost", ScryptCost(n=2, r=1, p=1))


SMALL_SCENARIO = """
version: 1
name: small
insecure_demo: true
neighbourhoods:
  lane: {timezone: UTC, source: {plugin: csv, path: FOLDER}}
time: {start: 2016-01-01, end: 2016-01-01 06:00}
windows: {reading: 1min, demand: 15min, billing: 3h}
crypto:
  aggregate: {plugin: paillier, key_bits: 512}
  deliver: {plugin: rsa-oaep, key_bits: 2048}
tariff: {plugin: flat, rate: "0.25", currency: EUR}
consent: assumed
"""


@dataclass(frozen=True)
class FinishedRun:
    """A run of the small scenario that came to its end. Its state is for reading: nobody runs on it."""

    scenario: Scenario
    state: StateFolder
    unlock: Unlock
    result: Result


@pytest.fixture(scope="session")
def small_scenario(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The text of a scenario: six homes, six hours, keys so small that it runs in a second or two."""
    folder = tmp_path_factory.mktemp("homes")
    for home in range(1, 7):
        rows = (
            f"2016-01-01 {m // 60:02}:{m % 60:02}:00,{(home * 97 + m * 13) % 700 / 100 - 1:.2f}" for m in range(360)
        )
        (folder / f"home{home}.csv").write_text("\n".join(["stamp,kW", *rows]) + "\n")
    return SMALL_SCENARIO.replace("FOLDER", str(folder))


@pytest.fixture(scope="session")
def finished_run(small_scenario: str, tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    """The small scenario, run to its end and verified."""
    scenario = parse_scenario(small_scenario, source="small", base=CHECKOUT)
    state = StateFolder(tmp_path_factory.mktemp("finished"))
    unlock = KeyFileUnlock(state.keys)
    *_, last = run(scenario, state, unlock=unlock, verify=True)
    assert isinstance(last, Finished)
    return FinishedRun(scenario, state, unlock, last.result)


@pytest.fixture(scope="session")
def memory_of() -> Callable[[int], bytes]:
    """``memory_of(process)``: what it can write to in its memory, read from ``/proc``."""

    def read(process: int) -> bytes:
        found = bytearray()
        with Path(f"/proc/{process}/mem").open("rb", buffering=0) as memory:
            for line in Path(f"/proc/{process}/maps").read_text().splitlines():
                span = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw", line)
                if span is None or "[v" in line:
                    continue
                start, end = (int(edge, 16) for edge in span.groups())
                try:
                    memory.seek(start)
                    found += memory.read(end - start)
                except (OSError, ValueError):
                    continue
        return bytes(found)

    return read
