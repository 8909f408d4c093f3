"""Readings as text in the layout of the UMass Smart* files: wall-clock stamp, comma, mean kW; no header.

``tiling`` writes whole files of it, a day at a time and without a Python object per row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.api import Rows
from smarter.errors import UsageError
from smarter.model.clock import DAY, WallClock
from smarter.model.windows import Axis, spell
from smarter.parties.meter.stamps import stamp_text, timed

MISSING = np.iinfo(np.int64).min
"""Stands for a reading that is not there; it gets no row."""
_MICROWATTS = 3_600_000  # of a mWh in a second


@dataclass(frozen=True, eq=False)
class Day:
    """One day of a wall clock, as rows are written on it; days alike share their arrays.

    Attributes:
        date: uint8 (10,), its date as text.
        slot: the wall-clock slot of its midnight, counted from 1970.
        places: int64 (rows,), the slot of the day that each row is in: in order of time, so that the hour that a
            clock shows twice is there twice, and the hour that it skips is not.
        times: uint8 (rows, 10), the rest of each row's stamp, from the blank to the comma.
    """

    date: NDArray[np.uint8]
    slot: int
    places: NDArray[np.int64]
    times: NDArray[np.uint8]


def days_of(axis: Axis, timezone: str, first: int, count: int) -> tuple[Day, ...]:
    """``count`` days of the clock of ``timezone`` from day ``first`` on, counted from 1970.

    Raises:
        UsageError: in an hour that the clock shows twice, stamps do not tell which is meant: readings are too far
            apart for both rows of a stamp to be there.
    """
    clock = WallClock(timezone)
    midnights = np.arange(first, first + count + 1, dtype=np.int64) * DAY
    edges = axis.first_slot_from(clock.to_utc(midnights, np.zeros(count + 1, np.int8))[0])
    known: dict[bytes, tuple[NDArray[np.int64], NDArray[np.uint8]]] = {}
    days = []
    for number, midnight in enumerate(midnights[:-1].tolist()):
        instants = axis.start_of(np.arange(edges[number], edges[number + 1], dtype=np.int64))
        stamps = clock.local(instants)
        seconds = stamps - midnight
        shape = seconds.tobytes()
        if shape not in known:
            _check_told_apart(clock, instants, stamps, axis.interval)
            known[shape] = seconds // axis.interval, _times(seconds.tolist())
        days.append(Day(_codes([str(np.datetime64(midnight, "s"))[:10]])[0], midnight // axis.interval, *known[shape]))
    return tuple(days)


def _check_told_apart(clock: WallClock, instants: NDArray[np.int64], stamps: NDArray[np.int64], interval: int) -> None:
    """See that a reader of the stamps finds the instants again."""
    zeros = np.zeros(len(stamps), np.int64)
    found = [rows.times for rows in timed([Rows(stamps, zeros, zeros)], clock, "")]
    if found and not np.array_equal(np.concatenate(found), instants):
        raise UsageError(
            f"on {stamp_text(int(stamps[0]))[:10]} the clock of {clock.timezone} shows an hour twice, and of readings "
            f"{spell(interval)} apart a stamp does not tell in which of the two it is; take fewer days, so that they "
            "end before."
        )


def _times(seconds: list[int]) -> NDArray[np.uint8]:
    return _codes([f" {each // 3600:02}:{each // 60 % 60:02}:{each % 60:02}," for each in seconds])


def _codes(words: list[str]) -> NDArray[np.uint8]:
    """ASCII words as rows of codes, zeros behind the shorter ones."""
    packed = np.array([word.encode() for word in words], "S")
    return packed.view(np.uint8).reshape(len(words), -1)


def exact_in_kilowatts(interval: int) -> bool:
    """Whether whole mWh over ``interval`` seconds are whole µW, and so nine decimals of a kW."""
    return _MICROWATTS % interval == 0


def kilowatt_texts(energies: NDArray[np.int64], interval: int) -> NDArray[np.uint8]:
    """Readings (mWh) as mean kW, exact, each with its line feed: uint8 (readings, width), zeros behind.

    A reading that is :data:`MISSING` has zeros alone.
    """
    power = _MICROWATTS // interval
    digits = len(str(power))
    spare = digits - len(str(power).rstrip("0"))  # decimals of a kW that are always 0
    distinct, which = np.unique(energies, return_inverse=True)
    words = []
    for energy in distinct.tolist():
        whole, rest = divmod(abs(energy) * power, 10**9)
        sign = "-" if energy < 0 else ""
        words.append("" if energy == MISSING else f"{sign}{whole}.{rest // 10**spare:0{9 - spare}}\n")
    return _codes(words)[which]


def day_text(day: Day, texts: NDArray[np.uint8]) -> bytes:
    """The rows of a day; ``texts`` holds one of :func:`kilowatt_texts` for each."""
    dates, times = len(day.date), len(day.date) + day.times.shape[1]
    rows = np.empty((len(texts), times + texts.shape[1]), np.uint8)
    rows[:, :dates], rows[:, dates:times], rows[:, times:] = day.date, day.times, texts
    rows = rows[texts[:, 0] != 0]
    text: NDArray[np.uint8] = rows[rows != 0]
    return text.tobytes()
