"""Source ``green-button``: what utilities let their customers download, ESPI in Atom; a usage point is a meter."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import ClassVar
from zoneinfo import ZoneInfo

from pydantic import Field

from smarter.api import DataError, PluginOptions, ScenarioPath, Source, SourceContext, SourceMeter
from smarter.api.source import Quantity
from smarter_plugins.sources.bounds import MeterBounds, refuse_too_many
from smarter_plugins.sources.espi import FeedBounds
from smarter_plugins.sources.meter_files import find, natural
from smarter_plugins.sources.reading_types import Flow
from smarter_plugins.sources.registers import FallsOptions
from smarter_plugins.sources.usage_point_meter import UsagePointMeter
from smarter_plugins.sources.usage_points import Series, UsagePoint, usage_points

_PREFERRED: tuple[Quantity, ...] = ("energy", "register", "power")


class GreenButtonOptions(MeterBounds, FallsOptions):
    """Where the files are, which of their readings count, and the most that they may be."""

    changeable = MeterBounds.changeable | {"most_mib", "token_kib"}

    path: ScenarioPath = Field(
        description="A folder of .xml files, one file, or a pattern such as data/*.xml; each usage point that measures "
        "electricity is a meter."
    )
    reading: str | None = Field(
        None,
        min_length=1,
        description="Which MeterReading counts where a usage point has several alike: its title, or the end of its "
        "address, such as MeterReading/01.",
    )
    most_mib: int = Field(FeedBounds.file_mib, ge=1, le=1 << 20, description="The most MiB of a file.")
    token_kib: int = Field(
        FeedBounds.token_kib,
        ge=64,
        le=1 << 20,
        description="The most KiB of a tag, a comment or an element's text in a file.",
    )


class GreenButton(Source):
    """Green Button files; a meter is called what its file is, and what its usage point is where there are several."""

    name: ClassVar[str] = "green-button"
    summary: ClassVar[str] = "Green Button (ESPI) XML: energy, registers or power, any usage points and multipliers."
    Options: ClassVar[type[PluginOptions]] = GreenButtonOptions

    def meters(self, context: SourceContext) -> Sequence[SourceMeter]:
        options = self.options
        files = find(options.path, (".xml",))
        bounds = FeedBounds(options.most_mib, options.token_kib, options.most_meters)
        found: dict[str, UsagePointMeter] = {}
        notes: list[str] = []
        ids: dict[str, Path] = {}
        places: dict[tuple[object, ...], Path] = {}
        for stem, path in files.items():
            points = usage_points(path, options.reading, bounds)
            for point in points:
                _refuse_again(path, point, ids)
            chosen, left_out = _electric(path, points)
            notes += left_out
            for number, point in enumerate(chosen, 1):
                own = point.resource.own.rpartition("/")[2] or str(number)
                name = stem if len(chosen) == 1 else f"{stem}-{own}"
                if name in found:
                    raise _two_of_one_name(name, found[name], path)
                series = _choose(path, point, context)
                found[name] = UsagePointMeter(name, path, own, series, context, bounds, options.register.rules)
                found[name].place = point.resource.own
                if point.resource.own:
                    same = (point.resource.own, *((each.first, each.readings) for each in series))
                    if (other := places.setdefault(same, path)) != path:
                        notes.append(
                            f"{other} and {path}: both hold {point.resource.called} with the same readings, as two "
                            "downloads of one home do, which would count twice; leave one of the files out"
                        )
                refuse_too_many(options.path, len(found), options.most_meters)
                notes += _clock_note(path, point, context)
        if not found:
            reason = "; ".join(notes) or "option reading names none of their readings"
            raise DataError(f"{self.options.path}: there are no readings of electricity ({reason}); name other files.")
        meters = sorted(found.values(), key=lambda meter: natural(meter.name))
        meters[0].notes = tuple(notes)
        return meters


def _two_of_one_name(name: str, other: UsagePointMeter, path: Path) -> DataError:
    if other.origin == str(path):
        return DataError(
            f"{path}: two usage points are called {name!r}, by the ends of their addresses, such as those of two "
            "customers; split the file into one for each customer."
        )
    return DataError(f"{other.origin} and {path}: two usage points for one meter {name!r}; rename one file.")


def _refuse_again(path: Path, point: UsagePoint, ids: dict[str, Path]) -> None:
    """Refuse a usage point that another file has, too: its home would count twice."""
    own = point.resource.id.casefold()
    other = ids.setdefault(own, path) if own else path
    if other != path:
        raise DataError(
            f"{other} and {path}: both hold {point.resource.called} with the same id, whose readings would count "
            "twice; leave one of the files out."
        )


def _electric(path: Path, points: Sequence[UsagePoint]) -> tuple[list[UsagePoint], list[str]]:
    """The usage points with readings to take, and what there is to say of the others."""
    chosen = [point for point in points if point.series]
    notes = [
        f"{path}: {point.resource.called} is left out: it "
        + (f"measures {' and '.join(point.others)}" if point.others else "has no interval readings")
        for point in points
        if not point.series
    ]
    return chosen, notes


def _clock_note(path: Path, point: UsagePoint, context: SourceContext) -> list[str]:
    """Whether the file's clock is another than the neighbourhood's, by which its days are cut."""
    if point.offset is None:
        return []
    year = datetime.fromtimestamp(min(each.first for each in point.series), UTC).year
    zone = ZoneInfo(context.timezone)
    offsets = [datetime(year, month, 1, tzinfo=zone).utcoffset() or timedelta() for month in (1, 7)]
    if timedelta(seconds=point.offset) == min(offsets):
        return []
    sign, minutes = "+" if point.offset >= 0 else "-", abs(point.offset) // 60
    return [
        f"{path}: its clock is UTC{sign}{minutes // 60:02}:{minutes % 60:02} without daylight saving, unlike that of "
        f"{context.timezone}, by which days and windows are cut"
    ]


def _choose(path: Path, point: UsagePoint, context: SourceContext) -> list[Series]:
    """The series that make up a usage point's net energy: one, or one a direction.

    Energies come before registers, these before power; of several alike, the one at the scenario's interval.

    Raises:
        DataError: several are left, or a direction is there only as another quantity.
    """
    flows: set[Flow] = {series.measure.flow for series in point.series}
    flows = {"net"} if "net" in flows else flows
    kinds = {series.measure.quantity for series in point.series if series.measure.flow in flows}
    quantity = next(each for each in _PREFERRED if each in kinds)
    chosen = []
    for flow in sorted(flows):
        several = [each for each in point.series if (each.measure.flow, each.measure.quantity) == (flow, quantity)]
        fitting = [each for each in several if each.measure.interval == context.interval]
        found = several if len(several) == 1 else fitting
        if len(found) != 1:
            named = ", ".join(each.resource.called for each in several or point.series)
            problem = "could each be what it used" if several else f"are not all {quantity}, so that they do not add up"
            raise DataError(
                f"{path}, {point.resource.called}: {named} {problem}; say which counts by option reading: its title or "
                "the end of its address."
            )
        chosen += found
    return chosen
