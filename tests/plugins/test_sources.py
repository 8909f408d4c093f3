"""The shipped sources: what each source must keep, the options of ``csv``, the households of ``synthetic``."""

from __future__ import annotations

import csv
import importlib.util
import random
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from smarter.api import DataError, Rows, Source, SourceContext, SourceMeter, UsageError
from smarter.api.source import Quantity
from smarter.api.testing.sources import GivenRow, SourceConformance
from smarter_plugins.sources import register_sources, synthetic
from smarter_plugins.sources.columns import Columns, CsvOptions
from smarter_plugins.sources.richardson import Household, Year
from smarter_plugins.sources.synthetic import Synthetic, SyntheticOptions
from smarter_plugins.sources.umass import Umass, UmassOptions

NEW_YORK = "America/New_York"
CONTEXT = SourceContext("street", NEW_YORK, 60, 7)


def seconds(text: str) -> int:
    return int((datetime.fromisoformat(text) - datetime.fromisoformat("1970-01-01")).total_seconds())


def utc(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def whole(meter: SourceMeter, **hints: int) -> Rows:
    parts = list(meter.rows(**hints))
    return Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in Rows.__annotations__))


class TestUmassKeepsWhatASourceMust(SourceConformance):
    def make_source(self, tmp_path: Path) -> Source:
        for name in ("apt2", "apt10"):
            lines = [f"2016-01-01 00:{minute:02d}:00,{minute / 7:.9f}\n" for minute in range(60)]
            (tmp_path / f"{name}.csv").write_text("time,kW\n" + "".join(lines))
        return Umass(UmassOptions(path=tmp_path))

    def source_of(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity
    ) -> Source | None:
        if quantity != "power":
            return None
        zone = ZoneInfo(context.timezone)
        lines = [f"{datetime.fromtimestamp(row.start, zone):%Y-%m-%d %H:%M:%S},{row.value / 1000}\n" for row in rows]
        (tmp_path / "apt1.csv").write_text("".join(lines))
        return Umass(UmassOptions(path=tmp_path))

    def source_with_too_many_fields(self, tmp_path: Path) -> Source | None:
        (tmp_path / "apt1.csv").write_text("2016-01-01 00:00:00,0,5\n")
        return Umass(UmassOptions(path=tmp_path))


class TestWorkbooksKeepWhatASourceMust(SourceConformance):
    @pytest.fixture(autouse=True)
    def _real_files(self, shared_data: Path) -> None:
        self._path = shared_data / "umass-2016-week" / "apart[12].xlsx"

    def make_source(self, tmp_path: Path) -> Source:
        return Umass(UmassOptions(path=self._path))


class TestCsvKeepsWhatASourceMust(SourceConformance):
    def make_source(self, tmp_path: Path) -> Source:
        lines = [
            f"m{meter};2016-01-01T00:{minute:02d}:00+01:00;{minute},5\n" for minute in range(60) for meter in (10, 2, 1)
        ]
        (tmp_path / "all.csv").write_text("id;when;Wh\n" + "".join(lines))
        return Columns(
            CsvOptions(
                path=tmp_path, stamp="when", value=3, meter="id", unit="Wh", delimiter=";", decimal=",", timezone="UTC"
            )
        )

    def source_of(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity
    ) -> Source | None:
        return written_csv(tmp_path, rows, context, quantity)

    def source_with_too_many_fields(self, tmp_path: Path) -> Source | None:
        (tmp_path / "m.csv").write_text("t,kW,price\n2016-01-01 00:00,0.5,1\n2016-01-01 00:01,0,5,1\n")
        return Columns(CsvOptions(path=tmp_path))

    def source_with_repeated_headings(self, tmp_path: Path) -> Source | None:
        (tmp_path / "m.csv").write_text("t,kW,kW\n2016-01-01 00:00,0.5,0.2\n")
        return Columns(CsvOptions(path=tmp_path, stamp="t", value="kW"))


