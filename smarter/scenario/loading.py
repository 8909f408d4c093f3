"""From a path or a shipped name to a checked scenario; the command line, the app and ``bench`` call it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import smarter
from smarter.api.plugin import Plugin, PluginOptions
from smarter.errors import BrokenPlugin, MachineError, ScenarioError, SmarterError
from smarter.model.windows import spell
from smarter.registry import Registry
from smarter.registry import registry as installed
from smarter.scenario import checks
from smarter.scenario.choices import PluginChoice, choose
from smarter.scenario.document import Document, Field, Unreadable, control_problems, read_document
from smarter.scenario.durations import parse_duration
from smarter.scenario.model import Scenario
from smarter.scenario.overrides import apply_overrides
from smarter.scenario.problems import Problem, as_error, did_you_mean, in_file_order, problems_of_model

_DEFAULT_PLUGINS = {"seal": "aes-gcm", "aggregate": "paillier", "deliver": "rsa-oaep"}
_DEFAULT_STORE = "tinydb"
_FRAME, _HOLD = 60, 3_600
# Stands in the place of a plugin that could not be chosen, so that it is complained about once.
_UNCHOSEN = PluginChoice("", "", PluginOptions(), Plugin)


def load_scenario(
    reference: str | Path, overrides: Sequence[str] = (), *, registry: Registry | None = None
) -> Scenario:
    """Read and check a scenario: a file's path, or the bare name of a shipped one.

    Raises:
        ScenarioError: there is none, or it cannot be run; a line for each thing that is wrong, in file order.
        UnknownPlugin: all that is wrong is that a plugin is not there.
        BrokenPlugin: all that is wrong is that a plugin is broken.
        MachineError: the file cannot be read.
    """
    path = find_scenario(reference)
    shown = str(reference) if Path(reference) == path else path.name
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError:
        raise ScenarioError(f"{shown}: is not UTF-8 text; a scenario is a YAML file.") from None
    except OSError as error:
        raise MachineError(f"{shown}: cannot be read: {error.strerror}.") from error
    found = examine(text, path, overrides, source=shown, registry=registry)
    if isinstance(found, Scenario):
        return found
    raise as_error(found)


def examine(
    text: str,
    path: Path,
    overrides: Sequence[str] = (),
    *,
    source: str | None = None,
    registry: Registry | None = None,
) -> Scenario | list[Problem]:
    """The scenario that the file ``path`` would be with this text, or all that is wrong with it.

    ``source``: what errors call the file; its name when left out.
    """
    found = _examine(text, source or path.name, path.parent, overrides, registry, name_of(path))
    if isinstance(found, Scenario):
        found._path = path
    return found


def name_of(path: Path) -> str:
    """The name of a scenario whose file gives none: the file's own, without what a name cannot hold."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", path.stem).strip("-_")[:64] or "scenario"


def parse_scenario(
    text: str,
    *,
    source: str,
    base: Path,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    name: str = "scenario",
    resolved: bool = False,
) -> Scenario:
    """Check a scenario's text. ``source``: what errors call it; ``base``: what its paths are relative to;
    ``name``: its name when it says none; ``resolved``: whether it was checked before and written by Smarter,
    so that the names of its folders may hold any character. Raises like :func:`load_scenario`.
    """
    found = _examine(text, source, base, overrides, registry, name, resolved)
    if isinstance(found, Scenario):
        return found
    raise as_error(found)


def with_overrides(scenario: Scenario, overrides: Sequence[str], *, registry: Registry | None = None) -> Scenario:
    """The same scenario, as it was read, with more overrides. Raises like :func:`load_scenario`."""
    text, path = json.dumps(scenario.resolved()), scenario.path
    other = parse_scenario(
        text,
        source=path.name or scenario.name,
        base=path.parent,
        overrides=overrides,
        registry=registry,
        resolved=True,
    )
    other._path = path
    return other


def problems_of(
    text: str,
    *,
    source: str,
    base: Path,
    overrides: Sequence[str] = (),
    registry: Registry | None = None,
    name: str = "scenario",
) -> list[Problem]:
    """What :func:`parse_scenario` would raise, as data; empty when nothing is wrong."""
    found = _examine(text, source, base, overrides, registry, name)
    return [] if isinstance(found, Scenario) else found


def shipped_scenarios() -> list[tuple[str, Path, str]]:
    """Name, path and description of the scenarios that come with Smarter, by name."""
    shipped = []
    for path in sorted(shipped_folder().glob("*.yaml")):
        tree = read_document(path.read_text(encoding="utf-8"), path.name).tree
        shipped.append((path.stem, path, str(tree.get("description", ""))))
    return shipped


