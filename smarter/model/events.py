"""What a run reports while it goes on. ``run()`` yields these; the app and the command line listen."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from smarter.model.results import Result
    from smarter.model.windows import WindowKind


@dataclass(frozen=True)
class Started:
    """The run has a state and a plan. ``total``: readings to carry; ``done``: carried before, when it resumes."""

    scenario: str
    meters: int
    total: int
    done: int
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Warned:
    """Something that the user should know has come out since the start; a sentence."""

    warning: str


@dataclass(frozen=True)
class Progress:
    """A stage went on. ``done`` and ``total`` count what the stage counts.

    That is readings for ``read``; before it keys for ``keys``, meters for ``input``, blindings for ``precompute`` and
    ``ahead``; after it meters for ``verify``.
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
class Tallied:
    """What has been counted over all starts of the run, and what waits to be worked on.

    Attributes:
        frames: sealed by meters, which keep them for their customers.
        ciphertexts: encrypted under the scheme.
        released: windows released, by kind; ``refused`` likewise.
        dropped: frames dropped, by party.
        holds: still to be opened.
        blindings: made ahead, about; None when each is made when it is needed.
        sums: ciphertexts that are still added to.
        aggregates: sums on their way to be released.
    """

    frames: int = 0
    ciphertexts: int = 0
    released: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)
    holds: int = 0
    blindings: int | None = None
    sums: int = 0
    aggregates: int = 0


@dataclass(frozen=True)
class Paused:
    """The run waits: all that was opened is encrypted. Nothing comes before it is resumed."""


@dataclass(frozen=True)
class Resumed:
    """The run goes on."""


@dataclass(frozen=True)
class Released:
    """A window of a neighbourhood, or of a household in it, was released. ``energy`` in mWh."""

    kind: WindowKind
    holder: str
    start: int
    end: int
    readings: int
    expected: int
    energy: int
    neighbourhood: str


@dataclass(frozen=True)
class Refused:
    """A window was not released, and why; ``status``: ``refused``, ``withheld``, ``held`` or ``lost``."""

    kind: WindowKind
    holder: str
    start: int
    end: int
    reason: str
    neighbourhood: str
    status: str = "refused"


@dataclass(frozen=True)
class Fault:
    """A frame was dropped by ``party``, and why; or something else of it failed.

    Attributes:
        what: ``frame``, or ``worker``.
        start: of the hold in which it came, epoch seconds; None where it is of none.
    """

    party: str
    what: str
    reason: str
    neighbourhood: str = ""
    start: int | None = None


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
    """A hop of a reading that ``trace`` follows; ``start``: when its slot begins, epoch seconds."""

    hop: Hop
    start: int


@dataclass(frozen=True)
class Finished:
    """The run is over; nothing comes after this."""

    result: Result


Event = (
    Started
    | Warned
    | Progress
    | Counts
    | Spent
    | Tallied
    | Paused
    | Resumed
    | Released
    | Refused
    | Fault
    | Traced
    | Finished
)