class TestEndsInCsvKeepWhatASourceMust(TestCsvKeepsWhatASourceMust):
    def source_of(
        self, tmp_path: Path, rows: Sequence[GivenRow], context: SourceContext, quantity: Quantity
    ) -> Source | None:
        return None if quantity == "register" else written_csv(tmp_path, rows, context, quantity, stamp_at="end")


def written_csv(
    folder: Path,
    rows: Sequence[GivenRow],
    context: SourceContext,
    quantity: Quantity,
    *,
    stamp_at: Literal["start", "end"] = "start",
    plus: bool = False,
) -> Columns:
    """A file of rows by the local clock; ``plus``: ends are starts and the interval."""
    zone, late = ZoneInfo(context.timezone), stamp_at == "end"
    moments = [
        datetime.fromtimestamp(row.start, zone).replace(tzinfo=None) + timedelta(seconds=row.seconds)
        if late and plus
        else datetime.fromtimestamp(row.start + late * row.seconds, zone)
        for row in rows
    ]
    lines = [f"{moment:%Y-%m-%d %H:%M:%S},{row.value}\n" for moment, row in zip(moments, rows, strict=True)]
    (folder / "m.csv").write_text("".join(lines))
    unit: Literal["W", "Wh"] = "W" if quantity == "power" else "Wh"
    return Columns(CsvOptions(path=folder, unit=unit, quantity=quantity, stamp_at=stamp_at))


class TestSyntheticKeepsWhatASourceMust(SourceConformance):
    @pytest.fixture(autouse=True)
    def _counting_year(self, counting_year: None) -> None: ...

    def make_source(self, tmp_path: Path) -> Source:
        return Synthetic(SyntheticOptions(households=12, days=1))


