"""What every source must keep, as tests that a plugin author runs in three lines.

::

    class TestMySource(SourceConformance):
        def make_source(self, tmp_path):
            return MySource(MyOptions(path=...))

A source of files also says how rows that the suite gives are written (``source_of``).
Tests of rows out of order, falling registers, changing intervals and changing clocks are skipped without it.
The same holds for rows with too many fields and for repeated headings, where a format has them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from smarter.api import DataError
from smarter.api.source import Quantity, Rows, Source, SourceContext, SourceMeter

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Adelaide",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
)
"""Zones whole, half and three quarters of an hour off UTC; one changes its clocks by half an hour, one never."""

_QUARTER, _HOUR, _DAY = 900, 3600, 86_400
_START = 1_704_067_200  # 2024-01-01 00:00 UTC


@dataclass(frozen=True)
class GivenRow:
    """A row that the suite asks to be written.

    Attributes:
        start: epoch seconds of UTC at which its interval starts; of a register, at which it is read.
        seconds: of the interval.
        value: whole W (``power``) or Wh (``energy``, ``register``).
    """

    start: int
    seconds: int
    value: int


class SourceConformance:
    """Tests of a source that has rows to give. A subclass says how it is made.

    Attributes:
        context: what the source is told of the scenario.
    """

    context = SourceContext("street", "America/New_York", 60, 7)

    def make_source(self, tmp_path: Path) -> Source:
        """A source with at least one meter and a few rows each; ``tmp_path`` is an empty folder."""
        raise NotImplementedError

    def source_of(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity
    ) -> Source | None:
        """A source with one meter that has these rows in this order; None where it cannot have them.

        Local stamps are written by the clock of ``context.timezone``, a repeated hour as its two runs.
        """
        return None

    def source_with_too_many_fields(self, tmp_path: Path) -> Source | None:
        """A source with a row that has a field more than the heading; None where the format has no such."""
        return None

    def source_with_repeated_headings(self, tmp_path: Path) -> Source | None:
        """A source whose value's column has its name twice; None where the format has no such."""
        return None

    def _meters(self, tmp_path: Path) -> list[SourceMeter]:
        meters = list(self.make_source(tmp_path).meters(self.context))
        assert meters, "a source without meters raises DataError"
        return meters

    def test_its_meters_have_different_names_and_an_origin(self, tmp_path: Path) -> None:
        meters = self._meters(tmp_path)
        assert len({meter.name for meter in meters}) == len(meters)
        assert all(meter.name and meter.origin for meter in meters)

    def test_its_meters_come_in_natural_order(self, tmp_path: Path) -> None:
        names = [meter.name for meter in self._meters(tmp_path)]
        assert names == sorted(names, key=_natural)

    def test_its_meters_say_what_their_values_and_stamps_are(self, tmp_path: Path) -> None:
        for meter in self._meters(tmp_path):
            assert meter.quantity in get_args(Quantity)
            assert meter.clock in ("local", "utc")
            assert meter.stamp_at in ("start", "end")
            assert meter.quantity != "register" or meter.stamp_at == "start"
            assert meter.timezone is None or ZoneInfo(meter.timezone)

    def test_rows_are_columns_of_whole_numbers_of_one_length(self, tmp_path: Path) -> None:
        for meter in self._meters(tmp_path):
            for rows in meter.rows():
                columns = (rows.stamps, rows.values, rows.numbers)
                assert [column.dtype for column in columns] == [np.int64] * 3
                assert {column.shape for column in columns} == {(len(rows),)}

    def test_row_numbers_rise_from_one(self, tmp_path: Path) -> None:
        for meter in self._meters(tmp_path):
            numbers = _all(meter).numbers
            assert len(numbers)
            assert numbers[0] >= 1
            assert np.all(np.diff(numbers) > 0)

    def test_the_size_of_blocks_changes_nothing_but_the_blocks(self, tmp_path: Path) -> None:
        meter = self._meters(tmp_path)[0]
        whole = _all(meter)
        for block in (1, 3, len(whole) + 1):
            parts = []
            for rows in meter.rows(block=block):
                assert 0 < len(rows) <= block
                parts.append(rows)
                if len(parts) == 50:
                    break
            _same(_joined(parts), whole, sum(map(len, parts)))

    def test_reading_again_gives_the_same_rows(self, tmp_path: Path) -> None:
        source = self.make_source(tmp_path)
        first, again = (source.meters(self.context)[0] for _ in range(2))
        whole = _all(first)
        _same(_all(first), whole, len(whole))
        _same(_all(again), whole, len(whole))

    def test_hints_lose_no_row_inside_and_change_none(self, tmp_path: Path) -> None:
        meter = self._meters(tmp_path)[-1]
        whole = _all(meter)
        after, before = (int(moment) for moment in np.quantile(whole.stamps, (0.25, 0.75), method="nearest"))
        inside = (whole.stamps >= after) & (whole.stamps < before)
        hinted = _joined(list(meter.rows(after=after, before=before)))
        kept = (hinted.stamps >= after) & (hinted.stamps < before)
        for name in ("stamps", "values", "numbers"):
            np.testing.assert_array_equal(getattr(hinted, name)[kept], getattr(whole, name)[inside])

    def test_the_digest_is_a_sha256_that_stays(self, tmp_path: Path) -> None:
        source = self.make_source(tmp_path)
        digests = [[meter.digest() for meter in source.meters(self.context)] for _ in range(2)]
        assert digests[0] == digests[1]
        assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest in digests[0])

    def test_rows_out_of_order_are_all_given_or_refused(self, tmp_path: Path) -> None:
        early = [GivenRow(_START + _HOUR * hour, _HOUR, 100 + hour) for hour in range(6)]
        late = [GivenRow(_START + _HOUR * hour, _HOUR, 100 + hour) for hour in range(6, 12)]
        context = replace(self.context, interval=_HOUR)
        for order in ([*late, *early], [*late[::-1], *early[::-1]]):
            self._gives_all_or_refuses(tmp_path, order, context, self._interval_quantity(tmp_path, order, context))

    def test_a_register_that_falls_is_given_as_it_is_or_refused(self, tmp_path: Path) -> None:
        shown = (45, 46, 0, 47, 48, 3, 4)
        rows = [GivenRow(_START + _HOUR * place, _HOUR, value) for place, value in enumerate(shown)]
        context = replace(self.context, interval=_HOUR)
        meter = self._given(tmp_path, rows, context, "register")
        assert meter.register.falls == "refuse"
        self._gives_all_or_refuses(tmp_path, rows, context, "register")

    def test_rows_of_two_intervals_are_all_given_or_refused(self, tmp_path: Path) -> None:
        rows = [GivenRow(_START + _HOUR * hour, _HOUR, 1000) for hour in range(6)]
        rows += [GivenRow(_START + 6 * _HOUR + _QUARTER * place, _QUARTER, 250) for place in range(24)]
        context = replace(self.context, interval=_QUARTER)
        self._gives_all_or_refuses(tmp_path, rows, context, self._interval_quantity(tmp_path, rows, context))

    def test_a_row_with_too_many_fields_is_refused(self, tmp_path: Path) -> None:
        self._refuses(tmp_path, self.source_with_too_many_fields(_emptied(tmp_path)), "rows with too many fields")

    def test_two_columns_of_one_name_are_refused(self, tmp_path: Path) -> None:
        self._refuses(tmp_path, self.source_with_repeated_headings(_emptied(tmp_path)), "repeated headings")

    @pytest.mark.parametrize("timezone", ZONES)
    def test_rows_keep_their_moments_over_both_changes_of_the_clock(self, tmp_path: Path, timezone: str) -> None:
        context = replace(self.context, timezone=timezone, interval=_QUARTER)
        for change in _changes(timezone) or [_START]:
            first = change - change % _DAY - _DAY
            rows = [GivenRow(first + _QUARTER * place, _QUARTER, 100 + place) for place in range(3 * _DAY // _QUARTER)]
            meter = self._given(tmp_path, rows, context, self._interval_quantity(tmp_path, rows, context))
            found = _all(meter)
            assert found.values.tolist() == [row.value * 10**6 for row in rows]
            assert found.stamps.tolist() in _stamps(meter, rows, timezone)

    def _given(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity | None
    ) -> SourceMeter:
        source = None if quantity is None else self.source_of(_emptied(tmp_path), rows, context, quantity)
        if source is None:
            pytest.skip("the source writes no rows that are given to it")
        (meter,) = source.meters(context)
        assert meter.quantity == quantity
        return meter

    def _interval_quantity(self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext) -> Quantity | None:
        """Energy, where the source can have it, else power; None where it can have neither."""
        kinds: tuple[Quantity, ...] = ("energy", "power")
        return next((kind for kind in kinds if self.source_of(_emptied(tmp_path), rows, context, kind)), None)

    def _gives_all_or_refuses(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity | None
    ) -> None:
        """A source may sort; it may not leave out a row that is asked for, nor change one."""
        for hinted in (False, True):
            try:
                meter = self._given(tmp_path, rows, context, quantity)
                hints = {"after": _START - 2 * _DAY, "before": _START + 3 * _DAY} if hinted else {}
                found = _joined(list(meter.rows(**hints)))
            except DataError:
                continue
            got = list(zip(found.stamps.tolist(), found.values.tolist(), strict=True))
            values = [row.value * 10**6 for row in rows]
            assert any(
                sorted(got) == sorted(zip(stamps, values, strict=True))
                for stamps in _stamps(meter, rows, context.timezone)
            )

    def _refuses(self, tmp_path: Path, source: Source | None, what: str) -> None:
        if source is None:
            pytest.skip(f"the source's format has no {what}")
        with pytest.raises(DataError):
            sum(len(_all(meter)) for meter in source.meters(self.context))


def _emptied(folder: Path) -> Path:
    """A folder without the files that a test wrote before."""
    for path in folder.iterdir():
        path.unlink()
    return folder


def _changes(timezone: str) -> list[int]:
    """The clock changes of 2024, epoch seconds of UTC to the quarter of an hour."""
    zone = ZoneInfo(timezone)
    moments = range(_START, _START + 366 * _DAY, _QUARTER)
    offsets = [datetime.fromtimestamp(moment, zone).utcoffset() for moment in moments]
    return [moment for moment, here, before in zip(moments[1:], offsets[1:], offsets, strict=False) if here != before]


def _shown(moment: int, zone: ZoneInfo) -> int:
    """What a clock shows at a moment, as seconds since 1970 of that clock."""
    return int(datetime.fromtimestamp(moment, zone).replace(tzinfo=UTC).timestamp())


def _stamps(meter: SourceMeter, rows: Sequence[GivenRow], timezone: str) -> list[list[int]]:
    """The ways in which a meter may have stamped rows: ends as the clock shows them, or as starts and the interval."""
    late = meter.stamp_at == "end"
    if meter.clock == "utc":
        return [[row.start + late * row.seconds for row in rows]]
    zone = ZoneInfo(meter.timezone or timezone)
    return [
        [_shown(row.start + late * row.seconds, zone) for row in rows],
        [_shown(row.start, zone) + late * row.seconds for row in rows],
    ]


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part.casefold()) for part in parts]


def _joined(parts: list[Rows]) -> Rows:
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Rows(nothing, nothing, nothing)
    return Rows(
        np.concatenate([rows.stamps for rows in parts]),
        np.concatenate([rows.values for rows in parts]),
        np.concatenate([rows.numbers for rows in parts]),
    )


def _all(meter: SourceMeter) -> Rows:
    return _joined(list(meter.rows()))


def _same(part: Rows, whole: Rows, length: int) -> None:
    for name in ("stamps", "values", "numbers"):
        np.testing.assert_array_equal(getattr(part, name), getattr(whole, name)[:length])
