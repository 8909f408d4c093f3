"""``smarter convert`` as a script and a person meet it: where it writes, and what it refuses."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.cli.converting import convert
from smarter.export.own_readings import FORMATS

Call = Callable[..., Any]
ESPI = "{http://naesb.org/espi}"


def refused(called: Any, code: int, *said: str) -> None:
    """One sentence on standard error, and nothing else."""
    assert (called.code, called.out, called.err.count("\n")) == (code, "", 1), called
    assert called.err.startswith("smarter: ")
    assert all(words in called.err for words in said), called.err


def test_csv_goes_to_standard_output(call: Call, lane: Any) -> None:
    called = call("convert", lane.scenario, "--meter", "home2")
    assert (called.code, called.err) == (0, "")
    lines = called.out.splitlines()
    # 0.2, 0.45 and 0.7 kW over a quarter of an hour
    assert lines[:4] == [
        "start,energy_wh",
        "2016-01-01T00:00:00+01:00,50.000",
        "2016-01-01T00:15:00+01:00,112.500",
        "2016-01-01T00:30:00+01:00,175.000",
    ]
    assert len(lines) == 1 + 96


def test_every_format_holds_the_same_readings_and_goes_to_a_file(call: Call, lane: Any, tmp_path: Path) -> None:
    totals = {}
    for name in FORMATS:
        out = tmp_path / f"mine.{name}"
        called = call("convert", lane.scenario, "--meter", "home3", "--to", name, "--out", out)
        assert (called.code, called.out, called.err) == (0, "", f"wrote 96 readings of home3 to {out}\n")
        text = out.read_text(encoding="utf-8")
        assert "home3" not in text
        if name == "csv":
            totals[name] = sum(round(float(line.split(",")[1]) * 1000) for line in text.splitlines()[1:])
        elif name == "json":
            totals[name] = sum(round(each["energy_wh"] * 1000) for each in json.loads(text)["readings"])
        else:
            totals[name] = sum(int(value.text or "") for value in ElementTree.fromstring(text).iter(f"{ESPI}value"))
    assert set(totals.values()) == {sum(300_000 + slot % 7 * 250_000 for slot in range(96)) // 4}


def test_the_formats_that_are_offered_are_those_there_are() -> None:
    (choice,) = (option.type for option in convert.params if option.name == "wanted")
    assert list(choice.choices) == list(FORMATS)  # type: ignore[attr-defined]


def test_what_was_converted_runs_to_the_same_bills(call: Call, lane: Any, tmp_path: Path) -> None:
    homes = tmp_path / "buttons"
    homes.mkdir()
    for number in range(1, 6):
        out = homes / f"home{number}.xml"
        assert (
            call("convert", lane.scenario, "--meter", f"home{number}", "--to", "green-button", "--out", out).code == 0
        )
    source = f"neighbourhoods.lane.source={{plugin: green-button, path: {homes}}}"
    bills = []
    for name, more in (("a", ()), ("b", ("--set", source))):
        folders = ("--state", tmp_path / name, "--out", tmp_path / f"{name}-out")
        assert call("run", lane.scenario, *more, *folders, "--verify", "--quiet").code == 0
        lines = (tmp_path / f"{name}-out" / "bills.csv").read_text().splitlines()[1:]
        bills.append(sorted(line.split(",", 1)[1] for line in lines))  # but for the pseudonym
    assert bills[0] == bills[1]
    assert len(bills[0]) == 5


def test_a_gap_is_left_out(call: Call, lane: Any) -> None:
    lane.home(1).write_text("\n".join(lane.home(1).read_text().splitlines()[:10]) + "\n")
    assert len(call("convert", lane.scenario, "--meter", "home1").out.splitlines()) == 1 + 10


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--meter", "home9"), 2, "neighbourhood lane has no meter home9; it has home1, home2, home3, home4, home5."),
        (("--meter", "home1", "--neighbourhood", "road"), 2, "there is no neighbourhood road; lane has lane."),
        (("--meter", "home1", "--set", "time.end=2016-01-01"), 2, "time"),
    ],
)
def test_slips_are_told_in_a_sentence(call: Call, lane: Any, arguments: tuple[str, ...], code: int, said: str) -> None:
    refused(call("convert", lane.scenario, *arguments), code, said)


def test_a_meter_without_readings_in_the_span_is_missing_data(call: Call, lane: Any) -> None:
    lane.home(1).write_text("2015-12-01 00:00:00,1\n2015-12-01 00:15:00,1\n")
    refused(call("convert", lane.scenario, "--meter", "home1"), 3, "home1.csv: meter home1 has no reading in the span")


def test_a_folder_that_is_not_there_is_the_machines_refusal(call: Call, lane: Any, tmp_path: Path) -> None:
    called = call("convert", lane.scenario, "--meter", "home1", "--out", tmp_path / "no" / "mine.csv")
    assert (called.code, called.err.count("\n")) == (6, 1)


def test_what_a_source_leaves_out_is_said_on_standard_error(call: Call, lane: Any, tmp_path: Path) -> None:
    out = tmp_path / "home1.xml"
    assert call("convert", lane.scenario, "--meter", "home1", "--to", "green-button", "--out", out).code == 0
    gas = (
        '<entry><title>Stove</title><content><UsagePoint xmlns="http://naesb.org/espi"><ServiceCategory><kind>1</kind>'
    )
    text = out.read_text().replace("</feed>", f"{gas}</ServiceCategory></UsagePoint></content></entry></feed>")
    out.write_text(text)
    source = f"neighbourhoods.lane.source={{plugin: green-button, path: {tmp_path}}}"
    called = call("readings", lane.scenario, "--set", source, "--json")
    assert (called.code, len(json.loads(called.out)["lane"])) == (0, 1)
    assert called.err.startswith(f"warning: {out}: UsagePoint 'Stove' (line ")
    assert called.err.endswith(") is left out: it measures gas.\n")