@pytest.fixture
def counting_year(monkeypatch: pytest.MonkeyPatch) -> None:
    """A year whose minutes are numbered from 0, instead of a drawn one; and no need of richardsonpy."""

    def year(household: Household, number: int) -> Year:
        minutes = (date(number + 1, 1, 1) - date(number, 1, 1)).days * 1440
        return Year(np.arange(minutes), np.zeros(minutes // 10, np.int8))

    monkeypatch.setattr(synthetic, "year", year)
    monkeypatch.setattr(synthetic, "need", lambda module, extra: None)


def test_the_shipped_sources_are_registered_by_name() -> None:
    found: list[type[Source]] = []
    register_sources(found.append)
    assert [source.name for source in found] == ["umass", "csv", "green-button", "synthetic"]


def csv_meters(path: Path, text: str, **options: object) -> list[SourceMeter]:
    path.write_text(text)
    return list(Columns(CsvOptions.model_validate({"path": path, **options})).meters(CONTEXT))


@pytest.mark.parametrize(
    ("unit", "quantity", "expected", "value"),
    [
        ("kW", None, "power", 1_234_567_890),
        ("W", None, "power", 1_234_568),
        ("kWh", None, "energy", 1_234_567_890),
        ("Wh", None, "energy", 1_234_568),
        ("kWh", "register", "register", 1_234_567_890),
    ],
)
def test_each_unit_becomes_millionths_of_a_watt_or_watt_hour(
    tmp_path: Path, unit: str, quantity: str | None, expected: str, value: int
) -> None:
    text = "2016-01-01 00:00,1.23456789\n"
    (meter,) = csv_meters(tmp_path / "a.csv", text, unit=unit, quantity=quantity)
    assert meter.quantity == expected
    assert whole(meter).values.tolist() == [value]


def test_columns_are_found_by_name_or_counted_from_one(tmp_path: Path) -> None:
    text = "note\tkWh\tat\nx\t1\t31.01.2016 23:59\n"
    named = {"stamp": "at", "value": "kWh", "unit": "kWh"}
    counted = {"stamp": 3, "value": 2, "unit": "kWh"}
    for columns in (named, counted):
        options = {"delimiter": "\t", "stamp_format": "%d.%m.%Y %H:%M", "stamp_at": "end", **columns}
        (meter,) = csv_meters(tmp_path / "a.csv", text, **options)
        rows = whole(meter)
        assert (meter.stamp_at, meter.clock) == ("end", "local")
        assert (rows.stamps.tolist(), rows.numbers.tolist()) == ([seconds("2016-01-31 23:59")], [2])


@pytest.mark.parametrize("offset", ["Z", "+00:00", "-05:00", "+05:45", "+0545"])
def test_stamps_with_an_offset_become_utc(tmp_path: Path, offset: str) -> None:
    stamps = [f"2016-02-29T23:5{minute}:00{offset}" for minute in range(3)]
    (meter,) = csv_meters(tmp_path / "a.csv", "".join(f"{stamp},1\n" for stamp in stamps))
    assert meter.clock == "utc"
    assert whole(meter).stamps.tolist() == [utc(stamp) for stamp in stamps]


def test_stamps_with_and_without_an_offset_do_not_mix(tmp_path: Path) -> None:
    (meter,) = csv_meters(tmp_path / "a.csv", "2016-01-01T00:00:00Z,1\n2016-01-01T00:01:00,1\n")
    with pytest.raises(DataError, match=r"row 2: the stamp '2016-01-01T00:01:00' carries no offset, unlike"):
        whole(meter)


@pytest.mark.parametrize("pattern", ["%d.%m.%Y %H:%M:%S", "%Y%m%d%H%M%S", "%d %b %Y %I:%M:%S %p", "%Y-%j %H:%M:%S"])
def test_any_stamp_format_reads_what_strftime_writes(tmp_path: Path, pattern: str) -> None:
    moments = [datetime.fromisoformat("2015-12-30 13:59:58") + timedelta(hours=7 * step) for step in range(20)]
    text = "".join(f"{moment.strftime(pattern)},1\n" for moment in moments)
    (meter,) = csv_meters(tmp_path / "a.csv", text, stamp_format=pattern)
    assert whole(meter).stamps.tolist() == [seconds(str(moment)) for moment in moments]


def test_one_file_may_hold_many_meters(tmp_path: Path) -> None:
    text = 'm10,2016-01-01 00:00,1\nm2,2016-01-01 00:00,2\n"m10",2016-01-01 00:01,3\nm1,2016-01-01 00:00,4\n'
    options = {"meter": 1, "stamp": 2, "value": 3}
    for quoted in (text, text.replace('"', "")):
        found = csv_meters(tmp_path / "a.csv", quoted, **options)
        assert [meter.name for meter in found] == ["m1", "m2", "m10"]
        rows = whole(found[2])
        assert (rows.values.tolist(), rows.numbers.tolist()) == ([10**9, 3 * 10**9], [1, 3])


@pytest.mark.parametrize("note", ["x", '"x"', '"a,b"', '"a,","b"', '"a"",""b"', '",",', '"1,2016-01-01 00:09:00,9"'])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quotes_hide_delimiters_and_nothing_else_does(tmp_path: Path, note: str, end: str) -> None:
    lines = [f'{note},2016-01-01 00:0{minute}:00,"{minute}"' for minute in range(3)]
    columns = len(next(csv.reader(lines)))
    (meter,) = csv_meters(tmp_path / "a.csv", end.join(lines) + end, stamp=columns - 1, value=columns)
    rows = whole(meter)
    assert rows.values.tolist() == [0, 10**9, 2 * 10**9]
    assert rows.stamps.tolist() == [seconds("2016-01-01") + 60 * minute for minute in range(3)]


def test_one_meter_in_two_files_is_named_with_both(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text("m1,2016-01-01 00:00,1\n")
    options = CsvOptions(path=tmp_path, meter=1, stamp=2, value=3)
    with pytest.raises(DataError, match=r"a\.csv and .*b\.csv: two files for one meter 'm1'"):
        Columns(options).meters(CONTEXT)


def test_a_row_without_its_meter_is_named(tmp_path: Path) -> None:
    for row in (",2016-01-01 00:00,1", "2016"):
        with pytest.raises(DataError, match=r"a\.csv, row 2: there is no meter's name in column"):
            csv_meters(tmp_path / "a.csv", f"m1,2016-01-01 00:00,1\n{row}\n", meter=1 if row[0] == "," else 3)


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 1: there is no column 'kWh' for the value, only 'at', 'kW'"):
        csv_meters(tmp_path / "a.csv", "at,kW\n2016-01-01,1\n", value="kWh", stamp="at")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"unit": "kW", "quantity": "energy"}, "energy cannot be in kW"),
        ({"unit": "kWh", "quantity": "power"}, "power cannot be in kWh"),
        ({"delimiter": ",", "decimal": ","}, "delimiter and decimal are both"),
        ({"unit": "kWh", "quantity": "register", "stamp_at": "end"}, "stamp_at cannot be end"),
        ({"timezone": "Mars/Olympus"}, "no time zone 'Mars/Olympus'"),
        ({"stamp": 0}, "greater than or equal to 1"),
        ({"value": ""}, "at least 1 character"),
        ({"delimiter": "5"}, "cannot be between columns"),
    ],
)
def test_options_that_do_not_fit_together_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        CsvOptions.model_validate({"path": "a.csv", **options})


