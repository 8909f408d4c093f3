"""A scenario's text for another folder: its relative paths made absolute, all else as it was.

The app saves and exports such copies.
"""

from __future__ import annotations

import json
import os.path
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smarter.errors import BrokenPlugin, UnknownPlugin
from smarter.registry import Registry, options_schema
from smarter.registry import registry as installed
from smarter.scenario.choices import kind_at

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

    from smarter.scenario.document import Field


def moved(text: str, base: Path, to: Path, *, registry: Registry | None = None) -> str:
    """The text of a scenario in folder ``base`` as it has to be in folder ``to``; what is no YAML stays as it is."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    if base.resolve() == to.resolve():
        return text
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError, ValueError):
        return text
    paths = {node.start_mark.index: node for node in _paths(root, (), registry or installed())}
    for place in sorted(paths, reverse=True):
        node = paths[place]
        absolute = os.path.normpath(base.absolute() / Path(node.value).expanduser())
        text = f"{text[:place]}{json.dumps(absolute, ensure_ascii=False)}{text[node.end_mark.index :]}"
    return text


def _paths(node: Node, path: Field, registry: Registry) -> Iterator[Node]:
    """The scalars that are relative paths: options of chosen plugins whose models say so."""
    entries = _entries(node)
    if kind := kind_at(path):
        plugin = entries.get("plugin")
        names = _path_options(registry, kind, str(plugin.value)) if plugin is not None else set()
        for name in names & entries.keys():
            value = entries[name].value
            if isinstance(value, str) and value and not Path(value).expanduser().is_absolute():
                yield entries[name]
    elif len(path) < 3:
        for key, inner in entries.items():
            yield from _paths(inner, (*path, key), registry)


def _entries(node: Node) -> Mapping[str, Node]:
    value: Any = getattr(node, "value", None)
    if not isinstance(value, list) or not str(node.tag).endswith(":map"):
        return {}
    return {key.value: inner for key, inner in value if isinstance(key.value, str)}


def _path_options(registry: Registry, kind: str, name: str) -> set[str]:
    try:
        schema = options_schema(registry.get(kind, name))
    except (BrokenPlugin, UnknownPlugin):  # what is then wrong, the validator says
        return set()
    return {option for option, about in schema.get("properties", {}).items() if _is_path(about)}


def _is_path(about: Mapping[str, Any]) -> bool:
    return any(part.get("format") == "path" for part in about.get("anyOf", (about,)))
