"""Bills: what a tariff is given, what lines it gives back, and the bill they make."""

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
