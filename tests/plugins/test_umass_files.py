"""Source ``umass``: what it reads, and what it says about files that it cannot read."""

from __future__ import annotations

import csv
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from smarter.api import DataError, Rows, SourceContext, SourceMeter
from smarter_plugins.sources.lines import CHUNK
from smarter_plugins.sources.umass import Umass, UmassOptions

AT = datetime.fromisoformat
CONTEXT = SourceContext("street", "America/New_York", 60, 7)


def meters(path: Path) -> list[SourceMeter]:
    return list(Umass(UmassOptions(path=path)).meters(CONTEXT))


def read(path: Path, **hints: int) -> Rows:
    (meter,) = meters(path)
    parts = list(meter.rows(**hints))
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__annotations__))


def seconds(text: str) -> int:
    return int((AT(text) - AT("1970-01-01")).total_seconds())


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


def workbook(path: Path, *rows: tuple[object, ...]) -> Path:
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    book.save(path)
    return path


def test_the_real_week_is_read_to_the_microwatt(shared_data: Path) -> None:
    found = meters(shared_data / "umass-2016-week")
    assert [meter.name for meter in found] == [f"apart{number}" for number in range(1, 8)]
    (rows,) = found[0].rows()
    sheet = openpyxl.load_workbook(found[0].origin, read_only=True).worksheets[0]
    cells = list(sheet.iter_rows(values_only=True))
    assert rows.values.tolist() == [round(Fraction(repr(value)) * 10**9) for _, value in cells]
    assert rows.stamps.tolist() == [seconds("2016-01-01") + 60 * minute for minute in range(10_080)]
    assert rows.numbers.tolist() == list(range(1, 10_081))


def test_the_messy_year_is_read_row_by_row_in_file_order(shared_data: Path) -> None:
    path = shared_data / "umass-2015-messy" / "Apt1_2015.csv"
    rows = read(path)
    with path.open(newline="") as file:
        lines = list(csv.reader(file))[1:]
    assert rows.stamps.tolist() == [seconds(stamp) for stamp, _ in lines]
    assert rows.values.tolist() == [round(Fraction(value) * 10**9) for _, value in lines]
    assert rows.numbers.tolist() == list(range(2, len(lines) + 2))
    assert np.count_nonzero(np.diff(rows.stamps) == 0) == 4


def test_a_folder_gives_its_files_in_natural_order_and_nothing_else(tmp_path: Path) -> None:
    for name in ("apt10.csv", "apt2.csv", "Apt1.CSV", ".hidden.csv", "README.md"):
        written(tmp_path / name, "2016-01-01 00:00:00,1\n")
    workbook(tmp_path / "apt3.xlsx", (AT("2016-01-01"), 1.0))
    written(tmp_path / "~$apt3.xlsx", "")
    (tmp_path / "truth").mkdir()
    written(tmp_path / "truth" / "apt4.csv", "2016-01-01 00:00:00,1\n")
    assert [meter.name for meter in meters(tmp_path)] == ["Apt1", "apt2", "apt3", "apt10"]
    assert [meter.name for meter in meters(tmp_path / "apt?.csv")] == ["apt2"]
    assert [meter.name for meter in meters(tmp_path / "apt10.csv")] == ["apt10"]


def test_a_pattern_below_a_folder_with_brackets_in_its_name_is_found(tmp_path: Path) -> None:
    (tmp_path / "week [1]").mkdir()
    written(tmp_path / "week [1]" / "apt1.csv", "2016-01-01 00:00:00,1\n")
    assert [meter.name for meter in meters(tmp_path / "week [1]" / "*.csv")] == ["apt1"]


