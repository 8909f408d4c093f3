"""A scenario and its data cut to size: which meters, which span, which slots, windows and holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from heapq import merge
from itertools import chain, pairwise
from math import ceil
from pathlib import Path

import numpy as np

from smarter.api import MeteredWindow, SourceContext, SourceMeter, Tariff
from smarter.errors import DataError, UsageError
from smarter.model.clock import zone
from smarter.model.joining import LOOKAHEAD, Separate, join_short
from smarter.model.periods import Periods, period_edges, period_of
from smarter.model.readings import MWH_PER_KWH
from smarter.model.terminal_text import first_control
from smarter.model.windows import Axis, WindowGrid, cut, iso, spell
from smarter.parties.meter.survey import Survey
from smarter.protocols.span import phase_of, span_of
from smarter.scenario import Neighbourhood, Scenario
from smarter.state import KeptMeter


@dataclass(frozen=True)
class NeighbourhoodPlan:
    """One neighbourhood of a run.

    Attributes:
        name: its id.
        timezone: IANA name.
        size: how many meters it has.
        meters: of the source, in natural order; none where a plan is recalled without its data.
        rating_kw: the most power of a meter, in either direction.
        axis: its slots.
        start: epoch seconds of the span; ``end`` likewise.
        hold: slots of a hold.
        demand: the demand windows; ``billing`` the billing windows.
        periods: the slots at which billing periods begin inside the span.
    """

    name: str
    timezone: str
    size: int
    meters: tuple[SourceMeter, ...]
    rating_kw: Decimal
    axis: Axis
    start: int
    end: int
    hold: int
    demand: WindowGrid
    billing: WindowGrid
    periods: tuple[int, ...] = ()

    @property
    def first_slot(self) -> int:
        """The first slot of the span."""
        return int(self.axis.first_slot_from(self.start))

    @property
    def end_slot(self) -> int:
        """The slot after the last of the span."""
        return int(self.axis.first_slot_from(self.end))

    @property
    def largest(self) -> int:
        """The most energy of a reading, mWh: the rating's, rounded up as the register may."""
        return ceil(Fraction(self.rating_kw) * MWH_PER_KWH * self.axis.interval / 3600)

    @property
    def expected(self) -> int:
        """How many readings the span could have."""
        return (self.end_slot - self.first_slot) * self.size

    def windows_ended(self, slot: int) -> int:
        """How many windows end up to a slot: the neighbourhood's, and each household's."""
        moment = self.axis.start_of(slot)
        demand, billing = (int(grid.ends.searchsorted(moment, "right")) for grid in (self.demand, self.billing))
        return demand + billing * self.size

    def holds(self, since: int | None) -> Iterator[tuple[int, int]]:
        """The holds' slots, each (first, end), from slot ``since`` on; they are counted from the span's first slot."""
        position = self.first_slot if since is None else since
        offset = (position - self.first_slot) // self.hold * self.hold
        inner = range(self.first_slot + offset + self.hold, self.end_slot, self.hold)
        edges = chain((position,), inner, (self.end_slot,))
        return ((first, end) for first, end in pairwise(edges) if first < end)


def holds_in_order(
    plans: Sequence[NeighbourhoodPlan], progress: Mapping[str, int]
) -> Iterator[tuple[NeighbourhoodPlan, int, int]]:
    """All holds of all neighbourhoods that are left, each as (plan, first slot, end), in order of their ends."""

    def left(plan: NeighbourhoodPlan) -> Iterator[tuple[int, NeighbourhoodPlan, int, int]]:
        for first, end in plan.holds(progress.get(plan.name)):
            yield plan.axis.start_of(end), plan, first, end

    for _, plan, first, end in merge(*map(left, plans), key=lambda hold: (hold[0], hold[1].name)):
        yield plan, first, end


def periods_of(scenario: Scenario, roster: Mapping[str, Sequence[KeptMeter]]) -> Periods:
    """The billing periods of a deployment's households; ``roster``: the meters of each neighbourhood."""
    clocks = {
        kept.pseudonym.hex(): scenario.neighbourhoods[name].timezone for name, kepts in roster.items() for kept in kepts
    }
    return Periods(scenario.tariff.create().options.period, clocks)


