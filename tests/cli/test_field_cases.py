"""Inputs from the field: each is right, or refused in words of its true cause, by ``readings`` and by ``run`` alike."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from tests.cli.conftest import Call, Called


@dataclass(frozen=True)
class Right:
    """The right value.

    Attributes:
        wh: of each meter, by what the source calls it; as `readings` has it.
        demand: Wh by the start of a demand window, those that tell right from wrong.
        settings: what has to be set for it, where the scenario alone is refused.
        warning: words of it, where the file leaves a doubt.
        billed: Wh that are billed, where whole windows are not there.
    """

    wh: Mapping[str, int]
    demand: Mapping[str, int] = field(default_factory=dict)
    settings: tuple[str, ...] = ()
    warning: str = ""
    billed: int | None = None


SMALL_KEYS = ("--set", "crypto.deliver.key_bits=1024")
SOURCE = "neighbourhoods.n.source."
REGISTER = f"{SOURCE}register"
NO_COLUMN = ("row 1", "there is no column")

RIGHT = {
    "end-label-autumn": Right({"home1": 55_000}),
    "end-label-spring": Right({"home1": 23_000}),
    "one-row": Right({"home1": 500}, {"2024-01-01T00:00:00+01:00": 500}, billed=0),
    "register-at-end-of-its-hour": Right(
        {"sensor.grid": 7_000},
        {f"2024-01-01T0{hour}:00:00+01:00": 100 * (hour + 1) for hour in range(5)},
        (f"{REGISTER}={{read_at: end}}",),
        billed=7_000,
    ),
    "register-daily-reset": Right(
        {"plug": 23_000}, {"2024-01-01T22:00:00+01:00": 500}, (f"{REGISTER}={{falls: reset}}",), billed=23_000
    ),
    "register-rollover": Right(
        {"home1": 3_000}, {"2024-01-01T02:00:00+01:00": 500}, (f"{REGISTER}={{falls: rollover, digits: 5}}",)
    ),
    "register-zero-glitch": Right({"home1": 2_500}, settings=(f"{REGISTER}={{falls: reset}}",)),
    "half-hour-zone": Right(
        {"home1": 28_000}, {"2024-01-01T12:00:00+00:00": 5_000}, ("neighbourhoods.n.timezone=UTC",)
    ),
    "folder-with-a-note": Right({"a": 7_800}, settings=(f"{SOURCE}path={{folder}}/input/*.csv",)),
    "duplicate-heading": Right({"home1": 12_000}, settings=(f"{SOURCE}value=2",)),
    "espi-local-clock": Right(
        {"sdge": 12_000}, warning="its clock is UTC+00:00 without daylight saving", billed=11_000
    ),
    "two-registers-a-direction": Right({"p1": 1_200}),  # of the one column that is named
    "wide-a-column-a-client": Right({"LD": 12_000}),  # the same
}

REFUSED = {
    "csv-daily-over-clock-change": ("in two windows", "the clocks change in the span"),
    "date-and-time-apart": ("all 12 rows have the one stamp", "name the column"),
    "day-code": ("row 1", "stamp '19501'"),
    "decimal-comma-unquoted": ("row 2", "4 fields", "has 3", "decimal comma"),
    "dsmr-telegrams": NO_COLUMN,
    "duplicate-heading": ("2 columns are called 'A+ kWh': 2 and 4", "number"),
    "end-at-14-59": ("23:59:59", "in two windows", "last second"),
    "epoch-stamps": ("row 2", "stamp '1381323600'"),
    "espi-daily-over-clock-change": ("lasts 23h", "choose a span"),
    "espi-file-a-month": ("with the same id",),
    "espi-no-usage-point": ("no UsagePoint",),
    "espi-two-customers": ("two usage points", "two customers"),
    "file-a-month": ("two files for one meter 'H1'",),
    "folder-with-a-note": ("README.txt", ".csv, .tsv, .txt", "input/*.csv"),
    "footer": ("row 13", "'Total'"),
    "gzip": ("compressed", "unpack"),
    "half-hour-zone": ("05:30:00+05:30", "in two windows", "timezone"),
    "hour-24": ("row 24", "24:00"),
    "hours-1-to-25": ("all 25 rows have the one stamp",),
    "json": ("JSON",),
    "latin-1-heading": ("no column 'Mängel'", "number"),
    "missing-marks": ("row 7", "'Null'"),
    "mscons": NO_COLUMN,
    "nem12": ("row 1", "'NEM12'"),
    "newest-first": ("row 3", "newest comes first", "sort"),
    "order-later-block-first": ("row 7", "runs back", "sort"),
    "period-in-a-cell": ("row 2", "stamp"),
    "preamble": ("row 1", "no column 'Horodate'"),
    "register-at-end-of-its-hour": ("'start'", "register: read_at: end"),
    "stamp-format-without-date": ("'%H:%M'", "year, month and day"),
    "sub-seconds": ("row 2", ".123Z"),
    "thousands": ("row 2", "'1,200.5'"),
    "unit-in-the-value": ("row 2", "'0.5 kWh'"),
    "unsorted": ("row 6", "runs back", "sort"),
    "utf-16": ("no CSV text", "UTF-8"),
    "wide-a-row-a-day": ("1d apart", "windows.reading is 30min"),
    "year-folders": ("two files for one meter 'Apt1'",),
}
"""Words of the one refusal that both commands give: as an error, or, of `readings`, as a warning beside its table."""

LISTED = {
    "interval-hourly-then-quarters": (("row 7", "from 1h to 15min"), ("row 1", "1h apart", "up to row 7")),
    "irregular-samples": (("row 2", "8s from"), ("in two windows",)),
    "jitter": (("901s apart",), ("row 2", "off the grid")),
    "register-daily-reset": (("row 25", "falls from 11.5 kWh to 0 kWh"), ("row 25", "falls: reset")),
    "register-rollover": (("row 4", "falls from 99999.5 kWh"), ("row 4", "falls: rollover with digits")),
    "register-zero-glitch": (("row 7", "falls from 46.25 kWh"), ("row 7", "remove the row")),
    "rows-of-two-directions": (("row 3", "another value"), ("row 3", "repeats row 2")),
}
"""Words of a problem that `readings` lists, and of the refusal of `run`."""

DOWNLOADED_TWICE = "espi-same-download-twice"


@pytest.fixture(scope="session")
def cases(shared_data: Path) -> Path:
    folder = shared_data / "field-cases"
    if not folder.is_dir():
        pytest.skip("the shared data have no field-cases")
    return folder


def said(called: Called, *words: str) -> None:
    missing = [word for word in words if word not in called.err]
    assert not missing, (missing, called)


def test_every_case_is_looked_at(cases: Path) -> None:
    assert {path.name for path in cases.iterdir()} == {*RIGHT, *REFUSED, *LISTED, DOWNLOADED_TWICE}


@pytest.mark.parametrize("name", RIGHT)
def test_what_can_be_read_is_right(call: Call, cases: Path, tmp_path: Path, name: str) -> None:
    right, scenario = RIGHT[name], cases / name / "scenario.yaml"
    settings = [part for each in right.settings for part in ("--set", each.replace("{folder}", str(scenario.parent)))]
    looked = call("readings", scenario, *settings, "--json")
    assert looked.code == 0
    (surveys,) = json.loads(looked.out).values()
    assert {each["name"]: Fraction(each["total_mwh"]) / 1000 for each in surveys} == right.wh
    assert [each["problems"] for each in surveys] == [[]] * len(surveys)
    out = tmp_path / "out"
    ran = call(
        "run",
        scenario,
        *SMALL_KEYS,
        *settings,
        "--state",
        tmp_path / "state",
        "--out",
        out,
        "--reveal-meters",
        "--verify",
    )
    assert ran.code == 0, ran
    for called in (looked, ran):
        said(called, right.warning)
    with (out / "billing.csv").open(encoding="utf-8") as billing, (out / "demand.csv").open(encoding="utf-8") as demand:
        billed = sum(Decimal(row["energy_wh"] or 0) for row in csv.DictReader(billing))
        windows = {row["window_start"]: Decimal(row["energy_wh"] or 0) for row in csv.DictReader(demand)}
    assert billed == (sum(right.wh.values()) if right.billed is None else right.billed)
    assert {start: windows[start] for start in right.demand} == right.demand
    assert min(windows.values()) >= 0


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_for_its_true_cause(call: Call, cases: Path, tmp_path: Path, name: str) -> None:
    scenario = cases / name / "scenario.yaml"
    looked = call("readings", scenario, "--json")
    ran = call("run", scenario, *SMALL_KEYS, "--state", tmp_path / "state", "--quiet")
    assert ran.code == (2 if name == "stamp-format-without-date" else 3)
    assert looked.code in (0, ran.code)
    for called in (looked, ran):
        said(called, *REFUSED[name])
        assert called.err.count("\n") == 1
    assert ran.err.removeprefix("smarter: ") in looked.err
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("name", LISTED)
def test_what_a_run_finds_on_its_way_the_survey_lists(call: Call, cases: Path, tmp_path: Path, name: str) -> None:
    scenario = cases / name / "scenario.yaml"
    listed, refusal = LISTED[name]
    looked = call("readings", scenario, "--json")
    assert looked.code == 0
    problems = [problem for (each,) in json.loads(looked.out).values() for problem in each["problems"]]
    assert any(all(word in problem for word in listed) for problem in problems), problems
    ran = call("run", scenario, *SMALL_KEYS, "--state", tmp_path / "state", "--quiet")
    assert ran.code == 3
    said(ran, *refusal)


def test_two_downloads_of_one_home_are_one_home(call: Call, cases: Path, tmp_path: Path) -> None:
    scenario = cases / DOWNLOADED_TWICE / "scenario.yaml"
    said(call("readings", scenario), "a.xml", "b.xml", "count twice")
    ran = call("run", scenario, *SMALL_KEYS, "--state", tmp_path / "state", "--quiet")
    assert ran.code == 3
    said(ran, "a.xml", "b.xml", "one home would count twice")
