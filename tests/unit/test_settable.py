"""What the form for ``--set`` is made of: every field of a scenario and of its plugins, with what it can be."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from smarter.charts.settable import SettableSection, Setting, settable
from smarter.scenario import load_scenario, shipped_scenarios, with_overrides


def sections(name: str = "quickstart", given: Mapping[str, str] | None = None) -> dict[str, SettableSection]:
    return {section.title: section for section in settable(load_scenario(name), given or {})}


def fields(section: SettableSection) -> dict[str, Setting]:
    return {setting.field: setting for setting in section.settings}


def test_a_field_is_a_choice_or_a_switch_or_a_text_as_its_model_says() -> None:
    found = sections()
    run, others = fields(found["run"]), fields(found["other"])
    assert run["gaps"].choices == ("flag", "fail")
    assert run["windows.demand"].choices == ()
    assert run["windows.demand"].value == "15min"
    assert run["frame"].option.bounds == "1 to 65,535"
    assert others["insecure_demo"].switch
    assert fields(found["maple-street"])["neighbourhoods.maple-street.meters"].value == "10"


def test_plugins_can_be_chosen_among_those_that_there_are_with_their_options() -> None:
    aggregate = fields(sections()["aggregate"])
    assert {"paillier", "plain"} <= set(aggregate["crypto.aggregate.plugin"].choices)
    assert aggregate["crypto.aggregate.blinding"].choices == ("djn", "exact")


def test_another_plugin_brings_its_own_options_with_their_defaults() -> None:
    tariff = fields(sections(given={"tariff.plugin": "flat"})["tariff"])
    assert tariff["tariff.plugin"].value == "time-of-use"  # as the file has it
    assert tariff["tariff.rate"].value == ""  # it has none, and is required
    assert tariff["tariff.currency"].value == "USD"
    assert "tariff.rates" not in tariff


def test_a_plugin_that_is_not_there_has_no_options() -> None:
    assert list(fields(sections(given={"store.plugin": "punched-cards"})["store"])) == ["store.plugin"]


@pytest.mark.parametrize("name", [name for name, _, _ in shipped_scenarios()])
def test_what_a_field_has_can_be_set_and_changes_nothing(name: str) -> None:
    scenario = load_scenario(name)
    for section in sections(name).values():
        given = [f"{setting.field}={setting.value}" for setting in section.settings]
        assert with_overrides(scenario, given).resolved() == scenario.resolved()
