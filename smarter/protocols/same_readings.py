"""Finds meters with the same readings: copies of one file, which would count one home several times.

Readings are compared as a run takes them, in mWh by slot. So copies in other units, formats or line endings are
found. Few meters are read far: only those that agree on their first readings are read further.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from heapq import heappop, heappush
from itertools import combinations

from smarter.api import SourceMeter
from smarter.errors import DataError
from smarter.model.audit import LOCAL, household
from smarter.model.control import heed
from smarter.model.readings import ReadingBlock
from smarter.protocols.intake import register_of
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.session import Session
from smarter.state.audit.log import AuditLog

FIRST = 64
"""Slots of the first look."""
FURTHER = 16
"""How many times as long each further look is."""
STEADY = 1
"""The most, in mWh, by which readings of a constant power differ: the register rounds."""


@dataclass(frozen=True, eq=False)
class Home:
    """A meter, and the span over which it is compared.

    Attributes:
        plan: its neighbourhood.
        meter: of the source.
        start: epoch seconds.
        end: epoch seconds, exclusive.
    """

    plan: NeighbourhoodPlan
    meter: SourceMeter
    start: int
    end: int

    @property
    def first_slot(self) -> int:
        """The first slot of its span."""
        return int(self.plan.axis.first_slot_from(self.start))

    @property
    def slots(self) -> int:
        """How many slots its span has."""
        return int(self.plan.axis.first_slot_from(self.end)) - self.first_slot

    @property
    def key(self) -> tuple[str, str]:
        """Its neighbourhood and its name."""
        return self.plan.name, self.meter.name

    def __str__(self) -> str:
        return f"{self.meter.name} of {self.plan.name} ({self.meter.origin})"


Group = tuple[Home, ...]
"""Homes with the same readings, two at least."""


def groups_alike(plans: Sequence[NeighbourhoodPlan]) -> list[Group]:
    """The meters of all neighbourhoods that have the same readings over their common span.

    Those of one constant power are left out, unless their source knows them by one place.

    Neighbourhoods are compared over the instants that they have in common.
    Where their spans differ, they are also compared from the start of each span: a copy may be read on another clock.

    Raises:
        DataError: rows that a run would refuse, too.
    """
    spans = sorted({(plan.start, plan.end) for plan in plans})
    pairs = [(one, one) for one in spans] + list(combinations(spans, 2))
    common = sorted({(max(one[0], other[0]), min(one[1], other[1])) for one, other in pairs})
    found: dict[frozenset[tuple[str, str]], Group] = {}
    for start, end in common:
        inside = [plan for plan in plans if plan.start <= start < end <= plan.end]
        homes = [Home(plan, meter, start, end) for plan in inside for meter in plan.meters]
        _keep(found, _alike(homes))
    if len(spans) > 1:
        shortest = min(end - start for start, end in spans)
        homes = [Home(plan, meter, plan.start, plan.start + shortest) for plan in plans for meter in plan.meters]
        _keep(found, _alike(homes))
    return list(found.values())


def refuse_alike(plans: Sequence[NeighbourhoodPlan]) -> None:
    """Refuse meters with the same readings.

    Raises:
        DataError: there are some.
    """
    for one, other, *_ in groups_alike(plans):
        raise DataError(
            f"meters {one} and {other} have the same readings, so that one home would count twice; leave one of them "
            "out, or write same_readings: allow if they are two homes."
        )


def warnings_alike(groups: Sequence[Group]) -> list[str]:
    """A sentence for each group that ``same_readings: allow`` admits."""
    return [
        f"same_readings: allow admits {len(group)} meters with the same readings: {_list(group)}; if they are one "
        "home, sums show its use."
        for group in groups
    ]


def note_alike(log: AuditLog, session: Session, groups: Sequence[Group]) -> None:
    """Commit which households a run counts although their readings are the same; groups are numbered from 1."""
    pseudonyms = {(name, kept.source): kept.pseudonym.hex() for name, kepts in session.roster.items() for kept in kepts}
    for number, group in enumerate(groups, 1):
        for home in group:
            log.note("same-readings", LOCAL, household(pseudonyms[home.key]), group=number, of=len(group))
    log.commit()


def _list(group: Group) -> str:
    shown = ", ".join(map(str, group[:3]))
    return shown if len(group) <= 3 else f"{shown} and {len(group) - 3} more"


def _keep(found: dict[frozenset[tuple[str, str]], Group], groups: Sequence[Group]) -> None:
    """Add groups; one whose homes are all in a group already says nothing new."""
    for group in groups:
        names = frozenset(home.key for home in group)
        if not any(names <= known for known in found):
            found[names] = group


def _alike(homes: Sequence[Home]) -> list[Group]:
    """Groups of homes with the same readings over their spans, looked at over longer and longer beginnings."""
    groups = [tuple(homes)] if len(homes) > 1 else []
    slots, most = FIRST, max((home.slots for home in homes), default=0)
    while True:
        split: list[Group] = []
        for group in groups:
            by_digest: dict[bytes, list[_Look]] = {}
            for look in _looks(group, slots):
                by_digest.setdefault(look.digest(), []).append(look)
            for looks in by_digest.values():
                if len(looks) > 1 and (slots < most or not looks[0].steady):
                    split.append(tuple(look.home for look in looks))
                elif len(looks) > 1:
                    split += _of_one_place([look.home for look in looks])
        groups = split
        if slots >= most or not groups:
            return groups
        slots *= FURTHER


def _of_one_place(homes: Sequence[Home]) -> list[Group]:
    """Those of homes with one constant power that their source knows by one place, such as two downloads of one."""
    places: dict[str, list[Home]] = {}
    for home in homes:
        places.setdefault(home.meter.place, []).append(home)
    return [tuple(each) for place, each in places.items() if place and len(each) > 1]


def _looks(homes: Sequence[Home], slots: int) -> Iterator[_Look]:
    """A look at the first ``slots`` of each home; those in one file are read in step."""
    places: dict[str, list[Home]] = {}
    for home in homes:
        places.setdefault(home.meter.origin, []).append(home)
    for together in places.values():
        looks = [_Look(home, slots) for home in together]
        behind = [(-1, place) for place in range(len(looks))]
        while behind:
            heed()
            _, place = heappop(behind)
            if looks[place].read():
                heappush(behind, (looks[place].end, place))
        yield from looks


class _Look:
    """A home's readings over the first slots of its span, of which only a digest is kept.

    Attributes:
        home: whose.
        end: the slot up to which it has been read, from the first of the span.
    """

    def __init__(self, home: Home, slots: int) -> None:
        self.home = home
        self.end = 0
        self._slots = min(slots, home.slots)
        register = register_of(home.plan, home.meter, home.start, home.end)
        after, before = register.stamps_wanted
        rows = home.meter.rows(block=min(slots, 1 << 16), after=after, before=before)
        self._blocks = register.readings(rows)
        self._energies, self._gaps = sha256(), sha256()
        self._least: int | None = None
        self._most: int | None = None

    def read(self) -> bool:
        """Take a block in; False when none is left to take."""
        block = next(self._blocks, None)
        if block is None:
            return False
        self._take(block)
        return block.end_slot - self.home.first_slot < self._slots

    def _take(self, block: ReadingBlock) -> None:
        first = block.first_slot - self.home.first_slot
        energies = block.energies[: max(0, self._slots - first)]
        if not len(energies):
            return
        if first != self.end:
            self._gaps.update(f"{self.end} {first},".encode())
        self._energies.update(energies.astype("<i8").tobytes())
        least, most = int(energies.min()), int(energies.max())
        self._least = least if self._least is None else min(least, self._least)
        self._most = most if self._most is None else max(most, self._most)
        self.end = first + len(energies)

    def digest(self) -> bytes:
        """Of the readings and their gaps, however they came in blocks."""
        return sha256(self._energies.digest() + self._gaps.digest() + str(self.end).encode()).digest()

    @property
    def steady(self) -> bool:
        """Whether there is no reading, or one power throughout, as in an empty home."""
        return self._least is None or self._most is None or self._most - self._least <= STEADY
