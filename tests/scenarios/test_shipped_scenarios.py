"""The scenarios that come with Smarter: each is valid as it stands and does what it is there to show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.api import SourceContext
from smarter.model.windows import Axis
from smarter.protocols.plan import cut_plan
from smarter.protocols.summary import warnings_of
from smarter.scenario import Scenario, load_scenario, scenario_schema, shipped_scenarios
from smarter.scenario.document import read_document

SHIPPED = [
    "compare-phe",
    "dst",
    "lossy",
    "net-metering",
    "quickstart",
    "street-and-village",
    "umass-week",
    "year",
]
COMPLETE = [name for name in SHIPPED if name != "year"]
"""Those whose data are shipped, too."""
YEAR = "neighbourhoods.village"
NEW_YORK = "America/New_York"


def test_exactly_these_scenarios_are_shipped() -> None:
    assert [name for name, _, _ in shipped_scenarios()] == SHIPPED


@pytest.mark.parametrize("name", COMPLETE)
def test_it_is_valid_from_anywhere_and_its_meters_are_there(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    scenario = load_scenario(name)
    assert scenario.name == name
    for id_, neighbourhood in scenario.neighbourhoods.items():
        context = SourceContext(id_, neighbourhood.timezone, scenario.windows.reading, scenario.seed)
        meters = neighbourhood.source.create().meters(context)
        assert len(meters) >= max(neighbourhood.meters or 0, scenario.release.min_meters)
        assert {fault.meter for fault in scenario.faults if fault.neighbourhood == id_} <= {m.name for m in meters}
        stamps = [int(rows.stamps[place]) for rows in meters[0].rows() for place in (0, -1)]
        assert max(stamps) - min(stamps) >= _span(scenario) - scenario.windows.reading


def _span(scenario: Scenario) -> float:
    assert scenario.time.start is not None
    assert scenario.time.end is not None
    return (scenario.time.end - scenario.time.start).total_seconds()


@pytest.mark.parametrize("name", [name for name in SHIPPED if name != "compare-phe"])
def test_it_runs_without_a_warning(name: str) -> None:
    assert load_scenario(name).warnings == ()


def test_the_slow_way_warns_of_its_two_homes_alone() -> None:
    (warning,) = load_scenario("compare-phe").warnings
    assert warning.startswith("release.min_meters is 2")


def test_the_slow_way_is_the_briefs() -> None:
    scenario = load_scenario("compare-phe")
    assert scenario.crypto.aggregate.plugin == "paillier-phe"
    assert (scenario.frame, scenario.pes.hold, scenario.pes.combine, scenario.pes.lanes) == (1, 60, "none", 1)
    assert (scenario.windows.billing, scenario.release.min_meters) == (7_200, 2)
    assert _span(scenario) == 7_200


def test_the_real_homes_can_be_set_as_the_issue_sets_them(tmp_path: Path) -> None:
    given = [f"neighbourhoods.umass.source.path={tmp_path}", "neighbourhoods.umass.meters=7"]
    neighbourhood = load_scenario("umass-week", given).neighbourhoods["umass"]
    assert (neighbourhood.meters, neighbourhood.source.options.path) == (7, tmp_path)


def test_the_clock_changes_inside_the_week_that_shows_it() -> None:
    time, zone = load_scenario("dst").time, NEW_YORK
    start, end = time.start_in(zone), time.end_in(zone)
    assert start is not None
    assert end is not None
    assert end - start == (7 * 24 + 1) * 3_600


def test_two_neighbourhoods_have_two_clocks() -> None:
    scenario = load_scenario("street-and-village")
    zones = [neighbourhood.timezone for neighbourhood in scenario.neighbourhoods.values()]
    assert scenario.time.start_in(zones[0]) != scenario.time.start_in(zones[1])


def test_every_kind_of_fault_is_shown() -> None:
    assert {fault.kind for fault in load_scenario("lossy").faults} == {"drop", "duplicate", "replay", "tamper", "delay"}


def test_the_schema_admits_what_is_shipped_and_refuses_slips() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema: dict[str, Any] = scenario_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    for name, path, _ in shipped_scenarios():
        tree = read_document(path.read_text(encoding="utf-8"), name).tree
        assert [error.message for error in validator.iter_errors(tree)] == []
        assert list(validator.iter_errors(load_scenario(name).resolved())) == []
        for slip in ({"widnows": {}}, {"windows": {"demand": 15}}, {"tariff": {"plugin": "nope"}}, {"store": "nope"}):
            assert list(validator.iter_errors(tree | slip)), slip


@pytest.mark.parametrize("name", [name for name in COMPLETE if name not in ("compare-phe", "dst")])
def test_it_runs_and_verifies(name: str, carry: Callable[..., Any], small_keys: tuple[str, ...]) -> None:
    assert carry(name, *small_keys).result["verified"] is True


def test_the_year_says_that_its_data_are_not_there(smarter: Callable[..., Any], tmp_path: Path) -> None:
    missing = tmp_path / "year-data"
    ended = smarter("run", "year", "--set", f"{YEAR}.source.path={missing}", "--state", tmp_path / "state")
    assert (ended.code, ended.out) == (3, "")
    assert f"{missing}: there is no such file or folder" in ended.err


def test_the_year_runs_on_homes_tiled_from_the_sample_week(
    smarter: Callable[..., Any],
    carry: Callable[..., Any],
    small_keys: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    ended = smarter("readings", "quickstart", "--tile", "12x2", "--out", "year-data")
    assert (ended.code, ended.out, ended.err) == (0, "", "wrote 12 homes of 2 days into year-data (1.0 MB)\n")
    smaller = (f"{YEAR}.source.path=year-data", f"{YEAR}.meters=12", "time.end=2016-01-03")
    files = carry("year", *smaller, *small_keys)
    assert (files.result["verified"], files.result["plugins"]["store"]["plugin"]) == (True, "sqlite")
    assert files.result["counts"]["readings"] == files.result["counts"]["expected"] == 12 * 2 * 1440
    assert sorted(files.meters.values()) == [f"home-{number:03}" for number in range(1, 13)]


def test_the_year_is_more_than_tinydb_is_for_and_the_run_would_say_so() -> None:
    def warnings(*settings: str) -> list[str]:
        scenario = load_scenario("year", settings)
        start, end = scenario.time.start_in(NEW_YORK), scenario.time.end_in(NEW_YORK)
        assert start is not None
        assert end is not None
        return warnings_of(scenario, [cut_plan(scenario, "village", Axis(60), start, end, 114)])

    assert warnings() == []
    (warning,) = warnings("store=tinydb")
    assert warning == (
        "store tinydb is for up to 10,000 records and this run makes 367,920: choose sqlite, with "
        "--set store.plugin=sqlite."
    )
    assert warnings("store=tinydb", "time.end=2016-01-08") == []


def test_the_quickstart_shows_each_party_what_the_page_on_security_says(
    carry: Callable[..., Any], checkout: Path
) -> None:
    page = (checkout / "docs" / "security.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines() if line.startswith("|")]
    top = next(number for number, row in enumerate(rows) if row[:2] == ["party", "frames"])
    columns = {
        "frames": "frames",
        "single readings": "readings",
        "at most at once": "peak_readings",
        "household totals": "household_totals",
        "neighbourhood totals": "neighbourhood_totals",
        "unwrapped keys": "unwrapped",
        "decrypted ciphertexts": "decrypted",
    }
    assert rows[top][1:] == list(columns)
    # As many lanes as a key of 3,072 bits has, at no cost.
    plain = ("plugin=plain", "plaintext_bits=3071")
    settings = ["insecure_demo=true", "crypto.deliver.key_bits=1024", *(f"crypto.aggregate.{each}" for each in plain)]
    views = carry("quickstart", *settings).result["views"]
    parties = ("concentrator", "pes", "releaser", "mdms")
    for party, (named, *cells) in zip(parties, rows[top + 2 :], strict=False):
        assert named.lower() == party
        seen = [views[party][name] for name in columns.values()]
        if party == "mdms":
            assert cells[5] == "one a delivery"
            assert 0 < seen[5] <= views["releaser"]["decrypted"]
            cells[5] = str(seen[5])
        assert [int(cell.replace(",", "")) for cell in cells] == seen, party


@pytest.mark.slow
def test_one_runs_and_verifies_with_keys_of_full_size(carry: Callable[..., Any]) -> None:
    result = carry("dst").result
    assert result["verified"] is True
    assert result["warnings"] == []
    assert result["plugins"]["aggregate"]["options"]["key_bits"] == 3072
