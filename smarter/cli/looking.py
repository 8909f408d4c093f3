"""Commands that only look: ``validate``, ``schema``, ``plugins``, ``readings`` and ``state``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from smarter.cli.options import debug_option, opened, scenario_argument, state_option
from smarter.errors import UsageError
from smarter.state import states_folder


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
@click.argument("what", type=click.Choice(["scenario", "result"]), default="scenario")
@debug_option
def schema(what: str) -> None:
    """Print the JSON Schema of a scenario (plugins' options included) or of result.json."""
    if what == "result":
        from smarter.model.results import Result

        content: dict[str, Any] = Result.model_json_schema()
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
    from smarter.registry import registry

    known = registry().listings()
    found = [listing for listing in known if listing.name == name]
    if not found:
        near = difflib.get_close_matches(name, [listing.name for listing in known], 1)
        hint = f"did you mean {near[0]}?" if near else "`smarter plugins` lists them."
        raise UsageError(f"there is no plugin {name}; {hint}")
    for listing in found:
        usable = listing.error is None
        options = registry().get(listing.kind, listing.name).Options.model_json_schema() if usable else None
        show.plugin(printing.console(), listing, options)


@click.command(epilog="Example:  smarter readings quickstart")
@scenario_argument
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@debug_option
def readings(scenario: str, overrides: tuple[str, ...], as_json: bool) -> None:
    """Show what the sources of SCENARIO hold: span, intervals, gaps, totals, and what a run would refuse."""
    from smarter.cli import printing, show
    from smarter.parties.meter.survey import survey
    from smarter.protocols.plan import choose_meters
    from smarter.scenario import load_scenario

    checked = load_scenario(scenario, overrides)
    checked.check_available()
    surveyed = {
        name: [survey(meter, area.timezone) for meter in choose_meters(checked, name)]
        for name, area in checked.neighbourhoods.items()
    }
    if as_json:
        from dataclasses import asdict

        content = {name: [asdict(entry) for entry in entries] for name, entries in surveyed.items()}
        click.echo(json.dumps(content, indent=2, default=float))  # totals are fractions
        return
    out = printing.console()
    for name, entries in surveyed.items():
        zone = checked.neighbourhoods[name].timezone
        out.print(f"{name} ({zone})", style="bold")
        show.survey_table(out, entries, zone)


@click.command(epilog="Example:  smarter state quickstart")
@click.argument("scenario", required=False)
@click.option("--set", "overrides", multiple=True, metavar="FIELD=VALUE", help="Override a value.")
@state_option
@debug_option
def state(scenario: str | None, overrides: tuple[str, ...], state: Path | None) -> None:
    """Show where everything lies: of SCENARIO, or the folder of all states."""
    if scenario is None:
        folder = states_folder()
        click.echo(f"states\t{folder}")
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
        "begun": "yes" if found.begun else "no",
    }
    for what, where in lines.items():
        click.echo(f"{what}\t{where}")
