"""What a longer span takes: not more memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="nobody counts a process's memory there"),
]

MEASURED = """
import atexit, resource, sys
from smarter.cli.app import main
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr))
main()
"""
ALONE = ("--set", "store.plugin=sqlite")


def most_memory(*arguments: object) -> int:
    """The most that a command had resident, in the system's unit."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=300
    )
    return int(ended.stderr.splitlines()[-1])


def test_ten_times_the_readings_take_no_more_memory_to_speak_of(street: Callable[..., Path], tmp_path: Path) -> None:
    lane = street(
        meters=10,
        start="2016-03-01",
        end="2016-05-10",
        step=900,
        timezone="UTC",
        reading="15min",
        frame=24,
        hold="6h",
    )
    most = {}
    for days, end in ((7, "2016-03-08"), (70, "2016-05-10")):
        state, out = tmp_path / end, tmp_path / f"out-{days}"
        span = ("--set", f"time.end={end}", *ALONE, "--state", state)
        most[days] = most_memory("run", lane, *span, "--out", out, "--quiet", "--workers", 1)
    assert most[70] < 1.2 * most[7]


SPANS = {"three weeks": "2016-01-22", "thirty weeks": "2016-07-29"}
"""The longer is ten times the shorter."""


@pytest.fixture
def many_windows(street: Callable[..., Path], tmp_path: Path) -> Callable[..., dict[str, int]]:
    """``many_windows(command, *options)``: the most memory by span, of two homes with a reading a window.

    So nearly all there is are windows: in the ledger, in the store, in the report and in the files.
    """
    lane = street(
        meters=2,
        start="2016-01-01",
        end=SPANS["thirty weeks"],
        step=900,
        timezone="UTC",
        reading="15min",
        demand="15min",
        billing="3h",
        frame=96,
        hold="1d",
    )
    plain = (
        "crypto.aggregate.plugin=plain",
        "crypto.aggregate.plaintext_bits=3071",
        "tariff.period=month",
        "release.min_meters=2",
    )

    def measured(command: str, *options: object) -> dict[str, int]:
        return {
            span: most_memory(
                command,
                lane,
                *(part for setting in (*plain, f"time.end={end}") for part in ("--set", setting)),
                *ALONE,
                "--state",
                tmp_path / span,
                *(tmp_path / "out" / span if option == "OUT" else option for option in options),
            )
            for span, end in SPANS.items()
        }

    return measured


RUN = ("run", "--workers", 1, "--quiet")


def test_ten_times_the_windows_take_no_more_memory_to_speak_of(many_windows: Callable[..., dict[str, int]]) -> None:
    for command in (
        (*RUN, "--out", "OUT"),
        (*RUN, "--out", "OUT"),  # a finished run
        ("demand", "--windows"),
    ):
        most = many_windows(*command)
        assert most["thirty weeks"] < 1.2 * most["three weeks"], command
