"""A scenario's choice of a plugin with its options, checked against the plugin's own model.

The loader turns every ``{plugin: NAME, …}`` into a :class:`PluginChoice`; a run makes the plugin from it.
"""

from __future__ import annotations

import os.path
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from smarter.api.plugin import Plugin, PluginOptions
from smarter.errors import BrokenPlugin, MissingExtra, SmarterError, UnknownPlugin
from smarter.registry import Registry, contained, missing_library, said
from smarter.scenario.problems import Problem, problems_of_model

if TYPE_CHECKING:
    from smarter.scenario.document import Document, Field

_KINDS: Mapping[Field, str] = {
    ("crypto", "seal"): "cipher",
    ("crypto", "aggregate"): "scheme",
    ("crypto", "deliver"): "keywrap",
    ("store",): "store",
    ("tariff",): "tariff",
}


def kind_at(path: Field) -> str | None:
    """Which kind of plugin is chosen at a field; None where none is."""
    if len(path) == 3 and path[0] == "neighbourhoods" and path[2] == "source":
        return "source"
    return _KINDS.get(path)


def field_of(kind: str) -> str | None:
    """Where a scenario chooses a plugin of a kind, as ``--set`` takes it; None for a kind that it does not choose."""
    if kind == "source":
        return "neighbourhoods.NAME.source"
    return next((".".join(map(str, path)) for path, of in _KINDS.items() if of == kind), None)


@dataclass(frozen=True)
class PluginChoice:
    """A plugin by name, and its options as its own model has checked them."""

    kind: str
    plugin: str
    options: PluginOptions
    implementation: type[Plugin] = field(repr=False)

    def create(self) -> Any:
        """The plugin, made with these options.

        Raises:
            MissingExtra: a library that it needs is not installed; the message gives the command.
            BrokenPlugin: its constructor raised something of its own.
        """
        if missing := missing_library(self.implementation):
            raise MissingExtra(f"the {self.kind} {self.plugin!r} cannot be used: {missing}.")
        try:
            with contained():
                return self.implementation(self.options)
        except SmarterError:
            raise
        except Exception as error:  # a plugin's code may raise anything
            raise BrokenPlugin(f"the {self.kind} {self.plugin!r} cannot be made: {said(error).rstrip('.')}.") from error

    def resolved(self) -> dict[str, Any]:
        """As a scenario writes it, with every option filled in and paths absolute; JSON-able."""
        values = self.options.model_dump(by_alias=True)
        texts = self.options.model_dump(mode="json", by_alias=True)
        plain = {key: _canonical(value, texts[key]) for key, value in values.items()}
        return {"plugin": self.plugin, **plain}


def choose(
    path: Field, document: Document, registry: Registry, base: Path
) -> tuple[PluginChoice | None, list[Problem]]:
    """The choice at ``path`` of the document, or what is wrong with it.

    A plugin's name alone is short for ``{plugin: NAME}``. ``base``: what its paths are relative to.
    """
    kind = kind_at(path)
    assert kind is not None
    given: Any = document.tree
    for part in path:
        given = given[part]
    if isinstance(given, str):
        given = {"plugin": given}
    if not isinstance(given, dict) or "plugin" not in given:
        return None, [document.problem(path, f"it names no plugin: write {{plugin: NAME}}, a {kind}.")]
    name = given["plugin"]
    if not isinstance(name, str):
        return None, [document.problem((*path, "plugin"), f"{name!r} is no name of a {kind}.")]
    try:
        implementation = registry.get(kind, str(name))
    except UnknownPlugin as error:
        return None, [document.problem((*path, "plugin"), str(error), "unknown plugin")]
    except BrokenPlugin as error:
        return None, [document.problem((*path, "plugin"), str(error), "broken plugin")]
    options = {key: value for key, value in given.items() if key != "plugin"}
    if path in document.replaced:
        options = _those_known(options, path, document, implementation)
    try:
        with contained():
            checked = implementation.Options.model_validate(options, context={"base": base})
    except ValidationError as error:
        return None, list(problems_of_model(error, implementation.Options, document, path))
    except Exception as error:  # noqa: BLE001 - a plugin's validators may raise anything
        sentence = f"the options of {kind} {str(name)!r} cannot be checked: {said(error).rstrip('.')}."
        return None, [document.problem(path, sentence, "broken plugin")]
    return PluginChoice(kind, str(name), checked, implementation), []


def _those_known(
    options: dict[str, Any], path: Field, document: Document, implementation: type[Plugin]
) -> dict[str, Any]:
    """Without the file's options that belonged to the plugin which ``--set`` replaced."""
    known = {field.alias or name for name, field in implementation.Options.model_fields.items()}
    kept = {}
    for key, value in options.items():
        if key in known or (*path, key) in document.given:
            kept[key] = value
        else:
            place = ".".join(map(str, (*path, key)))
            document.notes.append(f"{place} is left out: {implementation.name}, set in its place, has no such option.")
    return kept


def _canonical(value: Any, text: Any) -> Any:
    """``text``, the JSON form of ``value``, with paths made plain and sets put in order."""
    if isinstance(value, Path):
        return os.path.abspath(value)  # noqa: PTH100 - without following links, as the file has it
    if isinstance(value, set | frozenset):
        return sorted(text, key=repr)
    if isinstance(value, dict) and isinstance(text, dict) and len(value) == len(text):
        return {key: _canonical(inner, text[key]) for inner, key in zip(value.values(), text, strict=True)}
    if isinstance(value, list | tuple) and isinstance(text, list) and len(value) == len(text):
        return [_canonical(inner, said) for inner, said in zip(value, text, strict=True)]
    return text
