"""Hostile text in commands on a pseudo-terminal is shown or refused, not obeyed.

It comes in scenarios, names of files, columns, titles, plugins and arguments.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import io
import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from smarter.cli.app import main, smarter
from smarter.registry import Registry
from tests.support import hostile

termios = pytest.importorskip("termios", reason="there are no pseudo-terminals here")

OnTerminal = Callable[..., tuple[int, bytes]]

PLUGINS = f"""
    import numpy as np
    from smarter.api import Rows, Source, SourceMeter, Tariff, hookimpl

    ATTACK = {hostile.ATTACK!r}

    class Odd(Tariff):
        name = "odd"
        summary = ATTACK
        def lines(self, *_): raise RuntimeError(ATTACK)
        Options = type("Options", (Tariff.Options,), {{"__doc__": ATTACK}})

    class Noting(SourceMeter):
        name, origin, notes = "one", ATTACK, (ATTACK,)
        def rows(self, **_):
            slots = np.arange(96)
            yield Rows(1_451_606_400 + 900 * slots, 10**9 + slots, slots + 1)
        def digest(self): return ""

    class Failing(Noting):
        def rows(self, **_): raise ValueError(ATTACK)

    class Notes(Source):
        name = "notes"
        summary = "A source."
        @classmethod
        def capabilities(cls): return {{"said": ATTACK, ATTACK: 1}}
        def meters(self, context): return [Noting()]

    class Fails(Source):
        name = "fails"
        summary = "A source."
        def meters(self, context): return [Failing()]

    @hookimpl
    def register_tariffs(register):
        register(Odd)
        raise ValueError(ATTACK)

    @hookimpl
    def register_sources(register):
        register(Notes)
        register(Fails)
        register(ATTACK)
"""


@pytest.fixture
def on_terminal(monkeypatch: pytest.MonkeyPatch) -> OnTerminal:
    """Calls ``smarter`` with its streams on a pseudo-terminal: exit code and bytes."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)

    def call(*arguments: object, encoding: str = "utf-8") -> tuple[int, bytes]:
        with terminal(encoding) as (stream, read):
            monkeypatch.setattr(sys, "argv", ["smarter", *map(str, arguments)])
            streams = contextlib.redirect_stdout(stream), contextlib.redirect_stderr(stream)
            with streams[0], streams[1], pytest.raises(SystemExit) as end:
                main()
        assert isinstance(end.value.code, int)
        return end.value.code, read()

    return call


@contextlib.contextmanager
def terminal(encoding: str = "utf-8") -> Iterator[tuple[io.TextIOWrapper, Callable[[], bytes]]]:
    """A stream to a terminal of 100 columns, and what came out of it once it is closed."""
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (30, 100))
    came: list[bytes] = []

    def receive() -> None:
        with contextlib.suppress(OSError):  # the other end is closed
            while data := os.read(master, 65_536):
                came.append(data)

    reader = threading.Thread(target=receive)
    reader.start()
    try:
        with os.fdopen(slave, "w", encoding=encoding, errors="surrogateescape") as stream:
            yield stream, lambda: b"".join(came)
    finally:
        reader.join()
        os.close(master)


def test_the_fixture_would_see_what_a_terminal_obeys() -> None:
    with terminal() as (stream, read):
        stream.write(hostile.ATTACK + hostile.FILE)
    assert {"\x1b]", "\x1bP", "\x9b", "\x07", "\u202e", "\u200b", "\x1b[8m"} <= set(hostile.obeyed(read()))


# Scenarios.


