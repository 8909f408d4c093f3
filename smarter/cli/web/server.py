"""Serves textual-serve's sessions and downloads to browsers that have access."""

from __future__ import annotations

import functools
import html
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import quote

from aiohttp import web
from textual_serve.download_manager import DownloadManager
from textual_serve.server import Server

from smarter.cli.web.access import Access, Browser, Names, Refused

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

RETRY_SECONDS = 3
"""When a page that found no free session tries again. A tab that is reloaded leaves its own only then."""

SHUTDOWN_SECONDS = 5.0
"""How long sessions may take to end after ctrl-c."""

_HERE = Path(__file__).parent
_FONT_PIXELS = range(6, 73)
_session: ContextVar[Browser] = ContextVar("session")
"""The browser whose session a task belongs to."""


class Downloads(DownloadManager):
    """Downloads, each given out once, to the browser whose session offers it."""

    def __init__(self) -> None:
        super().__init__()
        self._offered: dict[str, Browser] = {}

    async def create_download(self, *, delivery_key: str, **about: Any) -> None:
        """Offer a download to the browser of this session."""
        self._offered[delivery_key] = _session.get()
        await super().create_download(delivery_key=delivery_key, **about)

    def claim(self, delivery_key: str, browser: Browser) -> None:
        """Give a download out.

        Raises:
            KeyError: there is none with this key for this browser, or it has been given out.
        """
        if self._offered.get(delivery_key) != browser:
            raise KeyError(delivery_key)
        del self._offered[delivery_key]


class AppServer(Server):
    """The app for browsers that have access, a process for each session."""

    def __init__(
        self,
        command: str,
        names: Names,
        *,
        port: int,
        title: str,
        sessions: int,
        announce: Callable[[str], None],
    ) -> None:
        """Prepare sessions and access; nothing listens yet.

        Args:
            command: shell command that starts the app.
            names: under which browsers reach it.
            port: on which it listens.
            title: of the page.
            sessions: most that may be open at once.
            announce: called with the address that lets the next browser in.
        """
        super().__init__(command, port=port, title=title, public_url=names.address)
        self.download_manager = Downloads()
        self._downloads = self.download_manager
        self._names = names
        self._access = Access()
        self._cookie = f"smarter-{port}"  # cookies are shared by all ports of a host
        self._most = sessions
        self._open = 0
        self._announce = announce

    @property
    def address(self) -> str:
        """Where the next browser is let in, once."""
        return f"{self._names.address}/?token={self._access.token}"

    def application(self) -> web.Application:
        """The routes, all of them behind the checks."""
        application = web.Application(middlewares=[self._admit])
        application.add_routes(
            [
                web.get("/", self._page),
                web.get("/page.js", self._script),
                web.get("/ws/{key}", self._serve_session),
                web.get("/download/{key}", self._download),
                web.static("/static", self.statics_path),
            ]
        )
        application.on_response_prepare.append(self._add_headers)
        return application

    @web.middleware
    async def _admit(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer only requests that have access; a token is exchanged for it."""
        arrived_at = request.transport.get_extra_info("sockname") if request.transport else None
        headers = request.headers
        try:
            self._names.check(headers.getall("Host", []), headers.getall("Origin", []), arrived_at and arrived_at[:2])
            wants_access = request.method == "GET" and request.path == "/" and "token" in request.query
            try:
                browser = self._access.browser(request.cookies.get(self._cookie, ""))
            except Refused:
                if not wants_access:
                    raise
                browser = self._access.exchange(request.query["token"])
                self._announce(self.address)
            if wants_access:
                return self._enter(browser)
            request["browser"] = browser
            return await handler(request)
        except Refused as refused:
            return _sentence(403, str(refused))

    def _enter(self, browser: Browser) -> web.Response:
        """To the page without the token, which leaves address bar and history."""
        answer = web.Response(status=303, headers={"Location": f"/#{browser.key}"})
        answer.set_cookie(
            self._cookie, browser.cookie, path="/", httponly=True, samesite="Strict", secure=self._names.secure
        )
        return answer

    async def _page(self, request: web.Request) -> web.Response:
        if self._open >= self._most:
            return self._full()
        size = request.query.get("fontsize", "")
        known = size.isascii() and size.isdigit() and len(size) < 4 and int(size) in _FONT_PIXELS
        page = Template((_HERE / "page.html").read_text(encoding="utf-8"))
        text = page.substitute(title=html.escape(self.title), font_size=size if known else "16")
        return web.Response(text=text, content_type="text/html")

    async def _script(self, request: web.Request) -> web.Response:
        text = (_HERE / "page.js").read_text(encoding="utf-8")
        return web.Response(text=text, content_type="text/javascript")

    async def _serve_session(self, request: web.Request) -> web.StreamResponse:
        """An app of its own, as long as the socket is open."""
        if "Origin" not in request.headers:  # browsers always send one
            raise Refused("A session needs an Origin header: open the address in a browser.")
        browser: Browser = request["browser"]
        browser.check_key(request.match_info["key"])
        if not web.WebSocketResponse().can_prepare(request):
            return _sentence(400, "A session is a websocket, and this request asks for none.")
        if self._open >= self._most:
            return self._full()
        self._open += 1
        entered = _session.set(browser)
        try:
            return await self.handle_websocket(request)
        finally:
            _session.reset(entered)
            self._open -= 1

    def _full(self) -> web.Response:
        most = f"No session is free (most at once: {self._most})"
        answer = _sentence(503, f"{most}: close another tab, or start `smarter serve` with --sessions.")
        answer.headers["Refresh"] = answer.headers["Retry-After"] = str(RETRY_SECONDS)
        return answer

    async def _download(self, request: web.Request) -> web.StreamResponse:
        """A file that the app of this browser offers, never shown in a page."""
        key = request.match_info["key"]
        try:
            self._downloads.claim(key, request["browser"])
            offered = await self._downloads.get_download_metadata(key)
        except KeyError:
            return _sentence(404, "There is no such download: export it again.")
        answer = web.StreamResponse()
        answer.headers["Content-Type"] = offered.mime_type
        answer.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(offered.file_name, safe='')}"
        await answer.prepare(request)
        async for chunk in self._downloads.download(key):
            await answer.write(chunk)
        await answer.write_eof()
        return answer

    @functools.cached_property
    def _policy(self) -> str:
        """Scripts, pictures and sockets from here alone; xterm.js writes its own styles."""
        scheme = "wss" if self._names.secure else "ws"
        # Some browsers count sockets under 'self', and all refuse an IPv6 address here.
        sockets = sorted(f"{scheme}://{host}" for host in self._names.hosts if "[" not in host)
        return "; ".join(
            (
                "default-src 'none'",
                "script-src 'self'",
                "style-src 'self' 'unsafe-inline'",
                "img-src 'self' data:",
                f"connect-src 'self' {' '.join(sockets)}",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'none'",
            )
        )

    async def _add_headers(self, request: web.Request, answer: web.StreamResponse) -> None:
        answer.headers.update(
            {
                "Content-Security-Policy": self._policy,
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Referrer-Policy": "no-referrer",
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Cache-Control": "no-store",
                "Server": "smarter",
            }
        )


def _sentence(status: int, text: str) -> web.Response:
    return web.Response(status=status, text=f"{text}\n")
