"""The result of a finished run: counts, views, stages, figures, and what was refused."""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from importlib import metadata

from smarter import __version__
from smarter.model.results import (
    ERASED,
    Choice,
    DemandFigures,
    RefusedWindow,
    Result,
    RunCounts,
    StageFigures,
    WindowRow,
)
from smarter.model.windows import iso
from smarter.protocols.consent import left_out
from smarter.protocols.plan import NeighbourhoodPlan
from smarter.protocols.release_audit import audit_releases, exposure_warnings
from smarter.protocols.report import Report
from smarter.protocols.session import Session
from smarter.registry import registry
from smarter.scenario import PluginChoice, Scenario
from smarter.state import StateFolder, Tally

LIBRARIES = ("cryptography", "gmpy2", "numpy", "phe", "lightphe", "pycryptodome")


def summarise(
    session: Session,
    report: Report,
    tally: Tally,
    state: StateFolder,
    *,
    keys: Mapping[str, str],
    due: Sequence[str],
    verified: bool | None,
) -> Result:
    """Put a finished run's result together, from the MDMS's answers and what was counted.

    ``keys``: fingerprints of the current keys, by what the scenario's ``crypto`` section calls their use. ``due``:
    warnings of those that are to be replaced.
    """
    scenario = session.scenario
    windows: dict[str, dict[str, int]] = {"demand": {}, "billing": {}}
    refusals: list[RefusedWindow] = []
    figures: list[DemandFigures] = []
    billed: dict[str, Decimal] = {}
    for neighbourhood in report.neighbourhoods:
        noted = _noted(report.demand(neighbourhood), report.timezone(neighbourhood), windows, refusals)
        figures.append(report.figures(neighbourhood, noted))
    for pseudonym, timezone, rows in report.billing():
        for bill in report.bills(pseudonym, timezone, _noted(rows, timezone, windows, refusals)):
            if bill.amount is not None:
                billed[bill.currency] = billed.get(bill.currency, Decimal(0)) + bill.amount
    first, audited = session.plans[0], audit_releases(session, None)
    erased = [f"{count:,} {kind}" for kind, by in windows.items() if (count := by.get(ERASED, 0))]
    passed_over = f"{' and '.join(erased)} windows were erased: they could not be verified."
    unchecked = [passed_over] if verified and erased else []
    return Result(
        scenario=scenario.name,
        description=scenario.description,
        digest=scenario.digest,
        resolved=scenario.resolved(),
        state=str(state.path),
        start=iso(min(plan.start for plan in session.plans), first.timezone),
        end=iso(max(plan.end for plan in session.plans), first.timezone),
        versions=_versions(),
        protocol=scenario.protocol,
        plugins={role: _choice(choice, keys.get(role)) for role, choice in _choices(session)},
        counts=RunCounts(
            neighbourhoods=len(session.plans),
            meters=sum(plan.size for plan in session.plans),
            readings=tally.readings,
            expected=session.expected,
            frames=tally.frames,
            ciphertexts=tally.ciphertexts,
            windows=windows,
            dropped=tally.dropped,
            damaged_records=len(report.damaged),
        ),
        views=tally.views,
        stages={
            stage: StageFigures(seconds=round(seconds, 6), bytes=tally.stage_bytes.get(stage, 0))
            for stage, seconds in tally.stage_seconds.items()
        },
        seconds=round(tally.seconds, 3),
        demand=tuple(figures),
        billed={currency: str(amount) for currency, amount in billed.items()},
        refusals=tuple(refusals),
        warnings=(
            *warnings_of(scenario, session.plans),
            *due,
            *left_out(session),
            *tally.warnings,
            *unchecked,
            *exposure_warnings(audited),
        ),
        exposed=audited.left,
        verified=verified,
    )


def warnings_of(scenario: Scenario, plans: Sequence[NeighbourhoodPlan]) -> list[str]:
    """What the user should know before trusting the run, or waiting for one of this size."""
    expected = sum(len(plan.demand) + len(plan.billing) * plan.size for plan in plans)
    limit = scenario.store.create().comfortable_records
    warnings = list(scenario.warnings)
    if limit is not None and expected > limit:
        warnings.append(
            f"store {scenario.store.plugin} is for up to {limit:,} records and this run makes {expected:,}: "
            "choose sqlite, with --set store.plugin=sqlite."
        )
    return warnings


def _noted(
    rows: Iterable[WindowRow], timezone: str, windows: dict[str, dict[str, int]], refusals: list[RefusedWindow]
) -> Iterator[WindowRow]:
    """Pass rows on, and count them by status."""
    for row in rows:
        windows[row.kind][row.status] = windows[row.kind].get(row.status, 0) + 1
        if row.reason:
            start, end = iso(row.start, timezone), iso(row.end, timezone)
            refusals.append(RefusedWindow(row.kind, row.holder, start, end, row.status, row.reason))
        yield row


def _choices(session: Session) -> list[tuple[str, PluginChoice]]:
    scenario = session.scenario
    sources = [(f"source {name}", area.source) for name, area in scenario.neighbourhoods.items()]
    crypto = scenario.crypto
    return [
        ("seal", crypto.seal),
        ("aggregate", crypto.aggregate),
        ("deliver", crypto.deliver),
        ("store", scenario.store),
        ("tariff", scenario.tariff),
        *sources,
    ]


def _choice(choice: PluginChoice, key: str | None) -> Choice:
    listings = {(listing.kind, listing.name): listing for listing in registry().listings()}
    return Choice(
        plugin=choice.plugin,
        version=listings[choice.kind, choice.plugin].version,
        options=choice.options.model_dump(mode="json"),
        key=key,
    )


def _versions() -> dict[str, str]:
    versions = {"smarter": __version__, "python": platform.python_version()}
    for library in LIBRARIES:
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    return versions
