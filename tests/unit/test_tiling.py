"""A tile: each home is one of the source's meters at another time, exactly, on a clock that changes, and no other's."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smarter.errors import DataError, MachineError, UsageError
from smarter.export.tiling import MARK, plan_tile, write_tile
from smarter.export.umass import MISSING, days_of, exact_in_kilowatts, kilowatt_texts
from smarter.model.windows import Axis
from smarter.parties.meter.survey import survey
from smarter.protocols.intake import Intake
from smarter.protocols.plan import plan_run
from smarter.scenario import Scenario, parse_scenario

SCENARIO = """
version: 1
name: row
seed: {seed}
neighbourhoods:
  row: {{timezone: America/New_York, source: {{path: {source}, {options}}}}}
windows: {{reading: {reading}, demand: 1h, billing: 3h}}
tariff: {{plugin: flat, rate: "0.25"}}
"""
OCTOBER = 17_106
"""2016-11-01, a Tuesday, in days since 1970."""
EST = 5 * 3600
AFTER_SPRING = datetime(2016, 3, 13, 3)
Street = Callable[..., Scenario]


@pytest.fixture
def street(tmp_path: Path) -> Street:
    """``street({name: rows})``: files of ``(stamp, value)`` and a scenario over them; quarter hours by default."""
    count = iter(range(100))

    def make(
        meters: dict[str, Iterable[tuple[datetime, object]]] | Path,
        options: str = "plugin: umass",
        seed: int = 7,
        reading: str = "15min",
    ) -> Scenario:
        folder = tmp_path / f"source-{next(count)}"
        if isinstance(meters, Path):
            folder = meters
        else:
            folder.mkdir()
            for name, rows in meters.items():
                (folder / f"{name}.csv").write_text("".join(f"{stamp},{value}\n" for stamp, value in rows))
        given = {"source": folder, "options": options, "seed": seed, "reading": reading}
        return parse_scenario(SCENARIO.format(**given), source="row", base=tmp_path)

    return make


def rows(
    meter: int, first: datetime = datetime(2016, 1, 4), days: int = 3, step: int = 15, scale: int = 1
) -> list[tuple[datetime, object]]:
    """Power with five decimals, now and then of export, that never repeats itself."""
    return [
        (
            first + timedelta(minutes=step * row),
            f"{scale * (meter * 7_919 + row * row * 31 % 90_001 - 9_000) / 1e5:.5f}",
        )
        for row in range(days * 1440 // step)
    ]


def written(scenario: Scenario, homes: int, days: int, out: Path) -> dict[str, Any]:
    """Write a tile and return its mark."""
    list(write_tile(plan_tile(scenario, homes, days), out))
    mark: dict[str, Any] = json.loads((out / MARK).read_text())
    assert {path.name for path in out.iterdir()} == {MARK, *(f"{name}.csv" for name in mark["homes"])}
    return mark


def readings(scenario: Scenario) -> dict[str, dict[int, int]]:
    """What a run reads of each meter: epoch seconds → mWh."""
    (plan,) = plan_run(scenario)
    return {
        meter.name: {
            int(plan.axis.start_of(block.first_slot + place)): energy
            for block in Intake(plan, meter).take(plan.first_slot, plan.end_slot)
            for place, energy in enumerate(block.energies.tolist())
        }
        for meter in plan.meters
    }


def days_by_home(out: Path) -> dict[tuple[str, str], list[str]]:
    """The values of each home and day."""
    found: dict[tuple[str, str], list[str]] = {}
    for path in out.glob("*.csv"):
        for line in path.read_text().splitlines():
            stamp, value = line.split(",")
            found.setdefault((path.stem, stamp[:10]), []).append(value)
    return found


# What a home is


@pytest.mark.parametrize(
    ("options", "unit"),
    [
        ("plugin: umass", Fraction(1)),
        ("plugin: csv, unit: kWh, stamp_at: end", Fraction(4)),
        ("plugin: csv, timezone: America/Chicago, unit: W", Fraction(1, 1000)),
    ],
)
def test_a_home_is_to_the_mwh_what_its_meter_read_at_another_time(
    street: Street, tmp_path: Path, options: str, unit: Fraction
) -> None:
    source = {f"apt{meter}": rows(meter, scale=int(1 / unit) if unit < 1 else 1) for meter in range(1, 6)}
    scenario = street(source, options)
    mark = written(scenario, 12, 8, tmp_path / "out")
    source_readings, cycle = readings(scenario), 3 * 86_400
    assert len(source_readings["apt1"]) == 288
    (plan,) = plan_run(scenario)
    first = (plan.start - EST) // 86_400 * 86_400 + EST  # its midnight
    for name, home in readings(street(tmp_path / "out")).items():
        shift, meter = mark["homes"][name]["shift_s"], source_readings[mark["homes"][name]["meter"]]
        assert list(home) == list(range(first, first + 8 * 86_400, 900))
        assert home == {at: meter[plan.start + (at + shift - plan.start) % cycle] for at in home}


def test_a_register_becomes_power_and_its_gap_stays_one(street: Street, tmp_path: Path) -> None:
    shown = [(datetime(2016, 1, 4) + timedelta(hours=hour), f"{100 + hour * hour / 1000:.3f}") for hour in range(25)]
    scenario = street({"apt1": shown[:10] + shown[12:]}, "plugin: csv, unit: kWh, quantity: register", 7, "1h")
    mark = written(scenario, 1, 2, tmp_path / "out")
    earlier = timedelta(seconds=mark["homes"]["home-001"]["shift_s"])
    lines = (tmp_path / "out" / "home-001.csv").read_text().splitlines()
    assert len(lines) == 2 * (24 - 3)
    for line in lines:
        stamp, value = line.split(",")
        hour = (datetime.fromisoformat(stamp) + earlier).hour
        assert Fraction(value) == Fraction((hour + 1) ** 2 - hour**2, 1000)


def test_one_meter_makes_a_neighbourhood_and_its_missing_rows_stay_missing(street: Street, tmp_path: Path) -> None:
    source = rows(1)
    scenario = street({"apt1": source[:40] + source[47:]})
    written(scenario, 20, 9, tmp_path / "out")
    for meter in plan_run(street(tmp_path / "out"))[0].meters:
        found = survey(meter, "America/New_York")
        assert found.problems == ()
        assert found.rows >= 3 * (288 - 7) - 7
        assert sum(end - start for start, end in found.gaps) >= 2 * 7 * 900


def test_values_are_exact_whatever_the_interval() -> None:
    energies = np.array([0, 1, -1, 7, 1_666_667, -98_765_432_109, MISSING], np.int64)
    for interval in (1, 15, 60, 300, 900, 3600, 28_800):
        assert exact_in_kilowatts(interval)
        *texts, missing = (bytes(row).rstrip(b"\0").decode() for row in kilowatt_texts(energies, interval))
        assert missing == ""
        assert all(text.endswith("\n") and len(text.split(".")[1]) <= 10 for text in texts)
        assert [Fraction(text.strip()) * interval * 1_000_000 / 3600 for text in texts] == energies[:-1].tolist()
    assert not exact_in_kilowatts(43_200)


# The clock


def test_stamps_that_never_were_are_not_written_and_those_that_came_twice_are_twice(
    street: Street, tmp_path: Path
) -> None:
    scenario = street({f"apt{meter}": rows(meter, datetime(2016, 3, 1)) for meter in range(1, 4)})
    written(scenario, 6, 260, tmp_path / "out")
    lines = (tmp_path / "out" / "home-002.csv").read_text().splitlines()
    of = {day: [line[11:16] for line in lines if line.startswith(day)] for day in ("2016-03-13", "2016-11-06")}
    assert [time for time in of["2016-03-13"] if time < "04"] == [
        *("00:00", "00:15", "00:30", "00:45", "01:00", "01:15", "01:30", "01:45"),
        *("03:00", "03:15", "03:30", "03:45"),
    ]
    assert of["2016-11-06"][4:13] == ["01:00", "01:15", "01:30", "01:45"] * 2 + ["02:00"]
    for meter in plan_run(street(tmp_path / "out"))[0].meters:
        found = survey(meter, "America/New_York")
        assert (found.rows, found.gaps, found.nonexistent, found.repeated) == (260 * 96, (), 0, 0)
        assert (found.last - found.first, found.problems) == (260 * 86_400, ())


def test_an_hour_that_the_sources_clock_skipped_or_repeated_leaves_no_hole(street: Street, tmp_path: Path) -> None:
    spring = [row for row in rows(1, datetime(2016, 3, 12)) if not datetime(2016, 3, 13, 2) <= row[0] < AFTER_SPRING]
    autumn = rows(1, datetime(2016, 11, 5))
    begin, end = 28 * 4 - 12, 28 * 4 - 8  # 01:00 to 02:00 of the second day
    twice = [*autumn[:end], *((stamp, "9") for stamp, _ in autumn[begin:end]), *autumn[end:]]
    for name, source, nines in (("spring", spring, (0,)), ("autumn", twice, range(4, 9))):
        out = tmp_path / name
        written(street({"apt1": source}), 1, 3, out)
        values = [float(line.split(",")[1]) for line in (out / "home-001.csv").read_text().splitlines()]
        assert len(values) == 3 * 96 + (4 if name == "autumn" else -4)
        assert sum(abs(value - 9) < 1e-4 for value in values) in nines


def test_days_of_half_hour_changes_are_told_apart_or_refused() -> None:
    clock, before = "Australia/Lord_Howe", 16_893  # 2016-04-02; on the next day the clock goes back by 30 minutes
    normal, longer = days_of(Axis(1800), clock, before, 2)
    assert (len(normal.places), len(longer.places)) == (48, 49)
    assert longer.places[:6].tolist() == [0, 1, 2, 3, 3, 4]
    with pytest.raises(UsageError, match="2016-04-03 the clock of Australia/Lord_Howe shows an hour twice"):
        days_of(Axis(3600), clock, before, 2)
    assert len(days_of(Axis(7200), "America/New_York", OCTOBER, 5)) == 5
    with pytest.raises(UsageError, match=r"2016-11-06 .* readings 2h apart .* take fewer days"):
        days_of(Axis(7200), "America/New_York", OCTOBER, 6)


# No two alike


def test_no_two_homes_have_an_equal_day(street: Street, tmp_path: Path) -> None:
    written(street({f"apt{meter}": rows(meter) for meter in (1, 2)}), 60, 4, tmp_path / "out")
    days = days_by_home(tmp_path / "out")
    homes_of: dict[tuple[str, ...], set[str]] = {}
    for (home, _), values in days.items():
        homes_of.setdefault(tuple(values), set()).add(home)
    assert len(days) == 240
    assert {len(homes) for homes in homes_of.values()} == {1}


def test_meters_that_are_equal_make_homes_that_are_not(street: Street, tmp_path: Path) -> None:
    scenario = street({f"apt{meter}": rows(1, days=1) for meter in range(4)})
    written(scenario, 96, 1, tmp_path / "out")
    assert len({path.read_bytes() for path in (tmp_path / "out").glob("*.csv")}) == 96
    with pytest.raises(
        DataError, match="too few or too much alike for 24 homes that all differ; take fewer homes, leave it out"
    ):
        plan_tile(scenario, 97, 1)


def test_a_meter_that_always_shows_the_same_is_good_for_one_home(street: Street, tmp_path: Path) -> None:
    scenario = street({"apt1": [(stamp, "0.05") for stamp, _ in rows(1)]})
    written(scenario, 1, 5, tmp_path / "out")
    with pytest.raises(DataError, match="meter apt1 are too few or too much alike for 2 homes"):
        plan_tile(scenario, 2, 5)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(street: Street, tmp_path: Path) -> None:
    source = {f"apt{meter}": rows(meter) for meter in (1, 2)}
    for name, seed in (("first", 7), ("again", 7), ("other", 8)):
        written(street(source, seed=seed), 5, 2, tmp_path / name)
    contents = {
        name: {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}
        for name in ("first", "again", "other")
    }
    assert contents["first"] == contents["again"]
    assert all(contents["first"][name] != contents["other"][name] for name in contents["first"])


# What is refused


def test_a_span_under_a_day_is_refused(street: Street) -> None:
    with pytest.raises(DataError, match=r"apt1\.csv: the span is shorter than the one day"):
        plan_tile(street({"apt1": rows(1)[:95]}), 2, 2)


def test_readings_without_an_exact_mean_in_kw_are_refused(street: Street) -> None:
    scenario = parse_scenario(
        SCENARIO.format(source=".", options="plugin: umass", seed=1, reading="12h").replace(
            "demand: 1h, billing: 3h", "demand: 12h, billing: 12h"
        ),
        source="row",
        base=Path(),
    )
    with pytest.raises(UsageError, match="readings 12h apart have no exact mean in kW"):
        plan_tile(scenario, 2, 2)


# The folder


def test_a_smaller_tile_replaces_a_larger_one_and_nothing_else_is_replaced(street: Street, tmp_path: Path) -> None:
    scenario, out = street({"apt1": rows(1)}), tmp_path / "out"
    written(scenario, 5, 2, out)
    (out / ".home-005.csv.x1y2z3_").write_bytes(b"of a kill")
    written(scenario, 3, 2, out)
    for name in ("home-1.csv", "notes.txt"):
        (out / name).write_text("mine")
        with pytest.raises(UsageError, match=f"the folder is not empty and {name} in it is not of a tile"):
            written(scenario, 3, 2, out)
        (out / name).unlink()
    (out / MARK).unlink()
    with pytest.raises(UsageError, match=r"home-001\.csv in it is not of a tile"):
        written(scenario, 3, 2, out)


def test_a_tile_is_not_written_over_what_it_is_made_of(street: Street, tmp_path: Path) -> None:
    out = tmp_path / "out"
    written(street({"apt1": rows(1)}), 5, 2, out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(UsageError, match=r"home-001\.csv is read from"):
        written(street(out), 5, 2, out)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_room_is_looked_for_before_anything_is_written(
    street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "deep" / "out"
    tile = plan_tile(street({"apt1": rows(1), "apt2": rows(2)}), 9, 40)
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=tile.size - 1))
    with pytest.raises(MachineError, match="the files need 1 MB and there are 1 MB free; make room"):
        list(write_tile(tile, out))
    assert not out.parent.exists()
    monkeypatch.undo()
    size = sum(path.stat().st_size for path in write_tile(tile, out))
    assert abs(size - tile.size) < size / 100


def test_what_is_stopped_leaves_whole_files_alone(street: Street, tmp_path: Path) -> None:
    tile, out = plan_tile(street({"apt1": rows(1)}), 4, 2), tmp_path / "out"
    stopped = write_tile(tile, out)
    whole = next(stopped)

    class Stop:
        slot = tile.days[0].slot

        @property
        def places(self) -> object:
            raise KeyboardInterrupt

    object.__setattr__(tile, "days", (tile.days[0], Stop()))
    with pytest.raises(KeyboardInterrupt):
        list(write_tile(tile, out))
    assert {path.name for path in out.iterdir()} <= {MARK, whole.name}
