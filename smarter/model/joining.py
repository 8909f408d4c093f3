"""Windows that a change of clocks shortens, joined with a neighbour.

Release rule 2 asks for a least length in real seconds. A nominal 2 h window may last one real hour where the clock is
put forward. Joined with a neighbour of the same price, its readings can still be billed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from smarter.model.windows import WindowGrid

Separate = Callable[[int, int, int], bool]
"""Whether the edge between windows [start, edge) and [edge, end) must stay; all epoch seconds."""

LOOKAHEAD = 4
"""Windows after a span on which the edges inside it can depend: a change of clocks shortens at most two in a row."""


def join_short(grid: WindowGrid, least: int, separate: Separate) -> WindowGrid:
    """Join each window that lasts under ``least`` real seconds with a neighbour.

    Only windows that are shorter than nominal are joined. The neighbour is a short one if there is one, then the window
    before, then the one after. It must not last over the nominal length, and ``separate`` must let the edge go.
    A window that no neighbour fits stays as it is.

    Args:
        grid: windows as they were cut; its first and last edge stay.
        least: seconds.
        separate: called for edges of short windows only.
    """
    least = min(least, grid.length)
    edges, left = grid.edges, -1
    while True:
        spans = np.diff(edges)
        short = np.flatnonzero((spans < least) & (edges[:-1] > left))
        if not len(short):
            return replace(grid, edges=edges, least=least)
        window = int(short[0])
        # Each candidate: a neighbour, and the place of the edge between.
        beside = [(window - 1, window), (window + 1, window + 1)]
        fitting = [
            (neighbour, place)
            for neighbour, place in beside
            if 0 <= neighbour < len(spans)
            and spans[neighbour] <= grid.length
            and not separate(*edges[place - 1 : place + 2].tolist())
        ]
        if fitting:
            _, place = min(fitting, key=lambda candidate: bool(spans[candidate[0]] >= least))
            edges = np.delete(edges, place)
        else:
            left = int(edges[window])
