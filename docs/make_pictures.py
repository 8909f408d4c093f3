"""Draws the pictures of the documentation from real runs: ``python docs/make_pictures.py`` (not on Windows).

Each command runs in a terminal of its own, as it would before a reader, with state in a folder that is thrown away.
What it prints is cut into parts at headings, otherwise left as it is, and written beside this script as SVG; the app is
run with the same scenario, and its pages are pictures as they stand.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text
from textual.pilot import Pilot

from smarter.tui.app import SmarterApp
from smarter.tui.settings import Settings

DOCS = Path(__file__).parent
COLUMNS = 100
MOMENT = "2016-01-05 17:52"

FONTS = '"DejaVu Sans Mono", "Fira Code", Menlo, Consolas, monospace'

# Rich's own template fetches a font from the network; this one takes what the reader's machine has.
SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: FONTS;
    font-size: {char_height}px;
    line-height: {line_height}px;
    font-variant-east-asian: full-width;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
<rect fill="#16181d" width="100%" height="100%" rx="8"/>
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
""".replace("FONTS", FONTS)


def main() -> None:
    """Run the commands and write ``quickstart.svg``, ``views.svg`` and ``follow.svg``."""
    with tempfile.TemporaryDirectory(prefix="smarter-pictures-") as state:
        run = printed("run", "quickstart", "--state", state)
    draw("quickstart.svg", "smarter run quickstart", part(run, "Bills", "day "))
    draw("views.svg", "", part(run, "Who saw what", None))
    followed = printed("follow", "quickstart", "--meter", "apt3", "--at", MOMENT)
    draw("follow.svg", f"smarter follow quickstart --meter apt3 --at '{MOMENT}'", followed)
    with tempfile.TemporaryDirectory(prefix="smarter-pictures-") as data:
        os.environ["XDG_DATA_HOME"] = data
        asyncio.run(visit())


async def visit() -> None:
    """Run the quickstart in the app and write ``app-run.svg``, ``app-demand.svg`` and ``app-follow.svg``."""
    app = SmarterApp("quickstart", Settings(theme="dark"))
    async with app.run_test(size=(COLUMNS, 34)) as pilot:
        await until(pilot, lambda: app.current_mode == "scenarios")
        await pilot.press("2", "r")
        await until(pilot, lambda: app.picture.stage == "read" and app.picture.done * 4 >= app.picture.total * 3)
        draw_page("app-run.svg", app)
        await until(pilot, lambda: app.picture.condition == "finished")
        await pilot.press("4")
        await until(pilot, lambda: getattr(app.screen, "reported", False))
        await pilot.pause(PATIENCE)
        draw_page("app-demand.svg", app)
        await pilot.press("3")
        await until(pilot, lambda: getattr(app.screen, "choice", None))
        await pilot.press("f")
        await until(pilot, lambda: getattr(app.screen, "ways", None))
        await pilot.press("home", "down", "down")
        await pilot.pause(PATIENCE)
        draw_page("app-follow.svg", app)


PATIENCE = 2.0
"""Seconds that a chart takes at most to be drawn, in a thread."""


async def until(pilot: Pilot[Any], holds: Callable[[], object]) -> None:
    """Let the app go on until it holds."""
    for _ in range(2_000):
        if holds():
            return
        await pilot.pause(0.03)
    sys.exit("the app never came so far")


def draw_page(name: str, app: SmarterApp) -> None:
    """Write the page in front as SVG; Textual's own fetches a font from the network."""
    svg = re.sub(r"@font-face \{.*?\}", "", app.export_screenshot(title="Smarter"), flags=re.DOTALL)
    svg = svg.replace("font-family: Fira Code, monospace", f"font-family: {FONTS}")
    write(name, svg)


def printed(*arguments: str) -> list[str]:
    """The lines, colours and all, that ``smarter`` prints on a terminal of ``COLUMNS`` columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, COLUMNS, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "COLUMNS")}
    environment |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
    command = [sys.executable, "-m", "smarter", *arguments]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, stdin=subprocess.DEVNULL, stdout=theirs, stderr=subprocess.PIPE, env=environment
    ) as process:
        os.close(theirs)
        data = b"".join(iter(lambda: _read(ours), b""))
        assert process.stderr is not None
        complaint = process.stderr.read().decode()
    if process.returncode:
        sys.exit(f"{' '.join(arguments)}: exit {process.returncode}: {complaint}")
    # The pictures show nobody's folders.
    lines = data.decode().replace(f"{DOCS.parent.resolve()}{os.sep}scenarios{os.sep}..{os.sep}", "")
    return lines.replace("\r\n", "\n").strip("\n").split("\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # which is how Linux says that the other end has closed
        return b""


def part(lines: list[str], first: str, end: str | None) -> list[str]:
    """The lines from the one that begins with ``first`` up to the one that begins with ``end``."""
    plain = [Text.from_ansi(line).plain for line in lines]
    start = next(number for number, line in enumerate(plain) if line.startswith(first))
    if end is None:
        return lines[start:]
    stop = next(number for number, line in enumerate(plain) if number > start and line.startswith(end))
    return lines[start:stop]


def draw(name: str, command: str, lines: list[str]) -> None:
    """Write ``lines`` as SVG, under the command that printed them if one is given."""
    with Path(os.devnull).open("w") as nowhere:
        console = Console(record=True, width=COLUMNS, file=nowhere, force_terminal=True, color_system="truecolor")
        if command:
            console.print(Text.assemble(("$ ", "dim"), (command, "bold")), end="\n\n")
        console.print(Text.from_ansi("\n".join(lines).strip("\n")), no_wrap=True, crop=False)
        svg = console.export_svg(code_format=SVG, title="", unique_id="terminal")
    write(name, svg)


def write(name: str, svg: str) -> None:
    """Write a picture beside this script."""
    (DOCS / name).write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
    print(f"wrote {DOCS / name}", file=sys.stderr)


if __name__ == "__main__":
    main()