def plan_run(scenario: Scenario, join: bool = True) -> tuple[NeighbourhoodPlan, ...]:
    """Look at the data as far as planning needs it; ``join`` as for :func:`cut_plan`.

    Raises:
        DataError: no meters, too few, no reading in the span, or a file that cannot be read.
        UsageError: a fault of a meter that its neighbourhood does not have.
    """
    plans = tuple(_plan(scenario, name, area, join) for name, area in scenario.neighbourhoods.items())
    _refuse_shared(plans)
    names = {plan.name: [meter.name for meter in plan.meters] for plan in plans}
    for number, fault in enumerate(scenario.faults):
        if fault.meter not in (known := names[fault.neighbourhood]):
            raise UsageError(
                f"{scenario.path}, faults.{number}.meter: neighbourhood {fault.neighbourhood} has no meter "
                f"{fault.meter}; it has {', '.join(known)}."
            )
    return plans


def _refuse_shared(plans: Sequence[NeighbourhoodPlan]) -> None:
    """Refuse a meter of a file that counts twice, under whatever names: links, or two neighbourhoods.

    Sums would show single homes. The ledger goes by pseudonyms, of which such a meter would have two.
    """
    counted: dict[tuple[int, int, str], tuple[str, SourceMeter]] = {}
    for plan in plans:
        for meter in plan.meters:
            try:
                file = Path(meter.origin).stat()
            except (OSError, ValueError):
                continue  # rows that are in no file, such as a model's
            part = meter.name if meter.part is None else meter.part
            name, other = counted.setdefault((file.st_dev, file.st_ino, part), (plan.name, meter))
            if other is meter:
                continue
            if (other.origin, other.name) == (meter.origin, meter.name):
                problem = f"meter {meter.name} is in both neighbourhoods {name} and {plan.name}"
            else:
                problem = f"meter {meter.name} of {plan.name} is meter {other.name} of {name} ({other.origin})"
            raise DataError(
                f"{meter.origin}: {problem}, so that sums or their difference would show single homes; "
                "leave it out of one of them."
            )


def choose_meters(scenario: Scenario, name: str) -> tuple[SourceMeter, ...]:
    """The meters of a neighbourhood: the first ones of its source, in natural order."""
    area = scenario.neighbourhoods[name]
    context = SourceContext(
        name,
        area.timezone,
        scenario.windows.reading,
        scenario.seed,
        scenario.time.start_in(area.timezone),
        scenario.time.end_in(area.timezone),
    )
    meters = area.source.create().meters(context)
    if area.meters is not None and len(meters) < area.meters:
        raise DataError(
            f"neighbourhoods.{name}.meters asks for {area.meters} meters and its source has {len(meters)}; lower it."
        )
    chosen = tuple(meters[: area.meters])
    for meter in chosen:
        if (character := first_control(meter.name)) is not None:
            raise DataError(
                f"{meter.origin}: the meter name {meter.name!r} has the control character {character}; "
                "rename it in its source."
            )
    return chosen


def _plan(scenario: Scenario, name: str, area: Neighbourhood, join: bool) -> NeighbourhoodPlan:
    meters = choose_meters(scenario, name)
    if len(meters) < scenario.release.min_meters:
        raise DataError(
            f"neighbourhood {name} has {len(meters)} meters, fewer than release.min_meters = "
            f"{scenario.release.min_meters}, so that no demand could be released; add meters to its source."
        )
    start, end = span_of(scenario, area, meters)
    axis = Axis(scenario.windows.reading, phase_of(area, meters, scenario.windows.reading, start, end))
    _refuse_straddling(scenario, area, meters[0].origin, axis, start, end)
    return cut_plan(scenario, name, axis, start, end, len(meters), meters, join=join)


def refusal_of(scenario: Scenario, name: str, meters: Sequence[SourceMeter], found: Sequence[Survey]) -> str | None:
    """Why a run could not cut these meters' rows into slots and windows; None where it can. ``found``: their surveys.

    Raises:
        ScenarioError: the windows or the zone cannot be.
    """
    area = scenario.neighbourhoods[name]
    try:
        start, end = span_of(scenario, area, meters, found)
        axis = Axis(scenario.windows.reading, phase_of(area, meters, scenario.windows.reading, start, end))
        _refuse_straddling(scenario, area, meters[0].origin, axis, start, end)
    except DataError as error:
        return str(error)
    return None


