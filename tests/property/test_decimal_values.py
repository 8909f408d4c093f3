"""Decimal texts become whole numbers exactly, whichever way they are read."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter_plugins.sources import decimals

DIGITS = st.text("0123456789", max_size=20)
PLAIN = st.builds(
    lambda sign, whole, mark, part: sign + whole + (mark + part if part else ""),
    st.sampled_from(["", "-", "+"]),
    DIGITS.filter(bool),
    st.just("."),
    DIGITS,
)
TIES = st.builds(
    lambda whole, half, zeros: f"{Fraction(whole, 1).numerator}.{half:09d}5" + "0" * zeros,
    st.integers(-(10**6), 10**6),
    st.integers(0, 10**9 - 1),
    st.integers(0, 3),
)
FLOATS = st.floats(-1e6, 1e6).map(repr)


def half_even(text: str, exponent: int) -> int:
    return round(Fraction(text) * 10**exponent)


def read_together(texts: list[str], exponent: int, mark: str = ".") -> tuple[list[int], list[bool]]:
    joined = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
    ends = np.cumsum([len(text.encode()) + 1 for text in texts]) - 1
    starts = ends - [len(text.encode()) for text in texts]
    values, good = decimals.parse(joined, starts, ends, exponent, mark)
    return values.tolist(), good.tolist()


@given(st.lists(PLAIN | TIES | FLOATS, min_size=1, max_size=30), st.sampled_from([6, 9]))
def test_what_is_read_columnar_is_the_exact_value_ties_to_even(texts: list[str], exponent: int) -> None:
    values, good = read_together(texts, exponent)
    for text, value, right in zip(texts, values, good, strict=True):
        if right:
            assert value == half_even(text, exponent)


@given(PLAIN | TIES | FLOATS, st.sampled_from([6, 9]))
def test_what_is_read_by_itself_is_the_exact_value_or_refused_as_too_large(text: str, exponent: int) -> None:
    expected = half_even(text, exponent)
    if abs(expected) > decimals.LARGEST:
        with pytest.raises(ValueError, match="beyond"):
            decimals.exact(text, exponent)
    else:
        assert decimals.exact(text, exponent) == expected


@given(st.lists(st.text(max_size=6) | st.text("+-.eE0123456789 _,", max_size=8), min_size=1, max_size=10))
def test_no_text_that_is_no_number_is_read_columnar(texts: list[str]) -> None:
    _, good = read_together([text.replace("\n", "") for text in texts], 9)
    for text, right in zip(texts, good, strict=True):
        if right:
            decimals.exact(text.replace("\n", ""), 9)


@given(st.lists(st.decimals(-1000, 1000, places=9).map(str), min_size=1, max_size=10))
def test_everyday_values_need_no_second_reading(texts: list[str]) -> None:
    texts = [text if "E" not in text else "0" for text in texts]
    assert all(read_together(texts, 9)[1])


@pytest.mark.parametrize(
    ("text", "microwatts"),
    [
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("-0.0000000015", -2),
        ("-0.0000000005", 0),
        ("0.00000000050000000000000000001", 1),
        ("1e-05", 10_000),
        ("2.5E-9", 2),
        (".5", 500_000_000),
        ("1e-9999", 0),
        ("9223372036.854775807", 2**63 - 1),
    ],
)
def test_a_tie_goes_to_the_even_neighbour_and_a_hair_more_goes_up(text: str, microwatts: int) -> None:
    assert decimals.exact(text, 9) == microwatts
    values, good = read_together([text], 9)
    assert not good[0] or values[0] == microwatts


@pytest.mark.parametrize(
    "text", ["", ".", "-", "NaN", "inf", "1_000", "0x1F", "1 2", "1,5", "١", "1e", "e5", "--1", "1.2.3"]
)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no finite number"):
        decimals.exact(text, 9)
    assert not read_together([text, "1"], 9)[1][0]


@pytest.mark.parametrize("text", ["9223372036.854775808", "1e10", "1e9999", "99999999999"])
def test_what_no_meter_can_show_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="beyond"):
        decimals.exact(text, 9)
    assert not read_together([text], 9)[1][0]


def test_a_comma_is_a_decimal_mark_where_it_is_said_to_be() -> None:
    assert decimals.exact("1,5", 9, ",") == 1_500_000_000
    assert read_together(["1,5", "1.5"], 9, ",") == ([1_500_000_000, 0], [True, False])
    with pytest.raises(ValueError, match="no finite number"):
        decimals.exact("1.5", 9, ",")