WRITTEN = {
    "description": f"description: {hostile.quoted(hostile.ATTACK)}",
    "bidi": f'description: "{hostile.BIDI}{hostile.UNSEEN}"',
    "key": f"{hostile.quoted(hostile.ATTACK)}: 1",
    "neighbourhood": f"neighbourhoods: {{{hostile.quoted(hostile.ATTACK)}: {{timezone: UTC}}}}",
    "value": f"frame: {hostile.quoted(hostile.ATTACK)}",
    "tag": "frame: !<\u202e\u009b2J> 1",
    "rates": f"tariff: {{plugin: time-of-use, rates: {{{hostile.quoted(hostile.ATTACK)}: '1'}}, currency: EUR}}",
    "no yaml": "description: \x9b2J\u202e [",
    "raw": "description: \x1b]52;c;AAAA\x07",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_a_scenario_with_such_text_is_refused_and_its_text_is_not_obeyed(
    lane: Any, on_terminal: OnTerminal, name: str
) -> None:
    key = WRITTEN[name].partition(":")[0] + ":"
    kept = [line for line in lane.scenario.read_text().splitlines() if not line.startswith(key)]
    lane.scenario.write_text("\n".join([WRITTEN[name], *kept]))
    code, output = on_terminal("validate", lane.scenario)
    assert code == 2
    assert hostile.obeyed(output) == []


def commands(group: click.Command, *words: str) -> Iterator[tuple[click.Command, tuple[str, ...]]]:
    """Every command that takes a scenario, with its words; ``serve`` does not look at it."""
    if isinstance(group, click.Group):
        for name in group.list_commands(click.Context(group)):
            if (command := group.get_command(click.Context(group), name)) is not None and name != "serve":
                yield from commands(command, *words, name)
    elif any(each.name == "scenario" for each in group.params):
        yield group, words


def test_no_command_obeys_a_scenario_nor_what_else_it_is_given(lane: Any, on_terminal: OnTerminal) -> None:
    path = lane.folder / f"{hostile.FILE}.yaml"
    path.write_text(f"{WRITTEN['description']}\n{lane.scenario.read_text()}")
    refused, called = [], []
    for command, words in commands(smarter):
        arguments: list[object] = []
        for each in command.params:
            if isinstance(each, click.Argument) and (each.required or each.name == "scenario"):
                arguments.append(path if each.name == "scenario" else hostile.FILE)
            elif each.required:
                kind = each.type
                value = kind.choices[0] if isinstance(kind, click.Choice) else hostile.FILE
                arguments += [each.opts[0], 3 if isinstance(kind, click.IntRange) else value]
        code, output = on_terminal(*words, *arguments)
        called.append(words)
        assert code in (2, 3), (words, output)
        assert hostile.obeyed(output) == [], words
        if b"control character U+001B" in output:
            refused.append(words)
    assert len(called) > 50, called
    assert {("run",), ("bills",), ("audit", "show"), ("operator", "list"), ("customer", "status")} <= set(refused)


def test_an_override_is_not_obeyed(lane: Any, on_terminal: OnTerminal) -> None:
    for override in (f"description={hostile.ATTACK}", f"{hostile.ATTACK}=1", hostile.ATTACK):
        code, output = on_terminal("validate", lane.scenario, "--set", override)
        assert code == 2
        assert hostile.obeyed(output) == []


# Meters.


READERS = (
    ("readings",),
    ("run",),
    ("follow", "--meter", "home1", "--at", "2016-01-01 12:00"),
    ("convert", "--meter", "home1", "--to", "csv"),
)


@pytest.mark.parametrize("command", READERS, ids=lambda words: words[0])
@pytest.mark.parametrize("name", [hostile.FILE, "home\udc9b2J", "two\nlines"], ids=["sequences", "bytes", "lines"])
def test_a_file_with_such_a_name_is_no_meter(
    lane: Any, on_terminal: OnTerminal, command: tuple[str, ...], name: str
) -> None:
    lane.home(2).rename(lane.homes / f"{name}.csv")
    code, output = on_terminal(command[0], lane.scenario, *command[1:])
    assert code == 3
    assert b"has the control character U+" in output
    assert hostile.obeyed(output) == []


def columned(lane: Any, **options: str) -> None:
    lane.rewrite("{plugin: umass, path: homes}", json.dumps({"plugin": "csv", "path": "homes", **options}))


def test_a_column_names_no_such_meter(lane: Any, on_terminal: OnTerminal) -> None:
    columned(lane, meter="home")
    for path in lane.homes.iterdir():
        rows = [f"{path.stem}{hostile.FILE.replace(',', '')},{row}" for row in path.read_text().splitlines()]
        path.write_text("\n".join(["home,stamp,kW", *rows]))
    code, output = on_terminal("readings", lane.scenario)
    assert code == 3
    assert b"has the control character U+" in output
    assert hostile.obeyed(output) == []


def test_headings_and_values_of_a_file_are_not_obeyed(lane: Any, on_terminal: OnTerminal) -> None:
    columned(lane, stamp="when", value="kW")
    rows = lane.home(1).read_text()
    for heading, first in ((hostile.ATTACK, "1,1"), ("when,kW", hostile.ATTACK), ("when,kW", f"{hostile.ATTACK},1")):
        lane.home(1).write_text(f"{heading},x\n{first}\n{rows}")
        code, output = on_terminal("readings", lane.scenario)
        assert code == 3
        assert hostile.obeyed(output) == []


def test_titles_of_green_button_are_not_obeyed(lane: Any, on_terminal: OnTerminal) -> None:
    title = hostile.XML
    entries = "".join(
        f'<entry><link rel="self" href="{own}"/><link rel="up" href="{up}"/>{related}<title>{title}</title>'
        f'<content><{kind} xmlns="http://naesb.org/espi">{inside}</{kind}></content></entry>'
        for own, up, related, kind, inside in (
            (
                "UsagePoint/1",
                "UsagePoint",
                "",
                "UsagePoint",
                f"<ServiceCategory><kind>{title}</kind></ServiceCategory>",
            ),
            (
                f"UsagePoint/{title}",
                "UsagePoint",
                "",
                "UsagePoint",
                "<ServiceCategory><kind>0</kind></ServiceCategory>",
            ),
            *(
                (
                    f"UsagePoint/{title}/MeterReading/{number}",
                    f"UsagePoint/{title}/MeterReading",
                    f'<link rel="related" href="ReadingType/{number}{title}"/>',
                    "MeterReading",
                    "",
                )
                for number in (1, 2)
            ),
            ("ReadingType/1" + title, "ReadingType", "", "ReadingType", f"<uom>{title}</uom>"),
            ("ReadingType/2" + title, "ReadingType", "", "ReadingType", "<uom>72</uom>"),
        )
    )
    lane.home(1).with_suffix(".xml").write_text(f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>')
    for options in ({}, {"reading": "none"}):
        lane.scenario.write_text(
            lane.scenario.read_text().replace(
                "{plugin: umass, path: homes}", json.dumps({"plugin": "green-button", "path": "homes", **options})
            )
        )
        code, output = on_terminal("readings", lane.scenario)
        assert code == 3, output
        assert hostile.obeyed(output) == []


# Plugins.


@pytest.fixture
def odd_plugins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plugin whose every text is an attack, two that are broken, and those that are installed."""
    (tmp_path / "odd.py").write_text(textwrap.dedent(PLUGINS))
    (tmp_path / "worse.py").write_text(f"raise RuntimeError({hostile.ATTACK!r})\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("odd", "worse"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    points = [importlib.metadata.EntryPoint(name, name, "smarter.plugins") for name in ("odd", "worse")]
    points.append(importlib.metadata.EntryPoint(hostile.ATTACK, "nowhere", "smarter.plugins"))
    found = Registry([*importlib.metadata.entry_points(group="smarter.plugins"), *points])
    monkeypatch.setattr("smarter.registry.registry", lambda: found)
    monkeypatch.setattr("smarter.scenario.loading.installed", lambda: found)


@pytest.mark.usefixtures("odd_plugins")
@pytest.mark.parametrize("words", [(), ("show", "odd"), ("show", "notes"), ("show", "worse"), ("show", hostile.ATTACK)])
def test_plugins_are_listed_and_shown_and_not_obeyed(on_terminal: OnTerminal, words: tuple[str, ...]) -> None:
    code, output = on_terminal("plugins", *words)
    assert code == 0
    assert rb"\x1b]52;c;" in output
    assert hostile.obeyed(output) == []


@pytest.mark.usefixtures("odd_plugins")
@pytest.mark.parametrize(
    ("source", "words", "shown"),
    [
        ("notes", (), rb"warning: \x1b]52;c;"),
        ("fails", (), rb"ValueError: \x1b]52;c;"),
        ("fails", ("--debug",), rb"ValueError: \x1b]52;c;"),
    ],
)
def test_notes_and_errors_of_a_source_are_not_obeyed(
    lane: Any, on_terminal: OnTerminal, source: str, words: tuple[str, ...], shown: bytes
) -> None:
    lane.rewrite("{plugin: umass, path: homes}", f"{{plugin: {source}}}")
    _, output = on_terminal("readings", lane.scenario, *words)
    assert shown in output
    assert hostile.obeyed(output) == []


@pytest.mark.usefixtures("odd_plugins")
def test_a_scenario_names_a_broken_plugin(lane: Any, on_terminal: OnTerminal) -> None:
    lane.rewrite("plugin: flat", "plugin: worse")
    code, output = on_terminal("validate", lane.scenario)
    assert code == 5
    assert rb"\x1b]52;c;" in output
    assert hostile.obeyed(output) == []


# Arguments, folders, and what is printed while a bar is drawn.


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_arguments_are_not_obeyed(on_terminal: OnTerminal, encoding: str) -> None:
    for words in (
        (hostile.ATTACK,),
        ("run", hostile.ATTACK),
        ("run", f"--{hostile.ATTACK}"),
        ("plugins", "show", hostile.ATTACK + "?"),
        ("readings", "quickstart", "--tile", hostile.ATTACK, "--out", "x"),
        ("bench", "--against", hostile.ATTACK),
    ):
        code, output = on_terminal(*words, encoding=encoding)
        assert code == 2
        assert hostile.obeyed(output) == []


def test_paths_are_not_obeyed(
    finished: Any, tmp_path: Path, on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / hostile.FILE
    shutil.copytree(finished.folder, folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    (folder / "smarter" / hostile.FILE).mkdir(parents=True)
    scenario = folder / "lane.yaml"
    for words in (
        ("validate", scenario),
        ("state", scenario, "--state", folder / "state"),
        ("state",),
        ("bills", scenario, "--state", folder / "none"),
        ("keys", "list", scenario, "--state", folder / "state"),
    ):
        _, output = on_terminal(*words)
        assert hostile.obeyed(output) == []
        assert b"\\x" in output or b"\\u" in output or words[0] == "keys"


def test_output_that_is_piped_stays_exact(finished: Any, tmp_path: Path, call: Callable[..., Any]) -> None:
    folder = tmp_path / (hostile.C1 + hostile.BIDI)
    shutil.copytree(finished.folder, folder)
    said = call("state", folder / "lane.yaml", "--state", folder / "state")
    assert f"state\t{folder / 'state'}\n" in said.out


def test_tables_charts_and_bars_show_foreign_text(on_terminal: OnTerminal, monkeypatch: pytest.MonkeyPatch) -> None:
    from rich.progress import TextColumn
    from rich.text import Text

    from smarter.charts.marks import quiet_table
    from smarter.cli import printing
    from smarter.cli.terminal import make_progress

    def printed(*_: object, **__: object) -> None:
        table = quiet_table()
        table.add_column(hostile.ATTACK)
        table.add_row(hostile.ATTACK)
        table.add_row(Text.from_markup(hostile.MARKUP), Text(hostile.ATTACK, "bold link https://evil.example"))
        out = printing.console()
        out.print(table, hostile.ATTACK, style="red")
        printing.print_chart(f"\x1b[31m▅▅\x1b[0m {hostile.ATTACK}")
        with make_progress(TextColumn("{task.description}", markup=False)) as progress:
            progress.add_task(hostile.ATTACK, total=None)
            click.echo(f"warning: {hostile.ATTACK}", err=True)
            print(hostile.ATTACK)
        raise ValueError(hostile.ATTACK)

    monkeypatch.setattr("smarter.cli.looking.states_folder", printed)
    code, output = on_terminal("state")
    assert code == 1
    assert hostile.obeyed(output) == []
    assert output.count(b"[link=https") >= 4  # markup is shown
    assert b"\x1b[31m" in output  # our colours stay


# The real program.


@pytest.mark.slow
def test_the_program_itself_shows_what_it_is_given(lane: Any) -> None:
    pexpect = pytest.importorskip("pexpect")
    lane.scenario.write_text(f"{WRITTEN['description']}\n{lane.scenario.read_text()}")
    arguments = ["-m", "smarter", "validate", str(lane.scenario), "--set", f"{hostile.ATTACK}=1"]
    child = pexpect.spawn(sys.executable, arguments, dimensions=(30, 100), timeout=60)
    child.expect(pexpect.EOF)
    assert b"control character" in child.before
    assert hostile.obeyed(child.before) == []


@pytest.mark.slow
def test_errors_are_shown_where_they_are_piped_too(lane: Any) -> None:
    lane.home(2).rename(lane.homes / f"{hostile.FILE}.csv")
    command = [sys.executable, "-m", "smarter", "readings", str(lane.scenario)]
    ended = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    assert ended.returncode == 3
    assert hostile.obeyed(ended.stderr) == []
