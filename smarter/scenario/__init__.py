"""From YAML to a checked scenario whose errors name file, line and field; nothing here touches data or keys."""

from smarter.scenario.choices import PluginChoice
from smarter.scenario.loading import (
    examine,
    find_scenario,
    load_scenario,
    parse_scenario,
    problems_of,
    shipped_scenarios,
    with_overrides,
)
from smarter.scenario.model import (
    AccountOptions,
    Crypto,
    Fault,
    Neighbourhood,
    PesOptions,
    Release,
    Scenario,
    Time,
    Windows,
)
from smarter.scenario.problems import Problem
from smarter.scenario.schema import scenario_schema

__all__ = [
    "AccountOptions",
    "Crypto",
    "Fault",
    "Neighbourhood",
    "PesOptions",
    "PluginChoice",
    "Problem",
    "Release",
    "Scenario",
    "Time",
    "Windows",
    "examine",
    "find_scenario",
    "load_scenario",
    "parse_scenario",
    "problems_of",
    "scenario_schema",
    "shipped_scenarios",
    "with_overrides",
]