@pytest.mark.parametrize(
    "text",
    [
        "2016-01-01 00:00:00,0.5\n2016-01-01 00:01:00,-1.25\n",
        "2016-01-01 00:00:00,0.5\r\n2016-01-01 00:01:00,-1.25",
        "\ufeffds,y\n2016-01-01 00:00:00,0.5\n\n2016-01-01 00:01:00,-1.25\n,\n",
        '"Date & Time","use [kW]"\n"2016-01-01 00:00:00","0.5"\n"2016-01-01T00:01","-1.250"\n',
        " 2016-01-01 00:00 , 5e-1 ,,\n2016-01-01 00:01 ,\t-1.25, \n",
    ],
)
def test_header_line_ends_quotes_and_blanks_do_not_matter(tmp_path: Path, text: str) -> None:
    rows = read(written(tmp_path / "apt1.csv", text))
    assert rows.stamps.tolist() == [seconds("2016-01-01"), seconds("2016-01-01") + 60]
    assert rows.values.tolist() == [500_000_000, -1_250_000_000]
    lines = [number for number, line in enumerate(text.splitlines(), 1) if "2016" in line]
    assert rows.numbers.tolist() == lines


def test_a_file_of_several_chunks_is_read_whole_and_numbered_through(tmp_path: Path) -> None:
    count = 2 * CHUNK // len("2016-01-01 00:00:00,0.0\n") + 3
    start = np.datetime64("2016-01-01T00:00:00")
    lines = [f"{start + np.timedelta64(60 * minute, 's')},{minute % 10}.5".replace("T", " ") for minute in range(count)]
    rows = read(written(tmp_path / "apt1.csv", "\n".join(lines)), block=10_000)
    assert rows.numbers.tolist() == list(range(1, count + 1))
    assert rows.stamps.tolist() == [seconds("2016-01-01") + 60 * minute for minute in range(count)]
    assert rows.values.tolist() == [(minute % 10) * 10**9 + 5 * 10**8 for minute in range(count)]
    lines[-2] = lines[-2].split(",")[0] + ",n/a"
    with pytest.raises(DataError, match=rf"apt1\.csv, row {count - 1}: the value 'n/a'"):
        read(written(tmp_path / "apt1.csv", "\n".join(lines)))


def test_a_workbook_may_have_a_header_noise_in_its_stamps_and_blank_rows(tmp_path: Path) -> None:
    path = workbook(
        tmp_path / "apt1.xlsx",
        ("time", "kW"),
        (AT("2016-01-01"), 0.1),
        (AT("2016-01-01 00:00:59.999997"), 1e-05),
        (None, None),
        ("2016-01-01 00:02:00", 2),
    )
    rows = read(path)
    assert (rows.stamps - seconds("2016-01-01")).tolist() == [0, 60, 120]
    assert rows.values.tolist() == [100_000_000, 10_000, 2_000_000_000]
    assert rows.numbers.tolist() == [2, 3, 5]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("2016-01-01 00:01:00,NaN", "row 3: the value 'NaN' is no finite number"),
        ("2016-01-01 00:01:00,-inf", "row 3: the value '-inf' is no finite number"),
        ("2016-01-01 00:01:00,offline", "row 3: the value 'offline' is no finite number"),
        ("2016-01-01 00:01:00,", "row 3: the value is empty"),
        ("2016-01-01 00:01:00", "row 3: there is no column 2 for the value"),
        ("2016-01-01 00:01:00,1e30", "row 3: the value '1e30' is beyond"),
        ("2016-02-30 00:01:00,1", "row 3: the stamp '2016-02-30 00:01:00' is no date and time"),
        ("2016-01-01 24:00:00,1", "row 3: the stamp '2016-01-01 24:00:00' is no date and time"),
        (",1", "row 3: the stamp '' is no date and time"),
        ("2016-01-01 00:01:00+01:00,1", "row 3: the stamp '2016-01-01 00:01:00.01:00' carries an offset"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_value(tmp_path: Path, row: str, said: str) -> None:
    path = written(tmp_path / "apt1.csv", f"time,kW\n2016-01-01 00:00:00,1\n{row}\n2016-01-01 00:02:00,1\n")
    with pytest.raises(DataError, match=rf"apt1\.csv, {said}.*[;,] .*\.$"):
        read(path)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ((AT("2016-01-01 00:01"), "n/a"), "row 2: the value 'n/a' is no finite number"),
        ((AT("2016-01-01 00:01"), True), "row 2: the value 'True' is no finite number"),
        ((AT("2016-01-01 00:01"), None), "row 2: the value is empty"),
        (("soon", 1.0), "row 2: the stamp 'soon' is no date and time"),
        ((42370.5, 1.0), "row 2: the stamp 42370.5 is no date and time"),
        ((None, 1.0), "row 2: the stamp '' is no date and time"),
    ],
)
def test_a_cell_that_cannot_be_read_is_named_with_its_row(
    tmp_path: Path, row: tuple[object, object], said: str
) -> None:
    path = workbook(tmp_path / "apt1.xlsx", (AT("2016-01-01"), 1.0), row)
    with pytest.raises(DataError, match=rf"apt1\.xlsx, {said}"):
        read(path)


