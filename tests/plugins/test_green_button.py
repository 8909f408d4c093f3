"""Source ``green-button``: right totals for real files, every way in which ESPI writes energy, and what it refuses."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smarter.api import DataError, Rows, Source, SourceContext, SourceMeter
from smarter.api.source import Quantity
from smarter.api.testing.sources import GivenRow, SourceConformance
from smarter.keys.unlock import KeyFileUnlock
from smarter.model.events import Finished, Started
from smarter.model.windows import Axis
from smarter.parties.meter.register import Register
from smarter.parties.meter.survey import survey
from smarter.run import run
from smarter.scenario import parse_scenario
from smarter.state import StateFolder
from smarter_plugins.sources import espi, usage_point_meter
from smarter_plugins.sources.feed_parts import Readings
from smarter_plugins.sources.green_button import GreenButton, GreenButtonOptions

ATOM, ESPI = "{http://www.w3.org/2005/Atom}", "{http://naesb.org/espi}"
NEW_YORK = "America/New_York"
HOUR = 3600
T = 1_456_808_400
"""2016-03-01 00:00 in New York."""


# Real files, read in place.

REAL = {
    "Coastal_Multi_Family_Jan_1_2011_to_Jan_1_2012_RetailCustomer_5": (HOUR, 8760, 4_425_305),
    "TestGBDataHourlyNineDaysBinnedDaily": (HOUR, 216, 199_563),
    "electric_containerized": (HOUR, 8, 4_086),
    "intervals_APUC000000_electric": (HOUR, 300, 248_530),
    "test_usage_data_01": (900, 96, 93_846),
}
"""Seconds of an interval, readings and Wh of each, as an editor and a calculator find them."""


def context(interval: int = HOUR, timezone: str = NEW_YORK) -> SourceContext:
    return SourceContext("street", timezone, interval, 7)


def meters(path: Path, interval: int = HOUR, timezone: str = NEW_YORK, **options: str) -> list[SourceMeter]:
    source = GreenButton(GreenButtonOptions.model_validate({"path": path, **options}))
    return list(source.meters(context(interval, timezone)))


def whole(meter: SourceMeter, **hints: int) -> Rows:
    parts = list(meter.rows(**hints))
    if not parts:
        return Rows(*[np.zeros(0, np.int64)] * 3)
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__annotations__))


def told(meter: SourceMeter, **hints: int) -> list[tuple[int, int]]:
    """Its rows as pairs of stamp and value."""
    rows = whole(meter, **hints)
    return list(zip(rows.stamps.tolist(), rows.values.tolist(), strict=True))


def refused(path: Path, pattern: str, interval: int = HOUR, **options: str) -> None:
    """Reading it as a run does ends with one sentence that names it."""

    def read() -> list[Rows]:
        return [
            whole(meter, after=T - 1000 * HOUR, before=T + 1000 * HOUR) for meter in meters(path, interval, **options)
        ]

    with pytest.raises(DataError, match=pattern) as caught:
        read()
    text = str(caught.value)
    assert (text.count("\n"), text[-1]) == (0, ".")
    assert str(path) in text


def summed(path: Path) -> dict[int, Fraction]:
    """Wh by the start of each reading, by nothing but ElementTree and the one ReadingType that a MeterReading names."""
    feed = ElementTree.parse(path).getroot()
    types, reading = {}, None
    for entry in feed.iter(f"{ATOM}entry"):
        links = {(link.get("rel"), link.get("href")) for link in entry.iter(f"{ATOM}link")}
        for found in entry.iter(f"{ESPI}ReadingType"):
            own = next(href for rel, href in links if rel == "self")
            types[own] = int(found.findtext(f"{ESPI}powerOfTenMultiplier", "0"))
            assert found.findtext(f"{ESPI}uom") in ("72", "169")
        if entry.find(f".//{ESPI}MeterReading") is not None:
            assert reading is None
            reading = {href for rel, href in links if rel == "related"}
    assert reading is not None
    (multiplier,) = (types[href] for href in reading & set(types))
    return {
        int(each.findtext(f"{ESPI}timePeriod/{ESPI}start", "")): int(each.findtext(f"{ESPI}value", ""))
        * Fraction(10) ** multiplier
        for each in feed.iter(f"{ESPI}IntervalReading")
    }


@pytest.mark.parametrize("name", REAL)
def test_a_real_file_has_its_own_totals_reading_by_reading(shared_data: Path, name: str) -> None:
    interval, count, watt_hours = REAL[name]
    path = shared_data / "green-button" / f"{name}.xml"
    (meter,) = meters(path, interval)
    assert (meter.name, meter.origin, meter.quantity, meter.clock) == (name, str(path), "energy", "utc")
    rows = whole(meter)
    expected = summed(path)
    assert dict(told(meter)) == {start: energy * 10**6 for start, energy in expected.items()}
    assert (len(rows), int(rows.values.sum())) == (count, watt_hours * 10**6)
    assert np.all(np.diff(rows.stamps) > 0)
    assert rows.numbers.tolist() == list(range(1, count + 1))


def test_the_whole_folder_is_five_meters_in_natural_order(shared_data: Path) -> None:
    found = meters(shared_data / "green-button")
    assert sorted(meter.name for meter in found) == sorted(REAL)
    total = sum(int(whole(meter).values.sum()) for meter in found)
    assert total == 10**6 * sum(watt_hours for _, _, watt_hours in REAL.values())


def test_a_summary_of_all_that_a_real_file_holds_agrees_with_its_readings(shared_data: Path) -> None:
    # The other files' summaries are of periods that they hold no readings of, or only some.
    path = shared_data / "green-button" / "TestGBDataHourlyNineDaysBinnedDaily.xml"
    summary = ElementTree.parse(path).getroot().find(f".//{ESPI}overallConsumptionLastPeriod")
    assert summary is not None
    assert (summary.findtext(f"{ESPI}uom"), summary.findtext(f"{ESPI}powerOfTenMultiplier")) == ("72", "0")
    (meter,) = meters(path)
    assert int(whole(meter).values.sum()) == int(summary.findtext(f"{ESPI}value", "")) * 10**6


def test_months_cut_by_the_local_clock_have_the_totals_of_the_files_own_blocks(shared_data: Path) -> None:
    path = shared_data / "green-button" / f"{next(iter(REAL))}.xml"
    (meter,) = meters(path, timezone="America/Los_Angeles")
    months: dict[int, list[int]] = defaultdict(list)
    for stamp, value in told(meter):
        months[datetime.fromtimestamp(stamp, ZoneInfo("America/Los_Angeles")).month].append(value // 10**6)
    blocks = [
        [int(value.text or "") for value in block.iter(f"{ESPI}value")]
        for block in ElementTree.parse(path).getroot().iter(f"{ESPI}IntervalBlock")
    ]
    assert [months[month] for month in range(1, 13)] == blocks
    assert (len(blocks[2]), len(blocks[10])) == (743, 721)  # an hour is missing in March, and twice in November


# Files made here.


@dataclass
class Feed:
    """A feed under construction: usage point 1 with MeterReading 1 of ReadingType 1, unless a test says otherwise."""

    service: int | None = 0
    entries: list[str] = field(default_factory=list)

    def entry(self, own: str, up: str, content: str, *related: str, id_: str = "", title: str = "") -> Feed:
        links = [("self", own), ("up", up), *(("related", each) for each in related)]
        linked = "".join(f'<link rel="{rel}" href="/espi/1_1/resource/{href}"/>' for rel, href in links if href)
        named = (f"<id>{id_}</id>" if id_ else "") + linked + (f"<title>{title}</title>" if title else "")
        self.entries.append(f"<entry>{named}<content>{content}</content></entry>\n")
        return self

    def point(self, number: int = 1, *, id_: str = "", title: str = "") -> Feed:
        kind = "" if self.service is None else f"<ServiceCategory><kind>{self.service}</kind></ServiceCategory>"
        own = f"UsagePoint/{number}"
        return self.entry(
            own, "UsagePoint", f"<UsagePoint {NS}>{kind}</UsagePoint>", f"{own}/MeterReading", id_=id_, title=title
        )

    def reading(self, number: int = 1, of: int = 1, type_: int = 1, *, title: str = "") -> Feed:
        own = f"UsagePoint/{of}/MeterReading/{number}"
        related = (f"{own}/IntervalBlock", f"ReadingType/{type_}")
        return self.entry(own, f"UsagePoint/{of}/MeterReading", f"<MeterReading {NS}/>", *related, title=title)

    def type(self, number: int = 1, **codes: object) -> Feed:
        given = {"uom": 72, **codes}
        fields = "".join(f"<{name}>{code}</{name}>" for name, code in given.items() if code is not None)
        return self.entry(f"ReadingType/{number}", "ReadingType", f"<ReadingType {NS}>{fields}</ReadingType>")

    def block(self, readings: Sequence[str], reading: int = 1, of: int = 1) -> Feed:
        up = f"UsagePoint/{of}/MeterReading/{reading}/IntervalBlock"
        return self.entry(f"{up}/{len(self.entries)}", up, f"<IntervalBlock {NS}>\n{''.join(readings)}</IntervalBlock>")

    def clock(self, offset: object) -> Feed:
        content = f"<LocalTimeParameters {NS}><tzOffset>{offset}</tzOffset></LocalTimeParameters>"
        return self.entry("LocalTimeParameters/1", "LocalTimeParameters", content)

    @property
    def text(self) -> str:
        return f'<?xml version="1.0"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n{"".join(self.entries)}</feed>\n'

    def to(self, path: Path) -> Path:
        path.write_text(self.text, encoding="utf-8")
        return path


NS = 'xmlns="http://naesb.org/espi"'


def one(start: int, value: object, duration: int | None = HOUR) -> str:
    lasts = "" if duration is None else f"<duration>{duration}</duration>"
    period = f"<timePeriod>{lasts}<start>{start}</start></timePeriod>"
    return f"<IntervalReading>{period}<value>{value}</value></IntervalReading>\n"


def run_of(values: Sequence[object], start: int = T, duration: int = HOUR) -> list[str]:
    return [one(start + place * duration, value, duration) for place, value in enumerate(values)]


def simple(values: Sequence[object] = (1, 2, 3), **codes: object) -> Feed:
    return Feed().point().reading().type(**codes).block(run_of(values))


class TestGreenButtonKeepsWhatASourceMust(SourceConformance):
    context = context()

    def make_source(self, tmp_path: Path) -> Source:
        feed = Feed().type(1).type(2, flowDirection=19)
        for point in (10, 2):
            feed.point(point).reading(1, point, 1).reading(2, point, 2)
            feed.block(run_of(range(48)), 1, point).block(run_of(range(48, 0, -1)), 2, point)
        feed.to(tmp_path / "apt2.xml")
        simple(range(200)).to(tmp_path / "apt10.xml")
        simple(range(200)).block(run_of(range(50), T - 50 * HOUR)).to(tmp_path / "apt11.xml")
        return GreenButton(GreenButtonOptions(path=tmp_path))

    def source_of(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity
    ) -> Source | None:
        if quantity == "power":
            return None
        register = quantity == "register"
        readings = [one(row.start, row.value, None if register else row.seconds) for row in rows]
        feed = Feed().point().reading().type(accumulationBehaviour=3 if register else 4).block(readings)
        feed.to(tmp_path / "apt1.xml")
        return GreenButton(GreenButtonOptions(path=tmp_path))


@pytest.mark.parametrize("flow", [1, 19])
def test_a_register_of_two_directions_is_settled_before_its_difference(tmp_path: Path, flow: int) -> None:
    feed = Feed().point().reading(1).reading(2, type_=2)
    feed.type(1, accumulationBehaviour=3, flowDirection=1).type(2, accumulationBehaviour=3, flowDirection=19)
    falling, rising = [99_999_000, 99_999_500, 0, 500], [0, 100, 200, 300]
    first, second = (falling, rising) if flow == 1 else (rising, falling)
    path = feed.block(run_of(first, duration=HOUR), 1).block(run_of(second), 2).to(tmp_path / "a.xml")
    refused(path, "has a register of .* below that of line .*falls: rollover with digits")
    source = GreenButton(
        GreenButtonOptions.model_validate({"path": path, "register": {"falls": "rollover", "digits": 5}})
    )
    (meter,) = source.meters(context())
    steps = np.diff(whole(meter).values) // 10**6
    assert steps.tolist() == [400 if flow == 1 else -400] * 3
    assert meter.register.falls == "export"


def test_two_downloads_of_one_home_are_said(tmp_path: Path) -> None:
    for name in ("a", "b"):
        Feed().point(id_=f"urn:uuid:{name}").reading().type().block(run_of([1, 1, 1])).to(tmp_path / f"{name}.xml")
    Feed().point(id_="urn:uuid:c").reading().type().block(run_of([1, 1, 2])).to(tmp_path / "c.xml")
    found = meters(tmp_path)
    assert {meter.place for meter in found} == {"UsagePoint/1"}
    (note,) = found[0].notes
    assert re.search(r"a\.xml and .*b\.xml: .* same readings, as two downloads of one home", note)


def test_readings_that_say_how_long_they_last_may_be_regularly_missing(tmp_path: Path) -> None:
    path = simple().to(tmp_path / "a.xml")
    assert not meters(path)[0].lengths_checked
    assert meters(simple(intervalLength=HOUR).to(path))[0].lengths_checked


@pytest.mark.parametrize(
    ("codes", "value", "quantity", "micro"),
    [
        ({}, 450, "energy", 450_000_000),
        ({"powerOfTenMultiplier": 0}, "450.125", "energy", 450_125_000),
        ({"powerOfTenMultiplier": 3}, 4, "energy", 4_000_000_000),
        ({"powerOfTenMultiplier": -3}, -123_456, "energy", -123_456_000),
        ({"powerOfTenMultiplier": -6}, 5, "energy", 5),
        ({"powerOfTenMultiplier": -9}, 2_500, "energy", 2),
        ({"powerOfTenMultiplier": -9}, 3_500, "energy", 4),
        ({"powerOfTenMultiplier": 12}, 1, "energy", 10**18),
        ({"accumulationBehaviour": 4, "commodity": 1, "kind": 12, "dataQualifier": 12}, 7, "energy", 7_000_000),
        ({"flowDirection": 19}, 450, "energy", -450_000_000),
        ({"flowDirection": 4}, -2, "energy", -2_000_000),
        ({"uom": 38}, 1500, "power", 1_500_000_000),
        ({"uom": 38, "powerOfTenMultiplier": 3, "accumulationBehaviour": 12}, 2, "power", 2_000_000_000),
        ({"uom": 38, "flowDirection": 19}, 2, "power", -2_000_000),
        ({"accumulationBehaviour": 1}, 12_345, "register", 12_345_000_000),
        ({"accumulationBehaviour": 3, "powerOfTenMultiplier": 3}, 7, "register", 7_000_000_000),
        ({"accumulationBehaviour": 9}, "0", "register", 0),
    ],
)
def test_values_are_exact_under_every_unit_and_multiplier(
    tmp_path: Path, codes: dict[str, object], value: object, quantity: str, micro: int
) -> None:
    (meter,) = meters(simple([value], **codes).to(tmp_path / "a.xml"))
    assert meter.quantity == quantity
    assert whole(meter).values.tolist() == [micro]


@pytest.mark.parametrize("codes", [{"uom": 38}, {"uom": 38, "accumulationBehaviour": 6}])
@pytest.mark.parametrize("duration", [HOUR, 0, None])
def test_power_measured_at_a_moment_counts_from_then_on(
    tmp_path: Path, codes: dict[str, object], duration: int | None
) -> None:
    feed = Feed().point().reading().type(**codes).block([one(T, 5, duration), one(T + HOUR, 6, duration)])
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert told(meter, after=T, before=T + HOUR) == [(T, 5_000_000), (T + HOUR, 6_000_000)]


def test_a_register_is_read_at_the_end_of_its_interval_and_becomes_differences(tmp_path: Path) -> None:
    shown = [1_000_000, 1_000_450, 1_000_450, 1_001_950]
    (meter,) = meters(simple(shown, accumulationBehaviour=1).to(tmp_path / "a.xml"))
    register = Register(
        name=meter.name,
        origin=meter.origin,
        quantity=meter.quantity,
        clock=meter.clock,
        timezone=NEW_YORK,
        stamp_at=meter.stamp_at,
        axis=Axis(HOUR),
        start=T,
        end=T + 4 * HOUR,
    )
    (block,) = register.readings(meter.rows())
    assert (block.first_slot * HOUR, block.energies.tolist()) == (T + HOUR, [450_000, 0, 1_500_000])


def test_a_register_without_durations_is_read_at_its_start(tmp_path: Path) -> None:
    feed = Feed().point().reading().type(accumulationBehaviour=1)
    (meter,) = meters(feed.block([one(T + HOUR, 2, None), one(T, 1, None)]).to(tmp_path / "a.xml"))
    assert whole(meter).stamps.tolist() == [T, T + HOUR]


def test_what_is_fed_in_is_taken_off_where_both_were_read(tmp_path: Path) -> None:
    feed = Feed().point().reading(1, type_=1).reading(2, type_=2).type(1).type(2, flowDirection=19)
    feed.block(run_of([5, 6, 7]), 1)
    feed.block([one(T + 3 * HOUR, 9), one(T + 2 * HOUR, 1), one(T + HOUR, 20)], 2)
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert told(meter) == [(T + HOUR, -14_000_000), (T + 2 * HOUR, 6_000_000)]
    assert whole(meter, after=T + 2 * HOUR).numbers.tolist() == [2]


def test_a_net_series_counts_alone(tmp_path: Path) -> None:
    feed = Feed().point().type(1).type(2, flowDirection=19).type(3, flowDirection=4)
    for number, value in ((1, 5), (2, 7), (3, -2)):
        feed.reading(number, type_=number).block(run_of([value]), number)
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert told(meter) == [(T, -2_000_000)]


def test_energies_come_before_registers_and_these_before_power(tmp_path: Path) -> None:
    kinds: list[dict[str, object]] = [{"uom": 38}, {"accumulationBehaviour": 1}, {"uom": 72}]
    for count, quantity in ((1, "power"), (2, "register"), (3, "energy")):
        feed = Feed().point()
        for number, codes in enumerate(kinds[:count], 1):
            feed.reading(number, type_=number).type(number, **codes).block(run_of([number, number]), number)
        (meter,) = meters(feed.to(tmp_path / "a.xml"))
        assert meter.quantity == quantity
        assert whole(meter).values.tolist() == [count * 10**6] * 2


def test_of_series_alike_the_one_at_the_scenarios_interval_counts_or_the_one_that_is_named(tmp_path: Path) -> None:
    feed = Feed().point()
    for number, (interval, title) in enumerate([(900, "Quarters"), (HOUR, "Hours"), (900, "Again")], 1):
        feed.reading(number, type_=number, title=title).type(number, intervalLength=interval)
        feed.block(run_of([number] * 4, duration=interval), number)
    path = feed.to(tmp_path / "a.xml")
    (meter,) = meters(path)
    assert whole(meter).values.tolist() == [2_000_000] * 4
    refused(path, r"'Quarters' .*, .*'Again' .* could each be what it used; say which .* option reading", interval=900)
    for named, value in (("Again", 3), ("MeterReading/1", 1), ("UsagePoint/1/MeterReading/3", 3)):
        (meter,) = meters(path, 900, reading=named)
        assert whole(meter).values.tolist() == [value * 10**6] * 4
    refused(path, "there are no readings of electricity", reading="eading/1")


def test_each_usage_point_is_a_meter_and_what_is_no_electricity_is_left_out_and_said(tmp_path: Path) -> None:
    feed = Feed().type(1).type(2, uom=169, commodity=7).type(3, uom=29).type(4, uom=119)
    for point in (12, 3):
        feed.point(point).reading(1, point).block(run_of([point]), 1, point)
    feed.service = 1
    feed.point(4, title="Gas").reading(1, 4, 4).block(run_of([4]), 1, 4)
    feed.service = None
    feed.point(5, title="Also gas").reading(1, 5, 2).block(run_of([4]), 1, 5)
    feed.service = 0
    feed.point(6, title="Volts").reading(1, 6, 3).block(run_of([4]), 1, 6)
    feed.point(7, title="Bills only")
    found = meters(feed.to(tmp_path / "home.xml"))
    assert [meter.name for meter in found] == ["home-3", "home-12"]
    assert [told(meter) for meter in found] == [[(T, 3_000_000)], [(T, 12_000_000)]]
    notes = [note for meter in found for note in meter.notes]
    assert [re.sub(r" \(.*?\)", "", note) for note in notes] == [
        f"{tmp_path / 'home.xml'}: UsagePoint {title} is left out: it {reason}"
        for title, reason in (
            ("'Gas'", "measures gas"),
            ("'Also gas'", "measures natural gas"),
            ("'Volts'", "measures voltage"),
            ("'Bills only'", "has no interval readings"),
        )
    ]


def test_companions_of_energy_in_one_usage_point_do_not_count(tmp_path: Path) -> None:
    feed = simple([5])
    others: list[dict[str, object]] = [
        {"uom": 73},
        {"uom": 71},
        {"uom": 29},
        {"flowDirection": 20},
        {"uom": 38, "dataQualifier": 8},
    ]
    for number, codes in enumerate(others, 2):
        feed.reading(number, type_=number).type(number, **codes).block(run_of([99]), number)
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert told(meter) == [(T, 5_000_000)]


def test_the_order_of_a_file_does_not_matter(tmp_path: Path) -> None:
    feed = simple([3, 4]).block(run_of([1, 2], T - 2 * HOUR)[::-1]).block([one(T + 2 * HOUR, 5)])
    expected = [(T + place * HOUR, (place + 3) * 10**6) for place in range(-2, 3)]
    for entries in (feed.entries, feed.entries[::-1], feed.entries[2:] + feed.entries[:2]):
        (meter,) = meters(Feed(entries=list(entries)).to(tmp_path / "a.xml"))
        assert told(meter) == expected
        assert whole(meter).numbers.tolist() == [1, 2, 3, 4, 5]


def with_prefixes(text: str) -> str:
    """The same with ESPI's namespace declared once and its elements prefixed, as some utilities write it."""
    text = re.sub(rf"<(\w+) {NS}/>", r"<e:\1/>", text)
    text = re.sub(
        rf"<(\w+) {NS}>.*?</\1>",
        lambda found: re.sub(r"<(/?)(\w)", r"<\1e:\2", found[0].replace(f" {NS}", "")),
        text,
        flags=re.DOTALL,
    )
    return text.replace("<feed ", '<feed xmlns:e="http://naesb.org/espi" ')


