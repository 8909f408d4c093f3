"""Windows finer than bills that grantees were sent: of which meters and times.

Rule 4 judges what released sums show to those who know the readings of fewer than ``min_meters`` meters. A grantee with
finer windows of some meters knows those meters' part of each demand window, takes it out, and is left with a sum of the
rest. So these meters join every coalition with that grantee. What was delivered counts, not what is granted: an expired
or revoked grant calls nothing back.

Keys and names tell grantees apart as ``parties.meter.grants.on_another_grid`` does. Nothing is opened for it: the times
are in the mailbox, names and lengths in statements, which are verified by the keys that they are kept under.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from smarter.errors import AuthenticationFailed, MalformedMessage
from smarter.keys.signing import verify
from smarter.model.clock import DAY
from smarter.model.messages import Signed
from smarter.model.messages.statement import SIGNING_CONTEXT, Statement
from smarter.state import Deliveries, Sent, StateFolder
from smarter.state.statements import Statements

SHORTEST_MONTH = 28 * DAY
KEY_DIGITS = 8


@dataclass
class Grantee:
    """A third party with windows finer than bills.

    Attributes:
        name: as the customers call it, or the first digits of its key's fingerprint.
        marks: what it is known by: its keys' fingerprints, and its names as :func:`spelt`.
        spans: by pseudonym, the times of which it was sent such windows: epoch seconds, ascending, apart.
    """

    name: str
    marks: set[str] = field(default_factory=set)
    spans: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)

    def has_of(self, meter: bytes, start: int, end: int) -> bool:
        """Whether it was sent a meter's windows of any part of a time."""
        spans = self.spans.get(meter, [])
        place = bisect_right(spans, (end - 1, 1 << 62))
        return place > 0 and spans[place - 1][1] > start


@dataclass(frozen=True)
class Lengths:
    """What statements say of a grant: the grantee's name, and the seconds of a window."""

    name: str
    window: int


@dataclass(frozen=True)
class Finer:
    """A grant whose windows are finer than bills, as its customer is warned of it.

    Attributes:
        grantee: its name.
        window: as granted, seconds or ``month``.
        billing: nominal seconds of a billing window.
        given: meters of the neighbourhood of which the grantee has such windows, the customer's own included.
        meters: of the neighbourhood.
        min_meters: the fewest of them that have to be left.
    """

    grantee: str
    window: int | Literal["month"]
    billing: int
    given: int
    meters: int
    min_meters: int


def fine_grantees(state: StateFolder, billing: int) -> list[Grantee]:
    """Who was sent windows shorter than ``billing`` seconds, on a state."""
    if not state.deliveries.exists():
        return []
    lengths = _lengths(state)
    mailbox = Deliveries(state.deliveries)
    try:
        return grantees_of(mailbox.every(), lengths, billing)
    finally:
        mailbox.close()


def grantees_of(deliveries: Iterable[Sent], lengths: Mapping[str, Lengths], billing: int) -> list[Grantee]:
    """The same, of these deliveries.

    Args:
        deliveries: by grant and number.
        lengths: by grant, what its statement says. A grant without one counts by its deliveries' mean window.
        billing: nominal seconds of a billing window.
    """
    found: dict[str, Grantee] = {}
    for sent in deliveries:
        known = lengths.get(sent.grant)
        mean = (sent.end - sent.start) // max(sent.windows, 1)
        if min(mean, known.window if known else mean) >= billing:
            continue
        marks = [sent.receiver, *([spelt(known.name)] if known else [])]
        name = known.name if known else f"the key {sent.receiver[:KEY_DIGITS]}"
        grantee = next((found[mark] for mark in marks if mark in found), None) or Grantee(name)
        for mark in marks:
            other = found.get(mark)
            if other is not None and other is not grantee:
                _join(grantee, other)
                found.update({each: grantee for each, whose in found.items() if whose is other})
            found[mark] = grantee
        grantee.marks.update(marks)
        _cover(grantee.spans.setdefault(sent.meter, []), sent.start, sent.end)
    return list({id(grantee): grantee for grantee in found.values()}.values())


def spelt(name: str) -> str:
    """A grantee's name as it is compared; a key's fingerprint never looks like one."""
    return f"name {' '.join(name.casefold().split())}"


def seconds_of(window: int | Literal["month"] | str) -> int:
    """The least seconds of a granted window."""
    return window if isinstance(window, int) else SHORTEST_MONTH


def _lengths(state: StateFolder) -> dict[str, Lengths]:
    if not state.accounts.exists():
        return {}
    statements = Statements(state.accounts)
    try:
        return {
            said.detail["grant"]: Lengths(said.detail["grantee"], seconds_of(said.detail["window"]))
            for said in _verified(statements.every())
            if said.kind == "grant"
        }
    finally:
        statements.close()


def _verified(kept: Sequence[tuple[bytes, bytes, bytes]]) -> Iterator[Statement]:
    for meter, customer, message in kept:
        try:
            signed = Signed.decode(message)
            verify(customer, signed.body, signed.signature, SIGNING_CONTEXT)
            statement = Statement.decode(signed.body)
        except (AuthenticationFailed, MalformedMessage):
            continue  # the meters carry out nothing of it, and the mean window counts
        if statement.pseudonym == meter:
            yield statement


def _join(grantee: Grantee, other: Grantee) -> None:
    grantee.marks |= other.marks
    for meter, spans in other.spans.items():
        own = grantee.spans.setdefault(meter, [])
        for start, end in spans:
            _cover(own, start, end)


def _cover(spans: list[tuple[int, int]], start: int, end: int) -> None:
    """Add a span to ascending ones that are apart."""
    if spans and spans[-1][0] <= start <= spans[-1][1]:
        spans[-1] = (spans[-1][0], max(end, spans[-1][1]))  # as in nearly every call: deliveries come in order
        return
    merged: list[tuple[int, int]] = []
    for low, high in sorted([*spans, (start, end)]):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    spans[:] = merged
