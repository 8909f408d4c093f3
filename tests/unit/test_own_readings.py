"""A meter's readings as files of their owner's: Green Button, CSV and JSON, read back by others and by Smarter."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count, pairwise
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarter.api import Source, SourceContext
from smarter.export import green_button
from smarter.export.own_readings import FORMATS, csv_text, json_text
from smarter.model.readings import ReadingBlock
from smarter.model.windows import Axis
from smarter.parties.meter.register import Register
from smarter_plugins.sources.columns import Columns, CsvOptions
from smarter_plugins.sources.green_button import GreenButton, GreenButtonOptions

ATOM, ESPI = "{http://www.w3.org/2005/Atom}", "{http://naesb.org/espi}"
NOW = 1_700_000_000


@dataclass(frozen=True)
class Span:
    """Days of a clock at an interval; its slots count from ``start``'s."""

    timezone: str
    first: str
    days: int
    interval: int

    @property
    def start(self) -> int:
        return int(datetime.fromisoformat(self.first).replace(tzinfo=ZoneInfo(self.timezone)).timestamp())

    @property
    def end(self) -> int:
        last = datetime.fromisoformat(self.first) + timedelta(days=self.days)
        return int(last.replace(tzinfo=ZoneInfo(self.timezone)).timestamp())

    @property
    def axis(self) -> Axis:
        return Axis(self.interval, self.start % self.interval)

    def blocks(self, energies: list[int | None]) -> list[ReadingBlock]:
        """Readings from the first slot on, None where one is missing, as many as there are slots, over and over."""
        first, end = self.axis.slot_at(self.start), self.axis.slot_at(self.end)
        blocks: list[ReadingBlock] = []
        for slot in range(first, end):
            energy = energies[(slot - first) % len(energies)]
            if energy is None:
                continue
            if blocks and blocks[-1].end_slot == slot:
                last = blocks.pop()
                block = ReadingBlock(last.meter, last.first_slot, np.append(last.energies, energy))
            else:
                block = ReadingBlock("secret-name", slot, np.array([energy], np.int64))
            blocks.append(block)
        return blocks


SPANS = [
    Span("America/New_York", "2016-03-12", 3, 900),
    Span("America/New_York", "2016-11-05", 3, 3600),
    Span("Europe/Berlin", "2016-10-29", 3, 60),
    Span("Australia/Lord_Howe", "2016-04-02", 3, 1800),
    Span("Asia/Kolkata", "2015-12-31", 2, 3600),  # its midnights are at half past of UTC
    Span("America/Santiago", "2016-08-13", 3, 1800),  # it skips a midnight
]
ENERGIES: list[int | None] = [0, 1, -1, 999, -1000, 123_456, -987_654, None, 1_666_666, None, None]


def slots_of(blocks: list[ReadingBlock]) -> dict[int, int]:
    return {block.first_slot + place: int(e) for block in blocks for place, e in enumerate(block.energies)}


def written(span: Span, blocks: list[ReadingBlock], **more: object) -> str:
    return "".join(green_button.write(blocks, span.axis, span.timezone, now=NOW, **more))  # type: ignore[arg-type]


def read_back(source: Source, span: Span) -> dict[int, int]:
    """What a run's meter would take of the one meter of a source, by slot."""
    (meter,) = source.meters(SourceContext("street", span.timezone, span.interval, 7))
    assert meter.notes == ()
    register = Register(
        name=meter.name,
        origin=meter.origin,
        quantity=meter.quantity,
        clock=meter.clock,
        timezone=span.timezone,
        stamp_at=meter.stamp_at,
        axis=span.axis,
        start=span.start,
        end=span.end,
        lengths_checked=meter.lengths_checked,
    )
    after, before = register.stamps_wanted
    return slots_of(list(register.readings(meter.rows(after=after, before=before))))


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.timezone}, {span.interval} s")
def test_green_button_comes_back_to_the_milliwatt_hour_over_clock_changes_gaps_and_export(
    tmp_path: Path, span: Span
) -> None:
    blocks = span.blocks(ENERGIES)
    path = tmp_path / "mine.xml"
    path.write_text(written(span, blocks), encoding="utf-8")
    assert read_back(GreenButton(GreenButtonOptions(path=path)), span) == slots_of(blocks)


