"""Large figures: about four digits, and money with the decimals of its currency."""

from __future__ import annotations

from decimal import Decimal

import pytest

from smarter.tui.widgets.large_figure import spelt


@pytest.mark.parametrize(
    ("figure", "places", "text"),
    [
        (1.23456, None, "1.235"),
        (123.456, None, "123.5"),
        (1234.56, None, "1,235"),
        (-0.0001, None, "0.000"),
        (Decimal("1.234567"), 2, "1.23"),
        (Decimal("123.456"), 2, "123.46"),
        (Decimal("1234.5"), 2, "1,234.50"),
        (Decimal("0.125"), 2, "0.12"),
        (Decimal("0.135"), 2, "0.14"),
        (Decimal("-0.001"), 2, "0.00"),
        (Decimal("1234.5"), 0, "1,234"),
    ],
    ids=str,
)
def test_a_figure_has_as_many_decimals_as_it_should(figure: float | Decimal, places: int | None, text: str) -> None:
    assert spelt(figure, places) == text
