"""What a customer who is logged in can ask: their own readings, what these cost, and whether their bills are right.

It works from the session's account alone: nobody can name another meter to it. ``smarter customer`` and the app ask it.
"""

from __future__ import annotations

from smarter.errors import UsageError
from smarter.model.audit import Action, Note, household
from smarter.model.bills import Bill
from smarter.model.views import View, acting
from smarter.parties.customer import By, Customer, CustomerSecrets, OwnReadings
from smarter.parties.mdms import bills_of
from smarter.protocols.bill_check import BillCheck, check_bills
from smarter.protocols.consent import timelines
from smarter.protocols.holder import CUSTOMER, Holder, Witness, named_holder, unwitnessed
from smarter.protocols.own_use import OwnBook, OwnUse
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.state import KeptMeter


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
        secrets = CustomerSecrets.decode(holder.private)
        self._since = secrets.since
        self._customer = Customer(
            session.deployment,
            account.meter,
            keywrap.load_private(secrets.private),
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

    @property
    def erased(self) -> int | None:
        """When their readings were last erased, epoch seconds; None: never since they have the account."""
        at = self._session.journal.erased(self._account.meter)
        return at if at is not None and at >= self._account.created else None

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
            self._take_keys()
            return self._customer.open(journal.frames(pseudonym), self._plan.timezone)

    def note_live(self) -> None:
        """Note that own readings are going to be watched as they come."""
        self._witness(self.note("read", "own readings, as they come"))

    def readings_after(self, number: int, most: int) -> tuple[OwnReadings, int]:
        """Those of frames that came in after the frame ``number``, of which ``most`` at most, and the last's number.

        Whoever watches a run asks again and again, after :meth:`note_live`.
        """
        frames, newest = self._session.journal.frames_after(self._kept.pseudonym, number, most)
        with acting(self.view):
            if frames:
                self._take_keys()  # of an epoch that has begun meanwhile, too: its key is there before its frames
            return self._customer.open(frames, self._plan.timezone), newest

    def _take_keys(self) -> None:
        for message in self._session.wrapped.seal_keys(self._kept.pseudonym):
            self._customer.take(message)

    def use(self, own: OwnReadings, by: By, start: int, end: int) -> list[OwnUse]:
        """Own use of [start, end), epoch seconds, by minute, hour, day or month, with its cost."""
        return self.book(own).use(by, start, end)

    def book(self, own: OwnReadings) -> OwnBook:
        """Own readings with what they cost; it does without this desk, its keys and its files."""
        return OwnBook(own, self._plan.billing.edges, self._tariff, self.currency)

    def bills(self, own: OwnReadings) -> list[Bill]:
        """The bills as they are from own readings."""
        rows = own.windows(self._plan.billing.edges)
        return list(bills_of(rows, self._tariff, self._plan.timezone))

    def check_bills(self, own: OwnReadings, report: Report) -> list[BillCheck]:
        """Each bill of the MDMS beside what own readings come to."""
        with acting(View()):  # the MDMS looks up its own records
            billed = list(report.household(self._kept.pseudonym.hex(), self._plan.name))
            bills = report.bills(self._kept.pseudonym.hex(), self._plan.timezone, billed)
        since = None if self._since is None else int(self._plan.axis.start_of(self._since))
        return check_bills(own, billed, bills, self._plan.billing.edges, self._tariff, self._unsent(), since)

    def _unsent(self) -> list[tuple[int, int]]:
        """The spans of which the meter sent nothing, since its customer did not agree; epoch seconds."""
        spans = timelines(self._session).get(self._kept.pseudonym, [])
        starts = [int(self._plan.axis.start_of(since)) for since, _ in spans]
        ends = [*starts[1:], self._plan.end][: len(starts)]
        return [(start, end) for (_, purposes), start, end in zip(spans, starts, ends, strict=True) if not purposes]


def _place_of(session: Session, pseudonym: bytes) -> tuple[KeptMeter, NeighbourhoodPlan]:
    plans = {plan.name: plan for plan in session.plans}
    for name, meters in session.roster.items():
        for kept in meters:
            if kept.pseudonym == pseudonym:
                return kept, plans[name]
    raise UsageError("the account's meter is not in this deployment; enrol again.")
