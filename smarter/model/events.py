"""What a run reports while it goes on. ``run()`` yields these; the app and the command line listen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from smarter.model.windows import WindowKind

if TYPE_CHECKING:
    from smarter.model.results import Result


@dataclass(frozen=True)
class Started:
    """The run has a state and a plan. ``total``: readings to carry; ``done``: carried before, when it resumes."""

    scenario: str
    meters: int
    total: int
    done: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Progress:
    """A stage went on. ``done`` and ``total`` count what the stage counts.

    That is readings for ``read``; before it keys for ``keys``, meters for ``input``, blindings for ``precompute``.
    """

    stage: str
    done: int
    total: int
    bytes: int = 0


@dataclass(frozen=True)
class Counts:
    """What a party has counted so far."""

    party: str
    counts: dict[str, int | float]


@dataclass(frozen=True)
class Spent:
    """Where seconds and bytes have gone so far, by stage of a reading's way."""

    seconds: dict[str, float]
    bytes: dict[str, int]


@dataclass(frozen=True)
class Released:
    """A window was released. ``energy`` in mWh."""

    kind: WindowKind
    holder: str
    start: int
    end: int
    readings: int
    expected: int
    energy: int


@dataclass(frozen=True)
class Refused:
    """A window was not released, and why."""

    kind: WindowKind
    holder: str
    start: int
    end: int
    reason: str


@dataclass(frozen=True)
class Fault:
    """A frame or record was dropped by ``party``, and why."""

    party: str
    what: str
    reason: str


@dataclass(frozen=True)
class Hop:
    """One step of the reading that is followed.

    Attributes:
        name: ``row``, ``reading``, ``frame``, …
        mark: ``clear``, ``sealed``, ``sum`` or ``refused``: what exists here.
        text: one line for people.
        detail: the same as data, for scripts and the app.
        readers: who can read it, each with the key that they do it with.
    """

    name: str
    mark: Literal["clear", "sealed", "sum", "refused"]
    text: str
    detail: dict[str, object]
    readers: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Traced:
    """A hop of the reading that ``trace`` follows."""

    hop: Hop


@dataclass(frozen=True)
class Finished:
    """The run is over; nothing comes after this."""

    result: Result


Event = Started | Progress | Counts | Spent | Released | Refused | Fault | Traced | Finished
