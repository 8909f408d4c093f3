"""``smarter run``: carries a scenario through and prints or writes what it leaves behind."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.options import (
    debug_option,
    opened,
    scenario_argument,
    shares_option,
    state_option,
    unlock_option,
    unlocking,
)
from smarter.errors import DamagedStore

if TYPE_CHECKING:
    from smarter.keys.unlock import Unlock
    from smarter.model.events import Event
    from smarter.model.results import Result
    from smarter.scenario import Scenario
    from smarter.state import StateFolder


@click.command(epilog="\b\nExamples:\n  smarter run quickstart\n  smarter run umass-week --out results --verify")
@scenario_argument
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="Write CSV files and result.json here.")
@state_option
@unlock_option
@shares_option
@click.option("--fresh", is_flag=True, help="Destroy keys, ledger and records of this state first.")
@click.option("--verify", is_flag=True, help="Recompute every number from the plaintext; fail on 1 mWh.")
@click.option("--json", "as_json", is_flag=True, help="Print result.json on standard output.")
@click.option("--reveal-meters", is_flag=True, help="With --out: also meters.csv, which pseudonym is which meter.")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes that encrypt ahead. [default: all cores]"
)
@click.option("--quiet", is_flag=True, help="No progress and no notes.")
@debug_option
def run(
    scenario: str,
    overrides: tuple[str, ...],
    out: Path | None,
    state: Path | None,
    unlock: str,
    shares: tuple[Path, ...],
    fresh: bool,
    verify: bool,
    as_json: bool,
    reveal_meters: bool,
    workers: int | None,
    quiet: bool,
) -> None:
    """Run SCENARIO: from its beginning, or from where it was left.

    A finished run is not run again; its result is printed again.
    """
    if reveal_meters and out is None:
        raise click.UsageError("--reveal-meters writes meters.csv and so needs --out DIR")
    checked, folder = opened(scenario, overrides, state)
    checked.check_available()
    if out is not None:
        _check_writable(out)
    unlocker = unlocking(unlock, folder, shares)
    if fresh and folder.path.exists():
        _destroy(folder, unlocker)
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    result = _carry(checked, folder, unlocker, workers=workers or count, verify=verify, quiet=quiet)
    damaged = _give_out(
        checked, folder, unlocker, result, out=out, as_json=as_json, reveal_meters=reveal_meters, quiet=quiet
    )
    if damaged:
        raise DamagedStore(
            f"{len(damaged)} records of the store in {folder.store} do not verify and count as refused "
            f"({damaged[0]}); restore the store from a backup, or start again with --fresh."
        )


def _destroy(folder: StateFolder, unlocker: Unlock) -> None:
    """Destroy a state: each keystore with the secret that unlocks it, wherever that is kept, then all else."""
    from smarter.keys.keystore import Keystore, keystores

    folder.make()
    with folder.locked():
        for party in keystores(folder.keys):
            Keystore.destroy(folder.keys, party, unlocker)
        folder.destroy()


def _check_writable(out: Path) -> None:
    """Refuse a folder that could not be written to before a long run rather than after it."""
    there = next(path for path in (out, *out.absolute().parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def _carry(
    scenario: Scenario, folder: StateFolder, unlocker: Unlock, *, workers: int, verify: bool, quiet: bool
) -> Result:
    from smarter.model.events import Fault, Finished, Started, Warned
    from smarter.run import run as carry

    events = carry(scenario, folder, unlock=unlocker, workers=workers, verify=verify)
    if not quiet and sys.stderr.isatty():
        events = _showing_progress(events)
    for event in events:
        if isinstance(event, Started) and not quiet:
            for warning in event.warnings:
                click.echo(f"warning: {warning}", err=True)
        elif isinstance(event, Warned) and not quiet:
            click.echo(f"warning: {event.warning}", err=True)
        elif isinstance(event, Fault) and event.what == "worker" and not quiet:
            click.echo(f"warning: {event.reason}.", err=True)
        elif isinstance(event, Finished):
            return event.result
    raise AssertionError("a run ends with its result")


def _showing_progress(events: Iterator[Event]) -> Iterator[Event]:
    """Pass events on, and draw a bar on standard error while they come."""
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

    from smarter.charts.stages import DOING
    from smarter.cli.terminal import make_progress
    from smarter.model import events as kinds

    columns = (
        TextColumn("{task.description:<21}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[unit]}"),
        TimeRemainingColumn(),
    )
    progress = make_progress(*columns)
    carried = None
    beside: dict[str, TaskID] = {}
    try:
        for event in events:
            if isinstance(event, kinds.Progress):
                progress.start()  # and not before: a passphrase may be asked for until then
            if isinstance(event, kinds.Started):
                carried = progress.add_task(event.scenario, total=event.total, completed=event.done, unit="readings")
            elif isinstance(event, kinds.Progress) and event.stage in DOING:
                words, unit = DOING[event.stage]
                if event.stage not in beside:
                    beside[event.stage] = progress.add_task(words, total=event.total, unit=unit)
                progress.update(beside[event.stage], completed=event.done, visible=event.done < event.total)
            elif isinstance(event, kinds.Progress) and carried is not None:
                progress.update(carried, completed=event.done)
            yield event
    finally:
        progress.stop()


def _give_out(
    scenario: Scenario,
    folder: StateFolder,
    unlocker: Unlock,
    result: Result,
    *,
    out: Path | None,
    as_json: bool,
    reveal_meters: bool,
    quiet: bool,
) -> list[str]:
    """Write files, or print tables or JSON; return what records turned out damaged."""
    from smarter.model.audit import HOUSEHOLDS, LOCAL, Note
    from smarter.protocols.session import recall, reporting

    notes = []
    if out is not None:
        notes.append(Note("export", LOCAL, HOUSEHOLDS, {"what": "output files", "meters_revealed": reveal_meters}))
    if as_json or out is None:
        notes.append(Note("read", LOCAL, HOUSEHOLDS, {"what": "result" if as_json else "bills and demand"}))
    session = recall(scenario, folder)
    assert session is not None, "a finished run has a session"
    try:
        with reporting(session, folder, unlocker, *notes) as report:
            if as_json:
                click.echo(result.model_dump_json(indent=2))
            if out is not None:
                from smarter.export import write_outputs

                for path in write_outputs(out, session, report, result, reveal_meters=reveal_meters):
                    if not quiet:
                        click.echo(f"wrote {path}", err=True)
            elif not as_json:
                from smarter.cli.printing import print_run

                print_run(report, result)
            if not report.damaged and result.counts.damaged_records:
                report.open_all()
            return list(report.damaged)
    finally:
        session.journal.close()