REWRITTEN: dict[str, Callable[[str], str]] = {
    "related alone": lambda text: text.replace('"up"', '"none"'),
    "up alone": lambda text: re.sub(r'"related"(?! href="\S*ReadingType)', '"none"', text),
    "none": lambda text: text.replace("rel=", "was="),
    "full addresses": lambda text: text.replace("/espi/1_1", "https://utility.example/DataCustodian/espi/1_1"),
    "some full addresses": lambda text: text.replace('"/espi/1_1', '"https://utility.example/espi/1_1', 3),
    "slashes at the end": lambda text: re.sub(r'(href="[^"]*)"', r'\1/"', text),
    "prefixes": with_prefixes,
    "one line": lambda text: text.replace("\n", ""),
    "UTF-16": lambda text: text.replace("?>", ' encoding="UTF-16"?>'),
    "comments and a stylesheet": lambda text: text.replace(
        "?>", '?><?xml-stylesheet href="x.xslt"?><!-- & -->'
    ).replace("<value>", "<!-- 1/1/2011 --><value>"),
    "costs and qualities": lambda text: text.replace(
        "<IntervalReading>", "<IntervalReading><cost>9</cost><ReadingQuality><quality>8</quality></ReadingQuality>"
    ),
}


@pytest.mark.parametrize("how", REWRITTEN)
def test_a_feed_is_understood_however_it_is_written(tmp_path: Path, how: str) -> None:
    path = tmp_path / "a.xml"
    path.write_text(REWRITTEN[how](simple().text), encoding="utf-16" if how == "UTF-16" else "utf-8")
    (meter,) = meters(path)
    assert [value for _, value in told(meter)] == [1_000_000, 2_000_000, 3_000_000]


