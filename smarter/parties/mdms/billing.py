"""Bills: one household's released windows, priced by the tariff, a bill a period, rounded once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from zoneinfo import ZoneInfo

from smarter.api import MeteredWindow, Tariff
from smarter.model.bills import Account, Bill
from smarter.model.messages import Status
from smarter.model.periods import Period, period_of
from smarter.model.results import ERASED, WindowRow


def bills_of(rows: Iterable[WindowRow], tariff: Tariff, timezone: str, kept: Iterable[Bill] = ()) -> Iterator[Bill]:
    """The bills of one household from all of its billing rows, in order of time.

    A window belongs to the period that its start lies in, by local time. A bill is ``complete`` when all of its windows
    are, ``incomplete`` when some have less than all readings or none, and ``missing`` (without energy and amount)
    when not one has been released. A period is cut to the windows there are.

    ``kept``: bills whose windows were erased; each stands as it is, and what comes after it in its period is billed by
    itself. Where not even that is left, a bill is ``erased``.
    """
    zone = ZoneInfo(timezone)
    period: Period = tariff.options.period
    standing = {bill.start: bill for bill in kept}

    def bill_of(row: WindowRow) -> tuple[str, Bill | None]:
        covering = next((bill for bill in standing.values() if bill.start <= row.start < bill.end), None)
        return period_of(row.start, timezone, period), covering

    for (_, covering), group in groupby(rows, bill_of):
        if covering is not None:
            yield covering
            continue
        windows = list(group)
        metered = [
            MeteredWindow(datetime.fromtimestamp(row.start, zone), datetime.fromtimestamp(row.end, zone), row.energy)
            for row in windows
            if row.energy is not None
        ]
        first, last = windows[0], windows[-1]
        if not metered:
            erased = all(row.status == ERASED for row in windows)
            yield Bill(
                first.holder,
                first.start,
                last.end,
                None,
                tariff.options.currency,
                None,
                ERASED if erased else Status.MISSING.word,
                (),
            )
            continue
        lines = tuple(tariff.lines(metered))
        whole = all(row.status == Status.COMPLETE.word for row in windows)
        yield Bill(
            first.holder,
            first.start,
            last.end,
            sum(window.energy for window in metered),
            tariff.options.currency,
            tariff.amount(lines),
            (Status.COMPLETE if whole else Status.INCOMPLETE).word,
            lines,
        )


def account_of(bills: Sequence[Bill], rows: Sequence[WindowRow], neighbourhood: str, timezone: str) -> Account:
    """A household's bills, at least one, together, with the rows that they were made of."""
    energies = [bill.energy for bill in bills if bill.energy is not None]
    amounts = [bill.amount for bill in bills if bill.amount is not None]
    words = {bill.status for bill in bills}
    return Account(
        meter=bills[0].meter,
        neighbourhood=neighbourhood,
        timezone=timezone,
        energy=sum(energies) if energies else None,
        currency=bills[0].currency,
        amount=sum(amounts, Decimal(0)) if amounts else None,
        readings=sum(row.readings for row in rows if row.energy is not None),
        expected=sum(row.expected for row in rows if row.status != ERASED),
        status=words.pop() if len(words) == 1 else Status.INCOMPLETE.word,
        bills=tuple(bills),
    )
