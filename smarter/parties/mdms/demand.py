"""Figures of a neighbourhood's demand, per day and hour, peak, base and load factor; and windows put together."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby
from typing import Literal
from zoneinfo import ZoneInfo

from smarter.model.messages import Status
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import ERASED, DemandFigures, Span, WindowRow

By = Literal["hour", "day"]
"""What demand can be gathered by, beside its own windows."""

_CLOSED = (Status.REFUSED.word, Status.WITHHELD.word, Status.LOST.word, ERASED, Status.MISSING.word)
_NAMES: dict[By, str] = {"hour": "%Y-%m-%dT%H:00%z", "day": "%Y-%m-%d"}


def demand_figures(rows: Iterable[WindowRow], neighbourhood: str, timezone: str) -> DemandFigures:
    """Sum a neighbourhood's demand windows up, in one pass over them.

    Peak and base come from complete windows only, and so does the load factor (mean power over peak power): a window
    with missing readings would pass for a low one. Base and load factor compare what is drawn from the grid: once a
    window feeds energy in, neither has a meaning, and there is none.
    """
    zone = ZoneInfo(timezone)
    imported = exported = windows = complete = seconds = in_complete = 0
    highest: tuple[float, int] | None = None
    lowest: tuple[float, int] | None = None
    days, hours = _Spans(zone, "day"), _Spans(zone, "hour")
    for row in rows:
        windows += 1
        imported += max(row.energy or 0, 0)
        exported -= min(row.energy or 0, 0)
        days.add(row)
        hours.add(row)
        if row.status != Status.COMPLETE.word:
            continue
        complete += 1
        seconds += row.end - row.start
        in_complete += row.energy or 0
        if (power := row.mean_kw) is not None:
            highest = (power, row.start) if highest is None or power > highest[0] else highest
            lowest = (power, row.start) if lowest is None or power < lowest[0] else lowest
    peak = highest if highest is not None and highest[0] >= 0 else None
    base = lowest if lowest is not None and lowest[0] >= 0 else None
    export = lowest if lowest is not None and lowest[0] < 0 else None
    mean = in_complete / MWH_PER_KWH / (seconds / 3600) if seconds else None
    return DemandFigures(
        neighbourhood=neighbourhood,
        timezone=timezone,
        energy_mwh=imported - exported,
        import_mwh=imported,
        export_mwh=exported,
        windows=windows,
        complete=complete,
        peak_kw=peak[0] if peak else None,
        peak_start=peak[1] if peak else None,
        export_peak_kw=-export[0] if export else None,
        export_peak_start=export[1] if export else None,
        base_kw=base[0] if base else None,
        mean_kw=mean,
        load_factor=mean / peak[0] if peak and base and mean is not None and peak[0] > 0 else None,
        days=days.all(),
        hours=hours.all(),
    )


def gathered(rows: Sequence[WindowRow], by: By, timezone: str) -> list[WindowRow]:
    """Demand windows of a neighbourhood, in order of time, put together by local hour or day.

    A window belongs where it starts. The whole is ``complete`` when all of its windows are, ``incomplete`` when only
    some energy was released, and ``refused``, ``withheld``, ``lost``, ``erased`` or ``missing`` (in this order) when
    none was;
    ``meters`` is the most that one of its windows had.
    """
    zone = ZoneInfo(timezone)
    whole = []
    for _, group in groupby(rows, lambda row: _name(row, zone, by)):
        mine = list(group)
        released = [row for row in mine if row.energy is not None]
        words = {row.status for row in mine}
        if len(words) == 1:
            status = words.pop()
        elif released:
            status = Status.INCOMPLETE.word
        else:
            status = next(word for word in _CLOSED if word in words)
        whole.append(
            WindowRow(
                kind=mine[0].kind,
                holder=mine[0].holder,
                start=mine[0].start,
                end=mine[-1].end,
                meters=max(row.meters for row in mine),
                readings=sum(row.readings for row in released),
                expected=sum(row.expected for row in mine),
                energy=sum(row.energy or 0 for row in released) if released else None,
                status=status,
                reason=next((row.reason for row in mine if row.reason), ""),
            )
        )
    return whole


def _name(row: WindowRow, zone: ZoneInfo, by: By) -> str:
    return datetime.fromtimestamp(row.start, zone).strftime(_NAMES[by])


class _Spans:
    """Released energy by local day or hour; a window counts where it starts, and as not measured if not released."""

    def __init__(self, zone: ZoneInfo, by: By) -> None:
        self._zone, self._by = zone, by
        self._places: dict[str, int] = {}
        self._totals = array("q")  # three a span, close together: a long run has many hours

    def add(self, row: WindowRow) -> None:
        """One more window."""
        place = self._places.setdefault(_name(row, self._zone, self._by), len(self._totals))
        if place == len(self._totals):
            self._totals.extend((0, 0, 0))
        self._totals[place] += row.energy or 0
        self._totals[place + 1] += row.readings if row.energy is not None else 0
        self._totals[place + 2] += row.expected

    def all(self) -> tuple[Span, ...]:
        """In order of time."""
        return tuple(Span(name, *self._totals[place : place + 3]) for name, place in self._places.items())