def test_an_entry_may_hold_several_blocks(tmp_path: Path) -> None:
    feed = simple([1])
    blocks = f"<IntervalBlock {NS}>{one(T + HOUR, 2)}</IntervalBlock><IntervalBlock {NS}>{one(T + 2 * HOUR, 3)}"
    feed.entry("", "UsagePoint/1/MeterReading/1/IntervalBlock", f"{blocks}</IntervalBlock>")
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert [value for _, value in told(meter)] == [1_000_000, 2_000_000, 3_000_000]


def test_a_clock_of_another_zone_is_said(tmp_path: Path) -> None:
    for offset, noted in ((-18_000, False), (-14_400, True), (-28_800, True), ("soon", False)):
        (meter,) = meters(simple().clock(offset).to(tmp_path / "a.xml"))
        assert bool(meter.notes) is noted
    (meter,) = meters(simple().clock(-28_800).to(tmp_path / "a.xml"))
    assert meter.notes[0].endswith(
        f"its clock is UTC-08:00 without daylight saving, unlike that of {NEW_YORK}, by which days and windows are cut"
    )


# What is refused.

WRONG: list[tuple[str, Feed | str, str]] = [
    ("an empty file", "", "the file is empty"),
    ("no XML", "2016-01-01,0.5\n", "line 1: the file is no well-formed XML"),
    ("an archive", "PK\3\4...", "is a ZIP archive; unpack it"),
    ("a web page", "<html><body/></html>", "is no Green Button feed but begins with <html>"),
    ("a feed of something else", '<feed xmlns="http://www.w3.org/2005/Atom"><entry/></feed>', "has no UsagePoint"),
    ("a file that is cut off", simple().text[:-60], r"line \d+: the file is cut off"),
    ("a file with a part missing", simple().text.replace("<content>", "", 1), "is no well-formed XML"),
    ("an unknown encoding", simple().text.replace("?>", ' encoding="klingon"?>'), "encod"),
    ("gas alone", Feed(service=1).point().reading().type().block(run_of([1])), "no readings of electricity .*gas"),
    ("bills alone", Feed().point().reading().type(), "no readings of electricity .*has no interval readings"),
    ("an unknown unit", simple(uom=119), r"ReadingType \(ReadingType/1, line 5\): uom is 119, not 72 \(Wh\)"),
    ("no unit", simple(uom=None), "uom is 0, not 72"),
    ("a unit in words", simple(uom="kWh"), "uom is kWh, no whole number"),
    ("a huge multiplier", simple(powerOfTenMultiplier=13), "powerOfTenMultiplier is 13, beyond 12"),
    ("an unknown accumulation", simple(accumulationBehaviour=12), "accumulationBehaviour is 12, none of energy"),
    ("an accumulation of power", simple(uom=38, accumulationBehaviour=3), "is 3, none of power"),
    (
        "a value in words",
        simple([1, "much"]),
        r"line \d+: the reading of 2016-03-01 01:00:00-05:00 has the value 'much'",
    ),
    ("no value", simple([1, ""]), "the reading of 2016-03-01 01:00:00-05:00 has no value"),
    ("a value beyond 64 bits", simple([10**15], powerOfTenMultiplier=3), "which is beyond what a meter can show"),
    ("a start in words", simple().block([one(T, 1).replace(str(T), "noon")]), "has the start 'noon', not seconds"),
    ("no start", simple().block([one(T, 1).replace("start", "begin")]), "a reading has no start"),
    ("a start out of time", simple().block([one(10**15, 1)]), "not seconds since 1970"),
    ("a start before its time", simple().block([one(-1, 1)]), "has the start '-1', not seconds since 1970"),
    ("a reading of a century", simple().block([one(T, 1, 10**10)]), "a reading lasts '10000000000'"),
    ("a negative duration", simple().block([one(T, 1, -HOUR)]), "a reading lasts '-3600'"),
    ("other intervals", simple().block([one(T + 3 * HOUR, 1, 900)]), "lasts 15min, and windows.reading is 1h; set"),
    ("a day among hours", simple().block([one(T + 3 * HOUR, 1, 86_400)]), "lasts 1d, .* set windows.reading to 1d"),
    ("no length", simple().block([one(T + 3 * HOUR, 1, 0)]), "lasts 0s, and windows.reading is 1h; choose a span"),
    (
        "a type that is elsewhere",
        Feed().point().reading(type_=2).type().block(run_of([1])),
        "ReadingType is not in the",
    ),
    (
        "a block that is nobody's",
        simple().block(run_of([1]), 2),
        r"IntervalBlock \(UsagePoint/1/MeterReading/2/IntervalBlock/4, line \d+\): no entry MeterReading of the file",
    ),
    ("a reading that is nobody's", simple().reading(1, 2).block(run_of([1]), 1, 2), "no entry UsagePoint of the file"),
    ("a block that two claim", simple().reading(1), "several entries MeterReading claim it"),
    (
        "two types to choose from",
        simple().type(2).text.replace('rel="related"', 'rel="none"'),
        "2 entries ReadingType could be its",
    ),
    (
        "a direction as another quantity",
        simple().reading(2, type_=2).type(2, flowDirection=19, accumulationBehaviour=1).block(run_of([1]), 2),
        "are not all energy, so that they do not add up; say which counts by option reading",
    ),
    (
        "a fed-in reading with two values",
        simple().reading(2, type_=2).type(2, flowDirection=19).block([one(T, 5), one(T, 6)], 2),
        r"line \d+: the reading of 2016-03-01 00:00:00-05:00 repeats that of line \d+ with another value",
    ),
    (
        "elements without end",
        simple().text.replace("<content>", "<content>" + "<a>" * 40 + "</a>" * 40, 1),
        "elements lie more than 32 deep",
    ),
    (
        "fields without end",
        simple().text.replace("</UsagePoint>", "<a>" * 40 + "</a>" * 40 + "</UsagePoint>"),
        "elements lie more than 32 deep",
    ),
    (
        "a bomb of entities",
        '<!DOCTYPE a [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>' + simple().text.split("?>")[1].replace(">1<", ">&b;<"),
        "line 1: the file has a document type or entities, which are not read for safety's sake",
    ),
    (
        "a file of the machine's",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + simple().text.split("?>")[1].replace(">1<", ">&x;<"),
        "remove the DOCTYPE",
    ),
    ("a DTD from elsewhere", '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd"><a/>', "remove the DOCTYPE"),
]


