"""What a customer who is logged in can ask: their own readings, what these cost, and whether their bills are right.

It works from the session's account alone: nobody can name another meter to it. ``smarter customer`` and the app ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

import numpy as np

from smarter.errors import UsageError
from smarter.model.audit import Action, Note, household
from smarter.model.bills import Bill
from smarter.model.results import WindowRow
from smarter.model.views import View, acting
from smarter.parties.customer import By, Customer, OwnReadings, gathered
from smarter.parties.mdms import bills_of
from smarter.protocols.bill_check import BillCheck, check_bills
from smarter.protocols.login import CUSTOMER, Holder, Witness, named_holder, unwitnessed
from smarter.protocols.own_costs import Rates
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.state import KeptMeter

COST_DECIMALS = 6
"""Of a cost that is shown; a bill is rounded once, as a whole."""


@dataclass(frozen=True)
class OwnUse:
    """Own energy over a minute, hour, day or month, and what it costs; None where nothing was measured."""

    window: WindowRow
    cost: Decimal | None


class CustomerDesk:
    """Serves one holder of an account.

    Attributes:
        view: what they got to see through this desk.

    Raises:
        UsageError: the account is not a customer's.
    """

    def __init__(self, session: Session, holder: Holder, witness: Witness = unwitnessed) -> None:
        account = holder.account
        if account.role != CUSTOMER:
            raise UsageError(f"{account.name} is no customer, and only a customer has readings of their own.")
        self.view = View()
        self._account = account
        self._witness = witness
        self._session = session
        self._tariff = session.scenario.tariff.create()
        self._kept, self._plan = _place_of(session, account.meter)
        keywrap = session.cryptography.keywrap
        self._customer = Customer(
            session.deployment,
            account.meter,
            keywrap.load_private(holder.private),
            account.verify_key,
            cipher=session.scenario.crypto.seal.create(),
            keywrap=keywrap,
            axis=self._plan.axis,
        )

    @property
    def plan(self) -> NeighbourhoodPlan:
        """The neighbourhood of the customer's meter."""
        return self._plan

    @property
    def currency(self) -> str:
        """Of the tariff."""
        currency: str = self._tariff.options.currency
        return currency

    def note(self, action: Action, what: str) -> Note:
        """What the audit log is to say of something that is asked here."""
        return Note(action, named_holder(self._account), household(self._account.meter.hex()), {"what": what})

    def readings(self, *, export: bool = False) -> OwnReadings:
        """Every reading that the meter keeps for this customer; ``export``: to be written into a file.

        Raises:
            AuthenticationFailed: a seal key is not from their meter, or not for them.
        """
        journal, pseudonym = self._session.journal, self._kept.pseudonym
        self._witness(self.note("export" if export else "read", "own readings"))
        with acting(self.view):
            for message in journal.seal_keys(pseudonym):
                self._customer.take(message)
            return self._customer.open(journal.frames(pseudonym), self._plan.timezone)

    def use(self, own: OwnReadings, by: By, start: int, end: int) -> list[OwnUse]:
        """Own use of [start, end), epoch seconds, by minute, hour, day or month, with its cost."""
        rates = Rates(own.windows(self._plan.billing.edges), self._tariff, self._plan.timezone)
        rows = gathered(own, by, start, end)
        costs = rates.costs(own.within(start, end), np.array([row.start for row in rows] + [end], np.int64))
        return [
            OwnUse(row, None if row.energy is None else rounded(cost)) for row, cost in zip(rows, costs, strict=True)
        ]

    def bills(self, own: OwnReadings) -> list[Bill]:
        """The bills as they are from own readings."""
        rows = own.windows(self._plan.billing.edges)
        return list(bills_of(rows, self._tariff, self._plan.timezone))

    def check_bills(self, own: OwnReadings, report: Report) -> list[BillCheck]:
        """Each bill of the MDMS beside what own readings come to."""
        with acting(View()):  # the MDMS looks up its own records
            billed = list(report.household(self._kept.pseudonym.hex(), self._plan.name))
            bills = report.bills(self._kept.pseudonym.hex(), self._plan.timezone, billed)
        return check_bills(own, billed, bills, self._plan.billing.edges, self._tariff)


def rounded(cost: Fraction) -> Decimal:
    """A cost as it is shown, rounded half to even."""
    exact = Decimal(cost.numerator) / Decimal(cost.denominator)
    return exact.quantize(Decimal(1).scaleb(-COST_DECIMALS), rounding=ROUND_HALF_EVEN) + 0


def _place_of(session: Session, pseudonym: bytes) -> tuple[KeptMeter, NeighbourhoodPlan]:
    plans = {plan.name: plan for plan in session.plans}
    for name, meters in session.roster.items():
        for kept in meters:
            if kept.pseudonym == pseudonym:
                return kept, plans[name]
    raise UsageError("the account's meter is not in this deployment; enrol again.")
