"""Puts what ``--set FIELD=VALUE`` gives into a scenario's document, before anything is checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from smarter.api.plugin import FromCommandLine
from smarter.scenario.choices import kind_at
from smarter.scenario.document import Document, Field, Unreadable, read_value
from smarter.scenario.problems import Problem, did_you_mean


def apply_overrides(document: Document, overrides: Sequence[str]) -> list[Problem]:
    """Set each ``FIELD=VALUE`` in turn, in place; return what could not be set.

    A change of a plugin counts as made before all else, so that the options given beside it are the new one's.
    """
    problems: list[Problem] = []
    for override in sorted(overrides, key=lambda text: not _names_a_plugin(text)):
        name, equals, text = override.partition("=")
        path: Field = tuple(int(part) if part.isdecimal() else part for part in name.strip().split("."))
        if not equals or not all(part != "" for part in path):
            said = f"it has no {'field' if equals else 'value'}: write FIELD=VALUE, such as windows.demand=30min."
            problems.append(Problem(None, name, said, f"--set {override}"))
            continue
        try:
            _set(document, path, _from_command_line(read_value(text.strip())), f"{name.strip()}={text.strip()}")
        except Unreadable as refused:
            problems.append(refused.problem)
    return problems


def _names_a_plugin(override: str) -> bool:
    path = tuple(override.partition("=")[0].strip().split("."))
    return kind_at(path) is not None or (path[-1] == "plugin" and kind_at(path[:-1]) is not None)


def _set(document: Document, path: Field, value: Any, said: str) -> None:
    def refused(message: str) -> Unreadable:
        return Unreadable(Problem(None, _dotted(path), message, f"--set {said}"))

    _names_a_neighbourhood(document, path, refused)
    section: Any = document.tree
    here: Field = ()
    part: Any
    for part in path:
        if isinstance(section, list):
            if not isinstance(part, int) or part >= len(section):
                raise refused(f"{_dotted(here)} has no entry {part}; its {len(section)} count from 0.")
        elif isinstance(section, dict):
            part = str(part)
        else:
            raise refused(f"{_dotted(here)} is {section!r:.40}, not a section of keys.")
        here = (*here, part)
        if len(here) == len(path):
            break
        inner = section.get(part) if isinstance(section, dict) else section[part]
        if inner is None:
            inner = {}
            document.given[here] = said
        elif isinstance(inner, str) and kind_at(here) is not None:
            inner = {"plugin": inner}
        section[part] = inner
        section = inner
    if kind_at(here[:-1]) and part == "plugin" and section.get("plugin") not in (None, value):
        document.replaced.add(here[:-1])
    section[part] = value
    for field in [field for field in document.lines if field[: len(here)] == here]:
        del document.lines[field]
    document.given[here] = said


def _dotted(path: Field) -> str:
    return ".".join(map(str, path))


def _names_a_neighbourhood(document: Document, path: Field, refused: Callable[[str], Unreadable]) -> None:
    """A new neighbourhood can be given only as a whole; anything less is a slip in its name."""
    there = document.tree.get("neighbourhoods")
    if path[0] == "neighbourhoods" and len(path) > 2 and isinstance(there, dict) and str(path[1]) not in there:
        raise refused(f"there is no neighbourhood {path[1]!r}; {did_you_mean(str(path[1]), there)}")


def _from_command_line(value: Any) -> Any:
    """Mark every text, so that a path among them is taken from the working directory."""
    if isinstance(value, str):
        return FromCommandLine(value)
    if isinstance(value, dict):
        return {key: _from_command_line(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_from_command_line(inner) for inner in value]
    return value
