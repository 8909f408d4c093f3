"""What a run leaves behind: rows of windows, figures of demand, and the result with its counts.

``Result`` is what ``result.json`` holds; its JSON Schema is what ``smarter schema result`` prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from smarter.model.readings import MWH_PER_KWH
from smarter.model.windows import WindowKind


@dataclass(frozen=True)
class WindowRow:
    """One window as the MDMS knows it.

    Attributes:
        kind: ``demand`` or ``billing``.
        holder: neighbourhood, or pseudonym in hexadecimal.
        start: epoch seconds.
        end: likewise.
        meters: how many meters cover at least half of it.
        readings: how many went in.
        expected: how many could have.
        energy: mWh; None when missing or refused.
        status: ``complete``, ``incomplete``, ``missing`` or ``refused``.
        reason: why it was refused.
    """

    kind: WindowKind
    holder: str
    start: int
    end: int
    meters: int
    readings: int
    expected: int
    energy: int | None
    status: str
    reason: str

    @property
    def mean_kw(self) -> float | None:
        """Mean power in kW; of an incomplete window scaled to the readings that were measured."""
        if self.energy is None or not self.readings:
            return None
        measured_hours = (self.end - self.start) / 3600 * self.readings / self.expected
        return self.energy / MWH_PER_KWH / measured_hours


def usual_length(rows: Sequence[WindowRow]) -> int:
    """Seconds that most of the windows last: their nominal length, whatever the clock did to some."""
    return Counter(row.end - row.start for row in rows).most_common(1)[0][0]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(_Model):
    """Energy of a local day or hour."""

    name: str = Field(description="Local date, or date and hour with offset.")
    energy_mwh: int
    readings: int
    expected: int


class DemandFigures(_Model):
    """A neighbourhood's demand over the run. Powers in kW, from complete windows."""

    neighbourhood: str
    timezone: str
    energy_mwh: int = Field(description="All released windows.")
    windows: int
    complete: int
    peak_kw: float | None
    peak_start: int | None = Field(description="Start of the peak window, epoch seconds.")
    base_kw: float | None
    mean_kw: float | None
    load_factor: float | None = Field(description="Mean power over peak power.")
    days: tuple[Span, ...]
    hours: tuple[Span, ...]


class RefusedWindow(_Model):
    """A window that was not released."""

    kind: WindowKind
    holder: str
    start: str
    end: str
    reason: str


class StageFigures(_Model):
    """What a stage of a reading's way took."""

    seconds: float
    bytes: int


class Choice(_Model):
    """A plugin that the run used."""

    plugin: str
    version: str
    options: dict[str, Any]
    key: str | None = Field(None, description="Fingerprint of the key, where there is one.")


class RunCounts(_Model):
    """How much of everything there was."""

    neighbourhoods: int
    meters: int
    readings: int = Field(description="Absorbed by the PES.")
    expected: int = Field(description="Slots of the span times meters.")
    frames: int = Field(description="Sealed by meters.")
    ciphertexts: int = Field(description="Encrypted under the scheme by the PES.")
    windows: dict[str, dict[str, int]] = Field(description="By kind, then by status.")
    dropped: dict[str, dict[str, int]] = Field(description="Frames dropped, by party, then by reason.")
    damaged_records: int


class Result(_Model):
    """A finished run."""

    format: Literal[1] = 1
    scenario: str
    description: str
    digest: str = Field(description="SHA-256 of the resolved scenario.")
    resolved: dict[str, Any]
    state: str = Field(description="Folder of the state.")
    start: str = Field(description="First moment of the span, ISO 8601 in the first neighbourhood's zone.")
    end: str
    versions: dict[str, str]
    protocol: str
    plugins: dict[str, Choice]
    counts: RunCounts
    views: dict[str, dict[str, int | float]] = Field(description="Who saw what, by party.")
    stages: dict[str, StageFigures]
    seconds: float = Field(description="Wall clock, summed over all starts of the run.")
    demand: tuple[DemandFigures, ...]
    billed: dict[str, str] = Field(description="Sum of all bills, by currency.")
    refusals: tuple[RefusedWindow, ...]
    warnings: tuple[str, ...]
    verified: bool | None = Field(description="True when --verify recomputed every number; None without it.")
