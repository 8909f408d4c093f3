"""A scenario's text for another file: what is set is written into it, and it has a name of its own.

Name and content choose a state, so a copy under the old name would share the original's. The app saves such copies.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from smarter.scenario.choices import kind_at
from smarter.scenario.document import Field, Unreadable, read_document, read_value
from smarter.scenario.loading import examine, name_of
from smarter.scenario.model import Scenario
from smarter.scenario.moving import moved

if TYPE_CHECKING:
    from ruamel.yaml.nodes import CollectionNode, Node


@dataclass(frozen=True)
class Copy:
    """A scenario's text for another file.

    Attributes:
        text: of the file.
        holds_set: whether what is set is in the text; it is not where the text is no valid scenario.
    """

    text: str
    holds_set: bool


def copied(text: str, path: Path, to: Path, overrides: Sequence[str] = (), *, rename: bool = True) -> Copy:
    """The text of the file ``to`` that does what ``path`` with this text and these overrides does.

    Comments stay wherever the fields can be written in place.

    Args:
        text: of the scenario, with changes that are not saved.
        path: its file.
        to: the copy's file.
        overrides: what is set, as ``--set`` takes it.
        rename: whether the copy has a name of its own, made from its file's.
    """
    there = moved(text, path.parent, to.parent)
    found = examine(text, path, overrides)
    if not isinstance(found, Scenario):
        return Copy(_renamed(there, _own_name(_name_in(text, path), path, to)) if rename else there, not overrides)
    wanted = found.resolved()
    if rename:
        wanted["name"] = _own_name(found.name, path, to)
    try:
        for field, value in _fields(_tree(text), overrides, wanted):
            there = put(there, field, value)
        if _names_itself(there) or wanted["name"] != name_of(to):
            there = put(there, ("name",), wanted["name"])
    except (LookupError, ValueError, Unreadable):
        return Copy(_whole(text, wanted), True)
    again = examine(there, to)
    right = isinstance(again, Scenario) and again.resolved() == wanted
    return Copy(there if right else _whole(text, wanted), True)


def put(text: str, field: Field, value: Any) -> str:
    """A YAML text with another value at a field, and all else as it was.

    Raises:
        ValueError: the text is no YAML, or the field is in no mapping.
        LookupError: a list has no such entry.
    """
    node = _compose(text)
    for depth, part in enumerate(field):
        rest = field[depth:]
        if isinstance(value_at := node.value, list) and str(node.tag).endswith(":map"):
            inner = next((one for key, one in value_at if key.value == str(part)), None)
            if inner is None:
                return _inserted(text, cast("CollectionNode", node), str(part), _nested(rest[1:], value))
        elif isinstance(value_at, list):
            inner = value_at[int(part)]
        elif kind_at(field[:depth]) and value_at:  # a plugin alone, by its name
            return _replaced(text, node, {"plugin": value_at, **_nested(rest, value)})
        else:
            return _replaced(text, node, _nested(rest, value))
        node = inner
    return _replaced(text, node, value)


def _fields(
    tree: Mapping[str, Any], overrides: Sequence[str], wanted: Mapping[str, Any]
) -> Iterator[tuple[Field, Any]]:
    """The fields that are set with their values; a plugin that is another one with all that is set of it."""
    fields = [tuple(override.partition("=")[0].strip().split(".")) for override in overrides]
    for field in dict.fromkeys(fields):
        section = next((field[:length] for length in range(1, len(field)) if kind_at(field[:length])), None)
        if section is None or kind_at(field):
            yield field, _at(wanted, field)
            continue
        chosen = _at(wanted, section)
        if chosen["plugin"] == _plugin_in(tree, section):
            yield field, _at(wanted, field)
        else:
            names = dict.fromkeys(["plugin", *(one[len(section)] for one in fields if one[: len(section)] == section)])
            yield section, {name: chosen[name] for name in names}


def _plugin_in(tree: Any, section: Field) -> Any:
    for part in section:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree.get("plugin") if isinstance(tree, dict) else tree


def _at(values: Any, field: Field) -> Any:
    for part in field:
        values = values[int(part)] if isinstance(values, list) else values[str(part)]
    return values


def _nested(path: Field, value: Any) -> Any:
    for part in reversed(path):
        value = {str(part): value}
    return value


def _tree(text: str) -> Mapping[str, Any]:
    return read_document(text, "").tree


def _names_itself(text: str) -> bool:
    return _tree(text).get("name") is not None


def _name_in(text: str, path: Path) -> str:
    try:
        return str(_tree(text).get("name") or name_of(path))
    except Unreadable:
        return name_of(path)


def _own_name(name: str, path: Path, to: Path) -> str:
    own = name_of(to)
    return f"{own[:62]}-2" if own == name and to.resolve() != path.resolve() else own


def _renamed(text: str, name: str) -> str:
    try:
        return put(text, ("name",), name) if _names_itself(text) else text
    except (LookupError, ValueError, Unreadable):
        return text


def _whole(text: str, wanted: Mapping[str, Any]) -> str:
    """Every field of a scenario, beneath the comment that the text begins with."""
    from ruamel.yaml import YAML

    written = io.StringIO()
    YAML(typ="safe", pure=True).dump(dict(wanted), written)
    comment = re.match(r"(?:#.*\n|\n)*", text)
    return f"{comment.group() if comment else ''}{written.getvalue()}"


# Places in the text.


def _compose(text: str) -> Node:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, RecursionError) as error:
        raise ValueError("this is no YAML") from error
    if root is None:
        raise ValueError("the text is empty")
    return cast("Node", root)


def _end(text: str, node: Node) -> int:
    """Behind the last character of a node; a block's own mark is behind the comments that follow it."""
    from ruamel.yaml.nodes import CollectionNode

    if isinstance(node, CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _end(text, last[1] if isinstance(last, tuple) else last)
    start, end = int(node.start_mark.index), int(node.end_mark.index)
    return start + len(text[start:end].rstrip())


def _replaced(text: str, node: Node, value: Any) -> str:
    start = node.start_mark.index
    space = " " if text[start - 1 : start] == ":" else ""
    return f"{text[:start]}{space}{_flow(value)}{text[_end(text, node) :]}"


def _inserted(text: str, node: CollectionNode, key: str, value: Any) -> str:
    entry, start = f"{_flow(key)}: {_flow(value)}", node.start_mark.index
    if node.flow_style:
        if text[start] != "{":
            raise ValueError(f"{key} cannot be put into {text[start:][:20]!r}")
        return f"{text[: start + 1]}{entry}{', ' if node.value else ''}{text[start + 1 :]}"
    line = text.find("\n", _end(text, node))
    line = len(text) if line < 0 else line
    return f"{text[:line]}\n{' ' * node.value[0][0].start_mark.column}{entry}{text[line:]}"


def _flow(value: Any) -> str:
    """A value in YAML's flow style: texts without quotes where they are read again as they are."""
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{_flow(key)}: {_flow(inner)}' for key, inner in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z0-9_./-]+", value) and read_value(value) == value:
        return value
    return json.dumps(value, ensure_ascii=False)
