"""Small files that would take gigabytes or minutes are refused at once, in one sentence, with exit code 3.

The worst are run as they were in the attack, in a process of their own, whose memory is limited.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from smarter.scenario import load_scenario

MOST_MEMORY = 3 << 30
"""Bytes of address space: libraries reserve most of it."""
SECONDS = 60

BOOK = {
    "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"/>',
    "_rels/.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Target="xl/workbook.xml" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"/></Relationships>',
    "xl/_rels/workbook.xml.rels": '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" '
    'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/workbook.xml": '<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships">'
    '<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>',
}
SHEET = "xl/worksheets/sheet1.xml"
OPEN = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
CLOSE = "</sheetData></worksheet>"


def book(path: Path, sheet: str | Iterator[str], **parts: str) -> None:
    """A workbook of one sheet, whose XML is given without its frame; ``parts`` are further ones in ``xl/``."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in BOOK.items():
            archive.writestr(name, text)
        for name, text in parts.items():
            archive.writestr(f"xl/{name}.xml", text)
        with archive.open(SHEET, "w", force_zip64=False) as file:
            file.write(OPEN.encode())
            for text in [sheet] if isinstance(sheet, str) else sheet:
                file.write(text.encode())
            file.write(CLOSE.encode())


def cell(place: str, value: str = "1") -> str:
    """A cell at a place."""
    return f'<c r="{place}"><v>{value}</v></c>'


def limited() -> None:
    """Limit the memory of the process that is about to begin."""
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


@pytest.fixture
def refused(lane: Any, call: Callable[..., Any]) -> Callable[..., str]:
    """``refused(*settings, apart=)``: run the lane, see that it is refused in one line, and give that.

    ``apart``: in a process with limited memory.
    """

    def run(*settings: str, apart: bool = False) -> str:
        options = [part for setting in settings for part in ("--set", setting)]
        arguments = ["run", str(lane.scenario), "--state", str(lane.state), *options]
        if apart:
            command = [sys.executable, "-m", "smarter", *arguments]
            environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "2"}
            ended = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, env=environment, preexec_fn=limited
            )
            code, out, err = ended.returncode, ended.stdout, ended.stderr
        else:
            called = call(*arguments)
            code, out, err = called.code, called.out, called.err
        assert (code, out) == (3, ""), err
        assert err.count("\n") == 1, err
        assert len(err) < 700
        assert not lane.state.exists()
        return str(err)

    return run


WIDE_BOOKS = {
    "a cell at each end of the sheet": f'<row r="1">{cell("A1")}</row><row r="1048576">{cell("XFD1048576")}</row>',
    "places in small letters": f'<row r="1">{cell("a1")}</row><row r="1048576">{cell("xfd1048576")}</row>',
    "cells without places": f'<row r="1">{cell("A1")}{"<c><v>1</v></c>" * 16_000}</row><row r="1048576">'
    f"{cell('A1048576')}</row>",
    "another attribute before the place": f'<row r="1">{cell("A1")}</row><row><c s="1" r="XFD1048576">'
    "<v>1</v></c></row>",
    "a place within another attribute": f"""<row r="1">{cell("A1")}</row><row><c s=' r="A2"' r='XFD1048576'>"""
    "<v>1</v></c></row>",
    "a prefix": f'<row r="1">{cell("A1")}</row><x:row r="9"><x:c r="XFD1048576"><x:v>1</x:v></x:c></x:row>',
    "more cells than a sheet has": f"<row>{'<c/>' * 8_400_000}</row>",
}


@pytest.mark.parametrize("sheet", WIDE_BOOKS.values(), ids=list(WIDE_BOOKS))
def test_a_small_workbook_with_a_huge_sheet_is_refused(sheet: str, lane: Any, refused: Callable[..., str]) -> None:
    lane.home(2).unlink()
    book(lane.homes / "home2.xlsx", sheet)
    assert (lane.homes / "home2.xlsx").stat().st_size < 1 << 20
    error = refused(apart=sheet is next(iter(WIDE_BOOKS.values())))
    assert "home2.xlsx: a sheet of the workbook spans or holds more than 8,388,608 cells" in error
    assert "raise option workbook_cells of the source" in error


