"""The JSON Schema of a scenario, with the options of every plugin there is; ``smarter schema`` prints it."""

from __future__ import annotations

from typing import Any

from smarter.api.hooks import KINDS
from smarter.errors import BrokenPlugin
from smarter.model.windows import spell
from smarter.registry import Registry, options_schema
from smarter.registry import registry as installed
from smarter.scenario.durations import PATTERN as DURATION
from smarter.scenario.model import PLUGIN_OF, Scenario

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_LEFT_OUT = frozenset({"name", "crypto", "store"})  # the loader fills them in


def scenario_schema(registry: Registry | None = None) -> dict[str, Any]:
    """JSON Schema (2020-12) of what :func:`smarter.scenario.load_scenario` reads."""
    registry = registry or installed()
    schema: dict[str, Any] = _completed(Scenario.model_json_schema())
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    for kind in KINDS:
        definitions[kind] = _any_plugin(registry, kind, definitions)
    schema["required"] = [name for name in schema["required"] if name not in _LEFT_OUT]
    definitions["Crypto"].pop("required", None)
    return {"$schema": DIALECT, **schema, "title": "Smarter scenario"}


def _completed(value: Any) -> Any:
    """What pydantic cannot write: references to the kinds' definitions, durations as text, no other ids."""
    if isinstance(value, list):
        return [_completed(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _completed(inner) for key, inner in value.items()}
    if isinstance(kind := schema.pop(PLUGIN_OF, None), str):
        schema["$ref"] = f"#/$defs/{kind}"
    if schema.get("pattern") == DURATION and isinstance(schema.get("default"), int):
        schema["default"] = spell(schema["default"])
    if "patternProperties" in schema:
        schema["additionalProperties"] = False
    if isinstance(description := schema.get("description"), str):
        schema["description"] = " ".join(description.split())
    return schema


def _any_plugin(registry: Registry, kind: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """One alternative a plugin, told apart by its name; where all options have defaults, the name alone will do."""
    alternatives, bare = [], []
    for name in registry.names(kind):
        plugin = registry.get(kind, name)
        try:
            options = options_schema(plugin, f"#/$defs/{kind}-{name}-{{model}}")
        except BrokenPlugin:
            options = {}  # a scenario that names it learns why
        for model, definition in options.pop("$defs", {}).items():
            definitions[f"{kind}-{name}-{model}"] = definition
        required = options.get("required", [])
        if not required:
            bare.append(name)
        alternatives.append(
            {
                **options,
                "title": f"{kind} {name}",
                "description": plugin.summary,
                "properties": {"plugin": {"const": name}, **options.get("properties", {})},
                "required": ["plugin", *required],
            }
        )
    return {"anyOf": [{"enum": bare}, *alternatives] if bare else alternatives}
