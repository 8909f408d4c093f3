"""YAML text as plain values, with the line of every key; the loader reads scenarios through it.

Nothing is constructed but text, numbers, truth values, lists and mappings; dates stay text. What a file
may cost is bounded: its size, its depth, and how often its aliases may be repeated.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from smarter.model.terminal_text import escape_controls, first_control
from smarter.scenario.problems import Problem
from smarter.scenario.syntax import syntax_error

if TYPE_CHECKING:
    from ruamel.yaml.nodes import Node

Field = tuple[str | int, ...]
"""A field of a document, as the keys and indexes that lead to it."""

MAX_CHARACTERS = 1_000_000
MAX_VALUES = 20_000
MAX_DEPTH = 32
_TAG = "tag:yaml.org,2002:"


class Unreadable(Exception):
    """A text that is no scenario at all; carries the one problem that says so."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass
class Document:
    """A scenario's text as values, and where each came from.

    Attributes:
        source: the file's name, for errors.
        tree: its top-level mapping.
        lines: the line, from 1, of each field that stands in the file.
        given: what was given on the command line, by field: ``windows.demand=30min``.
        replaced: plugin choices whose plugin the command line has changed.
        notes: what a user should know about how the two went together.
    """

    source: str
    tree: dict[str, Any] = field(default_factory=dict)
    lines: dict[Field, int] = field(default_factory=dict)
    given: dict[Field, str] = field(default_factory=dict)
    replaced: set[Field] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def problem(self, path: Field, message: str, kind: str = "scenario") -> Problem:
        """``message`` about the field at ``path``, with the line or the ``--set`` that it came from."""
        name = ".".join(str(part) for part in path)
        for option, cause in self.given.items():
            # A choice of a plugin is complained about as a whole; what was given of it may be the cause.
            value = cause.partition("=")[2]
            named = option[-1] == "plugin" or (value and re.search(rf"\b{re.escape(value)}\b", message))
            if path and option[:-1] == path and named:
                return Problem(None, name, message, f"--set {cause}", kind)
        for length in range(len(path), 0, -1):
            if said := self.given.get(path[:length]):
                place = f"--set {said}"
                known = said.split("=", 1)[0]
                return Problem(None, name, message, place if known == name else f"{place}, {name}", kind)
            if line := self.lines.get(path[:length]):
                return Problem(line, name, message, f"{self.source} line {line}, {name}", kind)
        return Problem(None, name, message, f"{self.source}, {name}" if name else self.source, kind)


def read_document(text: str, source: str) -> Document:
    """Read a scenario's text.

    Raises:
        Unreadable: it is no YAML, no mapping, too large, or has a key twice.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    document = Document(source)
    if len(text) > MAX_CHARACTERS:
        raise Unreadable(document.problem((), f"has over {MAX_CHARACTERS} characters; a scenario has few."))
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError, ValueError) as error:
        line, said = syntax_error(error, text)
        raise Unreadable(Problem(line, "", said, f"{source} line {line}" if line else source)) from None
    value = _Reader(document).value(root, ()) if root is not None else None
    if not isinstance(value, dict):
        found = "is empty" if value is None else f"holds {value!r:.40}, not keys"
        raise Unreadable(document.problem((), f"{found}; a scenario begins with 'version: 1'."))
    document.tree = value
    return document


def control_problems(document: Document) -> list[Problem]:
    """Keys and texts of a document that hold control, format or bidirectional characters."""
    found: list[Problem] = []

    def look(value: Any, path: Field) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                if character := first_control(key):
                    refuse((*path, key), f"the key has the control character {character}; remove it.")
                look(inner, (*path, key))
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                look(inner, (*path, index))
        elif isinstance(value, str) and (character := first_control(value, lines=True)):
            refuse(path, f"the text has the control character {character}; remove it.")

    def refuse(path: Field, message: str) -> None:
        problem = document.problem(path, message)
        field, place = escape_controls(problem.field), escape_controls(problem.place)
        found.append(replace(problem, field=field, place=place))

    look(document.tree, ())
    return found


def read_value(text: str) -> Any:
    """The value of a ``--set``: YAML where that is a number, a truth value, a list or ``{…}``, else the text itself."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        node = YAML(typ="safe", pure=True).compose(text)
        value = _Reader(Document("")).value(node, ()) if node is not None else None
    except (YAMLError, Unreadable, RecursionError, ValueError):
        return text
    plain_text = isinstance(value, str) and node.style not in ('"', "'")
    block = isinstance(value, dict | list) and not node.flow_style
    return text if plain_text or block else value


class _Reader:
    """Turns a graph of YAML nodes into values and notes lines in ``document``."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values = 0

    def value(self, node: Node, path: Field) -> Any:
        self.values += 1
        if self.values > MAX_VALUES or len(path) > MAX_DEPTH:
            raise self.refused(node, path[:1], "repeats or nests too much; a scenario is small.")
        tag = str(node.tag).removeprefix(_TAG)
        match tag:
            case "map":
                return self.mapping(node, path)
            case "seq":
                for index, item in enumerate(node.value):
                    self.document.lines.setdefault((*path, index), item.start_mark.line + 1)
                return [self.value(item, (*path, index)) for index, item in enumerate(node.value)]
            case "null":
                return None
            case "bool":
                return str(node.value).lower() == "true"
            case "int" | "float":
                try:
                    return _number(tag, node.value)
                except ValueError:
                    return str(node.value)
            case "str" | "timestamp":
                return str(node.value)
        shown = str(node.tag).replace(_TAG, "!!")
        raise self.refused(node, path, f"has the tag {shown}; a scenario holds only plain values.")

    def mapping(self, node: Node, path: Field) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[Node] = []
        for key, item in node.value:
            if str(key.tag) == _TAG + "merge":
                merged += item.value if isinstance(item.value, list) and item.tag == _TAG + "seq" else [item]
                continue
            if not isinstance(key.value, str) or str(key.tag) not in (_TAG + "str", _TAG + "timestamp"):
                raise self.refused(key, path, f"has the key {_scalar(key)}, which is no text; put it in quotes.")
            if key.value in values:
                raise self.refused(key, (*path, key.value), "stands here a second time; keep one.")
            self.document.lines[(*path, key.value)] = key.start_mark.line + 1
            values[key.value] = self.value(item, (*path, key.value))
        for node_merged in merged:
            if str(node_merged.tag) != _TAG + "map":
                raise self.refused(node_merged, path, "merges ('<<') something that is no mapping.")
            # What stands here wins over what is merged in, and keeps its line.
            lines = dict(self.document.lines)
            values = self.mapping(node_merged, path) | values
            self.document.lines.update(lines)
        return values

    def refused(self, node: Node, path: Field, message: str) -> Unreadable:
        line = node.start_mark.line + 1
        name = ".".join(str(part) for part in path)
        place = f"{self.document.source} line {line}" + (f", {name}" if name else "")
        return Unreadable(Problem(line, name, message, place))


def _scalar(node: Node) -> str:
    return str(node.value) if isinstance(node.value, str) else "{…}"


def _number(tag: str, text: str) -> int | float:
    digits = text.replace("_", "").lower()
    if tag == "int":
        unsigned = digits.lstrip("+-")
        value = int(unsigned, 0) if unsigned.startswith(("0x", "0o")) else int(unsigned)
        return -value if digits.startswith("-") else value
    if digits.lstrip("+-") == ".inf":
        return -math.inf if digits.startswith("-") else math.inf
    return math.nan if digits == ".nan" else float(digits)
