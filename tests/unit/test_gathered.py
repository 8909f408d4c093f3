"""Windows put together by hour and day, and bills by household: nothing is lost, nothing passes for whole."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from smarter.model.bills import Bill
from smarter.model.results import WindowRow
from smarter.model.windows import cut
from smarter.parties.mdms import account_of, demand_figures, gathered

BERLIN = "Europe/Berlin"


def rows(day: int, days: int = 1, **statuses: str) -> list[WindowRow]:
    """Quarters of an hour from a day of October 2016, all of 250 Wh; ``w3="missing"`` is the fourth."""
    first, last = (int(datetime(2016, 10, d, tzinfo=ZoneInfo(BERLIN)).timestamp()) for d in (day, day + days))
    found = []
    for place, (start, end) in enumerate(pairwise(cut(BERLIN, 900, first, last).edges.tolist())):
        status = statuses.get(f"w{place}", "complete")
        readings = {"complete": 15, "incomplete": 5}.get(status, 0)
        energy = 250_000 if readings else None
        found.append(WindowRow("demand", "lane", start, end, 1, readings, 15, energy, status, ""))
    return found


def test_the_day_on_which_clocks_go_back_has_25_hours_and_one_day() -> None:
    windows = rows(30)
    hours, days = gathered(windows, "hour", BERLIN), gathered(windows, "day", BERLIN)
    assert (len(windows), len(hours), len(days)) == (100, 25, 1)
    assert {hour.end - hour.start for hour in hours} == {3600}
    assert (days[0].start, days[0].end) == (windows[0].start, windows[-1].end)
    assert {hour.mean_kw for hour in hours} == {1.0}


def test_what_is_gathered_sums_up_to_what_the_figures_say() -> None:
    windows = rows(10, 3, w3="missing", w8="incomplete", w100="refused", w11="erased")
    figures = demand_figures(windows, "lane", BERLIN)
    for by, spans in (("hour", figures.hours), ("day", figures.days)):
        whole = gathered(windows, by, BERLIN)  # type: ignore[arg-type] # one of the two
        assert [(row.energy or 0, row.readings, row.expected) for row in whole] == [
            (span.energy_mwh, span.readings, span.expected) for span in spans
        ]


def test_the_mean_of_an_hour_is_over_what_was_not_erased() -> None:
    hour = gathered(rows(10, w3="erased"), "hour", BERLIN)[0]
    assert (hour.status, hour.readings, hour.expected) == ("incomplete", 45, 60)
    assert hour.mean_kw == 1.0


@pytest.mark.parametrize(
    ("statuses", "status"),
    [
        ({}, "complete"),
        ({"w1": "incomplete"}, "incomplete"),
        ({"w1": "missing"}, "incomplete"),
        ({"w0": "refused", "w1": "refused", "w2": "refused", "w3": "refused"}, "refused"),
        ({"w0": "missing", "w1": "missing", "w2": "missing", "w3": "missing"}, "missing"),
        ({"w0": "missing", "w1": "refused", "w2": "missing", "w3": "missing"}, "refused"),
        ({"w3": "erased"}, "incomplete"),
        ({"w0": "missing", "w1": "missing", "w2": "missing", "w3": "erased"}, "erased"),
        ({"w0": "missing", "w1": "refused", "w2": "withheld", "w3": "erased"}, "refused"),
        ({"w0": "missing", "w1": "missing", "w2": "withheld", "w3": "erased"}, "withheld"),
    ],
)
def test_an_hour_is_complete_only_when_all_of_its_windows_are(statuses: dict[str, str], status: str) -> None:
    hour = gathered(rows(10, **statuses), "hour", BERLIN)[0]
    assert hour.status == status
    assert (hour.energy is None) == (status not in ("complete", "incomplete"))


def bill(amount: str | None, status: str) -> Bill:
    value = None if amount is None else Decimal(amount)
    return Bill("ab", 0, 1, None if value is None else 1_000_000, "EUR", value, status, ())


def test_an_account_sums_what_was_billed_and_is_incomplete_when_a_bill_is_missing() -> None:
    bills = [bill("1.20", "complete"), bill(None, "missing"), bill("0.35", "complete")]
    account = account_of(bills, rows(10, w0="missing", w1="incomplete"), "lane", BERLIN)
    assert (account.energy, account.amount, account.status) == (2_000_000, Decimal("1.55"), "incomplete")
    assert (account.readings, account.expected) == (94 * 15 + 5, 96 * 15)


def test_an_account_without_any_bill_that_has_an_amount_has_none() -> None:
    account = account_of([bill(None, "missing")], rows(10), "lane", BERLIN)
    assert (account.energy, account.amount, account.status) == (None, None, "missing")
