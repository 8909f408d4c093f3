"""A customer who checks a bill hears why a window of theirs is not billed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smarter.api import Tariff
from smarter.model.windows import Axis, cut
from smarter.parties.customer import OwnReadings
from smarter.parties.mdms import bills_of
from smarter.protocols.bill_check import check_bills
from smarter.registry import registry


@pytest.mark.parametrize(
    ("status", "reason", "said"),
    [
        ("refused", "only 61 of 180 readings", "not released, so not billed: only 61 of 180 readings"),
        (
            "held",
            "with the demand it would show the use of fewer than 5 meters",
            "held back, so not billed: with the demand it would show the use of fewer than 5 meters",
        ),
    ],
)
def test_a_window_that_is_not_billed_has_its_reason(status: str, reason: str, said: str) -> None:
    slots = np.arange(0, 1440, dtype=np.int64)
    own = OwnReadings(Axis(60, 0), "UTC", slots, slots * 7 % 90, (), 0, "3f0c9a41d2b7e680")
    edges = cut("UTC", 10_800, 0, 86_400).edges
    flat = registry().get("tariff", "flat")
    tariff = flat(flat.Options(rate="0.25", period="run"))
    assert isinstance(tariff, Tariff)
    rows = own.windows(edges)
    rows[2] = replace(rows[2], energy=None, status=status, reason=reason)
    bills = list(bills_of(rows, tariff, "UTC"))
    (check,) = check_bills(own, rows, bills, edges, tariff)
    assert check.bill.status == "incomplete"
    assert not check.matches
    assert [(each.start, each.billed, each.why) for each in check.differences] == [(rows[2].start, None, said)]