def synthetic_meter(first: str, last: str, interval: int = 60, zone: str = NEW_YORK) -> SourceMeter:
    context = SourceContext("street", zone, interval, 7, utc(first), utc(last))
    return Synthetic(SyntheticOptions(households=1)).meters(context)[0]


@pytest.mark.usefixtures("counting_year")
def test_synthetic_minutes_follow_the_wall_clock_over_both_clock_changes() -> None:
    skipped = whole(synthetic_meter("2016-03-13T01:59-05:00", "2016-03-13T03:01-04:00")).values
    assert skipped.tolist() == [(72 * 24 + 1) * 60 + 59, (72 * 24 + 3) * 60]
    repeated = whole(synthetic_meter("2016-11-06T00:00-04:00", "2016-11-06T03:00-05:00")).values
    midnight = 310 * 24 * 60
    first, second = range(midnight, midnight + 120), range(midnight + 60 - 1440, midnight + 120 - 1440)
    assert repeated.tolist() == [*first, *second, *range(midnight + 120, midnight + 180)]


@pytest.mark.usefixtures("counting_year")
def test_synthetic_slots_longer_than_a_minute_hold_its_mean_and_keep_the_phase_of_the_start() -> None:
    rows = whole(synthetic_meter("2016-01-01T00:00+05:45", "2016-01-01T02:00+05:45", 1800, "Asia/Kathmandu"))
    assert rows.stamps.tolist() == [utc("2016-01-01T00:00+05:45") + 1800 * slot for slot in range(4)]
    assert rows.values.tolist() == [14, 44, 74, 104]  # 14.5, 44.5, … go to the even neighbour


@pytest.mark.usefixtures("counting_year")
def test_a_new_year_begins_with_its_own_first_minute() -> None:
    values = whole(synthetic_meter("2016-12-31T23:59-05:00", "2017-01-01T00:01-05:00")).values
    assert values.tolist() == [366 * 1440 - 1, 0]


@pytest.mark.usefixtures("counting_year")
def test_a_synthetic_household_does_not_depend_on_how_many_there_are_or_on_the_end() -> None:
    def drawn(seed: int, **options: object) -> list[str]:
        context = SourceContext("street", NEW_YORK, 60, seed, 0, int(str(options.pop("end", 60))))
        return [meter.digest() for meter in Synthetic(SyntheticOptions.model_validate(options)).meters(context)]

    assert drawn(7)[0] != drawn(8)[0]
    assert len(set(drawn(7))) == 10
    assert drawn(7) == drawn(7, end=6000)
    assert drawn(7, occupants=1) != drawn(7, occupants=2)
    few, many = (
        [vars(meter)["household"] for meter in Synthetic(SyntheticOptions(households=households)).meters(CONTEXT)]
        for households in (3, 120)
    )
    assert many[:3] == few
    assert {household.occupants for household in many} == {1, 2, 3, 4, 5}
    assert all(2_500 <= household.annual_kwh <= 11_000 for household in many)


