"""What a reading costs under each scheme, cipher or way, measured from the brief's way; the app shows it.

The brief encrypts each reading by itself, with phe's Paillier, and seals each by itself, with pycryptodome's AES-GCM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from smarter.bench.brief_loop import CIPHER, NAME, SCHEME
from smarter.bench.figures import BenchReport, Figure, Row
from smarter.bench.wording import PER_READING, SECONDS, own_sized, worded

Board = Literal["schemes", "ciphers", "ways"]
BOARDS: Mapping[Board, Literal["operations", "brief"]] = {
    "schemes": "operations",
    "ciphers": "operations",
    "ways": "brief",
}
"""Of which report each is made."""

BRIEF = "the brief's way"
_OPENED = f"open, {PER_READING}"
_AGAINST = f"against {NAME}"


@dataclass(frozen=True)
class Standing:
    """One line of a board.

    Attributes:
        size: bits of the key, or readings of a frame; None for ways, which all have the same.
        per_reading: seconds that a reading costs.
        ratio: how many readings it carries while the brief's way carries one; None where that was not measured.
        facts: what else is worth a column, in words by heading, the most important first.
        brief: whether it is the brief's way itself.
        demo: whether it protects nothing.
    """

    subject: str
    size: int | None
    per_reading: Figure
    ratio: float | None
    facts: Mapping[str, str] = field(default_factory=dict)
    brief: bool = False
    demo: bool = False


@dataclass(frozen=True)
class Standings:
    """One board: the largest size first, of each the brief's way, then the dearest; ``spelt``: what sizes are of."""

    board: Board
    title: str
    lines: tuple[Standing, ...]
    spelt: str = ""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Those that there are, in ascending order."""
        return tuple(sorted({line.size for line in self.lines if line.size is not None}))

    def of(self, size: int | None) -> list[Standing]:
        """The lines of one size, and those that have none."""
        return [line for line in self.lines if size is None or line.size in (None, size)]

    def brief(self, size: int | None) -> Standing | None:
        """The line that those of a size are measured from."""
        return next((line for line in self.of(size) if line.brief), None)


def standings(report: BenchReport, board: Board) -> Standings | None:
    """One board of a report; None when the report has nothing for it."""
    made = {"schemes": _schemes, "ciphers": _ciphers, "ways": _ways}[board](report)
    return made if made.lines else None


def _schemes(report: BenchReport) -> Standings:
    rows = [row for row in report.rows if row.group == "scheme"]
    lines: list[Standing] = []
    largest = max((row.key_bits or 0 for row in rows), default=0)
    for size in dict.fromkeys(row.key_bits for row in rows):
        by_subject = _by_subject(row for row in rows if row.key_bits == size)
        brief = by_subject.get(SCHEME, {}).get("encrypt")  # a ciphertext a reading
        if brief is not None:
            facts = _scheme_facts(by_subject[SCHEME], lanes=1)
            lines.append(Standing(BRIEF, size, _seconds(brief), 1.0, facts, brief=True))
        for subject, ours in by_subject.items():
            if (row := ours.get(f"encrypt, {PER_READING}")) is not None:
                ratio = _ratio(brief, row)
                facts, subject = _scheme_facts(ours, row.lanes or 1), own_sized(row, largest).subject
                lines.append(Standing(subject, size, _seconds(row), ratio, facts, demo=row.demo))
    return Standings("schemes", "encrypting a reading", _ordered(lines), "-bit key")


def _scheme_facts(rows: Mapping[str, Row], lanes: int) -> dict[str, str]:
    facts = {}
    if (size := rows.get("ciphertext")) is not None:
        facts["bytes a reading"] = f"{size.figure.median / lanes:,.1f}"
        facts["ciphertext"] = worded(size.figure.median, size.unit)
    facts["lanes"] = f"{lanes:,}"
    for what in ("encrypt", "add", "release"):
        if what in rows:
            facts[what] = worded(rows[what].figure.median, rows[what].unit)
    return facts


def _ciphers(report: BenchReport) -> Standings:
    rows = [row for row in report.rows if row.group == "cipher"]
    by_frame = {
        frame: _by_subject(row for row in rows if row.frame == frame) for frame in dict.fromkeys(r.frame for r in rows)
    }
    # The brief seals a message a reading, whatever frames the others have.
    brief = by_frame.get(1, {}).get(CIPHER, {}).get(_OPENED)
    lines: list[Standing] = []
    for frame, by_subject in by_frame.items():
        if brief is not None:
            facts = _cipher_facts(by_frame[1][CIPHER], 1)
            lines.append(Standing(BRIEF, frame, _seconds(brief), 1.0, facts, brief=True))
        for subject, ours in by_subject.items():
            if (row := ours.get(_OPENED)) is not None:
                facts = _cipher_facts(ours, frame or 1)
                lines.append(Standing(subject, frame, _seconds(row), _ratio(brief, row), facts, demo=row.demo))
    return Standings("ciphers", "opening a reading", _ordered(lines), " readings a frame")


def _cipher_facts(rows: Mapping[str, Row], frame: int) -> dict[str, str]:
    facts = {}
    if (overhead := rows.get("overhead")) is not None:
        facts["overhead a reading"] = worded(overhead.figure.median / frame, overhead.unit)
        facts["overhead a frame"] = worded(overhead.figure.median, overhead.unit)
    for what in ("seal", "open"):
        if what in rows:
            facts[f"{what} a frame"] = worded(rows[what].figure.median, rows[what].unit)
    return facts


def _ways(report: BenchReport) -> Standings:
    rows = {(row.group, row.subject, row.what): row for row in report.rows}
    lines = []
    for row in report.rows:
        if (row.group, row.what) != ("pes", PER_READING):
            continue
        brief, subject = row.subject == NAME, row.subject
        against = next((one for one in report.rows if (one.group, one.subject) == (_AGAINST, subject)), None)
        ratio = 1.0 if brief else against.figure.median if against is not None else None
        peak = rows.get(("in the clear", subject, "at most at once"))
        read, made = (rows.get(("packing", subject, what)) for what in ("readings", "ciphertexts"))
        facts = {}
        if peak is not None:
            facts["clear at once"] = f"{peak.figure.median:,.0f}"
        if read is not None and made is not None:
            facts["ciphertexts per 1,000"] = f"{made.figure.median / read.figure.median * 1000:,.1f}"
        facts["lanes"] = f"{row.lanes or 1:,}"
        lines.append(Standing(BRIEF if brief else subject, None, _seconds(row), ratio, facts, brief=brief))
    return Standings("ways", "carrying a reading through the PES", _ordered(lines))


def _by_subject(rows: Iterator[Row]) -> dict[str, dict[str, Row]]:
    found: dict[str, dict[str, Row]] = {}
    for row in rows:
        found.setdefault(row.subject, {})[row.what] = row
    return found


def _seconds(row: Row) -> Figure:
    figure, factor = row.figure, SECONDS[row.unit]
    low, median, high = (value * factor for value in (figure.low, figure.median, figure.high))
    return Figure(median=median, low=low, high=high, runs=figure.runs)


def _ratio(brief: Row | None, ours: Row) -> float | None:
    if brief is None or not ours.figure.median:
        return None
    return _seconds(brief).median / _seconds(ours).median


def _ordered(lines: Sequence[Standing]) -> tuple[Standing, ...]:
    return tuple(sorted(lines, key=lambda line: (-(line.size or 0), not line.brief, -line.per_reading.median)))
