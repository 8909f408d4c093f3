"""``smarter serve`` in a process of its own, and browsers that ask it."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import aiohttp


def free_port() -> int:
    """A port of this machine that is free."""
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        port: int = asked.getsockname()[1]
        return port


class Served:
    """A server that listens, and what it has printed."""

    def __init__(self, *arguments: str) -> None:
        self.port = free_port()
        command = [sys.executable, "-m", "smarter", "serve", "--port", str(self.port), *arguments]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
        self.stdout: list[str] = []
        self.stderr: list[str] = []
        self._readers = [
            threading.Thread(target=lines.extend, args=(stream,), daemon=True)
            for lines, stream in ((self.stdout, self.process.stdout), (self.stderr, self.process.stderr))
        ]
        for reader in self._readers:
            reader.start()
        self.addresses(1)

    def addresses(self, least: int) -> list[str]:
        """All addresses that it has printed, once ``least`` are there."""
        until = time.monotonic() + 60
        while len(found := re.findall(r"https?://\S+\?token=\S+", "".join([*self.stderr, *self.stdout]))) < least:
            assert self.process.poll() is None, f"it ended: {self.stderr}"
            assert time.monotonic() < until, f"no {least} addresses in {self.stderr}"
            time.sleep(0.05)
        return found

    @property
    def url(self) -> str:
        """Its address without a token, by way of this machine."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def token(self) -> str:
        """The newest."""
        return self.addresses(1)[-1].partition("token=")[2]

    def interrupt(self) -> int:
        """Ctrl-C; its exit code."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(30)

    def close(self) -> None:
        """Kill it, with all of its sessions."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(30)
        for reader in self._readers:
            reader.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


class Visitor:
    """A browser, as far as HTTP goes: cookies, and the page key of its origin.

    Attributes:
        key: the page key that it was given with its cookie.
    """

    def __init__(self, server: Served, http: aiohttp.ClientSession) -> None:
        self._server, self._http = server, http
        self.key = "none"

    async def get(self, path: str = "/", **headers: str) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers of an answer, redirections not followed."""
        async with self._http.get(self._server.url + path, headers=headers, allow_redirects=False) as answer:
            return answer.status, await answer.text(), dict(answer.headers)

    async def head(self, path: str) -> int:
        """Status of an answer."""
        async with self._http.head(self._server.url + path, allow_redirects=False) as answer:
            return answer.status

    async def enter(self) -> dict[str, str]:
        """Open the newest address; the headers of the answer."""
        known = len(self._server.addresses(1))
        status, _, headers = await self.get(f"/?token={self._server.token}")
        assert status == 303
        self.key = urlsplit(headers["Location"]).fragment
        self._server.addresses(known + 1)
        return headers

    async def handshake(self, key: str | None = None, **headers: str) -> int:
        """Status of an attempt to open a session; one that is opened is closed again."""
        try:
            async with self.session(key, **headers):
                return 101
        except aiohttp.WSServerHandshakeError as error:
            return error.status

    @asynccontextmanager
    async def session(self, key: str | None = None, **headers: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A session, as the page opens it."""
        path = f"/ws/{self.key if key is None else key}?width=100&height=30"
        async with self._http.ws_connect(self._server.url + path, headers=headers) as socket:
            yield socket


@asynccontextmanager
async def visiting(server: Served) -> AsyncIterator[Visitor]:
    """A browser that has not been here."""
    jar = aiohttp.CookieJar(unsafe=True)  # IP addresses have cookies too
    async with aiohttp.ClientSession(cookie_jar=jar, timeout=aiohttp.ClientTimeout(60)) as http:
        yield Visitor(server, http)


def plain(data: bytes) -> bytes:
    """Drop sequences that pyte does not know: questions about keyboards and modes."""
    return re.sub(rb"\x1b\[(?:[>=<][0-9;]*[a-zA-Z]|\?[0-9;]*\$p)", b"", data)
