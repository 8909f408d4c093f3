"""``smarter app`` and bare ``smarter``: the app on this terminal; ``smarter serve``: the same app in a browser."""

from __future__ import annotations

import contextlib
import errno
import gc
import os
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click

from smarter.cli.options import debug_option
from smarter.cli.web.access import LOOPBACK, Names, is_loopback
from smarter.errors import MachineError, UsageError

FIRST = "quickstart"
PORT = 8000
SESSIONS = 4


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


@click.command(epilog="\b\nExamples:\n  smarter serve\n  smarter serve quickstart --port 9000 --sessions 1")
@_chosen
@click.option("--host", default=LOOPBACK, show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(1, 65535), default=PORT, show_default=True, help="Port to listen on.")
@click.option(
    "--allow-host",
    "allowed",
    multiple=True,
    metavar="NAME[:PORT]",
    help="Another name that browsers reach it by; may be repeated.",
)
@click.option("--public-url", metavar="URL", help="Address of an HTTPS proxy in front of it, without a path.")
@click.option(
    "--sessions", type=click.IntRange(min=1), default=SESSIONS, show_default=True, help="Most pages open at once."
)
@click.option("--quiet", is_flag=True, help="Addresses alone, on standard output.")
@debug_option
def serve(
    scenario: str,
    overrides: tuple[str, ...],
    host: str,
    port: int,
    allowed: tuple[str, ...],
    public_url: str | None,
    sessions: int,
    quiet: bool,
) -> None:
    """Show the app in a browser, on this machine alone by default.

    The printed address lets one browser in. Each page is an app of its own, with your files. Ctrl-C ends them.
    """
    from smarter.api.plugin import need
    from smarter.keys.process import hand_on

    need("textual_serve", "serve")
    names = Names.of(host, port, allowed, public_url)
    if not is_loopback(host) and not quiet:
        click.echo(
            f"warning: {host} port {port} has no encryption: a listener on that network can copy your access and use "
            "the app as you, with your files. Use an SSH tunnel instead: "
            f"ssh -L {port}:{LOOPBACK}:{port} THIS-MACHINE.",
            err=True,
        )
    words = [sys.executable, "-m", "smarter", "app", scenario, *(f"--set={override}" for override in overrides)]
    hand_on()  # to the apps, each of which takes them out of its environment again
    # The shell becomes the app: its own environment would show the secrets for as long as the app is there.
    command = shlex.join(words) if os.name == "nt" else f"exec {shlex.join(words)}"
    try:
        _serve(command, f"Smarter: {Path(scenario).name}", names, host, port, sessions, quiet)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            what = "is taken" if error.errno == errno.EADDRINUSE else "is not for this user"
            raise MachineError(f"port {port} of {host} {what}: choose another one with --port.") from error
        raise MachineError(f"nothing can listen on {host}: {error}; choose another address with --host.") from error


def _serve(command: str, title: str, names: Names, host: str, port: int, sessions: int, quiet: bool) -> None:
    """Serve until ctrl-c, and print an address at first and after each use of one."""
    from aiohttp import web

    from smarter.cli.web.server import SHUTDOWN_SECONDS, AppServer

    output = sys.stdout

    def announce(sentence: str, address: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            click.echo(address if quiet else sentence.format(address), file=output if quiet else sys.stderr)

    used = partial(announce, "A browser has opened the app. Another one opens {} instead.")
    server = AppServer(command, names, port=port, title=title, sessions=sessions, announce=used)
    with contextlib.redirect_stdout(sys.stderr):  # textual-serve prints there why an app ended
        web.run_app(
            server.application(),
            host=host,
            port=port,
            access_log=None,
            shutdown_timeout=SHUTDOWN_SECONDS,
            print=lambda *_: announce("Smarter is at {} (ctrl+c ends it).", server.address),
        )
