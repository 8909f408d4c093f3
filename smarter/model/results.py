"""What a run leaves behind: rows of windows, figures of demand, and the result with its counts.

``Result`` is what ``result.json`` holds; its JSON Schema is what ``smarter schema result`` prints.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, overload

from pydantic import BaseModel, ConfigDict, Field

from smarter.model.readings import MWH_PER_KWH
from smarter.model.windows import WindowKind

ERASED = "erased"
"""Status of a window whose keys were destroyed, and of a bill of which not even the totals are left."""


@dataclass(frozen=True, slots=True)
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
        energy: mWh; None unless complete or incomplete.
        status: ``complete``, ``incomplete``, ``missing``, ``refused``, ``withheld`` (demand), ``held`` (a bill),
            ``lost`` or ``erased``.
        reason: why it was refused, withheld, held or lost.
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


class WindowRows(Sequence[WindowRow]):
    """Rows that are needed more than once, as for a chart, in 52 bytes each: a long run has very many."""

    def __init__(self, rows: Iterable[WindowRow]) -> None:
        self._numbers = array("q")
        self._words = array("I")
        # Kind, holder, status and reason, which come again and again, and whether there is an energy.
        self._said: dict[tuple[WindowKind, str, str, str, bool], int] = {}
        for row in rows:
            said = row.kind, row.holder, row.status, row.reason, row.energy is not None
            self._words.append(self._said.setdefault(said, len(self._said)))
            self._numbers.extend((row.start, row.end, row.meters, row.readings, row.expected, row.energy or 0))
        self._all = list(self._said)

    def __len__(self) -> int:
        return len(self._words)

    @overload
    def __getitem__(self, place: int) -> WindowRow: ...
    @overload
    def __getitem__(self, place: slice) -> list[WindowRow]: ...
    def __getitem__(self, place: int | slice) -> WindowRow | list[WindowRow]:
        if isinstance(place, slice):
            return [self[at] for at in range(len(self))[place]]
        at = range(len(self))[place]
        start, end, meters, readings, expected, energy = self._numbers[6 * at : 6 * at + 6]
        kind, holder, status, reason, released = self._all[self._words[at]]
        given = energy if released else None
        return WindowRow(kind, holder, start, end, meters, readings, expected, given, status, reason)


def usual_length(rows: Sequence[WindowRow]) -> int:
    """Seconds that most of the windows last: their nominal length, whatever the clock did to some."""
    return Counter(row.end - row.start for row in rows).most_common(1)[0][0]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Span:
    """Energy of a local day or hour."""

    # No model of its own: a run has one an hour, and this takes a third of the memory.
    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    name: Annotated[str, Field(description="Local date, or date and hour with offset.")]
    energy_mwh: int
    readings: int
    expected: int


class DemandFigures(_Model):
    """A neighbourhood's demand over the run. Powers in kW, from complete windows.

    A window's sum nets its meters, so import and export are those of the neighbourhood as a whole.
    """

    neighbourhood: str
    timezone: str
    energy_mwh: int = Field(description="All released windows: import less export.")
    import_mwh: int = Field(description="Released windows with a sum above zero.")
    export_mwh: int = Field(description="Released windows with a sum below zero, as a positive number.")
    windows: int
    complete: int
    peak_kw: float | None = Field(description="Highest import; null where every window exports.")
    peak_start: int | None = Field(description="Start of the peak window, epoch seconds.")
    export_peak_kw: float | None = Field(description="Highest export, positive; null without export.")
    export_peak_start: int | None = Field(description="Start of that window, epoch seconds.")
    base_kw: float | None = Field(description="Lowest import; null where a window exports.")
    mean_kw: float | None = Field(description="Import less export.")
    load_factor: float | None = Field(description="Mean power over peak power; null where a window exports.")
    days: tuple[Span, ...]
    hours: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class RefusedWindow:
    """A window that was not released."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")
    kind: WindowKind
    holder: str
    start: str
    end: str
    status: str
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
    exposed: int = Field(
        description="Billing windows whose sums show what fewer than min_meters meters used; 0 unless an earlier "
        "version released some of them. Grants are not looked at. An upper bound where the ledger is of an earlier "
        "version."
    )
    verified: bool | None = Field(description="True when --verify recomputed every number; None without it.")
