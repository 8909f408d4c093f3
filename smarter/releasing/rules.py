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
        min_billing_window: seconds, the least that a billing window must last by the clock and in reality.
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


def refuse_billing(rules: ReleaseRules, count: int, interval: int, length: int, span: int) -> str | None:
    """Why a billing window must not be released; None when it may.

    A change of clocks, or a joined neighbour, makes a window last longer or shorter than its nominal length. It must
    be long enough by both, and its readings must cover half of the longer.

    Args:
        rules: of the deployment.
        count: readings that went in.
        interval: seconds of a reading.
        length: nominal seconds.
        span: real seconds, from its start to its end.
    """
    shorter, longer = min(length, span), max(length, span)
    if shorter < rules.min_billing_window:
        return f"a window of {shorter} s is shorter than the least of {rules.min_billing_window} s"
    if 2 * count * interval < longer:
        return f"only {count} of {longer // interval} readings"
    return None