@pytest.mark.usefixtures("counting_year")
def test_a_reading_interval_that_is_no_part_of_minutes_is_refused() -> None:
    for interval in (45, 90):
        with pytest.raises(UsageError, match=f"reading interval of {interval} s"):
            synthetic_meter("2016-01-01T00:00Z", "2016-01-02T00:00Z", interval)
    values = whole(synthetic_meter("2016-01-01T00:00-05:00", "2016-01-01T00:02-05:00", 30)).values
    assert values.tolist() == [0, 0, 1, 1]


@pytest.fixture(scope="module")
def maker(checkout: Path) -> ModuleType:
    """``data/make_sample_week.py`` as a module."""
    pytest.importorskip("richardsonpy", reason="the extra synthetic is not installed")
    spec = importlib.util.spec_from_file_location("make_sample_week", checkout / "data" / "make_sample_week.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_the_sample_week_is_made_again_byte_for_byte_and_leaves_other_draws_alone(
    maker: ModuleType, checkout: Path, tmp_path: Path
) -> None:
    random.seed(1)
    expected = random.random()
    random.seed(1)
    maker.main(["--home", "apt2", "--out", str(tmp_path)])
    assert random.random() == expected
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*.csv")}
    assert {str(path.parent) for path in made} == {"sample-week", "sample-week-truth"}
    for path, content in made.items():
        assert content == (checkout / "data" / path).read_bytes()
    year = maker.year(maker.homes("apt", maker.STREET)["apt2"], 2016)
    assert len(year.power) == 366 * 1440
    assert year.power.sum() / 60 == pytest.approx(2_500 * 1e9, rel=1e-6)


def test_the_sample_week_is_ten_plausible_homes_with_their_evenings(checkout: Path) -> None:
    meters = Umass(UmassOptions(path=checkout / "data" / "sample-week")).meters(CONTEXT)
    assert [meter.name for meter in meters] == [f"apt{number}" for number in range(1, 11)]
    week = [whole(meter) for meter in meters]
    minutes = seconds("2016-01-01") + 60 * np.arange(7 * 1440)
    assert all(np.array_equal(rows.stamps, minutes) for rows in week)
    assert all(0.2e9 < rows.values.mean() < 1.3e9 for rows in week)
    hours = sum(rows.values for rows in week).reshape(7, 24, 60).mean(axis=(0, 2))
    assert 17 <= hours.argmax() <= 21
    assert hours[17:22].mean() > 3 * hours[1:5].mean()
    truth = [path.stem for path in (checkout / "data" / "sample-week-truth").glob("*.csv")]
    assert sorted(truth) == sorted(meter.name for meter in meters)


def test_the_week_of_the_clock_change_has_every_quarter_hour_once(checkout: Path) -> None:
    zone = ZoneInfo(NEW_YORK)
    midnight = datetime.fromisoformat("2016-11-02").replace(tzinfo=zone)
    expected = [datetime.fromtimestamp(midnight.timestamp() + 900 * slot, zone) for slot in range(7 * 96 + 4)]
    wall = sorted(seconds(str(moment.replace(tzinfo=None))) for moment in expected)
    for meter in Umass(UmassOptions(path=checkout / "data" / "dst-week")).meters(CONTEXT):
        assert whole(meter).stamps.tolist() == wall


def test_four_homes_of_net_metering_export_at_noon_and_two_never(checkout: Path) -> None:
    meters = Umass(UmassOptions(path=checkout / "data" / "net-metering")).meters(CONTEXT)
    noons = [whole(meter).values[11 * 60 : 15 * 60].mean() for meter in meters]
    assert [noon < 0 for noon in noons] == [True, False, True, True, True, False]


def test_the_sample_data_stay_small(checkout: Path) -> None:
    sizes = {
        folder: sum(path.stat().st_size for path in (checkout / "data" / folder).glob("*.csv"))
        for folder in ("sample-week", "sample-week-truth", "net-metering", "dst-week", "village")
    }
    assert all(sizes.values())
    assert sum(sizes.values()) < 4_000_000
