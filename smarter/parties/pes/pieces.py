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

    def __len__(self) -> int:
        return len(self.meters)

    def __getitem__(self, chosen: NDArray[np.bool_] | slice) -> Pieces:
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
    together. ``none`` adds nothing. Frames that are barred from this kind of sums are as if they had not come.
    """
    frames = opened.frames
    if barred := opened.barred.get(layout.kind):
        frames = np.where(np.isin(frames, barred), 0, frames)
    slots = frames.shape[1]
    windows = layout.window_of(np.arange(slots) + opened.first_slot)
    begins = np.ones(frames.shape, np.bool_)
    if combine == "frame":
        begins[:, 1:] = (frames[:, 1:] != frames[:, :-1]) | (windows[1:] != windows[:-1])
    starts = begins.ravel().nonzero()[0]
    values = np.add.reduceat(opened.energies.ravel(), starts)
    readings = np.append(starts[1:], frames.size) - starts
    there = frames.ravel()[starts] > 0
    if not there.all():
        starts, values, readings = starts[there], values[there], readings[there]
    meters, columns = np.divmod(starts, slots)
    windows = windows[columns]
    return Pieces(meters, windows, values, readings, _ordinals(meters, windows))


def _ordinals(meters: NDArray[np.int64], windows: NDArray[np.int64]) -> NDArray[np.int64]:
    """0, 1, 2, … within each run of one meter and window."""
    begins = np.ones(len(meters), np.bool_)
    begins[1:] = (meters[1:] != meters[:-1]) | (windows[1:] != windows[:-1])
    places = np.arange(len(meters))
    return places - np.maximum.accumulate(places * begins)
