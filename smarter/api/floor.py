"""What a scheme's encryptions cannot do without, for ``smarter bench --floor`` to hold them against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Floor:
    """Big-integer work that a number of encryptions needs, and nothing around it.

    Attributes:
        name: what the work consists of, such as ``full multiplications mod n²``.
        counts: how many operations of which size one encryption needs.
        work: does them, for the number of encryptions asked for, on random operands of these sizes.
    """

    name: str
    counts: Mapping[str, int]
    work: Callable[[], None]