def find_scenario(reference: str | Path) -> Path:
    """The file of a scenario.

    Raises:
        ScenarioError: it is neither a file nor the name of a shipped one.
    """
    path = Path(reference).expanduser()
    if path.is_file():
        return path
    shipped = shipped_folder() / f"{reference}.yaml"
    if path.name == str(reference) and not path.suffix and shipped.is_file():
        return shipped
    if path.is_dir():
        raise ScenarioError(f"{reference}: is a folder; name the scenario file in it.")
    names = [file.stem for file in shipped_folder().glob("*.yaml")]
    wanted = path.stem if path.suffix in (".yaml", ".yml") else str(reference)
    hint = f"{wanted!r} is a shipped one." if wanted in names else f"of those shipped, {did_you_mean(wanted, names)}"
    raise ScenarioError(f"{reference}: there is no such file, nor a shipped scenario of that name; {hint}")


def shipped_folder() -> Path:
    """Where the scenarios lie that come with Smarter."""
    package = Path(smarter.__file__).parent
    bundled = package / "bundled" / "scenarios"
    return bundled if bundled.is_dir() else package.parent / "scenarios"


def _examine(
    text: str,
    source: str,
    base: Path,
    overrides: Sequence[str],
    registry: Registry | None,
    name: str,
    resolved: bool = False,
) -> Scenario | list[Problem]:
    registry = registry or installed()
    try:
        document = read_document(text, source)
    except Unreadable as refused:
        return [refused.problem]
    problems = apply_overrides(document, overrides)
    if not resolved and (refused_texts := control_problems(document)):
        return in_file_order(refused_texts)
    _fill_in(document, name)
    problems += _choose_plugins(document, registry, base.absolute())
    try:
        scenario = Scenario.model_validate(document.tree)
    except ValidationError as error:
        problems += problems_of_model(error, Scenario, document)
    if problems:
        return in_file_order(problems)
    try:
        problems = [document.problem(path, message) for path, message in checks.problems(scenario)]
        warnings = (*document.notes, *checks.warnings(scenario))
    except BrokenPlugin as error:
        return [document.problem((), str(error), "broken plugin")]
    except SmarterError as error:
        return [document.problem((), str(error))]
    if problems:
        return in_file_order(problems)
    scenario._warnings = warnings
    return scenario


def _fill_in(document: Document, name: str) -> None:
    """What a scenario leaves out and no model can know: its name, its plugins, a frame that fits the hold."""
    tree = document.tree
    for key in [key for key, value in tree.items() if value is None]:
        del tree[key]
    tree.setdefault("name", name)
    tree.setdefault("store", _DEFAULT_STORE)
    crypto = tree.setdefault("crypto", {})
    if isinstance(crypto, dict):
        for role, plugin in _DEFAULT_PLUGINS.items():
            choice = crypto.setdefault(role, plugin)
            if isinstance(choice, dict) and ("crypto", role) in document.given:
                choice.setdefault("plugin", plugin)  # --set crypto.aggregate.key_bits=2048 where the file has no crypto
    windows, pes = tree.get("windows", {}), tree.setdefault("pes", {})
    if not (isinstance(windows, dict) and isinstance(pes, dict)):
        return
    try:
        reading = parse_duration(windows.get("reading", "1min"))
        hold = parse_duration(pes["hold"]) if "hold" in pes else None
        slots = (_HOLD if hold is None else hold) // reading
        whole = [count for count in range(1, _FRAME + 1) if slots % count == 0 and count <= slots]
        frame = tree.setdefault("frame", max(whole, default=1))
        if hold is None and isinstance(frame, int):
            step = reading * frame
            pes["hold"] = spell(-(-_HOLD // step) * step)
    except (ValueError, TypeError, ZeroDivisionError):
        return  # the field itself will be complained about


def _choose_plugins(document: Document, registry: Registry, base: Path) -> list[Problem]:
    """Put a checked choice in the place of every plugin named; return what is wrong with them."""
    problems: list[Problem] = []
    neighbourhoods = document.tree.get("neighbourhoods")
    names = list(neighbourhoods) if isinstance(neighbourhoods, dict) else []
    paths: list[Field] = [("crypto", role) for role in _DEFAULT_PLUGINS]
    paths += [("store",), ("tariff",), *(("neighbourhoods", name, "source") for name in names)]
    for path in paths:
        section: Any = document.tree
        for part in path[:-1]:
            section = section.get(part) if isinstance(section, dict) else None
        if not isinstance(section, dict) or path[-1] not in section:
            continue
        choice, found = choose(path, document, registry, base)
        problems += found
        section[path[-1]] = choice or _UNCHOSEN
    return problems
