"""What differs between two scenarios is told by the fields that ``--set`` takes, and nothing else is."""

from __future__ import annotations

from pathlib import Path

import pytest

from smarter.scenario import Scenario, parse_scenario
from smarter.scenario.differences import ABSENT, Difference, differences, differences_in_words

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def one(small_scenario: str) -> Scenario:
    return parse_scenario(small_scenario, source="one", base=CHECKOUT)


def other(text: str, before: str, after: str) -> Scenario:
    assert before in text
    return parse_scenario(text.replace(before, after), source="other", base=CHECKOUT)


def test_a_scenario_does_not_differ_from_itself(one: Scenario, small_scenario: str) -> None:
    assert differences(one, parse_scenario(small_scenario, source="again", base=CHECKOUT)) == []
    assert differences_in_words([]) == ""


def test_a_changed_value_is_told_by_its_whole_name_with_both_values(one: Scenario, small_scenario: str) -> None:
    found = differences(one, other(small_scenario, "key_bits: 512", "key_bits: 640"))
    assert found == [Difference("crypto.aggregate.key_bits", "512", "640")]
    assert differences_in_words(found) == "crypto.aggregate.key_bits 512 → 640"


def test_what_is_left_out_counts_as_its_default(one: Scenario, small_scenario: str) -> None:
    said = other(small_scenario, "insecure_demo: true", "insecure_demo: true\ngrace: 0s\npes: {hold: 1h}")
    assert differences(one, said) == []
    said = other(small_scenario, "insecure_demo: true", "insecure_demo: true\npes: {hold: 2h}")
    assert differences(one, said) == [Difference("pes.hold", "1h", "2h")]


def test_options_of_another_plugin_are_not_set_on_the_other_side(one: Scenario, small_scenario: str) -> None:
    flat = 'tariff: {plugin: flat, rate: "0.25", currency: EUR}'
    tiered = 'tariff: {plugin: tiered, currency: EUR, blocks: [{rate: "0.3"}]}'
    found = {each.field: each for each in differences(one, other(small_scenario, flat, tiered))}
    assert found["tariff.plugin"] == Difference("tariff.plugin", "flat", "tiered")
    assert found["tariff.rate"].after == ABSENT
    assert found["tariff.blocks"].before == ABSENT


def test_a_name_and_a_description_change_nothing_of_a_run(one: Scenario, small_scenario: str) -> None:
    assert differences(one, other(small_scenario, "name: small", "name: large\ndescription: Much the same.")) == []


def test_the_first_few_are_told_and_the_rest_counted() -> None:
    found = [Difference(f"field{number}", "1", "2") for number in range(6)]
    assert differences_in_words(found[:4]).endswith("field3 1 → 2")
    assert differences_in_words(found[:5]).endswith("field3 1 → 2 and 1 more value")
    assert differences_in_words(found).endswith("field3 1 → 2 and 2 more values")
