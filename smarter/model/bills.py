"""Bills: what a tariff is given, what lines it gives back, the bill they make, and a household's bills together."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class MeteredWindow:
    """One released billing window of one household.

    Attributes:
        start: aware, in the neighbourhood's time zone.
        end: likewise.
        energy: mWh; negative is export.
    """

    start: datetime
    end: datetime
    energy: int


@dataclass(frozen=True)
class BillLine:
    """One line of a bill.

    Attributes:
        label: what it charges, e.g. ``peak``.
        rate: money per kWh.
        energy: mWh.
        amount: exact, not rounded; a bill is rounded once, as a whole.
        windows: which of the windows went into it, as indexes.
    """

    label: str
    rate: Decimal
    energy: int
    amount: Decimal
    windows: tuple[int, ...]


@dataclass(frozen=True)
class Bill:
    """One household's bill over one period. ``energy`` in mWh; it and ``amount`` are None when missing."""

    meter: str
    start: int
    end: int
    energy: int | None
    currency: str
    amount: Decimal | None
    status: str
    lines: tuple[BillLine, ...]


@dataclass(frozen=True)
class Account:
    """All bills of one household.

    Attributes:
        meter: its pseudonym in hexadecimal.
        neighbourhood: its id.
        timezone: of the neighbourhood, IANA.
        energy: mWh, of all released windows; None when there is none.
        currency: of the tariff.
        amount: what the bills that have an amount come to; None when none has.
        readings: how many went into released windows.
        expected: how many could have.
        status: ``complete``, ``incomplete`` or ``missing``, as of a bill.
        bills: in order of time.
    """

    meter: str
    neighbourhood: str
    timezone: str
    energy: int | None
    currency: str
    amount: Decimal | None
    readings: int
    expected: int
    status: str
    bills: tuple[Bill, ...]

    @property
    def share(self) -> float:
        """Which share of all readings was measured and released, from 0 to 1."""
        return self.readings / self.expected if self.expected else 0.0
