"""How long a run's cryptography is likely to take on this machine, by the last benchmark of operations made on it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from smarter.bench.figures import BenchReport, Machine
from smarter.bench.kept import last
from smarter.bench.operations import VARIANTS
from smarter.bench.wording import SECONDS
from smarter.protocols.estimate import Estimate
from smarter.scenario import PluginChoice, Scenario


@dataclass(frozen=True)
class Duration:
    """Seconds to encrypt and to release, by figures that were measured ``at`` this time."""

    encrypting: float
    releasing: float
    at: datetime

    @property
    def seconds(self) -> float:
        """Both, one after the other."""
        return self.encrypting + self.releasing


def duration(scenario: Scenario, estimate: Estimate, workers: int) -> Duration | None:
    """How long ``workers`` processes take for what is estimated; None when its scheme was not measured here."""
    kept = last("operations")
    if kept is None or not _is_this(kept.report.machine):
        return None
    aggregate = scenario.crypto.aggregate
    encrypt, release = (_seconds(kept.report, aggregate, what) for what in ("encrypt", "release"))
    if encrypt is None or release is None:
        return None
    together = workers if getattr(aggregate.implementation, "embeds", False) else 1
    threads = workers if getattr(aggregate.implementation, "parallel_decrypt", False) else 1
    return Duration(estimate.encryptions * encrypt / together, estimate.releases * release / threads, kept.at)


def _is_this(machine: Machine) -> bool:
    this = Machine.this()
    return (machine.processor, machine.cores) == (this.processor, this.cores)


def _seconds(report: BenchReport, choice: PluginChoice, what: str) -> float | None:
    """The median of an operation under a key of the size that is chosen."""
    bits, subject = getattr(choice.options, "key_bits", None), _subject(choice)
    for row in report.rows:
        if (row.group, row.subject, row.what, row.key_bits) == ("scheme", subject, what, bits):
            return row.figure.median * SECONDS[row.unit]
    return None


def _subject(choice: PluginChoice) -> str:
    """What benchmarks call the scheme under these options."""
    for variant in VARIANTS.get(choice.plugin, ()):
        if variant and all(getattr(choice.options, name, None) == value for name, value in variant.items()):
            return f"{choice.plugin} ({', '.join(variant.values())})"
    return choice.plugin
