"""What reading takes: a file of many meters once, no file left open meanwhile, and no more than is wanted."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from smarter.api import DataError, MachineError, Rows, SourceContext, SourceMeter
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Progress
from smarter.parties.meter.survey import surveys
from smarter.protocols.intake import Intake
from smarter.protocols.plan import plan_run
from smarter.run import run
from smarter.scenario import Scenario, parse_scenario
from smarter.state import StateFolder
from smarter_plugins.sources import shared_file
from smarter_plugins.sources import workbook as workbooks
from smarter_plugins.sources.columns import Columns, CsvOptions
from smarter_plugins.sources.input_file import InputFile
from smarter_plugins.sources.lines import CHUNK
from smarter_plugins.sources.umass import Umass, UmassOptions

CONTEXT = SourceContext("street", "UTC", 60, 7)
START = datetime.fromisoformat("2016-01-01")
FIRST = int((START - datetime.fromisoformat("1970-01-01")).total_seconds())
STAMPS = [str(START + timedelta(minutes=minute)) for minute in range(30_000)]

Reads = list[int]


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    """How many bytes each reading of a file gave."""
    found: Reads = []
    read = InputFile.read

    def counted(file: InputFile, offset: int, size: int) -> bytes:
        piece = read(file, offset, size)
        found.append(len(piece))
        return piece

    monkeypatch.setattr(InputFile, "read", counted)
    return found


def street(path: Path, meters: int, rows: int, layout: str) -> Path:
    """One file of many meters: ``mixed`` minute by minute, ``grouped`` meter by meter, or a day at a time."""
    step = {"mixed": 1, "days": 1440, "grouped": rows}[layout]
    with path.open("w") as file:
        file.write("meter,at,kW\n")
        for first in range(0, rows, step):
            for meter in range(meters):
                stamps = STAMPS[first : min(first + step, rows)]
                file.write("".join(f"home-{meter},{stamp},{meter}.25\n" for stamp in stamps))
    return path


def meters_of(path: Path) -> list[SourceMeter]:
    return list(Columns(CsvOptions(path=path, meter="meter", stamp="at", value="kW")).meters(CONTEXT))


def one_home(path: Path, stamps: list[str]) -> SourceMeter:
    path.write_text("".join(f"{stamp},1.5\n" for stamp in stamps))
    (meter,) = Umass(UmassOptions(path=path)).meters(CONTEXT)
    return meter


def stamps_of(parts: Iterator[Rows]) -> list[int]:
    return [int(stamp) for rows in parts for stamp in rows.stamps]


PASSES = {"mixed": 1.2, "grouped": 1.2, "days": 1.8}
"""How often a file is read at most: a chunk that holds several days is read whole for the meter with two in it."""
LAYOUTS = pytest.mark.parametrize("layout", ["mixed", "days", "grouped"])


def shared_street(path: Path, more: str = "") -> Scenario:
    """A scenario over one file of many meters, quick to run."""
    text = f"""
version: 1
name: street
insecure_demo: true
neighbourhoods:
  street: {{timezone: UTC, source: {{plugin: csv, path: {path}, meter: meter, stamp: at, value: kW}}}}
windows: {{reading: 1min, demand: 15min, billing: 3h}}
pes: {{hold: 6h}}
crypto:
  aggregate: plain
  deliver: {{plugin: rsa-oaep, key_bits: 1024}}
