"""``smarter serve``: the app in a browser, on this machine alone unless told otherwise."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
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

pytestmark = pytest.mark.slow
if os.name == "nt":
    pytest.skip("a process group is ended differently here", allow_module_level=True)


class Served:
    """``smarter serve`` in a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "smarter", "serve", *arguments]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
        assert self._process.stderr is not None
        self.said = ""
        while not (found := re.search(r"Smarter is at (http://\S+)", self.said)):
            line = self._process.stderr.readline()
            assert line, f"it ended: {self.said}"
            self.said += line
        self.url = found[1]

    def get(self, **headers: str) -> tuple[int, str, str]:
        """Status, text and policy of its page."""
        request = urllib.request.Request(self.url, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode(), answer.headers["Content-Security-Policy"]
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), ""

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        os.killpg(self._process.pid, signal.SIGINT)
        return self._process.wait(30)

    def close(self) -> None:
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(30)
        assert self._process.stderr is not None
        self._process.stderr.close()


@pytest.fixture
def port() -> str:
    """One that is free."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return str(asked.getsockname()[1])


@pytest.fixture
def served(port: str) -> Iterator[Callable[..., Served]]:
    """Serves with arguments."""
    servers = []

    def begin(*arguments: str) -> Served:
        servers.append(Served("--port", port, *arguments))
        return servers[-1]

    yield begin
    for server in servers:
        server.close()


def test_it_answers_on_this_machine_alone_and_ctrl_c_ends_it(served: Callable[..., Served], port: str) -> None:
    server = served()
    assert server.url == f"http://127.0.0.1:{port}"
    assert "warning" not in server.said
    status, text, policy = server.get()
    assert status == 200
    assert f"ws://127.0.0.1:{port}/ws" in text
    assert "default-src 'self'" in policy
    assert server.interrupt() == 0


def test_other_websites_that_the_browser_has_open_are_not_let_in(served: Callable[..., Served], port: str) -> None:
    server = served()
    assert server.get(Host="evil.example")[0] == 403
    assert server.get(Origin="http://evil.example")[0] == 403
    assert server.get(Origin="null")[0] == 403
    assert server.get(Host=f"localhost:{port}", Origin=f"http://localhost:{port}")[0] == 200


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

        page.goto(server.url)
        see("1 Scenarios")
        click("4 Demand")
        see(CHART, "kW")
        click("8 Plugins")
        see("aes-gcm")
        browser.close()


CHART = r"[▀▄█▌▐▖▗▘▝▙▛▜▟⠁-⣿]{3}"
"""What plotext draws lines of."""


def plain(data: bytes) -> bytes:
    """Without the sequences that pyte does not know: questions about keyboards and modes."""
    return re.sub(rb"\x1b\[(?:[>=<][0-9;]*[a-zA-Z]|\?[0-9;]*\$p)", b"", data)


def test_another_address_is_warned_about(served: Callable[..., Served], port: str) -> None:
    server = served("--host", "0.0.0.0")
    assert re.search(r"^warning: whoever reaches 0\.0\.0\.0 port \d+ can use the app as you", server.said)
    assert "ssh -L" in server.said


def test_a_port_that_is_taken_is_one_sentence(served: Callable[..., Served], port: str) -> None:
    served()
    outcome = click.testing.CliRunner().invoke(serve, ["--port", port])
    assert isinstance(outcome.exception, MachineError)
    assert f"port {port} of 127.0.0.1 is taken" in str(outcome.exception)


def test_without_its_extra_it_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "textual_serve", None)
    outcome = click.testing.CliRunner().invoke(serve)
    assert isinstance(outcome.exception, MissingExtra)
    assert outcome.exception.exit_code == 5
    assert "pip install 'smarter-metering[serve]'" in str(outcome.exception)
