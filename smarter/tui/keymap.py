"""Which actions have a name that the settings' keymap can give another key, and whether a keymap can be.

``launch`` asks before the app is shown, so that a misspelt name is an error and not silence; the app says which keys
have come to be those of several actions.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from textual.binding import Binding
from textual.dom import DOMNode
from textual.keys import Keys, _normalize_key_list

from smarter.errors import UsageError
from smarter.tui.tabs import TABS

MODIFIERS = {"ctrl", "shift", "alt", "super", "meta"}


def check_keymap(keymap: Mapping[str, str], where: object) -> None:
    """Refuse names that no action has and keys that no keyboard has; ``where``: the file that says so.

    Raises:
        UsageError: there is one.
    """
    if not keymap:
        return
    names = action_names()
    for name, keys in keymap.items():
        if name not in names:
            near = difflib.get_close_matches(name, names, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(names))}."
            raise UsageError(f"{where}, keymap: there is no action {name}; {hint}")
        for key in keys.split(","):
            if not _is_key(key.strip()):
                raise UsageError(f"{where}, keymap.{name}: {key!r} is no key; write it as f5, ctrl+x or x.")


def action_names() -> set[str]:
    """The names of all actions, of the app, of its pages and of what is on them."""
    for tab in TABS:
        tab.page()
    return {name for name, _ in _keys_of(_descendants(DOMNode))}


def shared_keys(keymap: Mapping[str, str], app: type[DOMNode]) -> dict[str, str]:
    """Keys that a keymap gives to several actions of ``app`` or of one of its pages, each with the actions' names."""
    shared: dict[str, str] = {}
    if not keymap:
        return shared
    for tab in TABS:
        names: dict[str, set[str]] = {}
        for name, keys in _keys_of((*tab.page().__mro__, *app.__mro__)):
            for key in _normalize_key_list(keymap.get(name, keys)).split(","):
                names.setdefault(key, set()).add(name)
        for key, found in names.items():
            if len(found) > 1 and not found.isdisjoint(keymap):
                shared[key] = ", ".join(sorted(found))
    return shared


def _keys_of(nodes: Iterable[type[Any]]) -> Iterator[tuple[str, str]]:
    """Name and keys of each action that classes of ours bring."""
    for node in nodes:
        if node.__module__.startswith("smarter.tui"):
            for binding in node.__dict__.get("BINDINGS", ()):
                if isinstance(binding, Binding) and binding.id:
                    yield binding.id, binding.key


def _descendants(node: type[Any]) -> Iterator[type[Any]]:
    for child in node.__subclasses__():
        yield child
        yield from _descendants(child)


def _is_key(text: str) -> bool:
    *modifiers, key = text.split("+") if text != "+" else [text]
    if not MODIFIERS.issuperset(modifiers):
        return False
    if len(key) == 1 or key in {known.value for known in Keys}:
        return True
    try:  # as Textual spells characters: question_mark
        unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return False
    return True
