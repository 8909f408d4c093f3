"""Make the sample data of this folder, byte for byte the same each time.

Run it as ``python data/make_sample_week.py`` in an environment with the extra ``synthetic``; it takes some
minutes. ``--out`` writes somewhere else, ``--home apt1`` makes one home of the sample week alone.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from smarter_plugins.sources.richardson import DAY_MINUTES, OCCUPANCY_MINUTES, Household, year
from smarter_plugins.sources.synthetic import wall_clock_power

YEAR = 2016
SEED = "smarter sample data 7"  # the first by which every home owns a fridge or a freezer
NEW_YORK = ZoneInfo("America/New_York")
BERLIN = ZoneInfo("Europe/Berlin")

# (occupants, kWh a year): the homes of the sample week, apt1 to apt10
STREET = (
    (2, 5_200),
    (1, 2_500),
    (4, 9_800),
    (3, 6_900),
    (5, 11_000),
    (2, 4_100),
    (1, 3_300),
    (4, 7_600),
    (3, 8_400),
    (2, 5_900),
)
# the homes of the village, haus1 to haus6
VILLAGE = ((2, 2_900), (4, 4_600), (1, 2_500), (3, 3_800), (5, 5_400), (2, 3_200))
# kW of solar panels at noon of an equinox, and degrees by which they face west of south; two homes have none
PANELS = ((5.0, 0.0), (0.0, 0.0), (6.5, -20.0), (4.0, 35.0), (8.0, 10.0), (0.0, 0.0))
LATITUDE, LONGITUDE = 42.4, -72.5  # Amherst, Massachusetts
TILT = 30.0


def homes(kind: str, table: Sequence[tuple[int, int]]) -> dict[str, Household]:
    """Households by meter name."""
    return {
        f"{kind}{number}": Household(f"{SEED}/{kind}{number}", occupants, annual)
        for number, (occupants, annual) in enumerate(table, 1)
    }


def kilowatts(microwatts: int) -> str:
    """µW as kW with five decimals, the resolution of the UMass files."""
    tens = (abs(microwatts) + 5_000) // 10_000
    sign = "-" if microwatts < 0 and tens else ""
    return f"{sign}{tens // 100_000}.{tens % 100_000:05d}"


def write(path: Path, stamps: Sequence[datetime], power: NDArray[np.int64]) -> None:
    """One meter's file in the UMass layout: no header, wall-clock stamp, kW."""
    rows = zip(stamps, power.tolist(), strict=True)
    text = "".join(f"{stamp:%Y-%m-%d %H:%M:%S},{kilowatts(value)}\n" for stamp, value in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def moments(first: date, days: int, zone: ZoneInfo, minutes: int) -> NDArray[np.int64]:
    """Starts of intervals from the local midnight of ``first``, in seconds of UTC."""
    start, end = (
        int(datetime(day.year, day.month, day.day, tzinfo=zone).timestamp())
        for day in (first, first + timedelta(days=days))
    )
    return np.arange(start, end, minutes * 60, dtype=np.int64)


def mean_power(household: Household, zone: ZoneInfo, starts: NDArray[np.int64], minutes: int) -> NDArray[np.int64]:
    """Mean µW over each interval."""
    every = (starts[:, None] + 60 * np.arange(minutes)).ravel()
    return wall_clock_power(household, zone, every).reshape(-1, minutes).sum(axis=1) // minutes


def local(starts: NDArray[np.int64], zone: ZoneInfo) -> list[datetime]:
    """Wall-clock stamps, with their fold."""
    return [datetime.fromtimestamp(start, UTC).astimezone(zone) for start in starts.tolist()]


def sample_week(out: Path, name: str, household: Household) -> None:
    """One home, seven days of minutes, and who was at home and awake."""
    starts = moments(date(YEAR, 1, 1), 7, NEW_YORK, 1)
    stamps = local(starts, NEW_YORK)
    write(out / "sample-week" / f"{name}.csv", stamps, wall_clock_power(household, NEW_YORK, starts))
    occupancy = year(household, YEAR).occupancy[: 7 * DAY_MINUTES // OCCUPANCY_MINUTES]
    changes = [0, *(np.flatnonzero(np.diff(occupancy)) + 1).tolist(), len(occupancy)]
    text = "start,end,active_occupants\n"
    begin = datetime(YEAR, 1, 1)  # noqa: DTZ001 - wall clock
    for run, after in itertools.pairwise(changes):
        start, end = (begin + timedelta(minutes=OCCUPANCY_MINUTES * place) for place in (run, after))
        text += f"{start:%Y-%m-%d %H:%M},{end:%Y-%m-%d %H:%M},{occupancy[run]}\n"
    path = out / "sample-week-truth" / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode())


def sunshine(starts: NDArray[np.int64], facing: float) -> NDArray[np.float64]:
    """Clear-sky output of tilted panels, as a part of their rating: 0 at night, about 1 at noon.

    Solar position by declination and hour angle (Duffie and Beckman, Solar Engineering of Thermal Processes,
    equations 1.6.1a and 1.6.2), dimmed by the air that the light passes.
    """
    day = (starts / 86_400) % 365.25 + 10  # days since about the winter solstice
    declination = np.radians(-23.44) * np.cos(2 * np.pi * day / 365.25)
    hour = np.radians(((starts / 3_600) % 24 - 12) * 15 + LONGITUDE)
    latitude, tilt, azimuth = np.radians(LATITUDE), np.radians(TILT), np.radians(facing)
    up = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    south = np.sin(latitude) * np.cos(declination) * np.cos(hour) - np.cos(latitude) * np.sin(declination)
    west = np.cos(declination) * np.sin(hour)
    on_panel = up * np.cos(tilt) + np.sin(tilt) * (south * np.cos(azimuth) + west * np.sin(azimuth))
    air = 1 / np.maximum(up, 0.05)
    return np.where(up > 0, np.maximum(on_panel, 0) * 1.1 * 0.88**air, 0.0)


def net_metering(out: Path, name: str, household: Household, panels: tuple[float, float]) -> None:
    """One home, one June day of minutes, what its panels give taken off."""
    starts = moments(date(YEAR, 6, 15), 1, NEW_YORK, 1)
    solar = np.rint(panels[0] * sunshine(starts, panels[1]) * 1e9).astype(np.int64)
    power = wall_clock_power(household, NEW_YORK, starts) - solar
    write(out / "net-metering" / f"{name}.csv", local(starts, NEW_YORK), power)


def dst_week(out: Path, name: str, household: Household) -> None:
    """One home, the week in which the clock goes back, the repeated hour interleaved as in the real files."""
    starts = moments(date(YEAR, 11, 2), 7, NEW_YORK, 15)
    stamps = local(starts, NEW_YORK)
    power = mean_power(household, NEW_YORK, starts, 15)
    order = sorted(range(len(stamps)), key=lambda place: (stamps[place].replace(tzinfo=None), stamps[place].fold))
    write(out / "dst-week" / f"{name}.csv", [stamps[place] for place in order], power[order])


def village(out: Path, name: str, household: Household) -> None:
    """One home of the village, two days of quarter hours."""
    starts = moments(date(YEAR, 1, 1), 2, BERLIN, 15)
    write(out / "village" / f"{name}.csv", local(starts, BERLIN), mean_power(household, BERLIN, starts, 15))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--home", help="make this home of the sample week alone")
    chosen = parser.parse_args(arguments)
    for place, (name, household) in enumerate(homes("apt", STREET).items()):
        if chosen.home not in (None, name):
            continue
        print(f"{name}: {household.occupants} occupants, {household.annual_kwh} kWh", file=sys.stderr)
        sample_week(chosen.out, name, household)
        if chosen.home is None and place < len(PANELS):
            net_metering(chosen.out, name, household, PANELS[place])
            dst_week(chosen.out, name, household)
    if chosen.home is None:
        for name, household in homes("haus", VILLAGE).items():
            print(f"{name}: {household.occupants} occupants, {household.annual_kwh} kWh", file=sys.stderr)
            village(chosen.out, name, household)


if __name__ == "__main__":
    main()