def test_rows_outside_the_hints_are_not_checked(tmp_path: Path) -> None:
    text = "2016-01-01 00:00:00,n/a\n2016-01-01 00:01:00,1\n2016-01-01 00:02:00,n/a\n"
    middle = seconds("2016-01-01") + 60
    for path in (
        written(tmp_path / "apt1.csv", text),
        workbook(tmp_path / "apt2.xlsx", *(line.split(",") for line in text.splitlines())),
    ):
        rows = read(path, after=middle, before=middle)
        assert (rows.stamps.tolist(), rows.numbers.tolist()) == ([middle], [2])


def test_nothing_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        meters(tmp_path / "missing")
    with pytest.raises(DataError, match="the folder holds no"):
        meters(tmp_path)
    with pytest.raises(DataError, match="the pattern matches no"):
        meters(tmp_path / "*.csv")


def test_two_files_for_one_meter_are_both_named(tmp_path: Path) -> None:
    written(tmp_path / "apt1.csv", "2016-01-01 00:00:00,1\n")
    written(tmp_path / "apt1.xlsx", "")
    with pytest.raises(DataError, match=r"apt1\.csv and .*apt1\.xlsx: two files for one meter 'apt1'"):
        meters(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("apt1.xlsx", "2016-01-01 00:00:00,1\n", "is no XLSX workbook"),
        ("apt1.xlsx", "", "is no XLSX workbook"),
        ("apt1.csv", "", "the file is empty"),
        ("apt1.csv", "\n\n", "the file is empty"),
        ("apt1.csv", "time,kW\n", "a header and no rows"),
        ("apt1.csv", "PK\x03\x04", "is no CSV text"),
        ("apt1.csv", "2\x000\x001\x006\x00", "is no CSV text"),
        ("apt1.csv", "2016-01-01 00:00:00;1\n", "there is no column 2"),
        ("apt1.csv", "x" * (2 * CHUNK), "row 1: the row is longer"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path: Path, name: str, content: str, said: str) -> None:
    with pytest.raises(DataError, match=rf"{name}.*{said}"):
        read(written(tmp_path / name, content))


def test_an_empty_sheet_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"apt1\.xlsx: the first sheet is empty"):
        read(workbook(tmp_path / "apt1.xlsx"))


def test_a_file_that_went_away_is_named(tmp_path: Path) -> None:
    (meter,) = meters(written(tmp_path / "apt1.csv", "2016-01-01 00:00:00,1\n"))
    Path(meter.origin).unlink()
    with pytest.raises(DataError, match=r"apt1\.csv: the file cannot be read"):
        list(meter.rows())
    with pytest.raises(DataError, match=r"apt1\.csv: the file cannot be read"):
        meter.digest()


def test_one_changed_byte_changes_the_digest(tmp_path: Path) -> None:
    (meter,) = meters(written(tmp_path / "apt1.csv", "2016-01-01 00:00:00,1\n"))
    before = meter.digest()
    written(tmp_path / "apt1.csv", "2016-01-01 00:00:00,2\n")
    assert meter.digest() != before