@pytest.mark.parametrize(("content", "pattern"), [wrong[1:] for wrong in WRONG], ids=[wrong[0] for wrong in WRONG])
def test_a_file_that_cannot_be_right_is_refused_where_it_is_wrong(
    tmp_path: Path, content: Feed | str, pattern: str
) -> None:
    path = tmp_path / "a.xml"
    path.write_text(content if isinstance(content, str) else content.text, encoding="utf-8")
    refused(path, pattern)


def test_what_is_too_large_for_any_green_button_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = simple().to(tmp_path / "a.xml")
    monkeypatch.setattr(espi, "MOST_PARTS", 10)
    refused(path, "more than 10 links and")
    with path.open("ab") as file:
        file.truncate((1 << 30) + 1)
    refused(path, "larger than 1,024 MiB; split it by usage points, or raise option most_mib of the source")


def test_readings_out_of_order_are_bounded_and_those_in_order_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage_point_meter, "MOST_SORTED", 10)
    (meter,) = meters(simple(range(50)).to(tmp_path / "a.xml"))
    assert len(whole(meter)) == 50
    refused(simple(range(50)).block([one(T - HOUR, 1)]).to(tmp_path / "a.xml"), "more than 10 readings to put in order")


def test_a_file_that_is_gone_or_no_longer_the_same_is_no_bug(tmp_path: Path) -> None:
    path = simple().block([one(T - HOUR, 1)]).to(tmp_path / "a.xml")
    (meter,) = meters(path)
    Feed().point().to(path)
    with pytest.raises(DataError, match="the file has changed while it was read; start again"):
        whole(meter)
    path.unlink()
    for reading in (lambda: whole(meter), meter.digest):
        with pytest.raises(DataError, match="cannot be read"):
            reading()
    refused(path, "there is no such file or folder")


