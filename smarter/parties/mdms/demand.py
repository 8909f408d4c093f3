"""Figures of a neighbourhood's demand: per day and hour, peak, base and load factor."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from smarter.model.messages import Status
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import DemandFigures, Span, WindowRow


def demand_figures(rows: Sequence[WindowRow], neighbourhood: str, timezone: str) -> DemandFigures:
    """Sum a neighbourhood's demand windows up.

    Peak and base come from complete windows only, and so does the load factor (mean power over peak power): a window
    with missing readings would pass for a low one.
    """
    zone = ZoneInfo(timezone)
    complete = [row for row in rows if row.status == Status.COMPLETE.word]
    released = [row for row in rows if row.energy is not None]
    powers = [(power, row) for row in complete if (power := row.mean_kw) is not None]
    peak = max(powers, key=lambda pair: pair[0], default=None)
    base = min(powers, key=lambda pair: pair[0], default=None)
    hours = sum(row.end - row.start for row in complete) / 3600
    mean = sum(row.energy or 0 for row in complete) / MWH_PER_KWH / hours if hours else None
    return DemandFigures(
        neighbourhood=neighbourhood,
        timezone=timezone,
        energy_mwh=sum(row.energy or 0 for row in released),
        windows=len(rows),
        complete=len(complete),
        peak_kw=peak[0] if peak else None,
        peak_start=peak[1].start if peak else None,
        base_kw=base[0] if base else None,
        mean_kw=mean,
        load_factor=mean / peak[0] if peak and mean is not None and peak[0] > 0 else None,
        days=_spans(rows, zone, "%Y-%m-%d"),
        hours=_spans(rows, zone, "%Y-%m-%dT%H:00%z"),
    )


def _spans(rows: Sequence[WindowRow], zone: ZoneInfo, form: str) -> tuple[Span, ...]:
    """Released energy by local day or hour; a window counts where it starts, and as not measured if not released."""
    totals: dict[str, list[int]] = {}
    for row in rows:
        name = datetime.fromtimestamp(row.start, zone).strftime(form)
        total = totals.setdefault(name, [0, 0, 0])
        total[0] += row.energy or 0
        total[1] += row.readings if row.energy is not None else 0
        total[2] += row.expected
    return tuple(Span(name=name, energy_mwh=e, readings=r, expected=x) for name, (e, r, x) in totals.items())
