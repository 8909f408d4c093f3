"""``smarter serve``: the app in a browser, on this machine alone by default."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click.testing
import pytest
from pyte import ByteStream, Screen

from smarter.cli.serving import serve
from smarter.errors import MachineError, MissingExtra
from smarter.keys.unlock import unlock_from
from smarter.run import run
from smarter.scenario import load_scenario
from smarter.state import locate
from tests.support.serving import Served, plain

pytestmark = pytest.mark.slow
if os.name == "nt":
    pytest.skip("a process group is ended differently here", allow_module_level=True)


@pytest.fixture
def served() -> Iterator[Callable[..., Served]]:
    """Serves with arguments."""
    servers: list[Served] = []

    def begin(*arguments: str) -> Served:
        servers.append(Served(*arguments))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


def test_it_answers_on_this_machine_alone_and_ctrl_c_ends_it(served: Callable[..., Served]) -> None:
    server = served()
    (said,) = server.stderr
    assert re.fullmatch(rf"Smarter is at {server.url}/\?token=\S+ \(ctrl\+c ends it\)\.\n", said)
    assert server.interrupt() == 0
    assert server.stdout == []


def test_a_browser_shows_the_app_and_its_chart(
    served: Callable[..., Served], small_scenario: str, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium here")
    (desk / "small.yaml").write_text(small_scenario)
    scenario = load_scenario("small.yaml")
    state = locate(scenario.name, scenario.digest, None)
    list(run(scenario, state, unlock=unlock_from("auto", state.keys, environ={}, ask=None)))
    server = served("small.yaml")
    screen = Screen(20, 10)  # of the size that the page asks for, below
    stream = ByteStream(screen)

    def opened(socket: Any) -> None:
        size = dict(re.findall(r"(width|height)=(\d+)", socket.url))
        screen.resize(int(size["height"]), int(size["width"]))
        socket.on("framereceived", lambda data: isinstance(data, bytes) and stream.feed(plain(data)))

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 800})
        page.on("websocket", opened)
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        files: list[str] = []
        page.on("download", lambda download: files.append(download.suggested_filename))

        def see(*patterns: str) -> None:
            for _ in range(600):
                text = "\n".join(screen.display)
                if all(re.search(pattern, text) for pattern in patterns):
                    return
                page.wait_for_timeout(100)
            raise AssertionError(f"no {patterns} on:\n{text}")

        def click(text: str) -> None:
            row, line = next((row, line) for row, line in enumerate(screen.display) if text in line)
            box = page.locator(".xterm-screen").bounding_box()
            x = box["x"] + box["width"] * (line.index(text) + 1.5) / screen.columns
            y = box["y"] + box["height"] * (row + 0.5) / screen.lines
            page.mouse.click(x, y)

        page.goto(server.addresses(1)[0])
        see("1 Scenarios", "⏎ Choose")  # a key of the list, which has the focus
        assert page.title() == "Smarter: small.yaml"
        assert page.url == f"{server.url}/"
        page.keyboard.press("4")  # without a click before
        see(CHART, "kW")
        page.keyboard.press("e")
        see(r"Downloaded demand-\S+\.svg")
        assert len(files) > 2
        assert {Path(file).suffix for file in files} == {".csv", ".txt", ".svg"}
        click("8 Plugins")
        see("aes-gcm")
        page.reload()
        screen.reset()  # the earlier app is gone, and the new one takes longer than this
        see("⏎ Choose")
        page.keyboard.press("q")
        page.get_by_text("The session has ended.").wait_for()
        page.keyboard.press("Enter")  # the button has the focus
        page.locator("body.-first-byte:not(.-closed)").wait_for()
        browser.close()
    assert all(url.startswith((f"{server.url}/", "data:")) for url in asked)


CHART = r"[▀▄█▌▐▖▗▘▝▙▛▜▟⠁-⣿]{3}"
"""What plotext draws lines of."""


def test_a_port_that_is_taken_is_one_sentence(served: Callable[..., Served]) -> None:
    server = served()
    outcome = click.testing.CliRunner().invoke(serve, ["--port", str(server.port)])
    assert isinstance(outcome.exception, MachineError)
    assert f"port {server.port} of 127.0.0.1 is taken" in str(outcome.exception)


def test_without_its_extra_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    outcome = click.testing.CliRunner().invoke(serve)
    assert isinstance(outcome.exception, MissingExtra)
    assert outcome.exception.exit_code == 5
    assert "pip install 'smarter-metering[serve]'" in str(outcome.exception)
