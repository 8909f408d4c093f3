"""``smarter customer`` about what is in the account: own readings shown and exported, bills checked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.customer.door import Door, opening
from smarter.cli.options import (
    debug_option,
    format_option,
    out_option,
    scenario_argument,
    state_option,
    unlock_option,
    unlocking,
    until_option,
)
from smarter.errors import DamagedStore, DataError, UsageError

if TYPE_CHECKING:
    from smarter.parties.customer import By, OwnReadings
    from smarter.protocols.bill_check import BillCheck
    from smarter.protocols.customer_desk import CustomerDesk

from_option = click.option(
    "--from", "since", metavar="TIME", help="First moment, local: 2016-01-05 or '2016-01-05 18:00'."
)


@contextmanager
def _at_desk(
    scenario: str,
    overrides: tuple[str, ...],
    state: Path | None,
    unlock: str,
    *,
    locked: bool = False,
    export: bool = False,
) -> Iterator[tuple[CustomerDesk, OwnReadings, Door]]:
    """The desk of whoever is logged in, with all of their readings."""
    from smarter.protocols.customer_desk import CustomerDesk

    with opening(scenario, overrides, state, unlock, locked=locked) as door:
        desk = CustomerDesk(door.session, door.holder(), door.login.witness)
        own = desk.readings(export=export)
        damage = DamagedStore(
            f"{own.damaged:,} frames that the meter keeps do not verify, and are left out; restore "
            f"{door.folder.journal} from a backup."
        )
        if not len(own) and own.damaged:
            raise damage
        if not len(own):
            from smarter.charts.own_use import nothing_to_open

            raise DataError(nothing_to_open(desk.erased, own.timezone))
        yield desk, own, door
        view = desk.view
        click.echo(f"opened {view.frames:,} frames of your meter by your own key, here and nowhere else", err=True)
        if own.damaged:
            raise damage


def _span(own: OwnReadings, by: By | None, since: str | None, until: str | None) -> tuple[int, int]:
    """What is asked for, in epoch seconds; without a word of it all, or for minutes and hours the last day."""
    from smarter.parties.customer import edges_by

    start, end = own.span
    if since is None and until is None and by in ("minute", "hour"):
        start = max(start, int(edges_by("day", own.axis, own.timezone, start, end)[-2]))
    start = start if since is None else _moment("--from", since, own.timezone)
    end = end if until is None else _moment("--until", until, own.timezone)
    if start >= end or not len(own.within(start, end)):
        from smarter.charts.marks import moment

        first, last = (moment(at, own.timezone) for at in own.span)
        raise UsageError(f"there is no reading of yours in that time; there are some from {first} to {last}.")
    return start, end


def _moment(option: str, text: str, timezone: str) -> int:
    from smarter.scenario.moments import epoch, parse_moment

    try:
        return epoch(parse_moment(text), timezone)
    except ValueError as error:
        raise UsageError(f"{option}: {error}.") from error


@click.command(
    epilog="\b\nExamples:\n  smarter customer show quickstart\n"
    "  smarter customer show quickstart --by minute --from '2016-01-05 17:00' --until '2016-01-05 18:00'"
)
@scenario_argument
@click.option(
    "--by",
    type=click.Choice(["minute", "hour", "day", "month"]),
    default="day",
    show_default=True,
    help="Gathered by what.",
)
@from_option
@until_option()
@state_option
@unlock_option
@debug_option
def show(
    scenario: str,
    overrides: tuple[str, ...],
    by: By,
    since: str | None,
    until: str | None,
    state: Path | None,
    unlock: str,
) -> None:
    """Show your own energy and what it costs: chart, table, base load, peak, and the time before beside it.

    Minutes and hours are those of the last day unless --from or --until gives other times. A minute costs its energy
    at the rate of its billing window.
    """
    from smarter.cli import printing, show
    from smarter.parties.customer import compared, usage_of

    with _at_desk(scenario, overrides, state, unlock) as (desk, own, _):
        start, end = _span(own, by, since, until)
        uses = desk.use(own, by, start, end)
        out = printing.console()
        printing.print_own_chart(out, [use.window for use in uses], by in ("minute", "hour"), own.timezone)
        usage = usage_of(own, start, end)
        if usage is not None:
            show.own_figures(out, usage, compared(own, start, end), own.timezone)
        show.own_table(out, uses, by, desk.currency, own.timezone)


@click.command(
    epilog="\b\nExamples:\n  smarter customer export quickstart > mine.csv\n"
    "  smarter customer export quickstart --format green-button --out mine.xml"
)
@scenario_argument
@format_option("--format")
@from_option
@until_option()
@out_option
@state_option
@unlock_option
@debug_option
def export(
    scenario: str,
    overrides: tuple[str, ...],
    wanted: str,
    since: str | None,
    until: str | None,
    out: Path | None,
    state: Path | None,
    unlock: str,
) -> None:
    """Write your own readings, every one of them, exact to the milliwatt-hour. A gap is left out."""
    from smarter.export.own_readings import FORMATS

    with _at_desk(scenario, overrides, state, unlock, export=True) as (_, own, _):
        mine = own.within(*_span(own, None, since, until))
        text = FORMATS[wanted](mine.blocks(), own.axis, own.timezone)
        if out is None:
            sys.stdout.writelines(text)
            return
        from smarter.export.files import replacing

        with replacing(out, 0o600) as file:
            file.writelines(text)
        click.echo(f"wrote {len(mine):,} readings to {out}", err=True)


@click.command(
    name="check-bill",
    epilog="\b\nExamples:\n  smarter customer check-bill quickstart\n  smarter customer check-bill quickstart --json",
)
@scenario_argument
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@debug_option
def check_bill(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, as_json: bool) -> None:
    """Compute your bills from your own readings, and compare them with the MDMS's: to the cent, window by window.

    The MDMS answers from its records, so it takes the secret of its keystore.
    """
    from smarter.cli import printing, show
    from smarter.protocols.session import reporting

    with _at_desk(scenario, overrides, state, unlock, locked=True) as (desk, own, door):
        note = desk.note("read", "bills")
        with reporting(door.session, door.folder, unlocking(unlock, door.folder), note) as report:
            checks = desk.check_bills(own, report)
        if as_json:
            click.echo(json.dumps([_check_json(check, own.timezone) for check in checks], indent=2))
        else:
            show.bill_checks(printing.console(), checks, own.timezone)


def _check_json(check: BillCheck, timezone: str) -> dict[str, object]:
    from smarter.model.windows import iso

    bill, own = check.bill, check.own
    return {
        "period_start": iso(bill.start, timezone),
        "period_end": iso(bill.end, timezone),
        "currency": bill.currency,
        "matches": check.matches,
        "billed_mwh": bill.energy,
        "billed": None if bill.amount is None else str(bill.amount),
        "own_mwh": own.energy if own else None,
        "own": str(own.amount) if own and own.amount is not None else None,
        "unseen_windows": check.unseen,
        "withheld_windows": check.withheld,
        "differences": [
            {
                "start": iso(each.start, timezone),
                "end": iso(each.end, timezone),
                "billed_mwh": each.billed,
                "billed_readings": each.billed_readings,
                "own_mwh": each.own,
                "own_readings": each.own_readings,
                "why": each.why,
            }
            for each in check.differences
        ],
    }
