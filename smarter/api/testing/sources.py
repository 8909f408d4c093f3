"""What every source must keep, as tests that a plugin author runs in three lines.

::

    class TestMySource(SourceConformance):
        def make_source(self, tmp_path):
            return MySource(MyOptions(path=...))
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args
from zoneinfo import ZoneInfo

import numpy as np

from smarter.api.source import Quantity, Rows, Source, SourceContext, SourceMeter


class SourceConformance:
    """Tests of a source that has rows to give. A subclass says how it is made.

    Attributes:
        context: what the source is told of the scenario.
    """

    context = SourceContext("street", "America/New_York", 60, 7)

    def make_source(self, tmp_path: Path) -> Source:
        """A source with at least one meter and a few rows each; ``tmp_path`` is an empty folder."""
        raise NotImplementedError

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
