"""Kind ``tariff``: prices windows and gives the lines of a bill."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Literal, final

from pydantic import Field

from smarter.api.plugin import Plugin, PluginOptions
from smarter.model.bills import BillLine, MeteredWindow
from smarter.model.readings import MWH_PER_KWH


class TariffOptions(PluginOptions):
    """What every tariff has."""

    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="ISO 4217 code of the currency.")
    decimals: int = Field(2, ge=0, le=4, description="Decimals of an amount in this currency.")
    period: Literal["month", "week", "run"] = Field("month", description="What one bill covers, by local time.")


class Tariff(Plugin, ABC):
    """A price list. Money is :class:`decimal.Decimal`."""

    kind = "tariff"

    @abstractmethod
    def changes(self) -> Sequence[int]:
        """Seconds after local midnight at which the price may change (0 for a change from day to day).

        Validation uses it: a billing window must not straddle one of them.
        """

    @abstractmethod
    def lines(self, windows: Sequence[MeteredWindow]) -> Sequence[BillLine]:
        """The lines of one household's bill over one period, from its windows in order of time."""

    @final
    def amount(self, lines: Sequence[BillLine]) -> Decimal:
        """A bill's amount: the exact sum of its lines, rounded once, half to even."""
        total = sum((line.amount for line in lines), Decimal(0))
        # Adding nothing turns the -0.00 of a trace of export into 0.00.
        return total.quantize(Decimal(1).scaleb(-self.options.decimals), rounding=ROUND_HALF_EVEN) + 0


def price(energy: int, rate: Decimal) -> Decimal:
    """Money for ``energy`` mWh at ``rate`` per kWh, exact."""
    return Decimal(energy) * rate / MWH_PER_KWH


__all__ = ["BillLine", "MeteredWindow", "Tariff", "TariffOptions", "price"]