def test_a_sign_within_an_attribute_does_not_hide_a_cell(lane: Any, refused: Callable[..., str]) -> None:
    lane.home(2).unlink()
    hidden = '<row r="1"><c s=">" r="XFD1048576"><v>1</v></c></row>'
    book(lane.homes / "home2.xlsx", f'<row r="1">{cell("A1")}</row>{hidden}')
    assert "a row or cell has an odd tag" in refused()


def test_a_small_workbook_that_inflates_without_end_is_refused_whatever_size_it_declares(
    lane: Any, refused: Callable[..., str]
) -> None:
    lane.home(2).unlink()
    path, mib = lane.homes / "home2.xlsx", "<a> </a>" * (1 << 17)
    book(path, (mib for _ in range(20)))
    assert path.stat().st_size < 1 << 17
    bound = "neighbourhoods.lane.source.unpacked_mib=16"
    error = refused(bound)
    assert "home2.xlsx: the workbook inflates to more than 16 MiB" in error
    assert "raise option unpacked_mib of the source" in error
    whole, declared = path.read_bytes(), (20 << 20) + len(OPEN + CLOSE)
    assert whole.count(declared.to_bytes(4, "little")) == 2
    path.write_bytes(whole.replace(declared.to_bytes(4, "little"), (100).to_bytes(4, "little")))
    assert "inflates to more than 16 MiB" in refused(bound)


def test_a_workbook_of_too_many_bytes_is_not_read(lane: Any, refused: Callable[..., str]) -> None:
    lane.home(2).unlink()
    with (lane.homes / "home2.xlsx").open("wb") as file:
        file.truncate(65 << 20)
    assert "home2.xlsx: the workbook is larger than 64 MiB; save it as CSV, or raise option workbook_mib" in refused()


def test_a_long_text_that_a_workbook_repeats_is_refused(lane: Any, refused: Callable[..., str]) -> None:
    lane.home(2).unlink()
    text = (
        f'<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><si><t>{"a" * 500_000}</t></si></sst>'
    )
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, 20_001))
    book(lane.homes / "home2.xlsx", rows, sharedStrings=text)
    assert (lane.homes / "home2.xlsx").stat().st_size < 1 << 20
    assert "the texts that the workbook's cells repeat may make more than 512 MiB" in refused()


def test_a_workbook_of_another_format_or_with_something_behind_it_is_no_workbook(
    lane: Any, refused: Callable[..., str]
) -> None:
    lane.home(2).unlink()
    path = lane.homes / "home2.xlsx"
    book(path, cell("A1"))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("content.xml", '<table:table-row table:number-rows-repeated="1048576"/>')
    assert "home2.xlsx: the file is no XLSX workbook that can be read (content.xml in it" in refused()
    book(path, cell("A1"))
    path.write_bytes(path.read_bytes() + b"behind")
    assert "no XLSX workbook that can be read (no plain ZIP archive)" in refused()


def test_a_bound_of_workbooks_can_be_raised_and_lowered_without_another_state(
    lane: Any, call: Callable[..., Any]
) -> None:
    rows = [line.split(",") for line in lane.home(2).read_text().splitlines()]
    lane.home(2).unlink()
    cells = "".join(
        f'<row r="{row}"><c r="A{row}" t="inlineStr"><is><t>{stamp}</t></is></c>{cell(f"B{row}", value)}</row>'
        for row, (stamp, value) in enumerate(rows, 1)
    )
    book(lane.homes / "home2.xlsx", cells)
    option = "neighbourhoods.lane.source.workbook_cells"
    run = ("run", lane.scenario, "--state", lane.state, "--quiet")
    assert call(*run, "--set", f"{option}=100").code == 3
    assert call(*run, "--set", f"{option}=192").code == 0
    assert call(*run).code == 0
    assert load_scenario(lane.scenario).digest == load_scenario(lane.scenario, [f"{option}=192"]).digest