def _refuse_straddling(scenario: Scenario, area: Neighbourhood, origin: str, axis: Axis, start: int, end: int) -> None:
    """Refuse slots that do not begin with the windows: a reading would count for one window and be from two.

    Zones half an hour off, changes of clocks by less than a reading, and readings of days have such slots.
    """
    edges = cut(area.timezone, scenario.windows.demand, start, end).edges
    edges = edges[(edges > start) & (edges < end)]
    late = (edges - axis.phase) % axis.interval
    if not late.any():
        return
    edge = int(edges[int(np.argmax(late > 0))])
    reading = axis.start_of(axis.slot_at(edge))
    moment, window = iso(reading, area.timezone), iso(edge, area.timezone)
    early = int(late[late > 0][0])
    problem = (
        f"the reading of {spell(axis.interval)} that begins at {moment} is in two windows, since one begins at {window}"
    )
    if not late.all():
        advice = "the clocks change in the span: choose one without a change, or data at shorter intervals"
    elif early <= 60 < axis.interval:
        advice = "stamps may name the last second or minute of each interval: write its start, or its end"
    else:
        fitting = ", or for neighbourhoods.ID.timezone a clock on which they do, such as UTC"
        advice = f"choose data whose readings begin with windows{'' if axis.phase else fitting}"
    raise DataError(f"{origin}: {problem}; {advice}.")


def cut_plan(
    scenario: Scenario,
    name: str,
    axis: Axis,
    start: int,
    end: int,
    size: int,
    meters: tuple[SourceMeter, ...] = (),
    *,
    join: bool = True,
) -> NeighbourhoodPlan:
    """The plan of a neighbourhood whose span and slots are known.

    ``join``: whether billing windows that a change of clocks shortens are joined with a neighbour.
    """
    area = scenario.neighbourhoods[name]
    tariff: Tariff = scenario.tariff.create()
    billing = cut(area.timezone, scenario.windows.billing, start, end)
    if join:
        billing = _joined(billing, scenario.release.min_billing_window, _at_other_price(tariff, area.timezone))
    edges = period_edges(billing, tariff.options.period)
    return NeighbourhoodPlan(
        name,
        area.timezone,
        size,
        meters,
        area.rating_kw,
        axis,
        start,
        end,
        scenario.pes.hold // scenario.windows.reading,
        cut(area.timezone, scenario.windows.demand, start, end),
        billing,
        tuple(int(axis.first_slot_from(edge)) for edge in edges),
    )


def _joined(grid: WindowGrid, least: int, separate: Separate) -> WindowGrid:
    """The grid with short windows joined; its edges do not depend on where the span ends.

    So the last windows are joined with later ones, too, as they would be in a longer span. The first edge stays: a
    state's start never changes.
    """
    first, last = int(grid.edges[0]), int(grid.edges[-1])
    joined = join_short(cut(grid.timezone, grid.length, first, last + LOOKAHEAD * grid.length), least, separate)
    return replace(joined, edges=joined.edges[: joined.edges.searchsorted(last) + 1].copy())


def _at_other_price(tariff: Tariff, timezone: str) -> Separate:
    """Whether neighbouring windows have different prices, or are in different bills."""
    clock = zone(timezone)

    def prices(start: int, end: int) -> list[list[tuple[str, Decimal]]]:
        first, last = datetime.fromtimestamp(start, clock), datetime.fromtimestamp(end, clock)
        used_and_fed_in = (MWH_PER_KWH, -MWH_PER_KWH)
        return [
            [(line.label, line.rate) for line in tariff.lines([MeteredWindow(first, last, energy)])]
            for energy in used_and_fed_in
        ]

    def differs(start: int, edge: int, end: int) -> bool:
        period = tariff.options.period
        if period_of(start, timezone, period) != period_of(edge, timezone, period):
            return True
        try:
            return prices(start, edge) != prices(edge, end)
        except Exception:  # noqa: BLE001 - a plugin that fails on one window may still bill all; keep the edge
            return True

    return differs
