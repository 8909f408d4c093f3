"""From text and overrides to a scenario: defaults, paths, precedence, digests."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from smarter.errors import MachineError, ScenarioError
from smarter.scenario import Scenario, load_scenario, parse_scenario, shipped_scenarios

SHORTEST = """
version: 1
neighbourhoods:
  lane: {timezone: Europe/Berlin, source: {plugin: umass, path: homes}}
tariff: {plugin: flat, rate: 0.25}
"""


def parse(*overrides: str, text: str = SHORTEST, base: Path = Path("/data")) -> Scenario:
    return parse_scenario(text, source="x.yaml", base=base, overrides=overrides)


def test_everything_left_out_has_the_documented_default() -> None:
    scenario = parse()
    assert (scenario.name, scenario.seed, scenario.frame, scenario.grace, scenario.gaps) == (
        "scenario",
        0,
        60,
        0,
        "flag",
    )
    assert scenario.windows.model_dump() == {"reading": 60, "demand": 900, "billing": 10_800}
    assert scenario.pes.model_dump() == {"hold": 3_600, "combine": "frame", "lanes": "auto"}
    assert scenario.release.model_dump() == {"min_meters": 5, "min_billing_window": 7_200}
    assert [choice.plugin for _, choice in scenario.choices()][:5] == [
        "aes-gcm",
        "paillier",
        "rsa-oaep",
        "tinydb",
        "flat",
    ]
    assert scenario.crypto.aggregate.options.key_bits == scenario.crypto.deliver.options.key_bits == 3072
    assert scenario.neighbourhoods["lane"].rating_kw == Decimal(100)
    assert (scenario.time.start_in("Europe/Berlin"), scenario.protocol, scenario.warnings) == (None, "pes", ())


@pytest.mark.parametrize(
    ("given", "frame", "hold"),
    [
        ((), 60, 3_600),
        (("windows.reading=15min",), 4, 3_600),
        (("windows.reading=5min", "pes.hold=30min"), 6, 1_800),
        (("frame=7",), 7, 63 * 60),
        (("pes.hold=1min",), 1, 60),
        (("pes.hold=90min",), 45, 5_400),
        (("windows.reading=2h", "windows.demand=2h", "windows.billing=4h"), 1, 7_200),
    ],
)
def test_frame_and_hold_fit_each_other_where_they_are_left_out(given: tuple[str, ...], frame: int, hold: int) -> None:
    scenario = parse(*given)
    assert (scenario.frame, scenario.pes.hold) == (frame, hold)


def test_a_path_is_relative_to_the_scenario_and_with_set_to_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = "neighbourhoods.lane.source.path"
    assert parse().neighbourhoods["lane"].source.options.path == Path("/data/homes")
    for override in (f"{path}=homes", "neighbourhoods.lane.source={plugin: umass, path: homes}"):
        assert parse(override).neighbourhoods["lane"].source.options.path == tmp_path / "homes"


def test_an_override_makes_sections_that_the_file_leaves_out_and_the_last_one_wins() -> None:
    scenario = parse("time.start=2016-01-01", "pes.lanes=4", "pes.lanes=2", "store=sqlite", "faults=[]")
    assert scenario.time.start_in("Europe/Berlin") == 1_451_602_800
    assert (scenario.pes.lanes, scenario.store.plugin) == (2, "sqlite")


def test_changing_the_plugin_drops_the_files_options_that_it_does_not_have_and_says_so() -> None:
    text = SHORTEST.replace(
        "{plugin: flat, rate: 0.25}", "{plugin: time-of-use, currency: EUR, rates: {peak: 1}, peak: {}}"
    )
    scenario = parse("tariff.rate=0.3", "tariff.plugin=flat", text=text)
    assert (scenario.tariff.options.rate, scenario.tariff.options.currency) == (Decimal("0.3"), "EUR")
    assert scenario.warnings == (
        "tariff.rates is left out: flat, set in its place, has no such option.",
        "tariff.peak is left out: flat, set in its place, has no such option.",
    )
    with pytest.raises(ScenarioError, match=r"--set tariff.rates={peak: 1}: unknown key"):
        parse("tariff.rates={peak: 1}", "tariff.rate=0.3", "tariff.plugin=flat", text=text)


def test_the_resolved_scenario_leaves_nothing_out_and_reads_back_as_itself() -> None:
    scenario = load_scenario("lossy")
    resolved = scenario.resolved()
    again = parse_scenario(json.dumps(resolved), source="again", base=Path("/elsewhere"))
    assert again.resolved() == resolved
    assert again.digest == scenario.digest
    assert resolved["crypto"]["aggregate"]["key_bits"] == 3072


def test_the_digest_changes_with_everything_but_description_and_end() -> None:
    digest = load_scenario("quickstart").digest
    for same in ("description=another", "time.end=2016-01-15", "windows.billing=180min"):
        assert load_scenario("quickstart", [same]).digest == digest
    for other in ("seed=8", "time.start=2016-01-02", "crypto.aggregate.key_bits=2048", "tariff.rates.peak=0.25"):
        assert load_scenario("quickstart", [other]).digest != digest


def test_the_digest_does_not_depend_on_how_the_file_is_reached(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(checkout)
    assert load_scenario("scenarios/quickstart.yaml").digest == load_scenario("quickstart").digest


def test_a_scenario_cannot_be_changed() -> None:
    scenario = parse()
    with pytest.raises(ValidationError):
        scenario.seed = 3  # type: ignore[misc]


def test_a_file_goes_before_a_shipped_name_and_a_folder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("quickstart").mkdir()
    assert load_scenario("quickstart").name == "quickstart"
    Path("quickstart").rmdir()
    Path("quickstart").write_text(SHORTEST + "name: mine")
    scenario = load_scenario("quickstart")
    assert (scenario.name, scenario.path) == ("mine", Path("quickstart"))


def test_what_is_no_scenario_file_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes("name: caf\xe9".encode("latin-1"))
    with pytest.raises(ScenarioError, match=r"latin.yaml: is not UTF-8 text"):
        load_scenario(tmp_path / "latin.yaml")
    with pytest.raises(ScenarioError, match=r"is a folder"):
        load_scenario(tmp_path)
    with pytest.raises(ScenarioError, match=r"quikstart: .*did you mean 'quickstart'\?"):
        load_scenario("quikstart")
    with pytest.raises(ScenarioError, match=r"nowhere/quickstart.yaml: .*'quickstart' is a shipped one"):
        load_scenario("nowhere/quickstart.yaml")


def test_a_file_that_may_not_be_read_is_the_machines_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(SHORTEST)

    def denied(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(MachineError, match=r"mine.yaml: cannot be read: Permission denied"):
        load_scenario(path)


def test_shipped_scenarios_say_what_they_are() -> None:
    assert {name for name, _, _ in shipped_scenarios()} >= {"quickstart", "umass-week", "lossy"}
    assert all(path.stem == name and description.endswith(".") for name, path, description in shipped_scenarios())
