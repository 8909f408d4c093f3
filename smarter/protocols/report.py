"""The MDMS answers from a finished state: rows, bills and figures, opened record by record as they are asked for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from smarter.api import OpenStore, Tariff
from smarter.model.bills import Account, Bill
from smarter.model.control import heed
from smarter.model.results import DemandFigures, WindowRow
from smarter.parties.mdms import MDMS, Expected, account_of, bills_of, demand_figures
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.state import KeptMeter


class Report:
    """Everything in it comes from the MDMS's own records.

    Rows are opened anew at each call, each when it is asked for, and held by nobody here: a span may be of any length.
    ``kept_bills``: by household, bills whose windows were erased, as the MDMS has sealed them.
    """

    def __init__(
        self,
        mdms: MDMS,
        store: OpenStore,
        plans: Sequence[NeighbourhoodPlan],
        meters: Sequence[KeptMeter],
        tariff: Tariff,
        kept_bills: Mapping[str, Sequence[bytes]] = MappingProxyType({}),
    ) -> None:
        self._mdms = mdms
        self._store = store
        self._plans = {plan.name: plan for plan in plans}
        self._tariff = tariff
        self._kept_bills = kept_bills
        self.households = sorted((kept.pseudonym.hex(), kept.neighbourhood) for kept in meters)

    @property
    def neighbourhoods(self) -> tuple[str, ...]:
        """Their ids, sorted."""
        return tuple(sorted(self._plans))

    @property
    def damaged(self) -> Sequence[str]:
        """Records that did not verify when they were opened."""
        return self._mdms.damaged

    def timezone(self, neighbourhood: str) -> str:
        """The neighbourhood's IANA time zone."""
        return self._plans[neighbourhood].timezone

    def demand(self, neighbourhood: str) -> Iterator[WindowRow]:
        """A neighbourhood's demand windows, in order of time."""
        plan = self._plans[neighbourhood]
        slots = plan.demand.expected(plan.axis) * plan.size
        expected = Expected("demand", neighbourhood, plan.demand.edges, slots)
        return self._mdms.rows(expected, self._store.records("demand", holder=neighbourhood))

    def household(self, pseudonym: str, neighbourhood: str) -> Iterator[WindowRow]:
        """A household's billing windows, in order of time."""
        plan = self._plans[neighbourhood]
        expected = Expected("billing", pseudonym, plan.billing.edges, plan.billing.expected(plan.axis))
        return self._mdms.rows(expected, self._store.records("billing", holder=pseudonym))

    def billing(self) -> Iterator[tuple[str, str, Iterator[WindowRow]]]:
        """Each household, by pseudonym: pseudonym, time zone and rows."""
        for pseudonym, neighbourhood in self.households:
            heed()
            yield pseudonym, self.timezone(neighbourhood), self.household(pseudonym, neighbourhood)

    def open_all(self) -> None:
        """Open every record once, so that :attr:`damaged` names all that do not verify."""
        for neighbourhood in self.neighbourhoods:
            deque(self.demand(neighbourhood), 0)
        for _, _, rows in self.billing():
            deque(rows, 0)

    def bills(self, pseudonym: str, timezone: str, rows: Iterable[WindowRow]) -> list[Bill]:
        """A household's bills: those that outlived their windows, and from its rows the others."""
        kept = [self._mdms.data.open_bill(pseudonym, bill) for bill in self._kept_bills.get(pseudonym, ())]
        return list(bills_of(rows, self._tariff, timezone, kept))

    def accounts(self, households: Iterable[tuple[str, str]] | None = None) -> Iterator[Account]:
        """Each household, or each of those named by pseudonym and neighbourhood, with its bills."""
        for pseudonym, neighbourhood in self.households if households is None else households:
            timezone, rows = self.timezone(neighbourhood), list(self.household(pseudonym, neighbourhood))
            if bills := self.bills(pseudonym, timezone, rows):
                yield account_of(bills, rows, neighbourhood, timezone)

    def figures(self, neighbourhood: str, rows: Iterable[WindowRow]) -> DemandFigures:
        """A neighbourhood's figures from its rows."""
        return demand_figures(rows, neighbourhood, self.timezone(neighbourhood))
