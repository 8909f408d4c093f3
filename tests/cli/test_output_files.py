"""Files that commands write: for no more readers than the umask says, and harmless in a spreadsheet."""

from __future__ import annotations

import csv
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

import pytest

Call = Callable[..., Any]
METERS = ('=HYPERLINK("http://evil.example","x")', "@SUM(A1)", "+1+1", "-2+3", "apt3;=1+1", "12", "../../evil")


@pytest.fixture
def private() -> Iterator[None]:
    """A user who keeps all files to themselves."""
    before = os.umask(0o077)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private")
def test_no_out_file_is_readable_by_others_under_umask_077(call: Call, lane: Any) -> None:
    out = lane.folder / "out"
    assert call("run", lane.scenario, "--state", lane.state, "--out", out, "--reveal-meters", "--quiet").code == 0
    assert call("convert", lane.scenario, "--meter", "home2", "--out", out / "home2.csv").code == 0
    assert call("readings", lane.scenario, "--tile", "5x2", "--out", lane.folder / "tiled").code == 0
    files = [path for folder in (out, lane.folder / "tiled") for path in folder.iterdir()]
    assert len(files) >= 12
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}


def test_names_of_meters_are_no_formulas_in_meters_csv(call: Call, lane: Any) -> None:
    with (lane.folder / "all.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["at", "meter", "kw"])
        for quarter in range(96):
            for number, meter in enumerate(METERS):
                stamp = f"2016-01-01 {quarter // 4:02}:{quarter % 4 * 15:02}:00"
                writer.writerow([stamp, meter, f"{number + 1 + quarter % 3}.5"])
    lane.rewrite("{plugin: umass, path: homes}", "{plugin: csv, path: all.csv, stamp: at, meter: meter, value: kw}")
    out = lane.folder / "out"
    called = call("run", lane.scenario, "--state", lane.state, "--out", out, "--reveal-meters", "--quiet")
    assert called.code == 0, called
    with (out / "meters.csv").open(newline="") as file:
        sources = {row["source"] for row in csv.DictReader(file)}
    assert sources == {
        """'=HYPERLINK("http://evil.example","x")""", "'@SUM(A1)", "'+1+1", "'-2+3", "apt3;'=1+1", "12", "../../evil",
    }  # fmt: skip
    with (out / "bills.csv").open(newline="") as file:
        assert all(float(row["energy_wh"]) > 0 for row in csv.DictReader(file))
