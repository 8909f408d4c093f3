"""The brief's way: a ciphertext a reading under python-paillier, nothing packed and nothing added before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def phe() -> None:
    """The extra is there."""
    pytest.importorskip("phe", reason="the extra phe is not installed")


def test_a_quarter_of_the_slow_way_at_full_key_size_is_a_ciphertext_a_reading_and_kind(
    carry: Callable[..., Any],
) -> None:
    slow = carry("compare-phe", "time.end=2016-01-01 18:30")
    assert slow.result["counts"]["readings"] == 2 * 30
    assert slow.result["counts"]["ciphertexts"] == 2 * 2 * 30


def test_the_slow_way_gives_the_numbers_of_the_fast_way(carry: Callable[..., Any]) -> None:
    small = ("insecure_demo=true", "crypto.aggregate.key_bits=512")
    slow = carry("compare-phe", *small)
    counts = slow.result["counts"]
    assert counts["readings"] == counts["frames"] == 2 * 120
    assert counts["ciphertexts"] == 2 * counts["readings"]
    fast = carry(
        "compare-phe",
        *("pes.hold=1h", "frame=60", "pes.combine=frame", "pes.lanes=auto"),
        *("crypto.aggregate.plugin=paillier", *small),
    )
    assert fast.numbers == slow.numbers
    assert fast.result["counts"]["ciphertexts"] < counts["ciphertexts"] / 10