def test_one_usage_point_in_two_files_would_count_twice(tmp_path: Path) -> None:
    for name, number in (("a", 1), ("b", 2)):
        feed = Feed().point(number, id_="urn:uuid:0A", title="Home").reading(1, number).type()
        feed.block(run_of([1]), 1, number).to(tmp_path / f"{name}.xml")
    with pytest.raises(DataError, match=r"a\.xml and .*b\.xml: both hold UsagePoint 'Home' .* count twice"):
        meters(tmp_path)


def test_two_meters_of_one_name_are_refused(tmp_path: Path) -> None:
    feed = Feed().type()
    for point in (1, 2):
        feed.point(point).reading(1, point).block(run_of([1]), 1, point)
    feed.to(tmp_path / "a.xml")
    simple().to(tmp_path / "a-2.xml")
    with pytest.raises(DataError, match=r"two usage points for one meter 'a-2'; rename one file"):
        meters(tmp_path)


def test_nothing_outside_the_span_is_judged(tmp_path: Path) -> None:
    feed = simple([1, 2, 3, "much"]).block([one(T + 9 * HOUR, 1, 900), one(T + 10 * HOUR, "?", 5)])
    (meter,) = meters(feed.to(tmp_path / "a.xml"))
    assert [value for _, value in told(meter, after=T, before=T + 2 * HOUR)] == [1_000_000, 2_000_000, 3_000_000]
    assert told(meter, after=T + 11 * HOUR, before=T + 12 * HOUR) == []


