"""Collects what each window costs into the lines of a bill; every shipped tariff fills one."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from smarter.api import BillLine, price


@dataclass
class _Line:
    label: str
    rate: Decimal
    energy: int = 0
    windows: list[int] = field(default_factory=list)


class Lines:
    """Lines that grow window by window. ``place`` tells lines apart and puts them in order."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, ...], _Line] = {}

    def add(self, place: tuple[int, ...], label: str, rate: Decimal, energy: int, window: int) -> None:
        """Charge ``energy`` mWh of the window with that index, once a line and in order of time."""
        line = self._lines.setdefault(place, _Line(label, rate))
        line.energy += energy
        line.windows.append(window)

    def bill(self) -> list[BillLine]:
        """The lines, each with its exact amount."""
        return [
            BillLine(line.label, line.rate, line.energy, price(line.energy, line.rate), tuple(line.windows))
            for _, line in sorted(self._lines.items())
        ]
