"""``smarter follow``: one reading's way, hop by hop, in a small run of its own."""

from __future__ import annotations

import json

import click

from smarter.cli.options import chosen_neighbourhood, debug_option, scenario_argument
from smarter.errors import UsageError


@click.command(epilog="Example:  smarter follow quickstart --meter apt3 --at '2016-01-05 17:52'")
@scenario_argument
@click.option("--meter", required=True, metavar="NAME", help="The meter as its source calls it.")
@click.option("--at", required=True, metavar="TIME", help="A local date and time, e.g. '2016-01-05 17:52'.")
@click.option("--neighbourhood", metavar="ID", help="Where the meter is, when there is more than one.")
@click.option("--whole", is_flag=True, help="Run the scenario's whole span, not just the windows around the reading.")
@click.option("--json", "as_json", is_flag=True, help="Print the hops as JSON, bytes whole.")
@debug_option
def follow(
    scenario: str,
    overrides: tuple[str, ...],
    meter: str,
    at: str,
    neighbourhood: str | None,
    whole: bool,
    as_json: bool,
) -> None:
    """Follow one reading of SCENARIO from its row to the bill.

    It plays the real parties, with fresh keys in a state that is thrown away, over the days of the billing window
    around the reading, of which the bill then is, too; only a simulation can look over everybody's shoulder like this.
    """
    from smarter.follow import follow as play
    from smarter.model.events import Traced
    from smarter.protocols.trail import Trace
    from smarter.scenario import load_scenario
    from smarter.scenario.moments import epoch, parse_moment

    checked = load_scenario(scenario, overrides)
    name = chosen_neighbourhood(checked, neighbourhood)
    try:
        moment = parse_moment(at)
    except ValueError as error:
        raise UsageError(f"--at: {error}.") from error
    zone = checked.neighbourhoods[name].timezone
    checked.check_available()
    events = play(checked, Trace(name, meter, epoch(moment, zone)), whole=whole)
    hops = [event.hop for event in events if isinstance(event, Traced)]
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps([asdict(hop) for hop in hops], indent=2))
    else:
        from smarter.cli import printing, show

        out = printing.console()
        out.print(f"Meter {meter} of {name}, {moment.isoformat(' ', 'minutes')} {zone}", style="bold")
        show.hops(out, hops)
