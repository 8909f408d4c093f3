"""Kind ``source``: where meters' rows come from.

A source reads; it neither interprets time zones nor turns power into energy: that is the meter's
work (``parties.meter``), once, in integers, for all sources alike.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smarter.api.plugin import Plugin

Quantity = Literal["power", "energy", "register"]
Falls = Literal["refuse", "reset", "rollover", "export"]


@dataclass(frozen=True)
class RegisterRules:
    """How the rows of a cumulative register are to be taken.

    Attributes:
        falls: the meaning of a value below the one before. ``refuse``: an error. ``reset``: the register began at 0
            again, and its energy over that step is unknown. ``rollover``: it ran past its last digit. ``export``: it
            counts down while energy is fed in.
        rolls_at: µWh at which it begins at 0 again, a multiple of 1,000; for ``rollover`` alone, None for all others.
        read_at: whether a row's value was shown at its ``stamp``, or at the ``end`` of the interval that begins there.
    """

    falls: Falls = "refuse"
    rolls_at: int | None = None
    read_at: Literal["stamp", "end"] = "stamp"


@dataclass(frozen=True)
class Rows:
    """A block of consecutive rows of one meter, in file order (where a format has none: of time), columnar.

    Attributes:
        stamps: int64, seconds since 1970-01-01T00:00 of the clock that the meter's ``clock`` names.
        values: int64, in µW (``power``: the mean over the interval), µWh (``energy`` of the interval;
            ``register``: what the meter showed when it was read), from the decimal text, ties to even.
        numbers: int64, each row's number in its file (or of its meter) as a person counts, for errors.
    """

    stamps: NDArray[np.int64]
    values: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.stamps)


class SourceMeter(ABC):
    """One meter of a source.

    Attributes:
        name: what the source calls it; unique within the source. Only the simulation knows it.
        origin: where its rows are (a file's path, a sheet), for errors.
        quantity: what its values are.
        clock: ``local`` (wall clock, without offsets) or ``utc``.
        timezone: IANA name of the wall clock when it is not the neighbourhood's; None otherwise.
        stamp_at: whether a stamp names the ``start`` or the ``end`` of its interval
            (for ``register`` this is ``start``; ``register.read_at`` says when it was read).
        register: how a register's rows are to be taken; without effect on other quantities.
        lengths_checked: whether the format says how long each row lasts, and ``rows`` refuses one inside the hints that
            does not last the scenario's interval. Else rows that are regularly further apart are refused as such.
        place: what the source knows the metered place by, such as its address in a feed; empty where it knows none.
            Two meters of one place with the same readings are one home, and are refused.
        part: which meter of its file it is, as the file itself says; empty where a file is one meter.
            None stands for ``name``. Two meters with one file and one part are one home, and are refused.
        notes: what the user is to know of the meter or the source: what is left out of it, what looks wrong.
    """

    name: str
    origin: str
    quantity: Quantity = "power"
    clock: Literal["local", "utc"] = "local"
    timezone: str | None = None
    stamp_at: Literal["start", "end"] = "start"
    register: RegisterRules = RegisterRules()
    lengths_checked: bool = False
    place: str = ""
    part: str | None = None
    notes: Sequence[str] = ()

    @abstractmethod
    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        """Yield the rows in file order, in blocks of at most ``block`` rows.

        ``after`` and ``before`` (stamps of its own clock) are hints: the source may leave rows out that lie
        outside, and must not check what it leaves out. Whoever reads several meters asks all of them before taking
        the first block and keeps them in step, so that a source can read a file of many meters once for all.

        Raises:
            DataError: with file and row: a value that is no finite number, a stamp that is none, a file that is not
                what it should be. Order, duplicates, grid and rating are checked by the caller.
        """

    @abstractmethod
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the input as it is now, so that a resumed run notices a change."""


@dataclass(frozen=True)
class SourceContext:
    """What a source may need of the scenario around it.

    Attributes:
        neighbourhood: its id.
        timezone: the neighbourhood's IANA time zone.
        interval: seconds between readings.
        seed: the scenario's seed, for sources that draw numbers.
        start: first moment wanted, epoch seconds of UTC; None when the scenario leaves it to the data.
        end: end of what is wanted, likewise.
    """

    neighbourhood: str
    timezone: str
    interval: int
    seed: int
    start: int | None = None
    end: int | None = None


class Source(Plugin, ABC):
    """Names its meters; each yields its rows in blocks."""

    kind = "source"

    @abstractmethod
    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        """Its meters in natural order (apt2 before apt10).

        Raises:
            DataError: nothing there, an empty folder, two files for one meter name.
        """