@settings(max_examples=20)
@given(st.lists(st.none() | st.integers(-100_000_000, 100_000_000), min_size=1, max_size=40).filter(any))
def test_any_readings_come_back(tmp_path_factory: pytest.TempPathFactory, energies: list[int | None]) -> None:
    span = SPANS[1]
    blocks = span.blocks(energies)
    path = tmp_path_factory.mktemp("any") / "mine.xml"
    path.write_text(written(span, blocks), encoding="utf-8")
    assert read_back(GreenButton(GreenButtonOptions(path=path)), span) == slots_of(blocks)


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.timezone}, {span.interval} s")
def test_an_independent_parser_finds_the_same_in_blocks_of_local_days(span: Span) -> None:
    blocks = span.blocks(ENERGIES)
    feed = ElementTree.fromstring(written(span, blocks))
    (reading_type,) = feed.iter(f"{ESPI}ReadingType")
    codes = {child.tag.removeprefix(ESPI): child.text for child in reading_type}
    assert (codes["uom"], codes["powerOfTenMultiplier"], codes["accumulationBehaviour"]) == ("72", "-3", "4")
    assert (codes["intervalLength"], codes["flowDirection"]) == (str(span.interval), "4")
    found, zone = {}, ZoneInfo(span.timezone)
    days = []
    for block in feed.iter(f"{ESPI}IntervalBlock"):
        start = int(block.findtext(f"{ESPI}interval/{ESPI}start", ""))
        end = start + int(block.findtext(f"{ESPI}interval/{ESPI}duration", ""))
        day = datetime.fromtimestamp(start, zone).date()
        days.append(day)
        assert datetime.fromtimestamp(start - 1, zone).date() == day - timedelta(days=1)
        assert datetime.fromtimestamp(end, zone).date() == day + timedelta(days=1)
        assert datetime.fromtimestamp(end - 1, zone).date() == day
        for reading in block.iter(f"{ESPI}IntervalReading"):
            assert reading.findtext(f"{ESPI}timePeriod/{ESPI}duration") == str(span.interval)
            at = int(reading.findtext(f"{ESPI}timePeriod/{ESPI}start", ""))
            assert start <= at < end
            found[int(span.axis.slot_at(at))] = int(reading.findtext(f"{ESPI}value", ""))
    assert found == slots_of(blocks)
    assert list(found) == sorted(found)
    assert days == [datetime.fromisoformat(span.first).date() + timedelta(days=day) for day in range(span.days)]


def test_a_day_without_readings_has_no_block_and_a_gap_within_one_does_not_split_it() -> None:
    span = SPANS[1]
    first = span.axis.slot_at(span.start)
    blocks = [ReadingBlock("m", first + slot, np.array([7, 8])) for slot in (0, 5, 20, 60)]
    feed = ElementTree.fromstring(written(span, blocks))
    counts = [len(list(block.iter(f"{ESPI}value"))) for block in feed.iter(f"{ESPI}IntervalBlock")]
    assert counts == [6, 2]


def test_readings_without_export_flow_forward() -> None:
    span = SPANS[0]
    feed = ElementTree.fromstring(written(span, span.blocks([5])))
    assert [each.text for each in feed.iter(f"{ESPI}flowDirection")] == ["1"]


def test_a_feed_of_no_readings_is_a_feed() -> None:
    feed = ElementTree.fromstring(written(SPANS[0], []))
    assert not list(feed.iter(f"{ESPI}IntervalBlock"))
    assert list(feed.iter(f"{ESPI}UsagePoint"))


def paths(feed: ElementTree.Element) -> dict[str, list[list[str]]]:
    """The children of every element, in order, by the element's path."""
    found: dict[str, list[list[str]]] = defaultdict(list)

    def walk(element: ElementTree.Element, path: str) -> None:
        here = f"{path}/{element.tag}"
        children = [child.tag for child in element]
        if element.tag == f"{ATOM}link":
            here += f"[{element.get('rel')}]"
        found[here].append(children)
        for child in element:
            walk(child, here)

    walk(feed, "")
    return found


def test_its_structure_is_that_of_the_real_files(shared_data: Path) -> None:
    real: dict[str, list[list[str]]] = defaultdict(list)
    for name in ("Coastal*", "TestGB*", "electric_*", "test_usage*"):
        (path,) = (shared_data / "green-button").glob(f"{name}.xml")
        for place, children in paths(ElementTree.parse(path).getroot()).items():
            real[place] += children
    span = SPANS[0]
    ours = paths(ElementTree.fromstring(written(span, span.blocks(ENERGIES))))
    assert set(ours) - set(real) == set()
    for place, lists in ours.items():
        before = {
            (first, then) for children in real[place] for at, first in enumerate(children) for then in children[at:]
        }
        for children in lists:
            assert {pair for pair in pairwise(children) if pair[0] != pair[1]} <= before, place
    # And none of what every real file has at such a place is left out.
    for place, lists in ours.items():
        always = set.intersection(*(set(children) for children in real[place]))
        optional = {f"{ESPI}currency"}  # nothing here costs anything
        for children in lists:
            assert always - set(children) <= optional, place


def test_the_entries_are_linked_as_in_the_real_files(shared_data: Path) -> None:
    def links(feed: ElementTree.Element) -> list[tuple[str, list[tuple[str | None, str]]]]:
        return [
            (
                next(iter(entry.find(f"{ATOM}content") or ())).tag,
                [
                    (link.get("rel"), "/".join(part for part in (link.get("href") or "").split("/") if part.isalpha()))
                    for link in entry.iter(f"{ATOM}link")
                    if "Summary" not in (link.get("href") or "")
                ],
            )
            for entry in feed.iter(f"{ATOM}entry")
        ]

    (path,) = (shared_data / "green-button").glob("test_usage*.xml")
    real = [each for each in links(ElementTree.parse(path).getroot()) if "Summary" not in each[0]]
    first = SPANS[0].axis.slot_at(SPANS[0].start)
    assert links(ElementTree.fromstring(written(SPANS[0], [ReadingBlock("m", first, np.array([1]))]))) == real


