"""``smarter customer watch``: own minutes as a run goes on, in this terminal or in another."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.customer.door import Door, opening
from smarter.cli.options import debug_option, run_command, scenario_argument, state_option, unlock_option

if TYPE_CHECKING:
    from smarter.parties.customer import OwnReadings
    from smarter.protocols.live_minutes import LiveMinutes

STILL = 10.0
"""Seconds after which it is asked whether the session has not ended meanwhile."""


@click.command(
    epilog="\b\nExamples:\n  smarter customer watch quickstart\n  smarter customer watch quickstart --hours 6\n"
    "  smarter customer watch quickstart --json | head -60"
)
@scenario_argument
@click.option(
    "--hours", type=click.IntRange(1, 168), default=24, show_default=True, help="How far back the chart reaches."
)
@click.option("--json", "as_json", is_flag=True, help="Print each reading as a line of JSON, as it comes.")
@state_option
@unlock_option
@debug_option
def watch(
    scenario: str, overrides: tuple[str, ...], hours: int, as_json: bool, state: Path | None, unlock: str
) -> None:
    """Watch your own minutes as a run goes on, in another terminal or in the app: a chart that follows it.

    The last hours come first. It ends with the run, or by Ctrl-C (exit code 130), or when you log out elsewhere (4).
    Where there is no terminal it prints a line whenever something new has come. Watching keeps you logged in, at most
    for 12 hours.
    """
    from smarter.charts.own_use import nothing_to_open
    from smarter.protocols.customer_desk import CustomerDesk
    from smarter.protocols.live_minutes import LiveMinutes, following

    with opening(scenario, overrides, state, unlock) as door:
        holder = door.holder()
        desk = CustomerDesk(door.session, holder, door.login.witness)
        desk.note_live()
        live = LiveMinutes(desk, seconds=hours * 3600, frame=door.session.scenario.frame)
        went_on = door.folder.in_use
        news = following(live, lambda: door.folder.in_use, _waiting(door))
        if as_json:
            _print_json(news)
        elif sys.stdout.isatty():
            _draw(live, news)
        else:
            _print_lines(live, news)
        if live.own is None:
            click.echo(nothing_to_open(desk.erased, desk.plan.timezone), err=True)
        if door.session.finished:
            click.echo("the run has come to its end", err=True)
        else:
            ended = "the run was stopped" if went_on else "no run goes on"
            click.echo(f"{ended}: `{run_command(scenario, overrides, state)}` takes it up", err=True)


def _waiting(door: Door) -> Callable[[float], None]:
    """Wait; every now and then make sure that whoever watches is still logged in."""
    asked = time.monotonic()

    def wait(seconds: float) -> None:
        nonlocal asked
        time.sleep(seconds)
        if time.monotonic() - asked >= STILL:
            asked = time.monotonic()
            door.holder()

    return wait


def _print_json(news: Iterable[OwnReadings]) -> None:
    from smarter.export.own_readings import told

    for new in news:
        for block in new.blocks():
            for start, energy in told(block, new.axis, new.timezone):
                # The energy as it is written, not as a float of it.
                sys.stdout.write(f'{{"start": {json.dumps(start)}, "energy_wh": {energy}}}\n')
        sys.stdout.flush()


def _print_lines(live: LiveMinutes, news: Iterable[OwnReadings]) -> None:
    from smarter.charts.own_use import live_line

    for _ in news:
        if live.own is not None:
            click.echo(live_line(live.own, live.count).plain)


def _draw(live: LiveMinutes, news: Iterable[OwnReadings]) -> None:
    from rich.console import Group
    from rich.live import Live
    from rich.text import Text

    from smarter.charts.own_use import live_line, own_chart
    from smarter.cli import printing
    from smarter.parties.customer import gathered

    out = printing.console()
    with Live(console=out, auto_refresh=False) as screen:
        for _ in news:
            own = live.own
            if own is None:
                continue
            rows = gathered(own, "minute", *own.span)
            height = min(printing.CHART_HEIGHT, max(out.height - 3, 8))
            colour = printing.colourful(out)
            chart = own_chart(rows, own.timezone, fine=True, width=out.width, height=height, colour=colour)
            screen.update(Group(Text.from_ansi(chart, no_wrap=True), live_line(own, live.count)), refresh=True)
