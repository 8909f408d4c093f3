"""Bills as they are and as they would be under another tariff, from the MDMS's own records and nothing finer.

``operator_desk`` asks for it; commands and screens show what comes out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from smarter.api import Tariff
from smarter.errors import UsageError
from smarter.model.bills import Account
from smarter.model.results import ERASED
from smarter.parties.mdms import account_of, bills_of
from smarter.protocols.report import Report


@dataclass(frozen=True)
class Rerated:
    """A household's bills under both tariffs.

    Attributes:
        whole: whether all windows are there that its bills were made of; of some that were erased, totals are left.
    """

    before: Account
    after: Account
    whole: bool

    @property
    def difference(self) -> Decimal | None:
        """What it would pay more; None where that cannot be told."""
        if not self.whole or self.before.amount is None or self.after.amount is None:
            return None
        return self.after.amount - self.before.amount


@dataclass(frozen=True)
class Rerating:
    """All households' bills under both tariffs.

    Attributes:
        tariff: name of the other one.
        currency: of both.
    """

    tariff: str
    currency: str
    households: Sequence[Rerated]

    @property
    def compared(self) -> list[Rerated]:
        """Those that have an amount under both."""
        return [each for each in self.households if each.difference is not None]

    @property
    def before(self) -> Decimal:
        """What those come to that have an amount under both."""
        return sum((each.before.amount or Decimal(0) for each in self.compared), Decimal(0))

    @property
    def after(self) -> Decimal:
        """The same, under the other tariff."""
        return sum((each.after.amount or Decimal(0) for each in self.compared), Decimal(0))


def rerate(report: Report, currency: str, name: str, other: Tariff) -> Rerating:
    """Every household's bills under another tariff, called ``name``, beside those in ``currency``.

    Raises:
        UsageError: the other one is in another currency.
    """
    if other.options.currency != currency:
        raise UsageError(
            f"the tariff {name} is in {other.options.currency} and the bills are in {currency}, so there is no "
            f"difference: give it with currency {currency}."
        )
    return Rerating(name, currency, list(_rerated(report, other)))


def _rerated(report: Report, other: Tariff) -> Iterator[Rerated]:
    for pseudonym, neighbourhood in report.households:
        timezone, rows = report.timezone(neighbourhood), list(report.household(pseudonym, neighbourhood))
        bills = report.bills(pseudonym, timezone, rows)
        if bills:
            yield Rerated(
                account_of(bills, rows, neighbourhood, timezone),
                account_of(list(bills_of(rows, other, timezone)), rows, neighbourhood, timezone),
                all(row.status != ERASED for row in rows),
            )
