"""What the tests of the command line share: calling it in-process, a small street of files, and a finished run."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from smarter.cli.app import main

HOMES = 5
ROWS = 96
"""A day of quarter-hour readings."""

SCENARIO = """\
version: 1
name: lane
insecure_demo: true
neighbourhoods:
  lane:
    timezone: Europe/Berlin
    source: {plugin: umass, path: homes}
time: {start: 2016-01-01, end: 2016-01-02}
windows: {reading: 15min, demand: 1h, billing: 6h}
crypto:
  aggregate: {plugin: paillier, key_bits: 512}
  deliver: {plugin: rsa-oaep, key_bits: 1024}
tariff: {plugin: flat, currency: EUR, period: run, rate: "0.30"}
"""


@dataclass(frozen=True)
class Called:
    """What a call of ``smarter`` left: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str


Call = Callable[..., Called]


def call_smarter(*arguments: object) -> Called:
    """Call ``smarter`` with these arguments in this process, piped."""
    out, err = io.StringIO(), io.StringIO()
    before = sys.argv
    sys.argv = ["smarter", *map(str, arguments)]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.argv = before
    return Called(code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Lane:
    """A scenario of five homes and one day in a folder of its own."""

    folder: Path

    @property
    def scenario(self) -> Path:
        return self.folder / "lane.yaml"

    @property
    def homes(self) -> Path:
        return self.folder / "homes"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def home(self, number: int) -> Path:
        return self.homes / f"home{number}.csv"

    def rewrite(self, written: str, instead: str) -> None:
        """Change the scenario's text."""
        text = self.scenario.read_text()
        assert text.count(written) == 1, f"{written!r} stands {text.count(written)} times in the scenario"
        self.scenario.write_text(text.replace(written, instead))

    def row(self, number: int, text: str, home: int = 2) -> None:
        """Replace a row of a home, counted from 1."""
        rows = self.home(home).read_text().splitlines()
        rows[number - 1] = text
        self.home(home).write_text("\n".join(rows) + "\n")


def make_lane(folder: Path) -> Lane:
    """The scenario and its files, in ``folder``."""
    lane = Lane(folder)
    lane.homes.mkdir(parents=True)
    lane.scenario.write_text(SCENARIO)
    for home in range(1, HOMES + 1):
        rows = [
            f"2016-01-01 {slot // 4:02}:{slot % 4 * 15:02}:00,{home * 0.1 + slot % 7 * 0.25:.5f}"
            for slot in range(ROWS)
        ]
        lane.home(home).write_text("\n".join(rows) + "\n")
    return lane


@pytest.fixture
def call() -> Call:
    """Call ``smarter``: ``call("run", path, ...)`` gives code, out and err."""
    return call_smarter


@pytest.fixture
def lane(tmp_path: Path) -> Lane:
    """A lane of the test's own, not run yet."""
    return make_lane(tmp_path / "lane")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Lane:
    """A lane that has been run with ``--out out``; look, don't touch."""
    lane = make_lane(tmp_path_factory.mktemp("finished") / "lane")
    ended = call_smarter("run", lane.scenario, "--state", lane.state, "--out", lane.folder / "out", "--quiet")
    assert ended == Called(0, "", "")
    return lane
