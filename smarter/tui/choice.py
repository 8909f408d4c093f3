"""Which reading page 3 follows: a neighbourhood's plan, a meter of it, a slot of its span; and how to get to others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING

from smarter.charts.marks import moment
from smarter.errors import UsageError
from smarter.model.clock import zone
from smarter.scenario.moments import epoch, moment_text, parse_moment

if TYPE_CHECKING:
    from smarter.protocols.plan import NeighbourhoodPlan

AT_FIRST = time(17, 52)
"""When a household is likely to do something worth following."""


@dataclass(frozen=True)
class Choice:
    """One reading.

    Attributes:
        neighbourhood: its name.
        meter: as its source calls it.
        slot: on the neighbourhood's axis.
        plan: the neighbourhood's.
    """

    neighbourhood: str
    meter: str
    slot: int
    plan: NeighbourhoodPlan = field(compare=False)

    @classmethod
    def first(cls, plan: NeighbourhoodPlan) -> Choice:
        """The first meter, towards evening on a day in the middle of the span."""
        middle = datetime.fromtimestamp((plan.start + plan.end) // 2, zone(plan.timezone))
        evening = epoch(datetime.combine(middle.date(), AT_FIRST), plan.timezone)
        inside = evening if plan.start <= evening < plan.end else (plan.start + plan.end) // 2
        return cls(plan.name, plan.meters[0].name, int(plan.axis.slot_at(inside)), plan)

    @property
    def start(self) -> int:
        """When its slot begins, epoch seconds."""
        return int(self.plan.axis.start_of(self.slot))

    @property
    def local(self) -> datetime:
        """The same on the neighbourhood's clock."""
        return datetime.fromtimestamp(self.start, zone(self.plan.timezone))

    @property
    def when(self) -> str:
        """The same as one would type it."""
        return moment(self.start, self.plan.timezone)

    @property
    def meters(self) -> list[str]:
        """The names of all meters of the neighbourhood."""
        return [meter.name for meter in self.plan.meters]

    def stepped(self, slots: int) -> Choice:
        """So many readings later, or earlier."""
        return self._at_slot(self.slot + slots)

    def later(self, by: timedelta) -> Choice:
        """So much later by the local clock, or earlier."""
        return self._at_moment((self.local + by).replace(tzinfo=None))

    def at(self, text: str) -> Choice:
        """At a local date and time as one types them; a time alone is of the same day.

        Raises:
            UsageError: it is none, or outside the span.
        """
        try:
            try:
                local = datetime.combine(self.local.date(), time.fromisoformat(text.strip()))
            except ValueError:
                local = parse_moment(text)
        except ValueError as error:
            raise UsageError(f"{error}.") from error
        return self._at_moment(local)

    def from_start(self, start: int) -> Choice:
        """The meter's reading whose slot begins then, epoch seconds."""
        return replace(self, slot=int(self.plan.axis.slot_at(start)))

    def of(self, meter: str) -> Choice:
        """The same time of another meter."""
        return replace(self, meter=meter)

    def _at_moment(self, local: datetime) -> Choice:
        return self._at_slot(int(self.plan.axis.slot_at(epoch(local, self.plan.timezone))), local)

    def _at_slot(self, slot: int, local: datetime | None = None) -> Choice:
        plan = self.plan
        if not plan.first_slot <= slot < plan.end_slot:
            first, last = (int(plan.axis.start_of(each)) for each in (plan.first_slot, plan.end_slot - 1))
            said = moment_text(local) if local is not None else moment(int(plan.axis.start_of(slot)), plan.timezone)
            raise UsageError(
                f"{said} is outside the span: it goes from {moment(first, plan.timezone)} "
                f"to {moment(last, plan.timezone)}."
            )
        return replace(self, slot=slot)
