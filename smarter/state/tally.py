"""What a run counts over all of its starts; the composer adds to it, and the journal keeps it with each hold."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Tally:
    """What a run has counted over all of its starts; plain values.

    ``blindings``: how many of those kept on the disk have ever been taken; ``released``, ``refused``: windows by kind;
    ``warnings``: of what went wrong without ending it, as sentences.
    """

    seconds: float = 0.0
    readings: int = 0
    frames: int = 0
    ciphertexts: int = 0
    dropped: dict[str, dict[str, int]] = field(default_factory=dict)
    released: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    views: dict[str, dict[str, int | float]] = field(default_factory=dict)
    stage_seconds: dict[str, float] = field(default_factory=dict)
    stage_bytes: dict[str, int] = field(default_factory=dict)
    blindings: int = 0
    warnings: list[str] = field(default_factory=list)
