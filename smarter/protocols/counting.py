"""Counting what a hold and its releases led to: into the tally that the journal keeps, and as events.

``run`` calls it after each hold and each delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from smarter.model.events import Refused, Released
from smarter.parties.releaser import Release
from smarter.protocols.pes import Carried
from smarter.state import Tally


def count_carried(tally: Tally, carried: Carried) -> None:
    """One more hold: its frames, readings, ciphertexts, and what was dropped."""
    tally.frames += len(carried.sealed)
    tally.readings += carried.absorbed.readings
    tally.ciphertexts += carried.absorbed.encrypted
    for party, reasons in carried.dropped.items():
        counts = tally.dropped.setdefault(party, {})
        for reason in reasons:
            counts[reason] = counts.get(reason, 0) + 1


def count_windows(tally: Tally, releases: Iterable[Release]) -> None:
    """Windows that were released or refused; one without readings is neither."""
    for verdict in (verdict for release in releases for verdict in release.verdicts):
        if verdict.passes or verdict.reason:
            counts = tally.released if verdict.passes else tally.refused
            counts[verdict.kind] = counts.get(verdict.kind, 0) + 1


def told(neighbourhood: str, release: Release) -> Iterator[Released | Refused]:
    """What became of each window of a release; one without readings is not worth an event."""
    for verdict in release.verdicts:
        window = (verdict.kind, verdict.holder, verdict.start, verdict.end)
        if verdict.passes:
            energy = release.energies[verdict.lane]
            yield Released(*window, verdict.readings, verdict.expected, energy, neighbourhood)
        elif verdict.reason:
            yield Refused(*window, verdict.reason, neighbourhood, verdict.status.word)
