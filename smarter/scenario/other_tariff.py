"""A tariff that is not the scenario's, to re-rate by: a plugin's name, a YAML file, and single options.

Operators' commands and screens read one; it is held against the scenario's windows, as the scenario's own was.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from smarter.errors import ScenarioError, SmarterError
from smarter.registry import registry
from smarter.scenario import checks
from smarter.scenario.choices import PluginChoice, choose
from smarter.scenario.document import Document, Field, Unreadable, control_problems, read_document
from smarter.scenario.model import Scenario
from smarter.scenario.overrides import apply_overrides
from smarter.scenario.problems import Problem, as_error

_AT: Field = ("tariff",)
_KEPT = ("currency", "period")
"""What a plugin that is only named takes over from the scenario's tariff."""


def other_tariff(scenario: Scenario, chosen: str | None, options: Sequence[str] = ()) -> PluginChoice:
    """The tariff that ``chosen`` names, or the scenario's own when nothing does, with ``FIELD=VALUE`` options set.

    A file holds the tariff's keys, or a ``tariff:`` with them, as a scenario does.

    Raises:
        ScenarioError: the file, or an option, is none of such a tariff, or its prices change within a billing window.
        UnknownPlugin: nobody registered it.
        OSError: the file cannot be read.
    """
    try:
        document, base = _document(scenario, chosen)
    except Unreadable as refused:
        raise as_error([refused.problem]) from None
    problems = apply_overrides(document, [f"tariff.{option}" for option in options])
    problems = control_problems(document) or problems
    choice = None
    if not problems:
        choice, problems = choose(_AT, document, registry(), base)
    if choice is not None:
        changed = scenario.model_copy(update={"tariff": choice})
        problems = [document.problem(_AT, message) for _, message in checks.problems(changed)]
    if problems or choice is None:
        raise _said(problems)
    return choice


def _document(scenario: Scenario, chosen: str | None) -> tuple[Document, Path]:
    own = scenario.tariff.resolved()
    if chosen is None:
        return Document("the scenario's tariff", {"tariff": own}), Path()
    path = Path(chosen).expanduser()
    if not path.is_file() and path.suffix not in (".yaml", ".yml"):
        options = registry().get("tariff", chosen).Options.model_fields
        kept = {name: own[name] for name in _KEPT if name in options and name in own}
        return Document("--tariff", {"tariff": {"plugin": chosen, **kept}}), Path()
    if not path.is_file():
        raise ScenarioError(f"{chosen}: there is no such file; name one, or a tariff, as `smarter plugins` lists them.")
    document = read_document(path.read_text(encoding="utf-8"), path.name)
    if "tariff" not in document.tree:
        document.tree = {"tariff": document.tree}
        document.lines = {(*_AT, *field): line for field, line in document.lines.items()}
    return document, path.parent


def _said(problems: Sequence[Problem]) -> SmarterError:
    error = as_error(problems)
    return type(error)(str(error).replace("--set tariff.", "--option "))
