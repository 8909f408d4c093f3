"""One meter's readings as a file of their owner's: CSV, JSON or Green Button, exact to the mWh.

``smarter convert`` writes those of a source's meter with it; whoever may read a meter's frames can write theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from smarter.errors import DataError, UsageError
from smarter.export import green_button
from smarter.export.files import watt_hours
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis, iso
from smarter.protocols.intake import Intake
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.scenario import Scenario

OWN = ("start", "energy_wh")
"""The columns of the CSV, and the keys of a reading in the JSON."""


def csv_text(blocks: Sequence[ReadingBlock], axis: Axis, timezone: str) -> Iterator[str]:
    """Yield CSV piece by piece: the start of each reading with its offset, and its energy in Wh with three decimals."""
    yield ",".join(OWN) + "\n"
    for block in blocks:
        yield "".join(f"{start},{energy}\n" for start, energy in told(block, axis, timezone))


def json_text(blocks: Sequence[ReadingBlock], axis: Axis, timezone: str) -> Iterator[str]:
    """Yield JSON piece by piece: time zone, interval in seconds, and the readings as in the CSV."""
    yield f'{{\n  "version": 1,\n  "timezone": "{timezone}",\n  "interval_s": {axis.interval},\n  "readings": ['
    before = "\n"
    for block in blocks:
        rows = (f'    {{"start": "{start}", "energy_wh": {energy}}}' for start, energy in told(block, axis, timezone))
        yield before + ",\n".join(rows)
        before = ",\n"
    yield "\n  ]\n}\n"


def told(block: ReadingBlock, axis: Axis, timezone: str) -> Iterator[tuple[str, str]]:
    """The start of each reading with its offset, and its energy in Wh with three decimals."""
    for slot, energy in enumerate(block.energies.tolist(), block.first_slot):
        yield iso(axis.start_of(slot), timezone), watt_hours(energy)


FORMATS: Mapping[str, Callable[[Sequence[ReadingBlock], Axis, str], Iterator[str]]] = {
    "csv": csv_text,
    "json": json_text,
    "green-button": green_button.write,
}
"""What readings can be written as: the blocks of one meter in order of time, their slots, the clock's IANA name."""
SUFFIXES: Mapping[str, str] = {"csv": "csv", "json": "json", "green-button": "xml"}
"""What their files end with."""


def readings_of(scenario: Scenario, neighbourhood: str, meter: str) -> tuple[NeighbourhoodPlan, list[ReadingBlock]]:
    """What a run takes of one meter of a source, over the scenario's span, and the plan by which it does.

    Raises:
        UsageError: there is no such meter.
        DataError: its rows cannot be read, or there are none in the span.
    """
    # Nothing is released here, so that one meter will do.
    alone = scenario.release.model_copy(update={"min_meters": 1})
    plans = plan_run(scenario.model_copy(update={"release": alone, "faults": ()}))
    plan = next(plan for plan in plans if plan.name == neighbourhood)
    found = next((each for each in plan.meters if each.name == meter), None)
    if found is None:
        names = ", ".join(each.name for each in plan.meters)
        raise UsageError(f"neighbourhood {plan.name} has no meter {meter}; it has {names}.")
    blocks = Intake(plan, found).take(plan.first_slot, plan.end_slot)
    if not blocks:
        raise DataError(f"{found.origin}: meter {meter} has no reading in the span; see `smarter readings`.")
    return plan, blocks
