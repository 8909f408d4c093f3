"""``smarter follow``: one reading's way, hop by hop, in a small run of its own."""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.options import debug_option, scenario_argument
from smarter.errors import UsageError
from smarter.model.clock import DAY

if TYPE_CHECKING:
    from smarter.model.events import Hop
    from smarter.scenario import Scenario


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
    from smarter.scenario import load_scenario
    from smarter.scenario.moments import epoch, parse_moment

    checked = load_scenario(scenario, overrides)
    name = _neighbourhood(checked, neighbourhood)
    try:
        moment = parse_moment(at)
    except ValueError as error:
        raise UsageError(f"--at: {error}.") from error
    zone = checked.neighbourhoods[name].timezone
    checked.check_available()
    _check_meter(checked, name, meter)
    if not whole:
        checked = load_scenario(scenario, (*overrides, *_days_around(checked, moment)))
    hops = _hops(checked, name, meter, epoch(moment, zone))
    if as_json:
        from dataclasses import asdict

        click.echo(json.dumps([asdict(hop) for hop in hops], indent=2))
    else:
        from smarter.cli import printing, show

        out = printing.console()
        out.print(f"Meter {meter} of {name}, {moment.isoformat(' ', 'minutes')} {zone}", style="bold")
        show.hops(out, hops)


def _neighbourhood(scenario: Scenario, chosen: str | None) -> str:
    names = list(scenario.neighbourhoods)
    if chosen is None and len(names) == 1:
        return names[0]
    if chosen not in names:
        asked = "--neighbourhood is needed" if chosen is None else f"there is no neighbourhood {chosen}"
        raise UsageError(f"{asked}; {scenario.name} has {', '.join(names)}.")
    return chosen


def _check_meter(scenario: Scenario, neighbourhood: str, meter: str) -> None:
    """Refuse a meter that there is not before keys are made for the others."""
    from smarter.protocols.plan import choose_meters

    names = [each.name for each in choose_meters(scenario, neighbourhood)]
    if meter not in names:
        near = difflib.get_close_matches(meter, names, 1)
        hint = f"did you mean {near[0]}?" if near else f"it has {', '.join(names)}."
        raise UsageError(f"neighbourhood {neighbourhood} has no meter {meter}; {hint}")


def _days_around(scenario: Scenario, moment: datetime) -> Iterator[str]:
    """Overrides: whole local days, within the span, that hold the billing window around ``moment``; their faults."""
    days = max(1, scenario.windows.billing // DAY)
    day = moment.date()
    first = day - timedelta(days=(day.toordinal() - 1) % days)
    start, end = datetime.combine(first, datetime.min.time()), datetime.combine(first, datetime.min.time())
    end += timedelta(days=days)
    span = scenario.time
    if (span.start and moment < span.start) or (span.end and moment >= span.end):
        raise UsageError(f"--at {moment} is outside the scenario's span of {span.start} to {span.end}.")
    start, end = max(start, span.start or start), min(end, span.end or end)
    yield f"time.start={start.isoformat(' ')}"
    yield f"time.end={end.isoformat(' ')}"
    if scenario.faults:
        inside = [
            fault.model_dump(mode="json", exclude_none=True) | {"at": max(fault.at, start).isoformat(" ")}
            for fault in scenario.faults
            if fault.at < end and (fault.until or fault.at + timedelta(seconds=1)) > start
        ]
        yield f"faults={json.dumps(inside)}"


def _hops(scenario: Scenario, neighbourhood: str, meter: str, moment: int) -> list[Hop]:
    from smarter.keys.unlock import KeyFileUnlock
    from smarter.model.events import Traced
    from smarter.protocols.trail import Trace
    from smarter.run import run
    from smarter.state import StateFolder

    with tempfile.TemporaryDirectory(prefix="smarter-follow-") as name:
        state = StateFolder(Path(name))
        events = run(scenario, state, unlock=KeyFileUnlock(state.keys), trace=Trace(neighbourhood, meter, moment))
        return [event.hop for event in events if isinstance(event, Traced)]
