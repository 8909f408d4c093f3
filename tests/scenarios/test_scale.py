"""What a longer span takes: not more memory."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

MEASURED = """
import atexit, resource, sys
from smarter.cli.app import main
atexit.register(lambda: print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="nobody counts a process's memory there")
def test_ten_times_the_readings_take_no_more_memory_to_speak_of(street: Callable[..., Path], tmp_path: Path) -> None:
    lane = street(meters=10, start="2016-03-01", end="2016-05-10", step=900, reading="15min", frame=24, hold="6h")
    most = {}
    for days, end in ((7, "2016-03-08"), (70, "2016-05-10")):
        arguments = ["run", str(lane), "--set", f"time.end={end}", "--set", "store.plugin=sqlite"]
        arguments += [
            "--state",
            str(tmp_path / end),
            "--out",
            str(tmp_path / f"out-{days}"),
            "--quiet",
            "--workers",
            "1",
        ]
        ended = subprocess.run(
            [sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True, timeout=180
        )
        most[days] = int(ended.stdout)
    assert most[70] < 1.2 * most[7]
