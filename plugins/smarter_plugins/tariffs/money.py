"""Rates as scenarios write them, exact; the options of every shipped tariff use it."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from smarter.api import TariffOptions

DECIMALS = 8
LARGEST = 1_000_000


def exact(value: Any) -> Decimal:
    """A number from its decimal text; a float stands for the shortest text that reads back as it.

    Raises:
        ValueError: it is no number, or has more digits than arithmetic with it would keep.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        found = str(value).lower() if isinstance(value, bool) else "this"
        raise ValueError(f'{found} is no number; write it in quotes, such as "0.24"')
    text = repr(value) if isinstance(value, float) else str(value)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f'{text[:40]!r} is no number; write it like "0.24"') from None
    if not number.is_finite():
        raise ValueError(f"{text[:40]} is no finite number")
    # Within these bounds a product with a bill's energy stays inside the 28 digits of Decimal's arithmetic.
    if number.copy_abs() > LARGEST:
        raise ValueError(f"{text[:40]} is more than {LARGEST:,}")
    rounded = number.quantize(Decimal(1).scaleb(-DECIMALS))
    if rounded != number:
        raise ValueError(f"{text[:40]} has more than {DECIMALS} decimals; round it")
    return rounded if len(text) > DECIMALS + 10 else number + 0


def _rate(value: Any) -> Decimal:
    rate = exact(value)
    if rate < 0:
        raise ValueError(f"{value} is negative; a rate is 0 or more, and export is credited by export_rate")
    return rate


Rate = Annotated[Decimal, BeforeValidator(_rate)]
"""Money per kWh."""


class ExportingOptions(TariffOptions):
    """What every shipped tariff has besides its rates."""

    export_rate: Rate | None = Field(
        None,
        description="Money per kWh credited for windows in which a home exported more than it used; "
        "left out, they are credited at the rate that they would have been charged at.",
    )
