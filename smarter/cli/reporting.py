"""``smarter bills`` and ``smarter demand``: what the MDMS knows of a finished run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.options import begun, debug_option, scenario_argument, state_option, unlock_option, unlocking
from smarter.errors import DamagedStore
from smarter.state import StateFolder

if TYPE_CHECKING:
    from smarter.model.audit import Note
    from smarter.model.bills import Bill
    from smarter.protocols.report import Report
    from smarter.protocols.session import Session


@contextmanager
def _reported(
    scenario: str,
    overrides: tuple[str, ...],
    state: Path | None,
    unlock: str,
    reading: Callable[[Session], Note],
) -> Iterator[Report]:
    """The answers of a finished state, for as long as it is locked; ``reading``: what the audit log is told of it."""
    from smarter.protocols.session import recalled, reporting

    checked, folder = begun(scenario, overrides, state, "run")
    with folder.locked():
        session = recalled(checked, folder)
        try:
            with reporting(session, folder, unlocking(unlock, folder), reading(session)) as report:
                yield report
                refuse_damaged(report.damaged, folder)
        finally:
            session.journal.close()


def refuse_damaged(damaged: Sequence[str], folder: StateFolder) -> None:
    """Raise :class:`DamagedStore` when records did not verify; what did is printed by then."""
    if damaged:
        raise DamagedStore(
            f"{len(damaged)} records of the store in {folder.store} do not verify and count as refused "
            f"({damaged[0]}); restore the store from a backup."
        )


@click.command(epilog="\b\nExamples:\n  smarter bills quickstart\n  smarter bills quickstart --meter a3f9")
@scenario_argument
@click.option("--meter", metavar="PSEUDONYM", help="One meter's windows and bill line by line; first digits do.")
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@debug_option
def bills(
    scenario: str, overrides: tuple[str, ...], meter: str | None, state: Path | None, unlock: str, as_json: bool
) -> None:
    """Print the bills of a finished run of SCENARIO, by pseudonym."""
    from smarter.cli import json_forms, printing
    from smarter.model.audit import HOUSEHOLDS, LOCAL, Note, household
    from smarter.model.results import WindowRows
    from smarter.protocols.households import found_households

    chosen: list[tuple[str, str]] = []

    def reading(session: Session) -> Note:
        chosen.extend(found_households(session, meter))
        whose = HOUSEHOLDS if meter is None else household(chosen[0][0])
        return Note("read", LOCAL, whose, {"what": "bills"})

    with _reported(scenario, overrides, state, unlock, reading) as report:
        if as_json:
            click.echo(json_forms.bills_json(_billed(report, chosen)))
        elif meter is None:
            printing.print_bills(printing.console(), report)
        else:
            for pseudonym, name in chosen:
                rows, zone = WindowRows(report.household(pseudonym, name)), report.timezone(name)
                printing.print_bill(printing.console(), report.bills(pseudonym, zone, rows), rows, zone)


def _billed(report: Report, households: list[tuple[str, str]]) -> Iterator[tuple[Bill, str]]:
    for pseudonym, name in households:
        zone = report.timezone(name)
        for bill in report.bills(pseudonym, zone, report.household(pseudonym, name)):
            yield bill, zone


@click.command(epilog="\b\nExamples:\n  smarter demand quickstart\n  smarter demand quickstart --windows")
@scenario_argument
@click.option("--neighbourhood", metavar="ID", help="Only this one.")
@click.option("--windows", is_flag=True, help="Also every single window.")
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
@debug_option
def demand(
    scenario: str,
    overrides: tuple[str, ...],
    neighbourhood: str | None,
    windows: bool,
    state: Path | None,
    unlock: str,
    as_json: bool,
) -> None:
    """Print the neighbourhood's demand of a finished run of SCENARIO: per day, peak, load factor."""
    from smarter.cli import json_forms, printing
    from smarter.model.audit import LOCAL, NEIGHBOURHOODS, Note
    from smarter.model.audit import neighbourhood as named
    from smarter.protocols.households import found_neighbourhoods

    def reading(session: Session) -> Note:
        found_neighbourhoods(session, neighbourhood)
        whose = NEIGHBOURHOODS if neighbourhood is None else named(neighbourhood)
        return Note("read", LOCAL, whose, {"what": "demand"})

    with _reported(scenario, overrides, state, unlock, reading) as report:
        names = report.neighbourhoods if neighbourhood is None else (neighbourhood,)
        if as_json:
            click.echo(json_forms.figures_json(report.figures(name, report.demand(name)) for name in names))
            return
        for name in names:
            printing.print_demand(printing.console(), report, name, windows=windows)
