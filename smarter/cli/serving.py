"""``smarter app`` and bare ``smarter``: the app on this terminal; ``smarter serve``: the same app in a browser."""

from __future__ import annotations

import contextlib
import errno
import gc
import ipaddress
import os
import shlex
import sys
from typing import Any

import click

from smarter.cli.options import debug_option
from smarter.errors import MachineError, UsageError

FIRST = "quickstart"
LOOPBACK = "127.0.0.1"
PORT = 8000
POLICY = "default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws: wss:; frame-ancestors 'none'"
"""What the page may load: all from here; textual-serve's own would fetch a font from elsewhere."""


def on_terminal() -> bool:
    """Whether there is something to show the app on: a terminal (it is drawn on standard error), or a browser."""
    if os.environ.get("TEXTUAL_DRIVER"):  # behind `smarter serve`
        return True
    return all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr))


def open_app(scenario: str = FIRST, overrides: tuple[str, ...] = ()) -> None:
    """Show the app until the user leaves it."""
    gc.disable()  # what is imported now stays; the app switches it on again once all is there
    from smarter.tui.launch import launch, leave

    launch(scenario, overrides)
    leave(0)


def _chosen(command: Any) -> Any:
    command = click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a value.")(
        command
    )
    return click.argument("scenario", default=FIRST)(command)


@click.command(epilog="\b\nExamples:\n  smarter app\n  smarter app my-street.yaml --set windows.billing=6h")
@_chosen
@debug_option
def app(scenario: str, overrides: tuple[str, ...]) -> None:
    """Open the app with SCENARIO chosen. [default: quickstart]"""
    if not on_terminal():
        raise UsageError("the app needs a terminal: run `smarter app` in one, or `smarter serve` and open a browser.")
    open_app(scenario, overrides)


@click.command(epilog="\b\nExamples:\n  smarter serve\n  smarter serve quickstart --port 9000")
@_chosen
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Port to listen on.")
@debug_option
def serve(scenario: str, overrides: tuple[str, ...], host: str, port: int) -> None:
    """Show the app in a browser: on this machine alone, unless --host says otherwise.

    Each page that is opened is an app of its own; all of them are this user's. Ctrl-C ends them.
    """
    from smarter.api.plugin import need
    from smarter.keys.process import hand_on

    need("textual_serve", "serve")
    words = [sys.executable, "-m", "smarter", "app", scenario, *(f"--set={override}" for override in overrides)]
    if not _is_loopback(host):
        click.echo(
            f"warning: whoever reaches {host} port {port} can use the app as you: read what it shows, run scenarios, "
            "read and write your files; there is no password and no encryption. Use an SSH tunnel instead: "
            f"ssh -L {port}:{LOOPBACK}:{port} THIS-MACHINE.",
            err=True,
        )
    hand_on()  # to the apps, each of which takes them out of its environment again
    # The shell becomes the app: its own environment would show the secrets for as long as the app is there.
    command = shlex.join(words) if os.name == "nt" else f"exec {shlex.join(words)}"
    try:
        _serve(command, host, port)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            what = "is taken" if error.errno == errno.EADDRINUSE else "is not for this user"
            raise MachineError(f"port {port} of {host} {what}: choose another one with --port.") from error
        raise MachineError(f"nothing can listen on {host}: {error}; choose another address with --host.") from error


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return False


def _serve(command: str, host: str, port: int) -> None:
    """As textual-serve does until ctrl-c; but no other website that the browser has open can talk to it."""
    from aiohttp import web
    from aiohttp.typedefs import Handler
    from textual_serve.server import Server

    here = {LOOPBACK, "localhost", "[::1]", host, f"[{host}]"}

    @web.middleware
    async def from_our_own_page(request: web.Request, handler: Handler) -> web.StreamResponse:
        """A browser lets any page open sockets to this machine, under any name: that is asked for here."""
        name = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
        if _is_loopback(host) and name not in here:
            raise web.HTTPForbidden(text=f"this is {host}, not {name}")
        if request.headers.get("Origin", own := f"{request.scheme}://{request.host}") != own:
            raise web.HTTPForbidden(text="another website asks")
        answer = await handler(request)
        if not answer.prepared:
            answer.headers["Content-Security-Policy"] = POLICY
        return answer

    class AppServer(Server):
        async def _make_app(self) -> web.Application:
            application = await super()._make_app()
            application.middlewares.append(from_our_own_page)
            return application

        async def on_startup(self, app: web.Application) -> None:
            """Nothing is said before it listens."""

        async def handle_index(self, request: web.Request) -> Any:
            """Whatever name the browser reached us by, it goes on with."""
            self.public_url = f"{request.scheme}://{request.host}"
            return await super().handle_index(request)

    shown = f"[{host}]" if ":" in host else host
    url = f"http://{shown}:{port}"
    application = AppServer(command, host=host, port=port, title="Smarter", public_url=url)._make_app()
    web.run_app(
        application,
        host=host,
        port=port,
        access_log=None,
        print=lambda _: click.echo(f"Smarter is at {url} (ctrl+c ends it).", err=True),
    )
