"""A customer's bills recomputed from their own readings: right to the cent, or which windows differ, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from smarter.api import Tariff
from smarter.model.bills import Bill
from smarter.model.messages import Status
from smarter.model.results import ERASED, WindowRow
from smarter.parties.customer import OwnReadings
from smarter.parties.mdms import bills_of


@dataclass(frozen=True)
class Difference:
    """A billing window that is not billed as it was measured. Energies in mWh; ``billed`` is None where nothing was.

    Attributes:
        start: epoch seconds; ``end`` likewise.
        billed: energy on the bill, from ``billed_readings``.
        own: energy measured, from ``own_readings``.
        why: one clause for people.
    """

    start: int
    end: int
    billed: int | None
    billed_readings: int
    own: int | None
    own_readings: int
    why: str


@dataclass(frozen=True)
class BillCheck:
    """One bill beside what own readings come to.

    Attributes:
        bill: the MDMS's; without energy and amount where ``withheld``.
        own: the same from own readings, or None where some of its windows cannot be looked at.
        differences: windows that differ.
        unseen: windows whose frames the meter keeps no longer, that did not verify, or that were erased.
        withheld: windows from before this customer: neither they nor the bill are shown.
    """

    bill: Bill
    own: Bill | None
    differences: tuple[Difference, ...]
    unseen: int
    withheld: int

    @property
    def matches(self) -> bool:
        """Whether the bill is right to the cent, in every window of it."""
        return not self.differences and self.own is not None and self.own.amount == self.bill.amount

    @property
    def excess(self) -> Decimal | None:
        """How much more is billed than own readings come to; None where that cannot be told."""
        if self.own is None or self.withheld:
            return None
        return (self.bill.amount or Decimal(0)) - (self.own.amount or Decimal(0))


def check_bills(
    own: OwnReadings,
    billed: Sequence[WindowRow],
    bills: Sequence[Bill],
    edges: NDArray[np.int64],
    tariff: Tariff,
    unsent: Sequence[tuple[int, int]] = (),
    since: int | None = None,
) -> list[BillCheck]:
    """Compare each of a household's bills, and every window in it, with own readings.

    Args:
        own: every reading that the customer could open.
        billed: the MDMS's billing windows of the household, in order of time.
        bills: what the MDMS made of them.
        edges: of the billing windows, epoch seconds.
        tariff: the scenario's.
        unsent: spans (epoch seconds) of which the meter sent nothing, since its customer did not agree.
        since: from when on (epoch seconds) the customer may read, whether or not the meter keeps frames from before;
            None: that is not known, and the sealed frames alone say it.
    """
    measured = own.windows(edges)
    sealed = _touched(own, edges)
    if since is not None:
        sealed = [foreign or row.start < since for foreign, row in zip(sealed, measured, strict=True)]
    oldest = own.span[0] if len(own) else int(edges[-1])
    checks = []
    for bill in bills:
        of_bill = [row for row in measured if bill.start <= row.start < bill.end]
        (mine,) = bills_of(of_bill, tariff, own.timezone)
        differences, unseen, withheld = [], 0, 0
        for row, counted, foreign in zip(billed, measured, sealed, strict=True):
            if not bill.start <= row.start < bill.end:
                continue
            if foreign:
                withheld += 1
            elif row.status == ERASED or (row.readings > counted.readings and (row.start < oldest or own.damaged)):
                unseen += 1
            elif (row.energy, row.readings) != (counted.energy, counted.readings):
                agreed = not any(start <= row.start < end for start, end in unsent)
                differences.append(_difference(row, counted, agreed))
        shown = replace(bill, energy=None, amount=None, lines=()) if withheld else bill
        whole = not unseen and not withheld
        checks.append(BillCheck(shown, mine if whole else None, tuple(differences), unseen, withheld))
    return checks


_SAID = {Status.REFUSED.word: "not released", Status.HELD.word: "held back", Status.LOST.word: "given up"}


def _touched(own: OwnReadings, edges: NDArray[np.int64]) -> list[bool]:
    """Which windows have frames that stay sealed to this customer."""
    bounds = own.axis.first_slot_from(edges)
    touched = np.zeros(len(edges) - 1, np.bool_)
    for first, end in own.sealed:
        touched |= (bounds[:-1] < end) & (bounds[1:] > first)
    answer: list[bool] = touched.tolist()
    return answer


def _difference(row: WindowRow, counted: WindowRow, agreed: bool) -> Difference:
    if not agreed and not row.readings:
        why = "your meter sent nothing of it, since you did not agree to the notice: it is not billed"
    elif row.status in _SAID:
        said = _SAID[row.status]
        why = f"{said}, so not billed{f': {row.reason}' if row.reason else ''}"
    elif row.readings < counted.readings:
        lost = counted.readings - row.readings
        why = f"{lost:,} readings that the meter took never reached the PES, or came too late: they are not billed"
    elif row.readings > counted.readings:
        why = f"{row.readings - counted.readings:,} readings are billed that the meter did not keep"
    else:
        why = "as many readings are billed, with another energy"
    return Difference(row.start, row.end, row.energy, row.readings, counted.energy, counted.readings, why)