store: sqlite
tariff: {{plugin: flat, rate: "0.25"}}
{more}
"""
    return parse_scenario(text, source="street", base=path.parent)


@LAYOUTS
@pytest.mark.parametrize("meters", [5, 60])
def test_a_run_reads_a_file_as_often_whatever_the_number_of_meters_in_it(
    tmp_path: Path, reads: Reads, layout: str, meters: int
) -> None:
    path = street(tmp_path / "street.csv", meters, 30_000 // meters, layout)
    size = path.stat().st_size
    (plan,) = plan_run(shared_street(path))
    # for the names, for the span, and the beginning of it for the phase
    assert sum(reads) <= (1 + 2 * PASSES[layout]) * size
    reads.clear()
    intakes = [Intake(plan, meter) for meter in plan.meters]
    taken = {meter.name: 0 for meter in plan.meters}
    for first, end in plan.holds(None):
        for meter, intake in zip(plan.meters, intakes, strict=True):
            taken[meter.name] += sum(int(block.energies.sum()) for block in intake.take(first, end))
    assert sum(reads) <= PASSES[layout] * size
    assert taken == {
        f"home-{meter}": (30_000 // meters * (4 * meter + 1) * 250_000 + 30) // 60 for meter in range(meters)
    }


@LAYOUTS
def test_a_check_of_a_run_reads_a_file_of_many_meters_once_more(tmp_path: Path, reads: Reads, layout: str) -> None:
    path = street(tmp_path / "street.csv", 12, 2880, layout)
    state, scenario = StateFolder(tmp_path / "state"), shared_street(path, "time: {start: 2016-01-01, end: 2016-01-03}")
    steps: list[int] = []
    for event in run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True):
        if isinstance(event, Progress) and event.stage == "verify":
            steps.append(event.done)
            assert event.total == 12
    # for the names; for the phase, the run and the check
    assert sum(reads) <= (1 + 3 * PASSES[layout]) * path.stat().st_size
    assert steps == sorted(set(steps))
    assert steps[-1] == 12
    assert len(steps) > 4, "it tells how far it has come before it has come to the end"


@LAYOUTS
def test_surveys_of_the_meters_of_a_file_read_it_once(tmp_path: Path, reads: Reads, layout: str) -> None:
    path = street(tmp_path / "street.csv", 30, 1500, layout)
    meters = meters_of(path)
    reads.clear()
    found = surveys(meters, "UTC")
    assert sum(reads) <= PASSES[layout] * path.stat().st_size
    assert [(each.name, each.rows, each.problems) for each in found] == [(f"home-{n}", 1500, ()) for n in range(30)]


def test_what_is_read_for_meters_that_lag_is_bounded_and_read_again_when_it_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: Reads
) -> None:
    path = street(tmp_path / "street.csv", 8, 6000, "mixed")
    monkeypatch.setattr(shared_file, "MOST_AHEAD", 20_000)
    meters = meters_of(path)
    reads.clear()
    begun = [meter.rows() for meter in meters]
    for rows in begun:  # one after the other: the worst there is
        assert stamps_of(rows) == list(range(FIRST, FIRST + 60 * 6000, 60))
    passes = sum(reads) / path.stat().st_size
    assert 2 < passes < 5


def test_meters_that_are_not_read_cost_nothing_and_hold_nothing_up(tmp_path: Path) -> None:
    path = street(tmp_path / "street.csv", 4, 100, "mixed")
    path.write_text(path.read_text().replace("home-3,2016-01-01 00:10:00,3.25", "home-3,some day,n/a"))
    begun = [meter.rows() for meter in meters_of(path)[:3]]
    del begun[1]
    assert [len(stamps_of(rows)) for rows in begun] == [100, 100]
    with pytest.raises(DataError, match=r"street\.csv, row 45: the stamp 'some day' is no date and time"):
        stamps_of(meters_of(path)[3].rows())


def test_hints_are_kept_to_the_second_in_a_file_of_many_meters(tmp_path: Path) -> None:
    for meter in meters_of(street(tmp_path / "street.csv", 3, 100, "mixed")):
        assert stamps_of(meter.rows(after=FIRST + 60, before=FIRST + 60)) == [FIRST + 60]
        assert stamps_of(meter.rows(before=FIRST)) == [FIRST]
        assert stamps_of(meter.rows(after=FIRST + 6000)) == []


def test_the_digest_of_a_file_is_worked_out_once_for_all_its_meters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = street(tmp_path / "street.csv", 10, 10, "mixed")
    made = []
    digest = hashlib.file_digest
    monkeypatch.setattr(hashlib, "file_digest", lambda *arguments: made.append(1) or digest(*arguments))  # type: ignore[func-returns-value]
    meters = meters_of(path)
    # A file of just now may yet change without a later time to show for it.
    assert len({meter.digest() for meter in meters}) == 1
    assert len(made) == 10
    os.utime(path, (1e9, 1e9))
    made.clear()
    assert len({meter.digest() for meter in meters}) == 1
    assert len(made) == 1
    before = meters[0].digest()
    path.write_text(path.read_text().replace("3.25", "3.26"))
    assert meters[0].digest() != before


def test_no_file_stays_open_while_meters_are_being_read(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="nobody counts open files here")
    for number in range(60):
        one_home(tmp_path / f"home-{number}.csv", STAMPS[:10])
    meters = Umass(UmassOptions(path=tmp_path)).meters(CONTEXT)
    spare = os.open(os.devnull, os.O_RDONLY)
    os.close(spare)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(spare + 20, limits[1]), limits[1]))
    try:
        begun = [meter.rows(block=5) for meter in meters]
        assert [len(next(rows)) for rows in begun] == [5] * 60
        assert [len(next(rows)) for rows in begun] == [5] * 60
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE])
def test_too_many_open_files_are_the_machines_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    meter = one_home(tmp_path / "home.csv", STAMPS[:10])

    def refused(*_: object, **__: object) -> object:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "open", refused)
    for asked in (meter.digest, lambda: stamps_of(meter.rows())):
        with pytest.raises(
            MachineError, match=r"home\.csv: the file cannot be opened \(Too many open files.*ulimit -n"
        ):
            asked()


def grown(path: Path) -> None:
    with path.open("a") as file:
        file.write(f"{STAMPS[-1]},1.5\n")


def replaced(path: Path) -> None:
    before = path.stat()
    other = path.with_suffix(".new")
    other.write_bytes(path.read_bytes().replace(b"1.5", b"2.5"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)


def written_over(path: Path) -> None:
    path.write_bytes(path.read_bytes().replace(b"1.5", b"2.5"))
    os.utime(path, (1e9, 1e9))


@pytest.mark.parametrize("change", [grown, replaced, written_over])
def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, change: Callable[[Path], None]) -> None:
    home = one_home(tmp_path / "home.csv", STAMPS)
    (tmp_path / "street").mkdir()
    path = street(tmp_path / "street" / "street.csv", 2, 20_000, "mixed")
    path.write_text(path.read_text().replace(".25", "1.5"))
    for meter in (home, meters_of(path)[0]):
        rows = meter.rows(block=1000)
        next(rows)
        change(Path(meter.origin))
        with pytest.raises(DataError, match=r"\.csv: the file has changed while it was read; start again"):
            stamps_of(rows)


def test_a_workbook_that_changes_between_two_readings_is_refused(tmp_path: Path) -> None:
    meter = workbook(tmp_path / "home.xlsx", STAMPS[:10])
    assert len(stamps_of(meter.rows())) == 10
    workbook(tmp_path / "home.xlsx", STAMPS[:11])
    with pytest.raises(DataError, match=r"home\.xlsx: the file has changed while it was read"):
        stamps_of(meter.rows())


def workbook(path: Path, stamps: list[str]) -> SourceMeter:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for stamp in stamps:
        sheet.append([datetime.fromisoformat(stamp), 1.5])
    book.save(path)
    (meter,) = Umass(UmassOptions(path=path)).meters(CONTEXT)
    return meter


@pytest.mark.parametrize("form", ["{},1.5\n", '"{}","1.5"\r\n', "{},1.5\n\n"])
def test_reading_stops_behind_the_end_of_what_is_wanted(tmp_path: Path, reads: Reads, form: str) -> None:
    late = [stamp.replace("2016", f"20{year}") for year in range(17, 27) for stamp in STAMPS]
    late[100_000] = "no stamp at all"
    path = tmp_path / "home.csv"
    path.write_bytes("".join(map(form.format, [*STAMPS, *late])).encode())
    (meter,) = Umass(UmassOptions(path=path)).meters(CONTEXT)
    reads.clear()
    assert stamps_of(meter.rows(before=FIRST + 60 * 1440)) == list(range(FIRST, FIRST + 60 * 1441, 60))
    assert sum(reads) < 4 * CHUNK < path.stat().st_size / 2


@pytest.mark.parametrize("first", ["2016", "2015"])
def test_years_in_the_wrong_order_are_read_to_the_end(tmp_path: Path, first: str) -> None:
    later = [stamp.replace("2016", year) for year in ("2020", "2018", "2022") for stamp in STAMPS]
    stamps = [*STAMPS[:100], *later, *STAMPS[100:200]] if first == "2015" else [*later, *STAMPS[:200]]
    meter = one_home(tmp_path / "home.csv", stamps)
    assert stamps_of(meter.rows(before=FIRST + 60 * 1440)) == list(range(FIRST, FIRST + 60 * 200, 60))


def test_a_file_that_begins_anew_is_read_to_the_end_so_that_it_can_be_refused(tmp_path: Path) -> None:
    meter = one_home(tmp_path / "home.csv", [*STAMPS, *STAMPS])
    day = list(range(FIRST, FIRST + 60 * 1441, 60))
    assert stamps_of(meter.rows(before=FIRST + 60 * 1440)) == [*day, *day]


def test_a_sheet_is_read_no_further_than_its_order_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbooks, "_TOGETHER", 500)
    asked: list[int] = []
    plain = workbooks.WorkbookMeter._stamps

    def counted(*arguments: Any) -> Any:
        asked.append(len(arguments[2]))
        return plain(*arguments)

    monkeypatch.setattr(workbooks.WorkbookMeter, "_stamps", counted)
    here, late = STAMPS[:2000], [stamp.replace("2016", "2017") for stamp in STAMPS[:2000]]
    hour, end = list(range(FIRST, FIRST + 60 * 61, 60)), FIRST + 60 * 60
    for name, stamps, found, blocks in (
        ("in order", [*here, *late], hour, 2),
        ("the later first", [*late, *here], hour, 6),
        ("begun anew", [*here, *here], [*hour, *hour], 6),
    ):
        meter = workbook(tmp_path / f"{name}.xlsx", stamps)
        asked.clear()
        assert stamps_of(meter.rows(before=end)) == found
        assert asked == [500] * blocks
