"""Following a reading in a small run of its own: the real parties with fresh keys, over the days around it.

``smarter follow`` and the app's page do it; what it leaves of a state is thrown away.
"""

from __future__ import annotations

import difflib
import json
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from smarter.errors import UsageError
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.clock import DAY, zone
from smarter.model.control import Control
from smarter.model.events import Event
from smarter.protocols.plan import choose_meters
from smarter.protocols.trail import Trace
from smarter.run import run
from smarter.scenario import Scenario, with_overrides
from smarter.scenario.moments import moment_text
from smarter.state import StateFolder


def follow(scenario: Scenario, trace: Trace, *, whole: bool = False, control: Control | None = None) -> Iterator[Event]:
    """Play ``scenario`` around the reading that ``trace`` names; its hops are the ``Traced`` events among those of it.

    Args:
        scenario: checked.
        trace: which reading.
        whole: play the whole span, not only the days of the billing window around the reading.
        control: cancels.

    Raises:
        UsageError: there is no such meter, no reading then, or it is not in the span; nothing is run in the first case.
        SmarterError: what a run raises.
    """
    _check_meter(scenario, trace.neighbourhood, trace.meter)
    if not whole:
        local = datetime.fromtimestamp(trace.moment, zone(scenario.neighbourhoods[trace.neighbourhood].timezone))
        scenario = with_overrides(scenario, list(_days_around(scenario, local.replace(tzinfo=None, fold=0))))
    if scenario.consent == "required":
        scenario = with_overrides(scenario, ["consent=assumed"])  # in a state that is thrown away nobody can agree
    with tempfile.TemporaryDirectory(prefix="smarter-follow-") as name:
        state = StateFolder(Path(name))
        yield from run(scenario, state, unlock=KeyFileUnlock(state.keys), trace=trace, control=control)


def _check_meter(scenario: Scenario, neighbourhood: str, meter: str) -> None:
    """Refuse a meter that there is not before keys are made for the others."""
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
    start = datetime.combine(first, datetime.min.time())
    end = start + timedelta(days=days)
    span = scenario.time
    if (span.start and moment < span.start) or (span.end and moment >= span.end):
        first_of, end_of = (moment_text(edge) if edge else "the data's own" for edge in (span.start, span.end))
        raise UsageError(f"{moment_text(moment)} is outside the scenario's span of {first_of} to {end_of}.")
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
