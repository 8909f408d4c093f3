"""What operators can ask who are logged in: what the MDMS knows, the audit log, and who is an operator.

Every operation asks anew who it is and whether their role has it, notes it in the audit log, and only then is done;
``smarter operator`` and the app ask it, and neither gets at a record otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from smarter.errors import AuthenticationFailed
from smarter.model.audit import (
    HOUSEHOLDS,
    NEIGHBOURHOODS,
    Entry,
    Note,
    household,
    operator,
)
from smarter.model.audit import account as named_account
from smarter.model.audit import neighbourhood as named_neighbourhood
from smarter.model.bills import Account
from smarter.model.results import DemandFigures, WindowRows
from smarter.protocols.access import Operation
from smarter.protocols.audit_reading import Checked, about, check_audit, default_heads, read_audit
from smarter.protocols.auditing import open_audit
from smarter.protocols.holder import account_name
from smarter.protocols.households import found_households, found_neighbourhoods
from smarter.protocols.report import Report
from smarter.protocols.rerating import Rerating, rerate
from smarter.protocols.roster_check import unlike_log
from smarter.protocols.roster_desk import RosterDesk, note_of
from smarter.protocols.session import reporting
from smarter.scenario.other_tariff import other_tariff


@dataclass(frozen=True)
class SeenMeter:
    """A meter as an operator knows it: by pseudonym."""

    meter: str
    neighbourhood: str
    timezone: str


@dataclass(frozen=True)
class SeenWindows:
    """A meter's billing windows, as they were released."""

    meter: str
    timezone: str
    rows: WindowRows


@dataclass(frozen=True)
class SeenDemand:
    """A neighbourhood's demand: figures, and its windows as they were released."""

    neighbourhood: str
    timezone: str
    figures: DemandFigures
    rows: WindowRows


class OperatorDesk(RosterDesk):
    """Serves whoever ``who`` says is there, asked anew for each operation, so that a session that ends is ended.

    Attributes:
        damaged: records that did not verify when they were opened.
    """

    damaged: Sequence[str] = ()

    # What the MDMS knows.

    def meters(self) -> list[SeenMeter]:
        """All meters, by pseudonym."""
        self._begin(Operation.METERS, "read", HOUSEHOLDS)
        zones = {plan.name: plan.timezone for plan in self._session.plans}
        return [SeenMeter(pseudonym, name, zones[name]) for pseudonym, name in self._session.households]

    def windows(self, meter: str) -> SeenWindows:
        """A meter's billing windows; ``meter``: its pseudonym, whose first digits do."""
        who = self._allowed(Operation.WINDOWS)
        ((pseudonym, name),) = found_households(self._session, meter)
        with self._report(note_of(who, Operation.WINDOWS, "read", household(pseudonym))) as report:
            return SeenWindows(pseudonym, report.timezone(name), WindowRows(report.household(pseudonym, name)))

    def bills(self, meter: str | None = None) -> list[Account]:
        """All households' bills, or one meter's."""
        who = self._allowed(Operation.BILLS)
        chosen = found_households(self._session, meter)
        whose = HOUSEHOLDS if meter is None else household(chosen[0][0])
        with self._report(note_of(who, Operation.BILLS, "read", whose)) as report:
            return list(report.accounts(chosen))

    def demand(self, neighbourhood: str | None = None) -> list[SeenDemand]:
        """Every neighbourhood's demand, or one's."""
        who = self._allowed(Operation.DEMAND)
        chosen = found_neighbourhoods(self._session, neighbourhood)
        where = NEIGHBOURHOODS if neighbourhood is None else named_neighbourhood(neighbourhood)
        with self._report(note_of(who, Operation.DEMAND, "read", where)) as report:
            return [_seen_demand(report, name) for name in chosen]

    def rerate(self, chosen: str | None, options: Sequence[str] = ()) -> Rerating:
        """All households' bills under another tariff beside those they have.

        ``chosen`` and ``options`` as :func:`other_tariff` takes them; raises as that and :func:`rerating.rerate`.
        """
        who = self._allowed(Operation.RERATE)
        tariff = other_tariff(self._session.scenario, chosen, options)
        currency = self._session.scenario.tariff.options.model_dump().get("currency", "")
        with self._report(note_of(who, Operation.RERATE, "read", HOUSEHOLDS)) as report:
            return rerate(report, currency, tariff.plugin, tariff.create())

    @contextmanager
    def exporting(self) -> Iterator[Report]:
        """What the MDMS knows, to be written into files."""
        who = self._allowed(Operation.EXPORT)
        with self._report(note_of(who, Operation.EXPORT, "export", HOUSEHOLDS)) as report:
            yield report

    @contextmanager
    def _report(self, note: Note) -> Iterator[Report]:
        with reporting(self._session, self._door.folder, self._unlocking(), note) as report:
            yield report
            self.damaged = report.damaged

    # The audit log.

    def log(self, *, of_operator: str | None = None, of_meter: str | None = None) -> Iterator[Entry]:
        """The entries of the audit log, checked on the way: all, or those about an operator or a household.

        ``of_meter``: a whole pseudonym, since auditors do not know which there are.
        """
        self._begin(Operation.READ_LOG, "read", None, what="audit log")
        entries = read_audit(self._door.folder).entries
        name = account_name(of_operator) if of_operator else None
        named = [operator(name), named_account(name)] if name else []
        named += [household(of_meter.lower())] if of_meter else []
        if not named:
            return entries
        with open_audit(self._door.folder, self._unlocking()) as log:
            return about(entries, log, *named)

    def verify_log(self) -> Checked:
        """Check the audit log against its signatures, its heads and the ledger, and the roster against it.

        Raises:
            AlteredLog: with the first entry that is wrong.
            AuthenticationFailed: the roster is another one than the log tells of.
        """
        self._begin(Operation.VERIFY_LOG, "read", None, what="audit log")
        folder = self._door.folder
        checked = check_audit(folder, default_heads(folder))
        with open_audit(folder, self._unlocking()) as log:
            unlike = list(unlike_log(self._roster.all(), read_audit(folder).entries, log))
        if unlike:
            raise AuthenticationFailed(
                f"the audit log is whole, and the operators are not as it has them ({'; '.join(unlike)}): an earlier "
                "accounts.sqlite was put back, or a change was cut short; an administrator makes it again."
            )
        return checked


def _seen_demand(report: Report, name: str) -> SeenDemand:
    rows = WindowRows(report.demand(name))
    return SeenDemand(name, report.timezone(name), report.figures(name, rows), rows)
