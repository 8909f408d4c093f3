"""The release rules of a deployment: what may be opened, as pure functions over counts.

The releaser checks them before it decrypts; the PES knows them too, so that lanes which are bound to be
refused stay empty. The third rule, each reading in one release of each kind, is the ledger's.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class ReleaseRules:
    """What a deployment asks for before a sum is opened.

    Attributes:
        min_meters: at least so many meters in a demand sum.
        min_billing_window: no billing window of a nominal length under so many seconds.
    """

    min_meters: int
    min_billing_window: int


def counted_meters(counts: NDArray[np.int64], slots: int) -> int:
    """How many meters cover at least half of a window of ``slots``; ``counts``: readings of each meter."""
    return int(np.count_nonzero(2 * counts >= max(slots, 1)))


def refuse_demand(rules: ReleaseRules, counts: NDArray[np.int64], slots: int) -> str | None:
    """Why a demand window must not be released; None when it may."""
    counted = counted_meters(counts, slots)
    if counted < rules.min_meters:
        return f"only {counted} of at least {rules.min_meters} meters cover half the window"
    return None


def refuse_billing(rules: ReleaseRules, count: int, interval: int, length: int) -> str | None:
    """Why a billing window must not be released; None when it may. ``interval``, ``length``: seconds, nominal."""
    if length < rules.min_billing_window:
        return f"a window of {length} s is shorter than the least of {rules.min_billing_window} s"
    if 2 * count * interval < length:
        return f"only {count} of {length // interval} readings"
    return None
