"""Every key of every page has a name, is in its help and in the palette, and is none of those that all pages have."""

from __future__ import annotations

import importlib
import pkgutil
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest
from textual.binding import Binding
from textual.dom import DOMNode

import smarter.tui
from smarter.tui.app import SmarterApp
from smarter.tui.help import HelpPage
from smarter.tui.keymap import action_names
from smarter.tui.page import Page
from smarter.tui.tabs import TABS, Tab

MOVES = {"up", "down", "left", "right", "pageup", "pagedown", "home", "end", "tab", "shift+tab", "enter", "escape"}
"""Keys that move or open, which need no description."""


def nodes() -> Iterator[type[DOMNode]]:
    """All classes of the app's own that have keys."""
    for module in pkgutil.walk_packages(smarter.tui.__path__, "smarter.tui."):
        for found in vars(importlib.import_module(module.name)).values():
            if isinstance(found, type) and issubclass(found, DOMNode) and found.__module__ == module.name:
                yield found


def bindings_of(node: type[Any]) -> list[Binding]:
    """Those that a class brings itself; pairs without a description are Textual's short form."""
    return [each for each in node.__dict__.get("BINDINGS", ()) if isinstance(each, Binding)]


def test_no_two_actions_have_the_same_name() -> None:
    owners = defaultdict(set)
    for node in nodes():
        for binding in bindings_of(node):
            if binding.id:
                owners[binding.id].add((node.__qualname__, binding.action))
    assert {name: found for name, found in owners.items() if len(found) > 1} == {}
    assert set(owners) == action_names()


def test_every_key_but_those_that_move_says_what_it_does_and_has_a_name() -> None:
    silent = [
        (node.__qualname__, binding.key)
        for node in nodes()
        for binding in bindings_of(node)
        if not (binding.description and binding.id) and not MOVES.issuperset(binding.key.split(","))
    ]
    assert silent == []


def test_no_page_takes_a_key_that_every_page_has() -> None:
    general = {key for binding in bindings_of(SmarterApp) for key in binding.key.split(",")} | {"ctrl+p", "ctrl+q"}
    taken = [
        (node.__qualname__, binding.key)
        for node in nodes()
        if issubclass(node, Page)
        for binding in bindings_of(node)
        if general & set(binding.key.split(","))
    ]
    assert taken == []


def test_a_page_has_no_key_twice() -> None:
    for tab in TABS:
        page = tab.page()
        keys = [
            key
            for node in page.__mro__
            if node.__module__.startswith("smarter.tui")
            for binding in bindings_of(node)
            for key in binding.key.split(",")
        ]
        assert len(keys) == len(set(keys)), tab.name


@pytest.mark.parametrize("tab", TABS, ids=lambda tab: tab.name)
async def test_help_and_the_palette_have_every_key_that_is_active(app: SmarterApp, tab: Tab) -> None:
    async with app.run_test(size=(100, 60)) as pilot:
        await pilot.press(tab.key)
        await pilot.pause()
        page = app.screen
        numbers = {each.name for each in TABS}
        named = action_names() - numbers
        active = [
            (binding, enabled)
            for _, binding, enabled, _ in page.active_bindings.values()
            if binding.id in named and binding.description
        ]
        commands = {command.title for command in app.get_system_commands(page)}
        assert {binding.description for binding, enabled in active if enabled} <= commands
        assert numbers <= {command.title.casefold() for command in app.get_system_commands(page)}
        app.push_screen(HelpPage(page))  # type: ignore[arg-type]
        await pilot.pause()
        shown = "\n".join(
            "".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips()
        )
        for binding, _ in active:
            assert str(binding.id) in shown
