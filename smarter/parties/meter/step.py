"""Which meters to read in step: whoever reads several does so, so that a file which holds many is read once for all."""

from __future__ import annotations

from collections.abc import Iterable

from smarter.api import SourceMeter


def in_step(meters: Iterable[SourceMeter]) -> list[list[SourceMeter]]:
    """The meters, those together whose rows come from one place."""
    found: dict[str, list[SourceMeter]] = {}
    for meter in meters:
        found.setdefault(meter.origin, []).append(meter)
    return list(found.values())