def test_equal_repeats_are_dropped_and_others_are_told(tmp_path: Path) -> None:
    for value, repeated in ((2, 1), (7, 0)):
        (meter,) = meters(simple([1, 2, 3]).block([one(T + HOUR, value)]).to(tmp_path / "a.xml"))
        found = survey(meter, NEW_YORK)
        assert (found.repeated, bool(found.problems)) == (repeated, not repeated)
        assert found.total_mwh == 6_000


def test_a_look_at_a_file_of_mixed_intervals_tells_all_of_them_and_a_run_takes_one(tmp_path: Path) -> None:
    path = simple(range(8)).block(run_of(range(8), T + 8 * HOUR, 900)).to(tmp_path / "a.xml")
    (meter,) = meters(path, 60)
    found = survey(meter, NEW_YORK)
    assert [run.interval_s for run in found.intervals] == [HOUR, 900]
    assert found.total_mwh == 2 * sum(range(8)) * 1000
    refused(path, "lasts 1h, and windows.reading is 15min; set windows.reading to 1h", interval=900)
    (meter,) = meters(path, 900)
    assert len(told(meter, after=T + 8 * HOUR, before=T + 10 * HOUR)) == 8


def test_a_file_in_order_is_read_no_further_than_it_is_asked_for(tmp_path: Path) -> None:
    feed = Feed().point().reading().type()
    for day in range(20):
        feed.block(run_of(range(96), T + day * 86_400, 900))
    path = feed.to(tmp_path / "a.xml")
    (meter,) = meters(path, 900)
    path.write_text(feed.text[: 2 * len(feed.text) // 3], encoding="utf-8")
    assert next(meter.rows()).values.tolist() == [value * 10**6 for value in range(96)]
    assert len(whole(meter, after=T, before=T + 86_399)) == 96
    with pytest.raises(DataError, match="is cut off"):
        whole(meter)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_never_a_bug(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    text = simple([1, "2.5"], flowDirection=19).clock(-18_000).text.encode()
    first = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 40))
    path = tmp_path_factory.getbasetemp() / "damaged.xml"
    path.write_bytes(text[:first] + data.draw(st.binary(max_size=8)) + text[first + cut :])
    with contextlib.suppress(DataError):
        for meter in meters(path):
            whole(meter, after=T, before=T + HOUR)


def test_an_entry_of_any_length_is_handed_out_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(espi, "TOGETHER", 10)
    path = simple([*range(24), "0.5"]).to(tmp_path / "a.xml")
    assert [len(part) for part in espi.read(path) if isinstance(part, Readings)] == [10, 10, 5]
    (meter,) = meters(path)
    assert whole(meter).values.tolist() == [*(value * 10**6 for value in range(24)), 500_000]
    assert whole(meter).numbers.tolist() == list(range(1, 26))


SCENARIO = """
version: 1
name: buttons
insecure_demo: true
neighbourhoods:
  lane: {timezone: America/New_York, source: {plugin: green-button, path: homes}}
windows: {reading: 1h, demand: 1h, billing: 3h}
crypto:
  aggregate: plain
  deliver: {plugin: rsa-oaep, key_bits: 1024}
release: {min_meters: 1}
tariff: {plugin: flat, rate: "0.25"}
"""


def test_a_run_over_green_button_files_bills_them_to_the_milliwatt_hour(tmp_path: Path) -> None:
    (tmp_path / "homes").mkdir()
    feed = Feed().type(1).type(2, flowDirection=19, powerOfTenMultiplier=-3)
    feed.point(1).reading(1, 1, 1).reading(2, 1, 2)
    feed.block(run_of(range(24)), 1, 1).block(run_of([123] * 24)[::-1], 2, 1)
    feed.point(2).reading(1, 2, 1).block([*run_of([5] * 10), *run_of([7] * 12, T + 12 * HOUR)], 1, 2)
    feed.service = 1
    feed.point(3).reading(1, 3, 1).block(run_of([99]), 1, 3)
    feed.to(tmp_path / "homes" / "a.xml")
    scenario = parse_scenario(SCENARIO, source="buttons", base=tmp_path)
    state = StateFolder(tmp_path / "state")
    started, *_, finished = run(scenario, state, unlock=KeyFileUnlock(state.keys), verify=True)
    assert isinstance(started, Started)
    assert "UsagePoint (UsagePoint/3, line" in started.warnings[-1]
    assert isinstance(finished, Finished)
    result = finished.result
    assert result.verified
    assert (result.counts.meters, result.counts.readings, result.counts.expected) == (2, 46, 48)
    (demand,) = result.demand
    assert demand.energy_mwh == sum(range(24)) * 1000 - 24 * 123 + (10 * 5 + 12 * 7) * 1000
