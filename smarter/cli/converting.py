"""``smarter convert``: one meter's readings, as a run takes them from its source, in a format of their owner's."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from smarter.cli.options import chosen_neighbourhood, debug_option, format_option, out_option, scenario_argument


@click.command(
    epilog="\b\nExamples:\n  smarter convert quickstart --meter apt3 --to green-button --out apt3.xml\n"
    "  smarter convert quickstart --meter apt3 --set time.end=2016-01-02 | head"
)
@scenario_argument
@click.option("--meter", required=True, metavar="NAME", help="The meter as its source calls it.")
@click.option("--neighbourhood", metavar="ID", help="Where the meter is, when there is more than one.")
@format_option("--to")
@out_option
@debug_option
def convert(
    scenario: str, overrides: tuple[str, ...], meter: str, neighbourhood: str | None, wanted: str, out: Path | None
) -> None:
    """Write the readings of one meter of SCENARIO, exact to the milliwatt-hour.

    They are what a run takes from the source over the scenario's span; nobody but the meter and its customer has them
    there. A gap is left out. Source green-button reads Green Button back, source csv reads the CSV.
    """
    from smarter.export.own_readings import FORMATS, readings_of
    from smarter.scenario import load_scenario

    checked = load_scenario(scenario, overrides)
    name = chosen_neighbourhood(checked, neighbourhood)
    checked.check_available()
    plan, blocks = readings_of(checked, name, meter)
    text = FORMATS[wanted](blocks, plan.axis, plan.timezone)
    if out is None:
        sys.stdout.writelines(text)
        return
    from smarter.export.files import replacing

    with replacing(out) as file:
        file.writelines(text)
    click.echo(f"wrote {sum(map(len, blocks)):,} readings of {meter} to {out}", err=True)
