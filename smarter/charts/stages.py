"""What a run is doing, in words, and how spans of time, bytes and rates look: on a terminal and in the app."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

LEVELS = "▁▂▃▄▅▆▇█"


class Doing(NamedTuple):
    """A stage that is not the readings' way: what goes on, and what is counted."""

    words: str
    unit: str


DOING = {
    "keys": Doing("making keys", "keys"),
    "input": Doing("taking digests", "meters"),
    "precompute": Doing("making blindings", "blindings"),
    "ahead": Doing("waiting for blindings", "blindings"),
    "verify": Doing("verifying", "meters"),
}


def clock(seconds: float) -> str:
    """Minutes and seconds, and hours where there are some; parts of a second are left away."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def span_of(seconds: float) -> str:
    """A short span in the unit that fits: µs, ms or s."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds * 1e6:,.0f} µs"


def sized(count: int) -> str:
    """Bytes in the unit that leaves up to three digits before the point."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, _ = size / 1000, units.pop(0)
    digits = 1 if units[0] != "B" and size < 99.95 else 0
    return f"{size:.{digits}f} {units[0]}"


def sparkline(values: Sequence[float], width: int) -> str:
    """The last values as columns of up to eight heights, the highest of them full."""
    shown = values[-width:]
    top = max(shown, default=0.0)
    return "".join(LEVELS[min(int(value / top * len(LEVELS)), len(LEVELS) - 1)] if top else " " for value in shown)
