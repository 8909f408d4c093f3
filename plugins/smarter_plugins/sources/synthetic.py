"""Source ``synthetic``: households drawn by a stochastic load model, for scenarios without data."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import ClassVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from smarter.api import PluginOptions, Rows, Source, SourceContext, SourceMeter, UsageError, need
from smarter_plugins.sources.richardson import DAY_MINUTES, EXTRA, Household, year

_MINUTE = 60
_SHIFT = 900  # clocks change at a multiple of so many seconds of UTC
_KWH = ((2_500, 4_500), (3_000, 6_500), (3_500, 8_000), (4_500, 10_000), (5_000, 11_000))


class SyntheticOptions(PluginOptions):
    """Which households are drawn."""

    households: int = Field(10, ge=1, le=10_000, description="How many households, one meter each.")
    occupants: int | None = Field(
        None, ge=1, le=5, description="Occupants of each household; one to five, drawn by seed, otherwise."
    )
    annual_kwh: float | None = Field(
        None,
        gt=0,
        le=100_000,
        allow_inf_nan=False,
        description="What each household uses in a year, in kWh; drawn by seed and occupants otherwise.",
    )
    electric_heating: bool = Field(
        False, description="Whether electric space heating and instant water heating may occur."
    )
    start: date = Field(
        date(2016, 1, 1), description="The first day, by local time, where the scenario gives no time.start."
    )
    days: int = Field(7, ge=1, le=3_660, description="How many days, where the scenario gives no time.end.")


class Synthetic(Source):
    """Draws a year for each household, the first time it is read, and yields the part asked for."""

    name: ClassVar[str] = "synthetic"
    summary: ClassVar[str] = "Households drawn by the Richardson model (extra synthetic, GPL-3.0), by seed."
    Options: ClassVar[type[PluginOptions]] = SyntheticOptions
    requires: ClassVar[Mapping[str, str]] = {"richardsonpy": EXTRA}

    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        need("richardsonpy", EXTRA)
        if context.interval % _MINUTE and _MINUTE % context.interval:
            raise UsageError(
                f"neighbourhood {context.neighbourhood}: synthetic draws minutes, which a reading interval of "
                f"{context.interval} s does not fit; use whole minutes or a part of one."
            )
        options = self.options
        zone = ZoneInfo(context.timezone)
        start, end = context.start, context.end
        if start is None:
            start = int(datetime.combine(options.start, time(), zone).timestamp())
        if end is None:
            first = datetime.fromtimestamp(start, zone).replace(tzinfo=None)
            end = int((first + timedelta(days=options.days)).replace(tzinfo=zone).timestamp())
        chosen = json.dumps([options.model_dump(mode="json"), context.neighbourhood, context.timezone])
        identity = f"{context.seed} {chosen} {context.interval} {start} {_versions()}"
        return [
            SyntheticMeter(
                name=f"home-{number:02d}",
                household=self._household(number, context),
                span=(start, end),
                interval=context.interval,
                zone=zone,
                identity=identity,
            )
            for number in range(1, options.households + 1)
        ]

    def _household(self, number: int, context: SourceContext) -> Household:
        seed = f"{context.seed}/{context.neighbourhood}/{number}"
        drawn = np.random.default_rng(list(hashlib.sha256(seed.encode()).digest()))
        occupants = int(drawn.integers(1, 6))
        if self.options.occupants is not None:
            occupants = self.options.occupants
        annual = float(round(drawn.uniform(*_KWH[occupants - 1])))
        if self.options.annual_kwh is not None:
            annual = self.options.annual_kwh
        return Household(seed, occupants, annual, self.options.electric_heating)


def _versions() -> str:
    try:
        return f"richardsonpy {version('richardsonpy')}"
    except PackageNotFoundError:
        return "richardsonpy unknown"


@dataclass
class SyntheticMeter(SourceMeter):
    """One drawn household. Its clock is UTC, so that clock changes need no guessing.

    The habits in the model follow the wall clock. An hour that the clock skips is left out, and one that it
    repeats is, the second time, that hour of the day before.
    """

    name: str
    household: Household
    span: tuple[int, int]
    interval: int
    zone: ZoneInfo
    identity: str

    def __post_init__(self) -> None:
        self.origin = f"synthetic household {self.name}"
        self.quantity = "power"
        self.clock = "utc"
        self.stamp_at = "start"
        self.timezone = None

    def digest(self) -> str:
        return hashlib.sha256(f"{self.identity} {self.household}".encode()).hexdigest()

    def rows(self, *, block: int = 65_536, after: int | None = None, before: int | None = None) -> Iterator[Rows]:
        start, end = self.span
        first, last = 0, -((start - end) // self.interval)  # slots from the start; the last may be cut short
        if after is not None:
            first = max(first, -((start - after) // self.interval))
        if before is not None:
            last = min(last, (before - start) // self.interval + 1)
        for slot in range(first, last, block):
            slots = np.arange(slot, min(slot + block, last), dtype=np.int64)
            stamps = start + slots * self.interval
            yield Rows(stamps, self._mean(stamps), slots + 1)

    def _mean(self, stamps: NDArray[np.int64]) -> NDArray[np.int64]:
        """Mean µW over the interval from each stamp, ties to even."""
        minutes = max(1, self.interval // _MINUTE)
        moments = (stamps[:, None] + _MINUTE * np.arange(minutes)).ravel()
        power = wall_clock_power(self.household, self.zone, moments).reshape(-1, minutes)
        quotient, rest = np.divmod(power.sum(axis=1), minutes)
        up = (2 * rest > minutes) | ((2 * rest == minutes) & (quotient % 2 == 1))
        mean: NDArray[np.int64] = quotient + up
        return mean


def wall_clock_power(household: Household, zone: ZoneInfo, moments: NDArray[np.int64]) -> NDArray[np.int64]:
    """µW of a household in the minute of each moment (int64, seconds since 1970 of UTC)."""
    local = np.empty_like(moments)
    parts, place = np.unique(moments // _SHIFT, return_inverse=True)
    offsets, folds = np.empty_like(parts), np.empty(len(parts), np.bool_)
    for index, part in enumerate(parts):
        moment = datetime.fromtimestamp(int(part) * _SHIFT, UTC).astimezone(zone)
        offset = moment.utcoffset()
        offsets[index] = 0 if offset is None else int(offset.total_seconds())
        folds[index] = bool(moment.fold)
    local = (moments + offsets[place]) // _MINUTE
    local -= np.where(folds[place], DAY_MINUTES, 0)
    years = (local // DAY_MINUTES).astype("datetime64[D]").astype("datetime64[Y]")
    power = np.empty_like(moments)
    for which in np.unique(years):
        there = years == which
        begins = which.astype("datetime64[D]").astype(np.int64) * DAY_MINUTES
        power[there] = year(household, int(which.astype(np.int64)) + 1970).power[local[there] - begins]
    return power
