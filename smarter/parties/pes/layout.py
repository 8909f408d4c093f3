"""Which windows close together, and which lane of which plaintext each of them has.

Decrypting a plaintext opens all of its lanes, so only windows that close at the end of the same hold share one.
Such windows are a *bundle*, named by the slot at which it closes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.model.windows import Axis, WindowGrid, WindowKind
from smarter.packing import LanePlan, plan_lanes


@dataclass(frozen=True)
class Layout:
    """Windows and lanes of one kind in one neighbourhood.

    Attributes:
        kind: ``demand`` or ``billing``.
        grid: the windows.
        first_slot: where the holds are counted from.
        edges: the windows' edges in slots, one more than windows.
        closes: for each window the slot at which its bundle closes; ascending.
        meters: how many meters there are.
        plan: how lanes lie in a plaintext.
    """

    kind: WindowKind
    grid: WindowGrid
    first_slot: int
    edges: NDArray[np.int64]
    closes: NDArray[np.int64]
    meters: int
    plan: LanePlan

    def window_of(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """The window that each slot lies in."""
        return np.searchsorted(self.edges, slots, side="right") - 1

    def bundle(self, closing: int, since: int = 0) -> range:
        """The windows that close at slot ``closing``, from window ``since`` on."""
        first, end = self.closes.searchsorted((closing, closing + 1))
        return range(max(int(first), since), int(end))

    def lanes(self, bundle: range) -> int:
        """How many lanes a bundle has over all of its plaintexts."""
        return len(bundle) * (self.meters if self.kind == "billing" else 1)

    def lane(self, bundle: range, windows: NDArray[np.int64], meters: NDArray[np.int64]) -> NDArray[np.int64]:
        """The lane, counted over all plaintexts of the bundle, for each pair of window and meter."""
        offset = windows - bundle.start
        return offset * self.meters + meters if self.kind == "billing" else offset

    def addends(self, hold: int, together: int) -> int:
        """About how many plaintexts a hold of so many slots makes; ``together`` readings are added in the clear."""
        if not hold:
            return 0
        span = max(1, int(np.diff(self.edges).max()))
        pieces = -(-min(span, hold) // min(together, span))
        windows = max(1, hold // span)
        if self.kind == "demand":
            return pieces * self.meters * -(-windows // self.plan.capacity)
        return pieces * -(-windows * self.meters // self.plan.capacity)


@dataclass(frozen=True)
class Area:
    """A neighbourhood as the PES knows it.

    Attributes:
        name: its id.
        axis: its slots.
        pseudonyms: its meters, in lane order.
        verify_keys: their Ed25519 public keys, in the same order.
        largest: the most energy of a reading, mWh.
        grace: for how many slots late frames are still let in.
        layouts: for demand and for billing.
    """

    name: str
    axis: Axis
    pseudonyms: tuple[bytes, ...]
    verify_keys: tuple[bytes, ...]
    largest: int
    grace: int
    layouts: tuple[Layout, Layout]


def lay_out(
    kind: WindowKind,
    grid: WindowGrid,
    axis: Axis,
    *,
    first_slot: int,
    hold: int,
    grace: int,
    meters: int,
    largest: int,
    plaintext_bits: int,
    most_lanes: int | None,
) -> Layout:
    """Lay the windows of ``grid`` out.

    A window closes at the end of the first hold that lies ``grace`` slots behind its own end. A lane's bound is the
    largest reading times all that can be added up in it, for the longest window that such a grid can have.

    Args:
        kind: which plan of section 7 of the design: one lane a window, or one a meter and window.
        grid: the windows.
        axis: the slots.
        first_slot: where the holds are counted from.
        hold: slots of a hold.
        grace: slots.
        meters: how many meters the neighbourhood has.
        largest: the most energy of a reading, mWh.
        plaintext_bits: of the scheme's key.
        most_lanes: 1 switches packing off.
    """
    edges = grid.slots(axis)
    closes = first_slot + -(-(edges[1:] + grace - first_slot) // hold) * hold
    addends = -(-grid.longest // axis.interval) * (meters if kind == "demand" else 1)
    plan = plan_lanes(plaintext_bits, largest * addends, most_lanes)
    return Layout(kind, grid, first_slot, edges, closes, meters, plan)
