"""What is to be done in a moment is done, also on a machine that is too busy to begin."""

from __future__ import annotations

import asyncio
from itertools import count
from types import SimpleNamespace

import pytest
from textual import timer
from textual.app import App

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
