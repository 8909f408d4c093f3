"""Officers' shares are asked for over the page in front, one after the other, as passphrases are."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

from textual.app import App
from textual.widgets import Input, Static

from smarter.keys.keystore import Keystore
from smarter.keys.officers import Officers
from smarter.keys.shares import Share
from smarter.keys.unlock import KeyFileUnlock, unlock_from
from smarter.tui.asking import PassphrasePage, asking


async def test_each_share_is_asked_for_and_a_wrong_one_again(tmp_path: Path) -> None:
    shares: list[Share] = []
    store = Keystore.create(tmp_path, "releaser", KeyFileUnlock(tmp_path))
    store.relock(Officers(2, 3, shares.extend))
    store.save()
    app: App[None] = App()
    opened: list[Keystore] = []

    def unlock() -> None:
        way = unlock_from("auto", tmp_path, environ={}, ask=asking(app))
        opened.append(Keystore.open(tmp_path, "releaser", way))

    async with app.run_test(size=(80, 24)) as pilot:
        app.run_worker(unlock, thread=True)
        asked = []
        for typed in (shares[2].words, shares[2].words, shares[0].words):
            while not isinstance(app.screen, PassphrasePage) or not isinstance(app.focused, Input):
                await asyncio.sleep(0.01)
            page = app.screen
            asked.append(str(page.query(Static).first().render()))
            page.query_one(Input).value = typed
            await pilot.pause()
            shown = app.export_screenshot()
            assert not any("&#160;".join(pair) in shown for pair in pairwise(typed.split()))
            await pilot.press("enter")
            while app.screen is page:
                await asyncio.sleep(0.01)
        await app.workers.wait_for_complete()
    assert asked == [
        "Share 1 for the keys of releaser",
        "Share 2 of 2 for the keys of releaser",
        "Share 2 of 2: the share of officer 3 has been given already. Type it again.\n"
        "Share 2 of 2 for the keys of releaser",
    ]
    assert opened[0].kind == "officers"
