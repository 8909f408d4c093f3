"""What of a scenario can be set with ``--set``, section by section, from its own models and those of its plugins.

The app makes a form of it: a choice where there are only so many values, a switch for yes or no, else a line of text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from smarter.charts.plugins import Option, options_in
from smarter.registry import Registry, contained
from smarter.registry import registry as installed
from smarter.scenario import Scenario, scenario_schema
from smarter.scenario.choices import kind_at

_RUN = ("time", "windows", "frame", "grace", "gaps")
_OTHERS = ("seed", "insecure_demo", "accounts", "consent")
_ROLES = {"seal": "crypto.seal", "aggregate": "crypto.aggregate", "deliver": "crypto.deliver"}
NULL = "null"


@dataclass(frozen=True)
class Setting:
    """One field.

    Attributes:
        field: as ``--set`` takes it.
        option: what it is, in words.
        value: what holds while it is not set, as ``--set`` would take it.
        choices: all that it can be; empty: anything.
        switch: whether it is yes or no.
    """

    field: str
    option: Option
    value: str
    choices: tuple[str, ...] = ()
    switch: bool = False


@dataclass(frozen=True)
class SettableSection:
    """Fields that belong together; ``plugin``: where one is chosen, such as ``crypto.seal``."""

    title: str
    settings: tuple[Setting, ...]
    plugin: str = ""


def settable(
    scenario: Scenario, given: Mapping[str, str], *, registry: Registry | None = None
) -> list[SettableSection]:
    """All sections.

    Args:
        scenario: as its file has it, without what is given.
        given: what is set, by field; a plugin among it brings its own options, with their defaults.
        registry: whose plugins.
    """
    registry = registry or installed()
    resolved, schema = scenario.resolved(), scenario_schema(registry)

    def section(title: str, names: tuple[str, ...]) -> SettableSection:
        return SettableSection(title, tuple(_fields("", names, schema, schema, resolved)))

    def plugin(title: str, path: str) -> SettableSection:
        chosen = _at(resolved, path)
        return SettableSection(title, tuple(_plugin(path, chosen, given, registry)), path)

    sections = [section("run", _RUN), section("PES", ("pes",)), section("release", ("release",))]
    sections += [plugin(title, path) for title, path in _ROLES.items()]
    sections += [plugin(name, name) for name in ("store", "tariff")]
    area_schema = schema["$defs"]["Neighbourhood"]
    for name in scenario.neighbourhoods:
        path = f"neighbourhoods.{name}"
        own = _fields(path, ("timezone", "meters", "rating_kw"), area_schema, schema, _at(resolved, path))
        source = plugin(name, f"{path}.source")
        sections.append(SettableSection(name, (*own, *source.settings), source.plugin))
    return [*sections, section("other", _OTHERS)]


def _fields(
    path: str, names: tuple[str, ...], section: Mapping[str, Any], whole: Mapping[str, Any], values: Mapping[str, Any]
) -> Iterator[Setting]:
    """The named fields of a section; those that are sections themselves, field by field."""
    options = {option.name: option for option in options_in(section)}
    for name in names:
        about, field = section["properties"][name], f"{path}.{name}".lstrip(".")
        if "$ref" in about:
            inner = whole["$defs"][about["$ref"].rpartition("/")[2]]
            yield from _fields(field, tuple(inner["properties"]), inner, whole, values[name])
        else:
            yield _setting(field, options[name], about, values[name])


def _plugin(path: str, chosen: Mapping[str, Any], given: Mapping[str, str], registry: Registry) -> Iterator[Setting]:
    """Which plugin, and its options; those of another one than the file's begin with their defaults."""
    kind = kind_at(tuple(path.split(".")))
    assert kind is not None
    names = tuple(listing.name for listing in registry.listings() if listing.kind == kind and listing.error is None)
    word = Option("plugin", kind, "", json.dumps(chosen["plugin"]), f"Which {kind}.")
    yield Setting(f"{path}.plugin", word, chosen["plugin"], names)
    name = given.get(f"{path}.plugin", given.get(path, chosen["plugin"]))
    if name not in names:
        return
    try:
        with contained():
            schema = registry.get(kind, name).Options.model_json_schema()
    except Exception:  # noqa: BLE001 - a plugin's code may raise anything; which plugin can be set all the same
        return
    values: Mapping[str, Any] = chosen if name == chosen["plugin"] else {}
    for option in options_in(schema):
        about = schema["properties"][option.name]
        value = values.get(option.name, about.get("default", ""))
        yield _setting(f"{path}.{option.name}", option, about, value)


def _setting(field: str, option: Option, about: Mapping[str, Any], value: Any) -> Setting:
    return Setting(field, option, value_text(value), _choices(about), about.get("type") == "boolean")


def value_text(value: Any) -> str:
    """A value as ``--set`` takes it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _choices(about: Mapping[str, Any]) -> tuple[str, ...]:
    found: list[str] = []
    for part in about.get("anyOf", (about,)):
        if "enum" in part:
            found += map(str, part["enum"])
        elif part.get("type") == "null":
            found.append(NULL)
        else:
            return ()
    return tuple(found)


def _at(values: Mapping[str, Any], path: str) -> Any:
    for part in path.split("."):
        values = values[part]
    return values
