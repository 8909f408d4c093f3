"""A file of many meters gives each of them its rows, however they lie in it and in whatever order they are taken."""

from __future__ import annotations

import csv
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smarter.api import SourceContext
from smarter_plugins.sources import file_index, lines, shared_file
from smarter_plugins.sources.columns import Columns, CsvOptions

CONTEXT = SourceContext("street", "UTC", 60, 7)
EPOCH = datetime.fromisoformat("1970-01-01")
NAMES = ("a", "b", "home 10", "häuschen", "the-meter-with-the-longest-name")
FORMS = (
    "{0},{1},{2}",
    '"{0}","{1}","{2}"',
    " {0} ,{1},\t{2},,",
    '{0},{1},{2},"says ""hello, you"""',
    "\n{0},{1},{2}",
    ",,\r\n{0},{1},{2}\r",
)
"""How a row may be written: plainly, in quotes, with blanks, beside a text that only a CSV reader can tell, behind a
blank row."""

Row = tuple[int, int, int]


@st.composite
def streets(draw: st.DrawFn) -> list[tuple[str, int, int, str]]:
    """Rows (meter, minute, kW and form): mixed or by meter, in order of time or in none."""
    chance = Random(draw(st.integers(0, 1 << 32)))
    names, forms = NAMES[: draw(st.integers(1, len(NAMES)))], FORMS[: draw(st.integers(1, len(FORMS)))]
    count = draw(st.integers(1, 200))
    minutes = [chance.randrange(count) for _ in range(count)]
    if draw(st.booleans()):
        minutes.sort()
    rows = [(chance.choice(names), minute, chance.randrange(-999, 999), chance.choice(forms)) for minute in minutes]
    return sorted(rows, key=lambda row: row[0]) if draw(st.booleans()) else rows


def written(path: Path, rows: list[tuple[str, int, int, str]]) -> Path:
    """A file of rows (meter, minute, kW and form)."""
    texts = [form.format(name, EPOCH + timedelta(minutes=minute), value) for name, minute, value, form in rows]
    path.write_bytes(("meter,at,kW,note\n" + "\n".join(texts)).encode())
    return path


def expected(path: Path) -> dict[str, list[Row]]:
    """Each meter's rows (stamp, value and number), as a plain reader of CSV finds them."""
    found: dict[str, list[Row]] = {}
    for number, line in enumerate(path.read_bytes().decode().split("\n")[1:], 2):
        fields = [field.strip() for field in next(csv.reader([line.strip("\r")]), [])]
        if any(fields):
            stamp = int((datetime.fromisoformat(fields[1]) - EPOCH).total_seconds())
            found.setdefault(fields[0], []).append((stamp, int(fields[2]) * 10**9, number))
    return found


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "street.csv"


@given(
    rows=streets(),
    together=st.integers(1, 60),
    longest=st.integers(1, 200),
    ahead=st.integers(1, 300),
    span=st.tuples(*[st.none() | st.integers(0, 300).map(lambda minute: 60 * minute)] * 2),
    chance=st.integers(0, 1 << 32).map(Random),
)
def test_every_meter_gets_its_rows_in_order_and_nobody_elses(
    path: Path,
    rows: list[tuple[str, int, int, str]],
    together: int,
    longest: int,
    ahead: int,
    span: tuple[int | None, int | None],
    chance: Random,
) -> None:
    written(path, rows)
    with (
        patch.object(lines, "CHUNK", 300),  # bytes: some rows
        patch.object(file_index, "TOGETHER", together),
        patch.object(file_index, "LONGEST", longest),
        patch.object(shared_file, "MOST_AHEAD", ahead),
    ):
        meters = Columns(CsvOptions(path=path, meter="meter", stamp="at", value="kW")).meters(CONTEXT)
        begun = {meter.name: meter.rows(block=chance.randint(1, 20), after=span[0], before=span[1]) for meter in meters}
        found: dict[str, list[Row]] = {name: [] for name in begun}
        while begun:
            name = chance.choice(list(begun))
            for _ in range(chance.randint(1, 10)):
                if (block := next(begun[name], None)) is None:
                    del begun[name]
                    break
                found[name] += zip(block.stamps.tolist(), block.values.tolist(), block.numbers.tolist(), strict=True)
    low, high = 0 if span[0] is None else span[0], 18_000 if span[1] is None else span[1]
    assert found == {name: [row for row in rows if low <= row[0] <= high] for name, rows in expected(path).items()}
