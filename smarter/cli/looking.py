"""Commands that only look: ``validate``, ``schema``, ``plugins``, ``readings`` and ``state``."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from smarter.cli.options import debug_option, opened, scenario_argument, state_option
from smarter.errors import UsageError
from smarter.state import states_folder

if TYPE_CHECKING:
    from smarter.scenario import Scenario


@click.command(epilog="Example:  smarter validate my-street.yaml --set windows.billing=6h")
@scenario_argument
@debug_option
def validate(scenario: str, overrides: tuple[str, ...]) -> None:
    """Check SCENARIO and the plugins it names, without touching its data."""
    from smarter.scenario import load_scenario

    checked = load_scenario(scenario, overrides)
    checked.check_available()
    for warning in checked.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(f"{checked.path}: fine")


@click.command(epilog="\b\nExamples:\n  smarter schema\n  smarter schema result")
@click.argument("what", type=click.Choice(["scenario", "result", "bench"]), default="scenario")
@debug_option
def schema(what: str) -> None:
    """Print the JSON Schema of a scenario (plugins' options included), of result.json, or of `smarter bench --json`."""
    if what == "result":
        from smarter.model.results import Result

        content: dict[str, Any] = Result.model_json_schema()
    elif what == "bench":
        from smarter.bench.figures import BenchReport

        content = BenchReport.model_json_schema()
    else:
        from smarter.scenario import scenario_schema

        content = dict(scenario_schema())
    click.echo(json.dumps(content, indent=2))


@click.group(invoke_without_command=True, epilog="\b\nExamples:\n  smarter plugins\n  smarter plugins show time-of-use")
@click.option("--json", "as_json", is_flag=True, help="Print the list as JSON.")
@debug_option
@click.pass_context
def plugins(ctx: click.Context, as_json: bool) -> None:
    """List every plugin of every kind, with origin, version and capabilities; a broken one with its error."""
    if ctx.invoked_subcommand is not None:
        return
    from smarter.registry import registry

    listings = registry().listings()
    if as_json:
        from dataclasses import asdict

        entries = [{**asdict(listing), "capabilities": dict(listing.capabilities)} for listing in listings]
        click.echo(json.dumps(entries, indent=2, default=str))
        return
    from smarter.cli import printing, show

    show.plugins_table(printing.console(), listings)


@plugins.command(name="show", epilog="Example:  smarter plugins show paillier")
@click.argument("name")
@debug_option
def show_plugin(name: str) -> None:
    """Print the options of plugin NAME."""
    import difflib

    from smarter.cli import printing, show
    from smarter.registry import options_schema, registry

    known = registry().listings()
    found = [listing for listing in known if listing.name == name]
    if not found:
        near = difflib.get_close_matches(name, [listing.name for listing in known], 1)
        hint = f"did you mean {near[0]}?" if near else "`smarter plugins` lists them."
        raise UsageError(f"there is no plugin {name}; {hint}")
    for listing in found:
        usable = listing.error is None
        options = options_schema(registry().get(listing.kind, listing.name)) if usable else None
        show.plugin(printing.console(), listing, options)


def _homes_by_days(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = re.fullmatch(r"([1-9][0-9]{0,4})x([1-9][0-9]{0,4})", value)
    if found is None:
        raise click.BadParameter(
            f"{value!r} is not HOMESxDAYS, two whole numbers from 1 to 99999 such as 114x365", ctx, param
        )
    return int(found[1]), int(found[2])


@click.command(
    epilog="\b\nExamples:\n  smarter readings quickstart\n  smarter readings quickstart --tile 114x365 --out year-data"
)
@scenario_argument
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@click.option(
    "--tile",
    metavar="HOMESxDAYS",
    callback=_homes_by_days,
    help="Write a larger neighbourhood for tests of scale, e.g. 114x365.",
)
@click.option("--out", type=click.Path(path_type=Path), metavar="DIR", help="With --tile: where to.")
@debug_option
def readings(
    scenario: str, overrides: tuple[str, ...], as_json: bool, tile: tuple[int, int] | None, out: Path | None
) -> None:
    """Show what the sources of SCENARIO hold: span, intervals, gaps, totals, and what a run would refuse.

    With --tile, write files instead, one a home, in the layout of the UMass files: each is a meter of SCENARIO shifted
    in time, round and round its span, so that no two homes are equal.
    """
    if (tile is None) != (out is None):
        raise click.UsageError("--tile and --out go together")
    if tile is not None and as_json:
        raise click.UsageError("--tile writes files and prints no --json")
    from smarter.cli import printing, show
    from smarter.parties.meter.survey import surveys
    from smarter.protocols.plan import choose_meters, refusal_of
    from smarter.scenario import load_scenario

    checked = load_scenario(scenario, overrides)
    checked.check_available()
    if tile is not None and out is not None:
        _tile(checked, *tile, out)
        return
    surveyed = {}
    for name, area in checked.neighbourhoods.items():
        meters = choose_meters(checked, name)
        surveyed[name] = surveys(meters, area.timezone, interval=checked.windows.reading)
        notes = [f"{note}." for meter in meters for note in meter.notes]
        refusal = refusal_of(checked, name, meters, surveyed[name])
        for note in [*notes, *([f"a run would refuse this: {refusal}"] if refusal else [])]:
            click.echo(f"warning: {note}", err=True)
    if as_json:
        from dataclasses import asdict

        content = {name: [asdict(entry) for entry in entries] for name, entries in surveyed.items()}
        click.echo(json.dumps(content, indent=2, default=float))  # totals are fractions
        return
    screen = printing.console()
    for name, entries in surveyed.items():
        zone = checked.neighbourhoods[name].timezone
        screen.print(f"{name} ({zone})", style="bold")
        show.survey_table(screen, entries, zone)


def _tile(scenario: Scenario, homes: int, days: int, out: Path) -> None:
    from rich.progress import track

    from smarter.cli.terminal import make_console
    from smarter.export.tiling import check_folder, plan_tile, write_tile

    check_folder(out)
    tile = plan_tile(scenario, homes, days)
    screen = make_console(stderr=True)
    written = list(
        track(
            write_tile(tile, out),
            "writing homes",
            total=homes,
            console=screen,
            transient=True,
            disable=not screen.is_terminal,
        )
    )
    size = sum(path.stat().st_size for path in written)
    click.echo(f"wrote {homes} homes of {days} days into {out} ({size / 1e6:,.1f} MB)", err=True)


@click.command(epilog="Example:  smarter state quickstart")
@click.argument("scenario", required=False)
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a value.")
@state_option
@debug_option
def state(scenario: str | None, overrides: tuple[str, ...], state: Path | None) -> None:
    """Show where everything lies: of SCENARIO, or the folder of all states and the app's settings."""
    if scenario is None:
        from smarter.tui.settings import settings_file

        folder = states_folder()
        click.echo(f"states\t{folder}")
        click.echo(f"settings\t{settings_file()}")
        for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
            click.echo(f"\t{entry.name}")
        return
    checked, found = opened(scenario, overrides, state)
    lines = {
        "scenario": checked.path.absolute(),
        "state": found.path,
        "journal": found.journal,
        "keys": found.keys,
        "store": found.store,
        "accounts": found.accounts,
        "deliveries under grants": found.deliveries,
        "audit log": found.audit_log,
        "heads of audit logs": found.anchor or "kept nowhere else",
        "begun": "yes" if found.begun else "no",
    }
    for what, where in lines.items():
        click.echo(f"{what}\t{where}")
