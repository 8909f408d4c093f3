"""What a customer's own energy costs by the scenario's tariff, also where that prices nothing so fine as a minute.

A tariff prices billing windows. A reading costs its energy at the rate of the billing window that it lies in, or, where
that window is charged at more than one rate, at their mean: so all readings of a bill add up to what the bill says.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from smarter.api import MeteredWindow, Tariff
from smarter.model.clock import zone
from smarter.model.readings import MWH_PER_KWH
from smarter.model.results import WindowRow
from smarter.parties.customer import OwnReadings
from smarter.parties.mdms import bills_of


class Rates:
    """The rate of each billing window for one household, from all of its own windows in order of time."""

    def __init__(self, rows: Sequence[WindowRow], tariff: Tariff, timezone: str) -> None:
        self._starts = np.array([row.start for row in rows], np.int64)
        self._rates = [Fraction(0)] * len(rows)
        clock = zone(timezone)
        places = {row.start: place for place, row in enumerate(rows)}
        for bill in bills_of(rows, tariff, timezone):
            mine = [row for row in rows if bill.start <= row.start < bill.end and row.energy is not None]
            metered = [
                MeteredWindow(datetime.fromtimestamp(row.start, clock), datetime.fromtimestamp(row.end, clock), energy)
                for row in mine
                if (energy := row.energy) is not None
            ]
            charged: dict[int, list[Decimal]] = {}
            for line in bill.lines:
                for window in line.windows:
                    charged.setdefault(window, []).append(line.rate)
            for window, rates in charged.items():
                rate = Fraction(rates[0])
                if len(rates) > 1:
                    rate = _mean_rate(tariff, metered, window)
                self._rates[places[mine[window].start]] = rate

    def costs(self, own: OwnReadings, edges: NDArray[np.int64]) -> list[Fraction]:
        """What the readings cost that start in each [edges[i], edges[i+1]), epoch seconds; exact."""
        starts = own.axis.start_of(own.slots)
        group = np.searchsorted(edges, starts, "right") - 1
        window = np.searchsorted(self._starts, starts, "right") - 1
        costs = [Fraction(0)] * (len(edges) - 1)
        if not len(own):
            return costs
        # Readings are in order of time, so those of one group and window stand together.
        firsts = np.flatnonzero(np.diff(group, prepend=-1) | np.diff(window, prepend=-1))
        energies = np.add.reduceat(own.energies, firsts)
        for at, index, energy in zip(group[firsts].tolist(), window[firsts].tolist(), energies.tolist(), strict=True):
            costs[at] += energy * self._rates[index] / MWH_PER_KWH
        return costs


def _mean_rate(tariff: Tariff, metered: Sequence[MeteredWindow], window: int) -> Fraction:
    """What one window adds to its bill, over its energy."""
    with_it, without = (
        sum((Fraction(line.amount) for line in tariff.lines(metered[:count])), Fraction(0))
        for count in (window + 1, window)
    )
    return (with_it - without) * MWH_PER_KWH / metered[window].energy
