"""What every tariff must keep, as tests that a plugin author runs in three lines.

::

    class TestMyTariff(TariffConformance):
        def make_tariff(self):
            return MyTariff(MyOptions(rate="0.20"))
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from smarter.api.tariff import BillLine, MeteredWindow, Tariff
from smarter.model.windows import cut

DAY = 86_400
MWH_PER_KWH = 1_000_000
# Clocks change on 13 and 27 March, 30 October and 6 November.
SPANS = {
    "spring": ("2016-03-10", "2016-04-02"),
    "summer": ("2016-06-24", "2016-07-10"),
    "autumn": ("2016-10-28", "2016-11-12"),
}


class TariffConformance:
    """Tests of a tariff. A subclass says how it is made.

    Attributes:
        timezone: whose wall clock the windows are cut by.
        longest: the longest windows to try, in seconds; where prices change inside them, shorter ones are tried.
    """

    timezone = "America/New_York"
    longest = 3 * 3_600

    def make_tariff(self) -> Tariff:
        """The tariff under test."""
        raise NotImplementedError

    @pytest.fixture
    def tariff(self) -> Tariff:
        return self.make_tariff()

    @pytest.fixture(params=SPANS)
    def windows(self, request: pytest.FixtureRequest, tariff: Tariff) -> list[MeteredWindow]:
        """Two or three weeks of windows of one household, some of them of net export."""
        return self._windows(request.param, self._length(tariff))

    def _length(self, tariff: Tariff) -> int:
        return math.gcd(self.longest, *tariff.changes())

    def _windows(self, span: str, length: int) -> list[MeteredWindow]:
        zone = ZoneInfo(self.timezone)
        start, end = (int(datetime.fromisoformat(day).replace(tzinfo=zone).timestamp()) for day in SPANS[span])
        edges = [
            datetime.fromtimestamp(edge, UTC).astimezone(zone) for edge in cut(self.timezone, length, start, end).edges
        ]
        return [
            # Any whole numbers will do that are not round and change their sign now and then.
            MeteredWindow(first, last, (number * 7_919 + 104_729) % 4_000_037 - 900_001)
            for number, (first, last) in enumerate(pairwise(edges))
        ]

    def test_lines_cover_the_energy_of_the_windows_exactly(self, tariff: Tariff, windows: list[MeteredWindow]) -> None:
        lines = tariff.lines(windows)
        assert sum(line.energy for line in lines) == sum(window.energy for window in windows)
        assert all(type(line.energy) is int for line in lines)

    def test_every_window_is_on_a_line(self, tariff: Tariff, windows: list[MeteredWindow]) -> None:
        lines = tariff.lines(windows)
        assert {index for line in lines for index in line.windows} == set(range(len(windows)))
        assert all(list(line.windows) == sorted(set(line.windows)) for line in lines)

    def test_of_one_window_the_lines_cover_that_window(self, tariff: Tariff, windows: list[MeteredWindow]) -> None:
        for window in windows[:: max(1, len(windows) // 25)]:
            lines = [line for line in tariff.lines([window]) if line.windows]
            assert sum(line.energy for line in lines) == window.energy
            assert {line.windows for line in lines} == {(0,)}

    def test_a_lines_amount_is_its_energy_at_its_rate_unrounded(
        self, tariff: Tariff, windows: list[MeteredWindow]
    ) -> None:
        for line in tariff.lines(windows):
            assert isinstance(line.rate, Decimal)
            assert isinstance(line.amount, Decimal)
            assert line.label
            if line.windows:  # others, such as a standing charge, are the tariff's own affair
                assert Fraction(line.amount) == Fraction(line.energy) * Fraction(line.rate) / MWH_PER_KWH

    def test_no_two_lines_have_the_same_label_and_rate(self, tariff: Tariff, windows: list[MeteredWindow]) -> None:
        lines = tariff.lines(windows)
        assert len({(line.label, line.rate) for line in lines}) == len(lines)

    def test_a_bill_is_the_sum_of_its_lines_rounded_once_half_to_even(
        self, tariff: Tariff, windows: list[MeteredWindow]
    ) -> None:
        lines = tariff.lines(windows)
        amount = tariff.amount(lines)
        unit = 10**tariff.options.decimals
        assert amount.as_tuple().exponent == -tariff.options.decimals
        assert Fraction(amount) * unit == round(_sum(lines) * unit)  # which rounds half to even

    def test_a_bill_depends_on_nothing_but_its_windows(self, tariff: Tariff, windows: list[MeteredWindow]) -> None:
        once = list(tariff.lines(windows))
        tariff.lines([MeteredWindow(window.start, window.end, 10**9) for window in windows])
        assert list(tariff.lines(windows)) == once
        assert list(self.make_tariff().lines(windows)) == once

    def test_no_windows_make_a_bill_of_no_energy(self, tariff: Tariff) -> None:
        assert sum(line.energy for line in tariff.lines([])) == 0

    def test_changes_are_seconds_of_the_day_in_order(self, tariff: Tariff) -> None:
        changes = list(tariff.changes())
        assert all(type(change) is int and 0 <= change < DAY for change in changes)
        assert changes == sorted(set(changes))

    @pytest.mark.parametrize("span", SPANS)
    def test_between_its_changes_no_price_changes(self, tariff: Tariff, span: str) -> None:
        """A window that straddles none of them costs what its parts cost."""
        length = self._length(tariff)
        part = DAY if length > DAY else length // next(parts for parts in (6, 5, 4, 3, 2, 1) if length % parts == 0)
        fine = [MeteredWindow(window.start, window.end, abs(window.energy)) for window in self._windows(span, part)]
        coarse = self._windows(span, length)
        # As instants: two times of one zone are compared by what the wall clock shows.
        starts = [window.start.timestamp() for window in coarse]
        energies = [0] * len(coarse)
        for window in fine:
            energies[bisect_right(starts, window.start.timestamp()) - 1] += window.energy
        coarse = [
            MeteredWindow(window.start, window.end, energy) for window, energy in zip(coarse, energies, strict=True)
        ]
        assert _sum(tariff.lines(coarse)) == _sum(tariff.lines(fine))

    def test_its_options_come_back_from_their_json_form(self, tariff: Tariff) -> None:
        said = tariff.options.model_dump(mode="json", by_alias=True)
        assert type(tariff).Options.model_validate(said) == tariff.options


def _sum(lines: Sequence[BillLine]) -> Fraction:
    return sum((Fraction(line.amount) for line in lines), Fraction(0))
