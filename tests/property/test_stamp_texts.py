"""Stamp texts become the same seconds, whether they are read many at a time or one by one."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smarter_plugins.sources.stamps import StampReader

FORMATS = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%d.%m.%Y %H:%M", "%S%M%H/%d%m%Y", "%Y%m%d")
MOMENTS = st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)).map(lambda moment: moment.replace(microsecond=0))
RUNS = st.lists(st.tuples(MOMENTS, st.integers(1, 4)), min_size=1, max_size=6)
"""Several rows of a day follow one another, as in meters' files."""


def read_together(reader: StampReader, texts: list[str]) -> list[tuple[int, bool]]:
    joined = np.frombuffer(("\n".join(texts) + "\n").encode(), np.uint8)
    ends = np.cumsum([len(text.encode()) + 1 for text in texts]) - 1
    starts = ends - [len(text.encode()) for text in texts]
    seconds, good = reader.parse(joined, starts, ends, offset=False)
    return list(zip(seconds.tolist(), good.tolist(), strict=True))


@given(st.sampled_from(FORMATS), RUNS)
def test_stamps_read_together_are_those_read_one_by_one(pattern: str, runs: list[tuple[datetime, int]]) -> None:
    reader = StampReader(None if pattern in FORMATS[:2] else pattern)
    texts = [moment.strftime(pattern) for moment, times in runs for _ in range(times)]
    assert read_together(reader, texts) == [(reader.one(text)[0], True) for text in texts]


@given(RUNS, st.data())
def test_a_stamp_that_is_none_is_left_out_and_spoils_no_other(
    runs: list[tuple[datetime, int]], data: st.DataObject
) -> None:
    reader = StampReader()
    texts = [moment.isoformat(" ") for moment, times in runs for _ in range(times)]
    row = data.draw(st.integers(0, len(texts) - 1))
    place, character = data.draw(st.integers(0, 18)), data.draw(st.sampled_from("0123456789 -:/x~"))
    texts[row] = texts[row][:place] + character + texts[row][place + 1 :]
    for number, (text, (seconds, good)) in enumerate(zip(texts, read_together(reader, texts), strict=True)):
        try:
            expected, offset = reader.one(text)
        except ValueError:
            offset = True
        # "2000-01-01 00:00-00" is a stamp, too, but one with an offset.
        assert good != offset
        if offset:
            assert number == row
        else:
            assert seconds == expected
