"""How full the plaintexts of a layout are; ``pipeline`` and ``brief`` state it beside their figures."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from smarter.parties.pes import Layout


def lanes_filled(layouts: Iterable[Layout]) -> int:
    """Lanes of the fullest plaintext: as many as fit, or as many as windows that close together have."""
    return max(_filled(layout) for layout in layouts)


def _filled(layout: Layout) -> int:
    bundles = (layout.bundle(closing) for closing in np.unique(layout.closes).tolist())
    return max(min(layout.lanes(bundle), layout.plan.capacity) for bundle in bundles)
