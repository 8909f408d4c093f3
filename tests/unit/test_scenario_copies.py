"""Copies of scenarios: what is set is written into the text, comments stay, and each has a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarter.scenario import examine, load_scenario, shipped_scenarios
from smarter.scenario.copies import copied, put

TEXT = """\
# A lane.
version: 1
name: lane      # its name
neighbourhoods:
  lane:
    timezone: UTC
    source: {plugin: csv, path: homes}  # a folder
    # behind the source
time: {start: 2016-01-01, end: 2016-01-02}
windows: {reading: 1min, demand: 15min, billing: 3h}
crypto:
  aggregate: paillier  # the scheme
tariff:
  plugin: flat
  rate: "0.25"
  currency: EUR
  # behind the tariff
store: tinydb
"""


@pytest.mark.parametrize(
    ("field", "value", "written"),
    [
        (("name",), "other", "name: other      # its name"),
        (("windows", "billing"), "6h", "demand: 15min, billing: 6h}"),
        (("windows", "new"), 3, "windows: {new: 3, reading: 1min"),
        (("tariff", "rate"), "0.50", '  rate: "0.50"\n  currency: EUR\n  # behind'),
        (("tariff", "period"), "run", "  currency: EUR\n  period: run\n  # behind"),
        (("tariff",), {"plugin": "tiered", "blocks": []}, "tariff:\n  {plugin: tiered, blocks: []}\n  # behind"),
        (("crypto", "aggregate", "key_bits"), 2048, "aggregate: {plugin: paillier, key_bits: 2048}  # the scheme"),
        (("pes", "hold"), "2h", "store: tinydb\npes: {hold: 2h}\n"),
        (("neighbourhoods", "lane", "meters"), ["a b"], '# a folder\n    meters: ["a b"]\n    # behind'),
    ],
)
def test_a_field_is_written_in_its_place_and_comments_stay(field: tuple[str, ...], value: object, written: str) -> None:
    after = put(TEXT, field, value)
    assert written in after
    assert after.count("#") == TEXT.count("#")


OVERRIDES = [
    (),
    ("windows.billing=6h", "seed=9"),
    ("crypto.aggregate.key_bits=2048",),
    ("crypto.aggregate.plugin=plain", "insecure_demo=true"),
    ("crypto.aggregate=plain", "insecure_demo=true"),
    ("tariff.plugin=tiered", "tariff.blocks=[{rate: '0.10'}]", "tariff.currency=USD"),
    ("store=sqlite",),
    ("neighbourhoods.lane.source.path=elsewhere",),
    ("release.min_meters=6", "pes.hold=2h", "accounts.keep_frames=60d"),
]


@pytest.mark.parametrize("overrides", OVERRIDES, ids=" ".join)
def test_a_copy_does_what_the_original_does_with_what_is_set(
    overrides: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    here, there = tmp_path / "here" / "lane.yaml", tmp_path / "there" / "avenue.yaml"
    original = examine(TEXT, here, overrides)
    assert not isinstance(original, list), original
    copy = copied(TEXT, here, there, overrides)
    assert copy.holds_set
    again = examine(copy.text, there)
    assert not isinstance(again, list), again
    assert again.resolved() == original.resolved() | {"name": "avenue"}
    assert again.digest != original.digest
    assert "# behind the source" in copy.text


@pytest.mark.parametrize("name", [name for name, *_ in shipped_scenarios()])
def test_every_shipped_scenario_can_be_copied_with_a_value_set(name: str, tmp_path: Path) -> None:
    original = load_scenario(name, ["seed=12", "frame=1"])
    path = original.path
    copy = copied(path.read_text(), path, tmp_path / "copy.yaml", ["seed=12", "frame=1"])
    again = examine(copy.text, tmp_path / "copy.yaml")
    assert not isinstance(again, list), again
    assert again.resolved() == original.resolved() | {"name": "copy"}
    assert copy.text.startswith(path.read_text()[:40])


def test_a_copy_under_the_same_file_name_in_another_folder_has_another_name(tmp_path: Path) -> None:
    for text in (TEXT, TEXT.replace("name: lane      # its name\n", "")):
        copy = copied(text, tmp_path / "here" / "lane.yaml", tmp_path / "there" / "lane.yaml")
        assert "name: lane-2" in copy.text


def test_a_text_whose_fields_cannot_be_written_in_place_is_written_whole(tmp_path: Path) -> None:
    text = TEXT.replace("billing: 3h", "billing: &long 3h").replace("store:", "pes: {hold: *long}\nstore:")
    copy = copied(text, tmp_path / "lane.yaml", tmp_path / "avenue.yaml", ["windows.billing=6h"])
    again = examine(copy.text, tmp_path / "avenue.yaml")
    assert not isinstance(again, list)
    assert (again.name, again.windows.billing, again.pes.hold) == ("avenue", 6 * 3_600, 3 * 3_600)
    assert copy.text.startswith("# A lane.\n")


def test_a_text_that_is_no_scenario_is_copied_as_it_is(tmp_path: Path) -> None:
    copy = copied("version: [", tmp_path / "a.yaml", tmp_path / "b.yaml", ["seed=1"])
    assert (copy.text, copy.holds_set) == ("version: [", False)