def test_ids_are_random_and_tell_nothing_unless_they_are_injected() -> None:
    span = SPANS[1]
    blocks = span.blocks([5])

    def ids(text: str) -> list[str]:
        return [found.text or "" for found in ElementTree.fromstring(text).iter(f"{ATOM}id")]

    first, second = ids(written(span, blocks)), ids(written(span, blocks))
    assert len({*first, *second}) == len(first) + len(second) == 2 * (1 + 4 + 3)
    assert all(UUID(each.removeprefix("urn:uuid:")).version == 4 for each in first)

    def counted() -> Iterator[UUID]:
        return (UUID(int=number) for number in count(1))

    one, again = (written(span, blocks, new_id=counted().__next__) for _ in range(2))
    assert one == again
    assert ids(one)[0] == "urn:uuid:00000000-0000-0000-0000-000000000001"


def test_titles_are_the_callers_whatever_is_in_them_and_no_name_of_the_meter_is_written() -> None:
    span = SPANS[1]
    text = written(span, span.blocks([5]), title='<b> & "\0\x1b\ud800 home')
    feed = ElementTree.fromstring(text.encode("utf-8"))
    titles = [title.text for title in feed.iter(f"{ATOM}title")]
    assert titles[:2] == ['Green Button: <b> & "\ufffd\ufffd\ufffd home', '<b> & "\ufffd\ufffd\ufffd home']
    assert "secret-name" not in text
    assert "2023-11-14T22:13:20Z" in text


def test_no_piece_holds_more_than_a_day() -> None:
    span = Span("America/New_York", "2016-01-01", 60, 60)
    (block,) = span.blocks([5])
    pieces = list(green_button.write([block], span.axis, span.timezone))
    assert max(piece.count("<IntervalReading>") for piece in pieces) == 1440
    assert max(map(len, pieces)) < 1440 * 300


def test_the_clock_is_that_of_the_zone_in_the_years_own_rules(shared_data: Path) -> None:
    (path,) = (shared_data / "green-button").glob("test_usage*.xml")
    (real,) = ElementTree.parse(path).getroot().iter(f"{ESPI}LocalTimeParameters")
    span = SPANS[0]
    (ours,) = ElementTree.fromstring(written(span, span.blocks([5]))).iter(f"{ESPI}LocalTimeParameters")
    assert [(child.tag, child.text) for child in ours] == [(child.tag, child.text) for child in real]


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.timezone}, {span.interval} s")
def test_csv_comes_back_to_the_milliwatt_hour(tmp_path: Path, span: Span) -> None:
    blocks = span.blocks(ENERGIES)
    path = tmp_path / "mine.csv"
    path.write_text("".join(csv_text(blocks, span.axis, span.timezone)), encoding="utf-8")
    source = Columns(CsvOptions(path=path, stamp="start", value="energy_wh", unit="Wh"))
    assert read_back(source, span) == slots_of(blocks)


def test_csv_tells_local_time_with_its_offset_and_three_decimals() -> None:
    span = Span("America/New_York", "2016-11-06", 1, 3600)
    blocks = span.blocks([0, 1_234_567, -5, None])
    lines = "".join(csv_text(blocks, span.axis, span.timezone)).splitlines()
    assert lines[:4] == [
        "start,energy_wh",
        "2016-11-06T00:00:00-04:00,0.000",
        "2016-11-06T01:00:00-04:00,1234.567",
        "2016-11-06T01:00:00-05:00,-0.005",
    ]
    assert lines[4].startswith("2016-11-06T03:00:00-05:00,")


@pytest.mark.parametrize("span", SPANS, ids=lambda span: f"{span.timezone}, {span.interval} s")
def test_json_holds_the_same_exactly(span: Span) -> None:
    blocks = span.blocks(ENERGIES)
    content = json.loads("".join(json_text(blocks, span.axis, span.timezone)), parse_float=Decimal)
    assert (content["version"], content["timezone"], content["interval_s"]) == (1, span.timezone, span.interval)
    found = {
        int(span.axis.slot_at(int(datetime.fromisoformat(each["start"]).timestamp()))): each["energy_wh"] * 1000
        for each in content["readings"]
    }
    assert found == slots_of(blocks)


def test_every_format_can_tell_of_no_readings() -> None:
    span = SPANS[0]
    texts = {name: "".join(write([], span.axis, span.timezone)) for name, write in FORMATS.items()}
    assert texts["csv"] == "start,energy_wh\n"
    assert json.loads(texts["json"])["readings"] == []
    assert ElementTree.fromstring(texts["green-button"]).tag == f"{ATOM}feed"
