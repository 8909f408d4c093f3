"""What the end-to-end tests share: a street of meter files, the command line in-process, a run's files read back."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from smarter.cli.app import main

SMALL_KEYS = ("insecure_demo=true", "crypto.aggregate.key_bits=512", "crypto.deliver.key_bits=1024")
"""Keys that are made at once; what they protect is not asked here."""

SCENARIO = """\
version: 1
name: {name}
seed: 3
insecure_demo: true
neighbourhoods:
  lane:
    timezone: {timezone}
    source: {{plugin: umass, path: meters}}
time: {{start: {start}, end: {end}}}
windows: {{reading: {reading}, demand: {demand}, billing: {billing}}}
frame: {frame}
pes: {{hold: {hold}}}
crypto:
  seal: aes-gcm
  aggregate: {{plugin: paillier, key_bits: 512}}
  deliver: {{plugin: rsa-oaep, key_bits: 1024}}
store: tinydb
tariff: {{plugin: flat, currency: USD, period: run, rate: "0.15"}}
{more}
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@dataclass(frozen=True)
class Files:
    """A run's files, with pseudonyms replaced by what the source calls the meters, rows sorted again."""

    folder: Path
    billing: list[dict[str, str]]
    demand: list[dict[str, str]]
    bills: list[dict[str, str]]
    meters: dict[str, str]
    result: dict[str, Any]

    @property
    def numbers(self) -> tuple[list[dict[str, str]], ...]:
        """All rows: what must be the same however the run came about."""
        return self.billing, self.demand, self.bills


def read_csv(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read_files(folder: Path) -> Files:
    """Read what ``--out --reveal-meters`` wrote."""
    meters = {row["meter"]: row["source"] for row in read_csv(folder / "meters.csv")}

    def mapped(name: str) -> list[dict[str, str]]:
        rows = [row | {"meter": meters[row["meter"]]} for row in read_csv(folder / name)]
        return sorted(rows, key=lambda row: row["meter"])  # stable: the order of time stays

    result = json.loads((folder / "result.json").read_text(encoding="utf-8"))
    return Files(folder, mapped("billing.csv"), read_csv(folder / "demand.csv"), mapped("bills.csv"), meters, result)


def call(*arguments: object) -> Ended:
    """Run the command line in this process."""
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.object(sys, "argv", ["smarter", *map(str, arguments)]),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as end,
    ):
        main()
    assert isinstance(end.value.code, int)
    return Ended(end.value.code, out.getvalue(), err.getvalue())


def set_options(settings: Sequence[str]) -> list[str]:
    """``--set`` before each of ``settings``."""
    return [part for setting in settings for part in ("--set", setting)]


@pytest.fixture(scope="session")
def smarter() -> Callable[..., Ended]:
    """``smarter(*arguments)``: the command line, in this process."""
    return call


@pytest.fixture(scope="session")
def small_keys() -> tuple[str, ...]:
    """Settings that make keys small and so quick."""
    return SMALL_KEYS


@pytest.fixture(scope="session")
def files_in() -> Callable[[Path], Files]:
    """``files_in(folder)``: what ``--out --reveal-meters`` wrote."""
    return read_files


@pytest.fixture
def carry(tmp_path: Path) -> Callable[..., Files]:
    """``carry(scenario, *settings, state=, out=, options=)``: run to the end, verified, and read the files."""
    count = iter(range(1_000))

    def run(
        scenario: Path | str,
        *settings: str,
        state: Path | None = None,
        out: Path | None = None,
        options: Sequence[str] = ("--verify",),
    ) -> Files:
        number = next(count)
        state, out = state or tmp_path / f"state-{number}", out or tmp_path / f"out-{number}"
        always = ("--state", state, "--out", out, "--reveal-meters", "--quiet")
        ended = call("run", scenario, *set_options(settings), *always, *options)
        assert (ended.code, ended.err) == (0, "")
        return read_files(out)

    return run


@pytest.fixture(scope="session")
def street(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """``street(...)``: make meter files and a scenario over them; give the scenario's path."""
    return lambda **given: write_street(tmp_path_factory.mktemp("street"), **given)


def write_street(
    folder: Path,
    *,
    name: str = "lane",
    meters: int = 5,
    start: str = "2016-03-01",
    end: str = "2016-03-01 08:00",
    until: str | None = None,
    step: int = 300,
    timezone: str = "Europe/Berlin",
    reading: str = "5min",
    demand: str = "30min",
    billing: str = "2h",
    frame: int = 6,
    hold: str = "1h",
    more: str = "",
    leave_out: Callable[[int, datetime], bool] = lambda meter, stamp: False,
) -> Path:
    """Meter files of random power from ``start`` to ``until`` (or ``end``), and a scenario over ``start`` to ``end``.

    ``leave_out(meter, stamp)``: rows that are missing, meters counted from 1.
    """
    (folder / "meters").mkdir(parents=True, exist_ok=True)
    for meter in range(1, meters + 1):
        power = random.Random(meter)
        lines = [
            f"{stamp},{power.randrange(-20_000, 90_000) / 10_000:.4f}\n"
            for stamp in stamps(start, until or end, step)
            if not leave_out(meter, stamp)
        ]
        (folder / "meters" / f"home{meter}.csv").write_text("".join(lines), encoding="utf-8")
    path = folder / f"{name}.yaml"
    given = {"name": name, "timezone": timezone, "start": start, "end": end, "reading": reading, "demand": demand}
    given |= {"billing": billing, "frame": str(frame), "hold": hold, "more": more}
    path.write_text(SCENARIO.format(**given), encoding="utf-8")
    return path


def stamps(start: str, end: str, step: int) -> Iterator[datetime]:
    """Wall-clock stamps, ``step`` seconds apart."""
    stamp = datetime.fromisoformat(start)
    while stamp < datetime.fromisoformat(end):
        yield stamp
        stamp += timedelta(seconds=step)
