"""Blows a scenario's data up to N homes × D days for scale tests: files in the UMass layout, no two homes alike.

A home takes the readings of one of the source's meters, shifted by whole days and some slots of the wall clock,
round and round the source's span; ``smarter readings --tile`` calls it.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smarter.api import SourceMeter
from smarter.errors import DataError, MachineError, UsageError
from smarter.export.files import replacing
from smarter.export.umass import MISSING, Day, day_text, days_of, exact_in_kilowatts, kilowatt_texts
from smarter.model.clock import DAY, WallClock
from smarter.model.windows import spell
from smarter.protocols.intake import Intake
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.scenario import Scenario

MARK = "tile.json"
"""Says which home is which meter by which shift, and that the files beside it may be replaced."""
_OWN = re.compile(r"(home-[0-9]{3,}\.csv|tile\.json)|\.(home-[0-9]{3,}\.csv|tile\.json)\.\w+")
_NEAR = 3600
"""Homes of one meter keep to their hour, this many seconds early or late, if that tells them apart."""
_STAMP = 20  # bytes of a row before its value


@dataclass(frozen=True)
class TiledHome:
    """One home to write: on the wall clock it shows at once what ``meter`` read ``shift`` slots later."""

    name: str
    meter: SourceMeter
    shift: int


@dataclass(frozen=True)
class Tile:
    """What is to be written.

    Attributes:
        about: the scenario's name and seed, for the mark.
        plan: the source's meters and span.
        days: of each home, from the one on which the span begins.
        homes: meter by meter of the source.
        size: bytes of all files, estimated from the source's rows.
    """

    about: dict[str, str | int]
    plan: NeighbourhoodPlan
    days: tuple[Day, ...]
    homes: tuple[TiledHome, ...]
    size: int


def plan_tile(scenario: Scenario, homes: int, days: int) -> Tile:
    """Read the source once, and choose a shift for each home so that no two are equal over the days to be written.

    Shifts are drawn from the scenario's seed.

    Raises:
        DataError: the data cannot be read, do not span a day, or repeat themselves too much for so many homes.
        UsageError: several neighbourhoods, or readings that cannot be told exactly in the UMass layout.
    """
    if len(scenario.neighbourhoods) > 1:
        raise UsageError(
            f"{scenario.path} has the neighbourhoods {', '.join(scenario.neighbourhoods)} and a tile is made of one; "
            "write a scenario with that one alone."
        )
    if not exact_in_kilowatts(scenario.windows.reading):
        raise UsageError(
            f"readings {spell(scenario.windows.reading)} apart have no exact mean in kW, which is what a tile's files "
            "hold; make it of data at another interval, such as 1min or 1h."
        )
    # Nothing is released here, so that one meter will do.
    alone = scenario.release.model_copy(update={"min_meters": 1})
    (plan,) = plan_run(scenario.model_copy(update={"release": alone, "faults": ()}))
    first = int(_wall_clock(plan, plan.start)) // DAY
    written = days_of(plan.axis, plan.timezone, first, days)
    chosen: list[TiledHome] = []
    seen: set[bytes] = set()
    digits, size = max(3, len(str(homes))), 0
    for number, meter in enumerate(plan.meters[:homes]):
        cycle = read_cycle(plan, meter)
        copies = range(number, homes, len(plan.meters))
        drawn = np.random.default_rng(_digits_of(f"{scenario.seed}/{plan.name}/{meter.name}"))
        shifts = _shifts(drawn, len(copies), DAY // plan.axis.interval, cycle)
        compared = written[0].slot + np.arange(min(len(cycle), days * DAY // plan.axis.interval))
        for copy in copies:
            shift = next((shift for shift in shifts if _is_new(cycle[(compared + shift) % len(cycle)], seen)), None)
            if shift is None:
                raise DataError(
                    f"{meter.origin}: the readings of meter {meter.name} are too few or too much alike for "
                    f"{len(copies)} homes that all differ; take fewer homes, leave it out, or add meters or days."
                )
            chosen.append(TiledHome(f"home-{copy + 1:0{digits}}", meter, shift))
        texts = kilowatt_texts(cycle, plan.axis.interval)
        there = int(np.count_nonzero(texts)) + _STAMP * int(np.count_nonzero(texts[:, 0]))
        size += len(copies) * there * days * DAY // (plan.axis.interval * len(cycle))
    about: dict[str, str | int] = {"scenario": scenario.name, "seed": scenario.seed}
    return Tile(about, plan, written, tuple(chosen), size)


def read_cycle(plan: NeighbourhoodPlan, meter: SourceMeter) -> NDArray[np.int64]:
    """A meter's readings (mWh) over the whole days of the span, by wall-clock slot since 1970 modulo their number.

    A gap is :data:`MISSING`. Of an hour that the clock showed twice the second is taken, and one that it skipped is
    that hour of the day before.

    Raises:
        DataError: the rows cannot be read, or the span is under a day.
    """
    interval, a_day = plan.axis.interval, DAY // plan.axis.interval
    begin = int(_wall_clock(plan, plan.axis.start_of(plan.first_slot)))
    slots = (int(_wall_clock(plan, plan.end)) - begin) // interval // a_day * a_day
    if not slots:
        raise DataError(
            f"{meter.origin}: the span is shorter than the one day at least that a tile repeats; correct time.start "
            "and time.end, or add rows."
        )
    clock = WallClock(plan.timezone)
    cycle = np.full(slots, MISSING, np.int64)
    for block in Intake(plan, meter).take(plan.first_slot, plan.end_slot):
        stamps = clock.local(plan.axis.start_of(np.arange(block.first_slot, block.end_slot, dtype=np.int64)))
        within = stamps < begin + slots * interval
        cycle[stamps[within] // interval % slots] = block.energies[within]
    shown = begin + interval * np.arange(slots, dtype=np.int64)
    skipped = shown[~clock.to_utc(shown, np.zeros(slots, np.int8))[1]] // interval
    cycle[skipped % slots] = cycle[(skipped - a_day) % slots]
    return cycle


def _wall_clock(plan: NeighbourhoodPlan, instant: int) -> np.int64:
    stamp: np.int64 = WallClock(plan.timezone).local(np.array([instant], np.int64))[0]
    return stamp


def _digits_of(text: str) -> list[int]:
    return list(hashlib.sha256(text.encode()).digest())


def _shifts(drawn: np.random.Generator, copies: int, a_day: int, cycle: NDArray[np.int64]) -> Iterator[int]:
    """The shifts in slots that differ: first those, on any day, that keep to the hour, if there is one a copy."""
    width = min(a_day, max(2 * _NEAR * a_day // DAY + 1, copies))
    clock = np.arange(a_day) - width // 2
    days = drawn.permutation(len(cycle) // a_day)
    period, used = _period(cycle), set()
    for part in (drawn.permutation(clock[:width]), drawn.permutation(clock[width:])):
        for turn in range(len(days)):
            for place, early in enumerate(part.tolist()):
                shift = int(days[(place + turn) % len(days)] * a_day + early) % len(cycle)
                if shift % period not in used:
                    used.add(shift % period)
                    yield shift


def _period(cycle: NDArray[np.int64]) -> int:
    """After how many slots readings that go round and round repeat themselves."""
    slots = len(cycle)
    return next(p for p in range(1, slots + 1) if slots % p == 0 and np.array_equal(cycle[p:], cycle[: slots - p]))


def _is_new(readings: NDArray[np.int64], seen: set[bytes]) -> bool:
    """Whether a home like this has readings at all, and is the first; it is not from now on."""
    digest = hashlib.blake2b(readings.tobytes(), digest_size=16).digest()
    if digest in seen or (readings == MISSING).all():
        return False
    seen.add(digest)
    return True


def check_folder(out: Path) -> None:
    """Refuse a folder with files that no tile made."""
    names = sorted(path.name for path in out.iterdir()) if out.is_dir() else []
    foreign = [name for name in names if MARK not in names or not _OWN.fullmatch(name)]
    if foreign:
        raise UsageError(
            f"{out}: the folder is not empty and {foreign[0]} in it is not of a tile; name another folder with --out."
        )


def write_tile(tile: Tile, out: Path) -> Iterator[Path]:
    """Write the files of ``tile``, each whole or not at all, and yield the path of each home's when it is there.

    The folder is made if it is not there; what an earlier tile left in it is removed.

    Raises:
        UsageError: the folder holds other files, or the very ones that are to be read.
        MachineError: there is too little room on the disk.
    """
    check_folder(out)
    for meter in tile.plan.meters:
        file = Path(meter.origin)
        if file.exists() and out.resolve() in file.resolve().parents:
            raise UsageError(f"{out} is where {meter.origin} is read from; name another folder with --out.")
    earlier = list(out.iterdir()) if out.is_dir() else []
    disk = next(path for path in (out, *out.absolute().parents) if path.exists())
    free = shutil.disk_usage(disk).free + sum(path.stat().st_size for path in earlier)
    if free < tile.size:
        raise MachineError(
            f"{out}: the files need {tile.size / 1e6:,.0f} MB and there are {free / 1e6:,.0f} MB free; make room, name "
            "a folder on another disk with --out, or take fewer homes or days."
        )
    out.mkdir(parents=True, exist_ok=True)
    with replacing(out / MARK) as mark:
        mark.write(json.dumps(_mark(tile), indent=2) + "\n")
    for path in earlier:
        if path.name != MARK:
            path.unlink()
    for _, alike in groupby(tile.homes, key=lambda home: home.meter.name):
        homes = list(alike)
        texts = kilowatt_texts(read_cycle(tile.plan, homes[0].meter), tile.plan.axis.interval)
        for home in homes:
            yield _write(out / f"{home.name}.csv", tile.days, home, texts)


def _write(path: Path, days: tuple[Day, ...], home: TiledHome, texts: NDArray[np.uint8]) -> Path:
    with replacing(path) as file:
        for day in days:
            places = (day.slot + home.shift + day.places) % len(texts)
            file.buffer.write(day_text(day, texts[places]))
    return path


def _mark(tile: Tile) -> dict[str, object]:
    interval = tile.plan.axis.interval
    return {
        "version": 1,
        **tile.about,
        "neighbourhood": tile.plan.name,
        "timezone": tile.plan.timezone,
        "interval_s": interval,
        "first_day": bytes(tile.days[0].date).decode(),
        "days": len(tile.days),
        "homes": {
            home.name: {"meter": home.meter.name, "shift_s": home.shift * interval}
            for home in sorted(tile.homes, key=lambda home: home.name)
        },
    }
