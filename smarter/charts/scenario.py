"""A scenario in words, label by label, and what a run of it will come to; the app shows both beside its YAML."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from smarter.model.windows import spell
from smarter.scenario import PluginChoice, Scenario
from smarter.scenario.model import Neighbourhood
from smarter.scenario.moments import moment_text

if TYPE_CHECKING:
    from smarter.protocols.estimate import Estimate

Fact = tuple[str, str]
"""A label and its words."""


def facts(scenario: Scenario) -> Iterator[Fact]:
    """Who, when, under which cryptography, kept and billed how."""
    for name, area in scenario.neighbourhoods.items():
        yield name, _area(area)
    yield "span", _span(scenario)
    windows = scenario.windows
    yield (
        "windows",
        f"demand {spell(windows.demand)}, billing {spell(windows.billing)}; a reading every {spell(windows.reading)}",
    )
    yield "protocol", ", ".join(_protocol(scenario))
    crypto = scenario.crypto
    yield "seal", _choice(crypto.seal)
    yield "aggregate", _choice(crypto.aggregate)
    yield "deliver", _choice(crypto.deliver)
    yield "store", _choice(scenario.store)
    yield "tariff", _tariff(scenario.tariff)
    release = scenario.release
    yield "release", f"from {release.min_meters} meters, bills from {spell(release.min_billing_window)}"
    if count := len(scenario.faults):
        yield "faults", f"{count} on purpose: {', '.join(dict.fromkeys(fault.kind for fault in scenario.faults))}"


def workload(estimate: Estimate) -> Iterator[str]:
    """What a run will come to, part by part."""
    yield f"{estimate.readings:,} readings of {estimate.meters:,} meters"
    yield f"about {estimate.encryptions:,} encryptions, {estimate.releases:,} ciphertexts to open"
    windows = estimate.windows
    yield f"{windows['demand']:,} demand and {windows['billing']:,} billing windows"


def about(seconds: float) -> str:
    """A span that nobody should take to the second: ``6 s``, ``3 min``, ``1.5 h``."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 1.5 * size:
            return f"{seconds / size:,.1f} {unit}" if seconds < 10 * size else f"{seconds / size:,.0f} {unit}"
    return f"{seconds:,.1f} s" if seconds < 10 else f"{seconds:,.0f} s"


def command(reference: str, overrides: Sequence[str], does: str = "run") -> str:
    """What does the same from a shell."""
    return shlex.join(["smarter", *does.split(), reference, *(part for said in overrides for part in ("--set", said))])


def _area(area: Neighbourhood) -> str:
    meters = "all meters" if area.meters is None else f"{area.meters:,} meter{'s' * (area.meters != 1)}"
    return f"{meters} of {area.source.plugin}, {area.timezone}"


def _span(scenario: Scenario) -> str:
    start, end = (None if at is None else moment_text(at) for at in (scenario.time.start, scenario.time.end))
    if start is None and end is None:
        return "all that the data have"
    return f"{start or 'the first reading'} until {end or 'the last reading'}"


def _protocol(scenario: Scenario) -> Iterator[str]:
    pes = scenario.pes
    yield scenario.protocol
    yield f"frames of {scenario.frame:,}"
    yield f"hold {spell(pes.hold)}"
    yield "added in the clear by frame" if pes.combine == "frame" else "nothing added in the clear"
    yield "lanes full" if pes.lanes == "auto" else f"{pes.lanes} lane{'s' * (pes.lanes != 1)}"


def _choice(choice: PluginChoice) -> str:
    bits = getattr(choice.options, "key_bits", None)
    return choice.plugin if bits is None else f"{choice.plugin}, {bits} bits"


def _tariff(choice: PluginChoice) -> str:
    parts = (getattr(choice.options, name, None) for name in ("currency", "period"))
    currency, period = (None if part is None else str(part) for part in parts)
    return ", ".join(filter(None, (choice.plugin, currency, period and f"a bill per {period}")))