TOKENS = {
    "a comment": (b"<!-- ", b"> ", b"-->"),
    "a tag's name": (b"<", b"a", b"/>"),
    "an attribute": (b'<link href="', b"a", b'"/>'),
    "an instruction": (b"<?a ", b"a", b"?>"),
    "a text": (b"<title>", b"\n", b"</title>"),
}


@pytest.mark.parametrize("token", TOKENS.values(), ids=list(TOKENS))
def test_a_green_button_file_with_one_giant_token_is_refused(
    token: tuple[bytes, bytes, bytes], lane: Any, refused: Callable[..., str]
) -> None:
    opened, piece, closed = token
    with (lane.homes / "home1.xml").open("wb") as file:
        file.write(b'<feed xmlns="http://www.w3.org/2005/Atom">' + opened)
        for _ in range(8):
            file.write(piece * ((1 << 20) // len(piece)))
        file.write(closed + b"</feed>")
    source = "neighbourhoods.lane.source={plugin: green-button, path: " + str(lane.homes) + "}"
    error = refused(source, apart=opened == b"<!-- ")
    assert "is longer than 1,024 KiB" in error
    assert "raise option token_kib of the source" in error


def test_a_green_button_file_of_countless_usage_points_is_refused(lane: Any, refused: Callable[..., str]) -> None:
    point = '<entry><content><UsagePoint xmlns="http://naesb.org/espi"/></content></entry>'
    text = f'<feed xmlns="http://www.w3.org/2005/Atom">{point * 10_001}</feed>'
    (lane.homes / "home1.xml").write_text(text, encoding="utf-8")
    error = refused("neighbourhoods.lane.source={plugin: green-button, path: " + str(lane.homes) + "}")
    assert "there are more than 10,000 meters" in error
    assert "raise option most_meters of the source" in error


def _shared(lane: Any, rows: Iterator[str] | list[str]) -> str:
    """The source of a file of many meters."""
    path = lane.folder / "all.csv"
    with path.open("w", encoding="utf-8") as file:
        file.write("meter,time,kW\n")
        file.writelines(rows)
    return f"neighbourhoods.lane.source={{plugin: csv, path: {path}, meter: meter, stamp: time, value: kW}}"


def test_four_hundred_thousand_meter_names_are_refused(lane: Any, refused: Callable[..., str]) -> None:
    error = refused(_shared(lane, (f"home{home},2016-01-01 00:00:00,1\n" for home in range(400_000))))
    assert "all.csv: there are more than 10,000 meters" in error
    assert "raise option most_meters of the source" in error


def test_more_files_than_the_bound_are_refused(lane: Any, refused: Callable[..., str]) -> None:
    error = refused("neighbourhoods.lane.source.most_meters=4")
    assert "homes: there are more than 4 meters; name fewer files, or raise option most_meters of the source." in error


def test_a_giant_meter_name_among_short_rows_is_refused(lane: Any, refused: Callable[..., str]) -> None:
    short = [f"home{home % 9},2016-01-01 00:00:00,1\n" for home in range(2_000)]
    assert "all.csv, row 2002: the meter's name is longer than 200 characters" in refused(
        _shared(lane, [*short, "a" * 150_000 + ",2016-01-01 00:00:00,1\n", *short])
    )
    assert "row 3: the meter's name is longer than 200 characters" in refused(
        _shared(lane, ['"home, 1",2016-01-01 00:00:00,1\n', '"' + "a" * 150_000 + '",2016-01-01 00:00:00,1\n'])
    )


def test_a_file_of_countless_columns_is_refused_without_naming_them_all(lane: Any, refused: Callable[..., str]) -> None:
    source = _shared(lane, [])
    path = lane.folder / "all.csv"
    path.write_text(",".join(f"home{home}" for home in range(20_000)) + "\n", encoding="utf-8")
    assert "and 19,980 more" in refused(source)
    path.write_text(",".join(f"home{home}" for home in range(400_000)) + "\n", encoding="utf-8")
    assert "all.csv, row 1: the row is longer than 262144 bytes" in refused(source)
