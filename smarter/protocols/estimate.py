"""What a run of a scenario will come to, before it is begun: readings, encryptions, ciphertexts to open, windows.

Only the first rows of the data are looked at. The app shows it beside each scenario.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smarter.api import Scheme
from smarter.model.windows import WindowKind
from smarter.parties.pes import Layout
from smarter.protocols.areas import expected_encryptions, layouts_of
from smarter.protocols.plan import NeighbourhoodPlan, plan_run
from smarter.scenario import Scenario


@dataclass(frozen=True)
class Estimate:
    """A whole run.

    Attributes:
        plans: of the neighbourhoods.
        encryptions: of the PES, about; re-randomising what closes is one, too.
        releases: ciphertexts that the releaser opens, if it refuses none.
        windows: to be released, by kind.
    """

    plans: tuple[NeighbourhoodPlan, ...]
    encryptions: int
    releases: int
    windows: Mapping[WindowKind, int]

    @property
    def meters(self) -> int:
        """How many there are."""
        return sum(plan.size for plan in self.plans)

    @property
    def readings(self) -> int:
        """How many the span could have."""
        return sum(plan.expected for plan in self.plans)


def estimate(scenario: Scenario) -> Estimate:
    """Look at a scenario's data as far as planning needs it, and reckon.

    Raises:
        DataError: no meters, too few, no reading in the span, or a file that cannot be read.
        MissingExtra: the library of a plugin is not installed.
    """
    plans = plan_run(scenario)
    bits = _plaintext_bits(scenario.crypto.aggregate.create())
    releases = 0
    windows: dict[WindowKind, int] = {"demand": 0, "billing": 0}
    for plan in plans:
        for layout in layouts_of(scenario, plan, bits):
            releases += _ciphertexts_opened(layout)
            windows[layout.kind] += len(layout.closes) * (plan.size if layout.kind == "billing" else 1)
    return Estimate(plans, expected_encryptions(scenario, plans, {}, bits), releases, windows)


def _ciphertexts_opened(layout: Layout) -> int:
    """One for each plaintext that the windows of a bundle fill."""
    _, windows = np.unique(layout.closes, return_counts=True)
    lanes = windows * (layout.meters if layout.kind == "billing" else 1)
    return int((-(-lanes // layout.plan.capacity)).sum())


def _plaintext_bits(scheme: Scheme) -> int:
    """``plaintext_bits`` under a key that is yet to be made; with Paillier it is a bit less than the modulus has."""
    options = scheme.options
    if given := getattr(options, "plaintext_bits", None):
        return int(given)
    if key_bits := getattr(options, "key_bits", None):
        return int(key_bits) - 1
    return scheme.plaintext_bits(scheme.generate().public)
