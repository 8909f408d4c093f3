"""The exact disclosure audit: what all released sums show of a few meters.

Each billing window is judged by rule 4 (``releasing.suppression``) on the table that the ledger gives: once with all
that was released, and once with what is left after erasures. A grantee who was sent finer windows of some meters knows
their readings, so each window is judged a second time without these meters (``fine_grants``).

It reads pseudonyms alone, so no keystore is unlocked. The ledger is read in order of time and never held; tables that
are alike, which most are, are judged once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smarter.model.cells import IN_DEMAND, Cell
from smarter.model.control import heed
from smarter.protocols.fine_grants import Grantee, fine_grantees
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.released_tables import ReleasedWindow, released_windows
from smarter.protocols.session import Session
from smarter.releasing.suppression import Exposure, exposures
from smarter.releasing.table import Table
from smarter.state import KeptMeter, LedgerRow, StateFolder

Span = tuple[int, int]
"""Start and end, epoch seconds."""
_MOST_TABLES = 4_096
"""Judged tables that are kept, a few hundred bytes to a few kilobytes each."""


@dataclass(frozen=True)
class Disclosure:
    """What one billing window shows of fewer than ``min_meters`` meters.

    Attributes:
        meters: pseudonyms of the coalition, in hexadecimal; none where the ledger lacks members, and any may be it.
        spans: the demand windows over which the coalition's total shows, put together.
        rest: what their own bills then show as well: the times that are in these bills, and not in ``spans``.
        grantee: who learns it; empty: every reader of what was released.
        granting: of how many meters that grantee has finer windows.
    """

    meters: tuple[str, ...]
    spans: tuple[Span, ...]
    rest: tuple[Span, ...] = ()
    grantee: str = ""
    granting: int = 0


@dataclass(frozen=True)
class ExposedWindow:
    """A billing window that shows something.

    Attributes:
        neighbourhood: its id.
        start: epoch seconds.
        end: epoch seconds, not part of it.
        exact: whether that is so; else it may be, since the ledger does not say who was in refused windows.
        released: what was shown by everything ever released.
        left: what is still shown after erasures.
    """

    neighbourhood: str
    start: int
    end: int
    exact: bool
    released: tuple[Disclosure, ...]
    left: tuple[Disclosure, ...]


@dataclass(frozen=True)
class ReleaseAudit:
    """What the audit found.

    Attributes:
        min_meters: below which a coalition must learn nothing.
        windows: how many billing windows were judged.
        inexact: how many of these the ledger does not fully describe.
        exposed: those that show something, by neighbourhood and time.
    """

    min_meters: int
    windows: int
    inexact: int
    exposed: tuple[ExposedWindow, ...]

    @property
    def left(self) -> int:
        """How many billing windows still show something after erasures."""
        return sum(bool(each.left) for each in self.exposed)

    @property
    def exact(self) -> bool:
        """Whether every exposed window is one for certain."""
        return all(each.exact for each in self.exposed)


def audit_releases(
    session: Session, state: StateFolder | None, watch: Callable[[int, int], None] = lambda done, total: None
) -> ReleaseAudit:
    """Audit everything that was decided on a state so far; a run may be going on.

    Args:
        session: the deployment.
        state: where its mailbox is, for grantees with finer windows; None: released sums are judged alone.
        watch: called with how many of how many billing windows have been judged.
    """
    scenario, total = session.scenario, sum(len(plan.billing) for plan in session.plans)
    grantees = () if state is None else fine_grantees(state, scenario.windows.billing)
    windows = inexact = 0
    exposed: list[ExposedWindow] = []
    judge = _Judge(scenario.release.min_meters, session.plans, session.roster, grantees)
    for exact, found in judge.judged(session.journal.ledger()):
        heed()
        windows += 1
        inexact += not exact
        exposed += [found] if found else []
        watch(windows, total)
    order = {plan.name: place for place, plan in enumerate(session.plans)}
    exposed.sort(key=lambda each: (order[each.neighbourhood], each.start))
    return ReleaseAudit(scenario.release.min_meters, windows, inexact, tuple(exposed))


def exposure_warnings(audit: ReleaseAudit) -> list[str]:
    """What a result warns of: a sentence where billing windows still show something."""
    if not audit.left:
        return []
    count = f"{'' if audit.exact else 'at most '}{audit.left:,} billing window{'s' * (audit.left != 1)}"
    verb = "shows" if audit.exact and audit.left == 1 else "show"
    return [f"{count} {verb} what fewer than {audit.min_meters} meters used: see `smarter audit releases`."]


def audit_rows(
    rows: Iterable[LedgerRow],
    plans: Sequence[NeighbourhoodPlan],
    roster: Mapping[str, Sequence[KeptMeter]],
    min_meters: int,
    grantees: Sequence[Grantee] = (),
) -> Iterator[ExposedWindow]:
    """The billing windows that show something, of these ledger rows in order of time."""
    judged = _Judge(min_meters, plans, roster, grantees).judged(rows)
    return (found for _, found in judged if found is not None)


class _Judge:
    """Rule 4 over one window after another, with what it found before."""

    def __init__(
        self,
        min_meters: int,
        plans: Sequence[NeighbourhoodPlan],
        roster: Mapping[str, Sequence[KeptMeter]],
        grantees: Sequence[Grantee],
    ) -> None:
        self._min_meters = min_meters
        self._plans = plans
        self._roster = roster
        self._grantees = grantees
        self._known: dict[tuple[object, ...], list[Exposure]] = {}

    def judged(self, rows: Iterable[LedgerRow]) -> Iterator[tuple[bool, ExposedWindow | None]]:
        """Whether the ledger describes each billing window fully, and what it shows."""
        for window in released_windows(rows, self._plans, self._roster):
            knowing = self._knowing(window)
            released = self._disclosures(window, window.as_released, knowing)
            left = released
            if window.as_left is not window.as_released:
                left = self._disclosures(window, window.as_left, knowing)
            found = None
            if released or left:
                place = window.neighbourhood, window.start, window.end
                found = ExposedWindow(*place, window.is_exact, released, left)
            yield window.is_exact, found

    def _knowing(self, window: ReleasedWindow) -> list[tuple[Grantee, list[int]]]:
        """The grantees with finer windows of a billing window, and their meters' rows."""
        knowing = []
        for grantee in self._grantees:
            kepts = enumerate(self._roster[window.neighbourhood])
            rows = [row for row, kept in kepts if grantee.has_of(kept.pseudonym, window.start, window.end)]
            if rows:
                knowing.append((grantee, rows))
        return knowing

    def _disclosures(
        self, window: ReleasedWindow, table: Table, knowing: Sequence[tuple[Grantee, list[int]]]
    ) -> tuple[Disclosure, ...]:
        to_all = self._exposures(table)
        found = [self._disclosure(window, table, each) for each in to_all]
        for grantee, rows in knowing:
            rest = table.without_meters(rows)
            for each in self._exposures(rest):
                if each not in to_all:
                    found.append(self._disclosure(window, rest, each, grantee.name, len(rows)))
        return tuple(found)

    def _exposures(self, table: Table) -> list[Exposure]:
        key = table.cells.tobytes(), table.cells.shape, table.bills.tobytes(), table.demand.tobytes(), table.open_ended
        if key not in self._known:
            if len(self._known) >= _MOST_TABLES:
                self._known.clear()
            self._known[key] = exposures(table, self._min_meters)
        return self._known[key]

    def _disclosure(
        self, window: ReleasedWindow, table: Table, exposure: Exposure, grantee: str = "", granting: int = 0
    ) -> Disclosure:
        shown = np.zeros(len(table.demand), np.bool_)
        shown[list(exposure.windows)] = True
        rows, rest = list(exposure.meters), np.zeros_like(shown)
        if rows:
            shown &= (table.cells[rows] & IN_DEMAND).any(axis=0)
        if not rows:
            rest = ~shown & ~table.demand
        elif table.bills[rows].all():
            cells = table.cells[rows]
            rest = ((cells & Cell.BILL_ONLY) > 0).any(axis=0) | (((cells & Cell.BOTH) > 0).any(axis=0) & ~shown)
        kepts = self._roster[window.neighbourhood]
        meters = tuple(kepts[row].pseudonym.hex() for row in rows)
        return Disclosure(meters, _spans(window, shown), _spans(window, rest), grantee, granting)


def _spans(window: ReleasedWindow, chosen: NDArray[np.bool_]) -> tuple[Span, ...]:
    """The chosen demand windows, adjoining ones put together."""
    turns = np.flatnonzero(np.diff(chosen.astype(np.int8), prepend=0, append=0))
    edges = window.edges[turns].tolist()
    return tuple(zip(edges[::2], edges[1::2], strict=True))
