"""Charts say what the rows say, at any width, with and without colour."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from unittest.mock import patch
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarter.charts import bills_chart, demand_chart, drawing, household_chart
from smarter.charts.bars import Bar, bars_chart
from smarter.model.bills import Bill
from smarter.model.results import WindowRow
from smarter.model.windows import cut

NEW_YORK = "America/New_York"
ESCAPE = re.compile(r"\x1b\[[0-9;]*m")
BRAILLE = re.compile(r"[⠁-⣿]")


def _rows(
    start: datetime,
    end: datetime,
    *,
    timezone: str = NEW_YORK,
    length: int = 900,
    kw: Callable[[int], float] = lambda index: 2.0,
    statuses: dict[int, str] | None = None,
) -> list[WindowRow]:
    zone = ZoneInfo(timezone)
    first, last = (int(at.replace(tzinfo=zone).timestamp()) for at in (start, end))
    edges = cut(timezone, length, first, last).edges.tolist()
    rows = []
    for index, (left, right) in enumerate(pairwise(edges)):
        status = (statuses or {}).get(index, "complete")
        expected = (right - left) // 60
        readings = expected // 2 if status == "incomplete" else expected
        energy = int(kw(index) * 1_000_000 * (right - left) / 3600 * readings / expected)
        released = status in ("complete", "incomplete")
        rows.append(
            WindowRow(
                kind="demand",
                holder="maple-street",
                start=left,
                end=right,
                meters=10,
                readings=0 if status == "missing" else readings,
                expected=expected,
                energy=energy if released else None,
                status=status,
                reason="",
            )
        )
    return rows


def _bill(meter: str, amount: str | None) -> Bill:
    value = None if amount is None else Decimal(amount)
    return Bill(meter, 0, 86_400, None if value is None else 1, "USD", value, "complete", ())


def _week(**options: object) -> list[WindowRow]:
    return _rows(datetime(2016, 1, 1), datetime(2016, 1, 8), **options)  # type: ignore[arg-type]


def _lines(chart: str) -> list[str]:
    return ESCAPE.sub("", chart).splitlines()


@pytest.mark.parametrize("colour", [True, False])
@pytest.mark.parametrize(("width", "height"), [(30, 8), (80, 20), (140, 40)])
def test_a_chart_keeps_to_its_width_and_height(width: int, height: int, colour: bool) -> None:
    rows = _week(kw=lambda index: index % 96 / 10, statuses={50: "incomplete", 60: "refused", 70: "missing"})
    bills = [_bill(f"{number:032x}", f"{number * 1.5:.2f}") for number in range(60)]
    for chart in (
        demand_chart(rows, NEW_YORK, width=width, height=height, colour=colour),
        household_chart(rows, NEW_YORK, width=width, height=height, colour=colour),
        bills_chart(bills, width=width, height=height, colour=colour),
    ):
        assert max(map(len, _lines(chart))) <= width
        assert len(_lines(chart)) <= height
        assert bool(ESCAPE.search(chart)) == colour


def test_the_terminal_does_not_cut_a_chart_that_was_asked_to_be_wider(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("LINES", "10")
    lines = _lines(demand_chart(_week(), NEW_YORK, width=120, height=30, colour=False))
    assert max(map(len, lines)) == 120
    assert len(lines) == 30


def test_the_same_rows_give_the_same_chart_whatever_was_drawn_before() -> None:
    rows = _week(kw=lambda index: index % 7)
    before = demand_chart(rows, NEW_YORK, width=80, height=20, colour=False)
    bills_chart([_bill("ab" * 16, "-3.00"), _bill("cd" * 16, "5.00")], width=60, height=9, colour=True)
    assert demand_chart(rows, NEW_YORK, width=80, height=20, colour=False) == before


def test_days_are_labelled_at_local_midnights_over_a_clock_change() -> None:
    rows = _rows(datetime(2016, 3, 26), datetime(2016, 3, 29), timezone="Europe/Berlin", length=3600)
    *_, ticks, labels, _ = _lines(demand_chart(rows, "Europe/Berlin", width=140, height=14, colour=False))
    assert labels.split() == ["Sat", "26", "Mar", "Sun", "27", "Mon", "28"]
    places = [place for place, character in enumerate(ticks) if character == "┬"]
    # The Sunday lost an hour: its 23 hours take 23/24 of a full day's columns.
    assert places[1] - places[0] > places[2] - places[1]


def test_under_two_days_whole_hours_are_labelled() -> None:
    rows = _rows(datetime(2016, 1, 1, 18), datetime(2016, 1, 2, 0))
    labels = _lines(demand_chart(rows, NEW_YORK, width=80, height=14, colour=False))[-2]
    assert labels.split() == ["18:00", "19:00", "20:00", "21:00", "22:00", "23:00"]


def test_a_year_is_labelled_by_months() -> None:
    rows = _rows(datetime(2016, 1, 1), datetime(2017, 1, 1), length=86_400)
    labels = _lines(demand_chart(rows, NEW_YORK, width=120, height=14, colour=False))[-2]
    assert labels.split() == ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


@pytest.mark.parametrize("closed", ["refused", "withheld", "held"])
def test_incomplete_windows_are_hollow_closed_ones_crossed_and_missing_ones_gaps(closed: str) -> None:
    day = range(96)
    statuses = {index: "incomplete" for index in day if 24 <= index < 48}
    statuses |= {index: closed for index in day if 48 <= index < 72}
    statuses |= {index: "missing" for index in day if index >= 72}
    rows = _rows(datetime(2016, 1, 1), datetime(2016, 1, 2), statuses=statuses)
    lines = _lines(demand_chart(rows, NEW_YORK, width=100, height=16, colour=False))
    floor = next(index for index, line in enumerate(lines) if "└" in line)
    plot, legend = lines[1:floor], " ".join(lines[floor + 2 :])
    columns = ["".join(line.ljust(100)[column] for line in plot) for column in range(4, 100)]
    quarters = [columns[quarter * 24 + 2 : quarter * 24 + 22] for quarter in range(4)]
    assert all(BRAILLE.search(column) for column in quarters[0])
    assert all("○" in column and not BRAILLE.search(column) for column in quarters[1])
    assert all(column.rstrip().endswith("✕") for column in quarters[2])
    assert all(not column.strip() for column in quarters[3])
    for said in ("○ incomplete 24", f"✕ {closed} 24", "gaps: missing 24"):
        assert said in legend


def test_an_incomplete_window_stands_at_the_power_of_what_was_measured() -> None:
    rows = _rows(datetime(2016, 1, 1), datetime(2016, 1, 2), length=3600, statuses={12: "incomplete"})
    lines = _lines(demand_chart(rows, NEW_YORK, width=80, height=16, colour=False))
    hollow = next(index for index, line in enumerate(lines) if "○" in line)
    assert BRAILLE.search(lines[hollow]), "half the readings of a steady load are as high as all of them"


def test_one_high_window_among_ten_thousand_stays_visible() -> None:
    rows = _rows(
        datetime(2016, 1, 1), datetime(2016, 4, 15), length=900, kw=lambda index: 50.0 if index == 5_003 else 1.0
    )
    lines = _lines(demand_chart(rows, NEW_YORK, width=80, height=20, colour=False))
    assert len(BRAILLE.findall(lines[1])) == 1


def test_a_long_runs_windows_are_drawn_as_they_would_be_alone_and_take_no_more_points() -> None:
    def drawn(days: int) -> tuple[str, int]:
        rows = _rows(
            datetime(2010, 1, 1),
            datetime(2010, 1, 1) + timedelta(days=days),
            length=10_800,
            kw=lambda index: 9.0 if index == 8 * days // 2 else -3.0 if index == 8 * days // 4 else 1.0,
        )
        points = 0

        def counting(*given: Any) -> list[str]:
            nonlocal points
            points = max(len(series.x) for series in given[0])
            return drawing.draw(*given)

        with patch("smarter.charts.windows.draw", counting):
            return household_chart(rows, NEW_YORK, width=100, height=20, colour=False), points

    (long, many), (_, more) = drawn(1000), drawn(4000)
    assert more < 1.1 * many < 10_000
    plot = [line for line in _lines(long) if "│" in line or "┤" in line]
    columns = ["".join(column) for column in zip(*(line.ljust(100)[3:] for line in plot), strict=True)]
    assert [bool(column[0].strip()) for column in columns].count(True) == 1, "the one peak is there"
    assert [bool(column[-2].strip()) for column in columns].count(True) == 1, "and the one that goes below"
    steady = [column for column in columns if column.strip()]
    assert len(steady) >= 96, "no gap between"


def test_the_axis_starts_at_zero_and_goes_below_only_for_export() -> None:
    importing = demand_chart(_week(kw=lambda index: 5 + index % 2), NEW_YORK, width=80, height=20, colour=False)
    rows = _week(kw=lambda index: index % 9 - 4, statuses=dict.fromkeys(range(300, 672), "missing"))
    exporting = demand_chart(rows, NEW_YORK, width=80, height=20, colour=False)
    labels = [[line.split("┤")[0] for line in _lines(chart) if "┤" in line] for chart in (importing, exporting)]
    assert labels[0][-1].strip() == "0"
    assert labels[1][-1].strip() == "-4"
    zero = next(line for line in _lines(exporting) if line.lstrip().startswith("0┤"))
    assert zero.endswith("─" * 30)


def test_bars_are_ranked_and_as_long_as_the_amounts() -> None:
    bills = [_bill("aa" * 16, "5.00"), _bill("bb" * 16, "20.00"), _bill("cc" * 16, "10.00"), _bill("dd" * 16, None)]
    lines = _lines(bills_chart(bills, width=80, height=20, colour=False))
    assert lines[0].startswith("USD")
    assert [line[:8] for line in lines[1:5]] == ["bb" * 4, "cc" * 4, "aa" * 4, "dd" * 4]
    long, middle, short, none = (line.count("█") for line in lines[1:5])
    assert long == pytest.approx(2 * middle, abs=2)
    assert middle == pytest.approx(2 * short, abs=2)
    assert none == 0
    assert "missing" in lines[4]


def test_several_bills_of_a_meter_make_one_bar_and_what_does_not_fit_is_counted() -> None:
    bills = [_bill(f"{number:032x}", "1.50") for number in range(30)] + [_bill(f"{3:032x}", "1,000".replace(",", ""))]
    lines = _lines(bills_chart(bills, width=80, height=12, colour=False))
    assert "1,001.50" in lines[1]
    assert lines[-1] == "and 22 more meters, down to 1.50"


@pytest.mark.parametrize("amount", ["0.00", "1.50", "-1.50"])
def test_a_single_bar_is_drawn_and_nothing_is_written_beside_the_chart(
    amount: str, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = _lines(bills_chart([_bill("aa" * 16, amount)], width=80, height=12, colour=False))
    assert amount in lines[1]
    assert ("█" in lines[1]) == (amount != "0.00")
    assert "0" in lines[-1]
    bars = bars_chart("speed", [Bar("one", 0.0, "none")], str, width=80, colour=False)
    assert "one  none" in bars
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("kw", [0.0, -0.0, 1e-9, 1e-300])
def test_a_chart_of_zeros_writes_nothing_beside_it(kw: float, capfd: pytest.CaptureFixture[str]) -> None:
    for end in (datetime(2016, 1, 1, 0, 15), datetime(2016, 1, 2)):
        rows = _rows(datetime(2016, 1, 1), end, kw=lambda _: kw)
        for draw in (demand_chart, household_chart):
            assert draw(rows, NEW_YORK, width=80, height=16, colour=False).startswith("kW")
    assert capfd.readouterr() == ("", "")


def test_nothing_to_draw_is_said() -> None:
    assert demand_chart([], NEW_YORK, width=80, height=20, colour=False) == "No windows to draw."
    assert bills_chart([], width=80, height=20, colour=False) == "No bills to draw."
    assert demand_chart(_week(), NEW_YORK, width=12, height=20, colour=False).startswith("No room")


@settings(max_examples=40)
@given(
    powers=st.lists(st.floats(-1e4, 1e6), min_size=1, max_size=60),
    width=st.integers(30, 160),
    height=st.integers(8, 40),
)
def test_any_powers_fit_any_size(powers: list[float], width: int, height: int) -> None:
    rows = _rows(datetime(2016, 1, 1), datetime(2016, 1, 2), kw=lambda index: powers[index % len(powers)])
    for draw in (demand_chart, household_chart):
        lines = _lines(draw(rows, NEW_YORK, width=width, height=height, colour=False))
        assert max(map(len, lines)) <= width
        assert len(lines) <= height
