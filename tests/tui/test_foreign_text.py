"""Hostile scenarios and plugins are shown on the pages of the app, not obeyed."""

from __future__ import annotations

import importlib.metadata
import os
import re
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smarter.errors import UsageError
from smarter.registry import Registry
from smarter.tui.app import SmarterApp
from smarter.tui.tabs import TABS
from tests.support import hostile

SIZE = (140, 45)

PLUGINS = f"""
    from smarter.api import Scheme, hookimpl

    ATTACK = {hostile.ATTACK!r}

    class Odd(Scheme):
        name = "odd"
        summary = ATTACK
        @classmethod
        def capabilities(cls): return {{"said": ATTACK, ATTACK: 1}}

    @hookimpl
    def register_schemes(register):
        register(Odd)
        raise ValueError(ATTACK)
"""


@pytest.fixture
def shelf(desk: Path, small_scenario: str) -> Path:
    """The working directory, with scenarios whose names and texts are attacks."""
    description = f"description: {hostile.quoted(hostile.ATTACK)}\n"
    (desk / "a.yaml").write_text(description + small_scenario)
    (desk / "b.yaml").write_text(f"{hostile.quoted(hostile.ATTACK)}: 1\n{small_scenario}")
    (desk / "c.yaml").write_text(f"# {hostile.BIDI}{hostile.UNSEEN}\x85{small_scenario}")
    (desk / f"{hostile.FILE}.yaml").write_text(small_scenario)
    (desk / f"d{hostile.FILE}.yaml").write_text(description + small_scenario)
    return desk


@pytest.fixture
def odd_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin whose every text is an attack, and one that cannot be imported."""
    (tmp_path / "odd.py").write_text(textwrap.dedent(PLUGINS))
    (tmp_path / "worse.py").write_text(f"raise RuntimeError({hostile.MARKUP + hostile.ATTACK!r})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("odd", "worse"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    points = [importlib.metadata.EntryPoint(name, name, "smarter.plugins") for name in ("odd", "worse")]
    found = Registry([*points, importlib.metadata.EntryPoint(hostile.ATTACK, "nowhere", "smarter.plugins")])
    for module in ("pages.plugins", "widgets.plugin_detail"):
        monkeypatch.setattr(f"smarter.tui.{module}.registry", lambda: found)


def painted(app: SmarterApp) -> str:
    """What the screen shows: no line is wider than it, and none has a link."""
    strips = app.screen._compositor.render_strips()
    assert [segment for strip in strips for segment in strip if segment.style and segment.style.link] == []
    assert all(strip.cell_length == app.size.width == len_of(strip) for strip in strips)
    return "\n".join(strip.text for strip in strips)


def len_of(strip: Any) -> int:
    return sum(segment.cell_length for segment in strip)


def assert_shown(app: SmarterApp) -> str:
    text = painted(app)
    assert hostile.obeyed(text.encode("utf-8", "surrogateescape")) == []
    return text


async def test_scenarios_with_such_text_are_listed_and_read_on_every_page(
    make_app: Callable[..., SmarterApp], shelf: Path
) -> None:
    app = make_app(scenario=f"{hostile.FILE}.yaml")
    seen = ""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        for _ in range(6):
            await pilot.press("down")
            await pilot.pause()
            seen += assert_shown(app)
        for tab in TABS:
            await pilot.press(tab.key)
            await pilot.pause()
            seen += assert_shown(app)
    assert r"\x1b]52;c;" in seen  # the names of files
    assert "control character U+001B" in seen


@pytest.mark.usefixtures("odd_plugins")
async def test_plugins_with_such_text_are_listed_and_shown(
    make_app: Callable[..., SmarterApp], opens_on: Callable[[str], None]
) -> None:
    opens_on("plugins")
    app = make_app()
    seen = ""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        for _ in range(6):
            await pilot.press("down")
            await pilot.pause()
            seen += assert_shown(app)
    assert r"\x1b]52;c;" in seen
    assert "[link=https://evil.example]" in seen


async def test_what_is_said_is_shown(make_app: Callable[..., SmarterApp]) -> None:
    app = make_app()
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await pilot.pause()
        await app.workers.wait_for_complete()
        app.say(UsageError(hostile.MARKUP + hostile.ATTACK))
        await pilot.pause(0.2)
        text = assert_shown(app)
    assert r"\x1b]52;c;" in text
    assert "[link=https" in text


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "openpty"), reason="there are no pseudo-terminals here")
def test_the_app_opens_in_a_folder_with_such_files_and_the_terminal_obeys_nothing(shelf: Path) -> None:
    pexpect = pytest.importorskip("pexpect")
    environment = os.environ | {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    child = pexpect.spawn(
        sys.executable, ["-m", "smarter"], dimensions=(45, 140), env=environment, cwd=str(shelf), timeout=60
    )
    raw, until = b"", time.monotonic() + 60
    while time.monotonic() < until and rb"\x1b]52;c;" not in raw:
        try:
            raw += child.read_nonblocking(65_536, timeout=0.5)
        except pexpect.TIMEOUT:
            continue
    child.send("q")
    child.expect(pexpect.EOF)
    raw += child.before
    child.close()
    assert rb"\x1b]52;c;" in raw
    own = rb"\x1b[\[=>][0-9;?<>=]*[$]?[a-zA-Z]|\x1b[=>]|\x1b\]22;[a-z]*\x07"  # Textual's: modes, the mouse pointer
    assert hostile.obeyed(re.sub(own, b"", raw)) == []
    assert not any(each.encode() in raw for each in (hostile.CLEARED, hostile.CONCEALED[:4]))
    assert child.exitstatus == 0
