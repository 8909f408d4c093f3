"""Pieces: what the PES encrypts. A piece is one reading, or the readings of one frame in one window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smarter.parties.pes.layout import Layout
from smarter.parties.pes.opening import Opened

Combine = Literal["frame", "none"]


@dataclass(frozen=True)
class Pieces:
    """Columns of one length, ordered by meter, then window, then time.

    Attributes:
        meters: row of the meter in its neighbourhood.
        windows: index of the window.
        values: mWh.
        readings: how many readings went into each value.
        ordinals: which piece of its meter and window it is, from 0.
    """

    meters: NDArray[np.int64]
    windows: NDArray[np.int64]
    values: NDArray[np.int64]
    readings: NDArray[np.int64]
    ordinals: NDArray[np.int64]

    def __getitem__(self, chosen: NDArray[np.bool_]) -> Pieces:
        """Those pieces that ``chosen`` marks."""
        return Pieces(
            self.meters[chosen],
            self.windows[chosen],
            self.values[chosen],
            self.readings[chosen],
            self.ordinals[chosen],
        )


def cut_pieces(opened: Opened, layout: Layout, combine: Combine) -> Pieces:
    """Cut one hold's readings into pieces of this layout's windows.

    ``frame`` adds up the readings of one frame that fall in one window: they were sealed together and are in the clear
    together. ``none`` adds nothing.
    """
    meters, columns = np.nonzero(opened.frames)
    windows = layout.window_of(columns + opened.first_slot)
    values = opened.energies[meters, columns]
    if combine == "none" or not len(values):
        readings = np.ones(len(values), np.int64)
    else:
        origin = opened.frames[meters, columns]
        starts = _run_starts(meters, windows, origin)
        values = np.add.reduceat(values, starts)
        readings = np.diff(starts, append=len(meters))
        meters, windows = meters[starts], windows[starts]
    return Pieces(meters, windows, values, readings, _ordinals(meters, windows))


def _run_starts(*columns: NDArray[np.integer]) -> NDArray[np.int64]:
    """Where runs of equal rows begin."""
    changes = np.zeros(len(columns[0]), np.bool_)
    changes[:1] = True
    for column in columns:
        changes[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changes)


def _ordinals(meters: NDArray[np.int64], windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … within each run of one meter and window."""
    if not len(meters):
        return np.zeros(0, np.int64)
    starts = _run_starts(meters, windows)
    return np.arange(len(meters)) - np.repeat(starts, np.diff(starts, append=len(meters)))
