"""What is to be done in a moment is done, also on a machine that is too busy to begin."""

from __future__ import annotations

import asyncio
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import pytest
from textual import timer
from textual.app import App

import smarter.tui
from smarter.tui.app import SmarterApp
from smarter.tui.once import once_after


async def test_a_process_that_has_to_wait_as_its_timer_starts_is_called_back_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    called = asyncio.Event()
    app: App[None] = App()
    async with app.run_test() as pilot:
        await pilot.pause()
        # Each look at the clock is half a minute after the last.
        monkeypatch.setattr(timer, "_time", SimpleNamespace(get_time=count(step=30).__next__))
        once_after(0.02, called.set, at=app)
        await asyncio.wait_for(called.wait(), 60)


async def test_a_notice_goes_and_a_new_size_is_followed_also_on_a_busy_machine(
    app: SmarterApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await pilot.pause()
        monkeypatch.setattr(timer, "_time", SimpleNamespace(get_time=count(step=30).__next__))
        app.notify("Saved.", timeout=0.1)
        called = asyncio.Event()
        app.set_timer(0.02, called.set)
        await asyncio.wait_for(called.wait(), 60)
        for _ in range(600):
            await asyncio.sleep(0.05)
            if not app._notifications and not app.screen.query("Toast"):
                return
        raise AssertionError("the notice is still there")


def test_no_other_module_sets_a_timer_that_may_be_lost() -> None:
    folder = Path(smarter.tui.__file__).parent
    users = {path.name for path in folder.rglob("*.py") if ".set_timer(" in path.read_text()}
    assert users == {"once.py", "bench.py"}
