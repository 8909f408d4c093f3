"""``smarter operator`` about what the MDMS knows, and about the audit log: as far as the role allows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.operator.door import OpenDoor, opening
from smarter.cli.options import debug_option, out_option, scenario_argument, state_option, unlock_option

if TYPE_CHECKING:
    from smarter.export.files import Table
    from smarter.protocols.operator_desk import OperatorDesk

json_option = click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")


@contextmanager
def _at_desk(
    scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, *, locked: bool = True
) -> Iterator[tuple[OperatorDesk, OpenDoor]]:
    """The desk, for whoever is logged in; records that do not verify are an error when all else is printed."""
    from smarter.cli.reporting import refuse_damaged

    with opening(scenario, overrides, state, unlock, locked=locked) as door:
        desk = door.desk()
        yield desk, door
        refuse_damaged(desk.damaged, door.folder)


@click.command(epilog="Example:  smarter operator meters quickstart")
@scenario_argument
@state_option
@unlock_option
@json_option
@debug_option
def meters(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, as_json: bool) -> None:
    """Print all meters, by pseudonym. For viewers and billing clerks."""
    from smarter.cli import json_forms, printing, show

    with _at_desk(scenario, overrides, state, unlock, locked=False) as (desk, _):
        seen = desk.meters()
    if as_json:
        click.echo(json_forms.meters_json(seen))
    else:
        show.meters_table(printing.console(), seen)


@click.command(epilog="Example:  smarter operator windows quickstart a3f9")
@scenario_argument
@click.argument("meter", metavar="METER")
@state_option
@unlock_option
@json_option
@debug_option
def windows(
    scenario: str, overrides: tuple[str, ...], meter: str, state: Path | None, unlock: str, as_json: bool
) -> None:
    """Print the billing windows of METER as they were released. For billing clerks.

    METER is a pseudonym, whose first digits do.
    """
    from smarter.cli import json_forms, printing, show

    with _at_desk(scenario, overrides, state, unlock) as (desk, _):
        seen = desk.windows(meter)
        if as_json:
            click.echo(json_forms.windows_json(seen))
            return
        out = printing.console()
        printing.print_household_chart(out, seen.rows, seen.timezone)
        show.windows_table(out, seen.rows, seen.timezone)


@click.command(epilog="\b\nExamples:\n  smarter operator bills quickstart\n  smarter operator bills quickstart a3f9")
@scenario_argument
@click.argument("meter", metavar="[METER]", required=False)
@state_option
@unlock_option
@json_option
@debug_option
def bills(
    scenario: str, overrides: tuple[str, ...], meter: str | None, state: Path | None, unlock: str, as_json: bool
) -> None:
    """Print all bills, or those of METER line by line. For billing clerks.

    METER is a pseudonym, whose first digits do.
    """
    from smarter.cli import json_forms, printing, show

    with _at_desk(scenario, overrides, state, unlock) as (desk, _):
        accounts = desk.bills(meter)
        if as_json:
            click.echo(
                json_forms.bills_json((bill, account.timezone) for account in accounts for bill in account.bills)
            )
            return
        out, billed = printing.console(), [bill for account in accounts for bill in account.bills]
        if meter is None:
            printing.print_listed_bills(out, billed, {account.meter: account.timezone for account in accounts})
            return
        for bill in billed:
            show.bill_lines(out, bill)


@click.command(
    epilog="\b\nExamples:\n  smarter operator demand quickstart\n  smarter operator demand quickstart --windows"
)
@scenario_argument
@click.option("--neighbourhood", metavar="ID", help="Only this one.")
@click.option("--windows", is_flag=True, help="Also every single window.")
@state_option
@unlock_option
@json_option
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
    """Print demand per day, peak, load factor. For viewers and billing clerks."""
    from smarter.cli import json_forms, printing

    with _at_desk(scenario, overrides, state, unlock) as (desk, _):
        seen = desk.demand(neighbourhood)
        if as_json:
            click.echo(json_forms.figures_json(each.figures for each in seen))
            return
        for each in seen:
            printing.print_demand_rows(printing.console(), each.rows, each.figures, windows=windows)


@click.command(
    epilog="\b\nExamples:\n  smarter operator rerate quickstart --tariff flat --option rate=0.15\n"
    "  smarter operator rerate quickstart --tariff new-tariff.yaml\n"
    "  smarter operator rerate quickstart --option rates.peak=0.30"
)
@scenario_argument
@click.option("--tariff", metavar="NAME|FILE", help="A tariff plugin, or a YAML file. [default: the scenario's tariff]")
@click.option("--option", "options", multiple=True, metavar="FIELD=VALUE", help="Set an option of the tariff.")
@state_option
@unlock_option
@json_option
@debug_option
def rerate(
    scenario: str,
    overrides: tuple[str, ...],
    tariff: str | None,
    options: tuple[str, ...],
    state: Path | None,
    unlock: str,
    as_json: bool,
) -> None:
    """Print bills under another tariff beside those there are. For billing clerks.

    Nothing is changed. It is computed from the billing windows that were released, and from nothing finer.
    """
    from smarter.cli import json_forms, printing, show

    with _at_desk(scenario, overrides, state, unlock) as (desk, _):
        rerating = desk.rerate(tariff, options)
        if as_json:
            click.echo(json_forms.rerating_json(rerating))
        else:
            show.rerating_table(printing.console(), rerating)


@click.command(
    epilog="\b\nExamples:\n  smarter operator export quickstart > bills.csv\n"
    "  smarter operator export quickstart --what windows --out windows.csv"
)
@scenario_argument
@click.option(
    "--what",
    type=click.Choice(["bills", "windows", "demand"]),
    default="bills",
    show_default=True,
    help="Bills, billing windows, or demand windows: the columns of bills.csv, billing.csv and demand.csv.",
)
@out_option
@state_option
@unlock_option
@debug_option
def export(
    scenario: str, overrides: tuple[str, ...], what: Table, out: Path | None, state: Path | None, unlock: str
) -> None:
    """Write bills, windows or demand as CSV. For billing clerks."""
    from smarter.export.files import csv_writer, replacing, table_of

    with _at_desk(scenario, overrides, state, unlock) as (desk, _), desk.exporting() as report:
        columns, rows = table_of(report, what)
        if out is None:
            csv_writer(sys.stdout, columns).writerows(rows)
            return
        with replacing(out, 0o600) as file:
            csv_writer(file, columns).writerows(rows)
        click.echo(f"wrote {what} to {out}", err=True)


@click.command(
    epilog="\b\nExamples:\n  smarter operator audit quickstart\n  smarter operator audit quickstart --verify\n"
    "  smarter operator audit quickstart --of carl"
)
@scenario_argument
@click.option("--verify", is_flag=True, help="Only check that nothing in it was changed, moved or cut.")
@click.option("--of", "of_operator", metavar="NAME", help="Only what this operator did, and what was done to them.")
@click.option("--meter", metavar="PSEUDONYM", help="Only what concerns this household; its whole pseudonym.")
@state_option
@unlock_option
@json_option
@debug_option
def audit(
    scenario: str,
    overrides: tuple[str, ...],
    verify: bool,
    of_operator: str | None,
    meter: str | None,
    state: Path | None,
    unlock: str,
    as_json: bool,
) -> None:
    """Print the audit log, or verify it. For auditors.

    What is printed is checked on the way.
    """
    from smarter.cli import show
    from smarter.cli.audit import print_entries

    with _at_desk(scenario, overrides, state, unlock, locked=False) as (desk, _):
        if verify:
            click.echo(f"{desk.verify_log().entries:,} entries, whole")
            return
        entries = desk.log(of_operator=of_operator, of_meter=meter)
        if as_json:
            print_entries(entries)
            return
        for line in show.audit_lines(entries):
            click.echo(line)
