"""``smarter audit``: the audit log, its check, its head, a state that was put back, and released sums."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.asking import ask_reason
from smarter.cli.options import begun, debug_option, scenario_argument, state_option, unlock_option, unlocking
from smarter.model.audit import ACTIONS

if TYPE_CHECKING:
    from smarter.model.audit import Entry
    from smarter.protocols.release_audit import ReleaseAudit
    from smarter.protocols.session import Session
    from smarter.scenario import Scenario
    from smarter.state import StateFolder

_ACTIONS = "Only entries of this action, such as read, export, release, refusal, login, key-use; may be repeated."


MOST_WINDOWS = 20
"""Exposed billing windows that are printed for people."""


@click.group(epilog="\b\nExamples:\n  smarter audit verify quickstart\n  smarter audit releases quickstart")
def audit() -> None:
    """Show and verify a state's audit log, print its head, and audit released sums.

    The log holds every login, read, export, release, refusal and key use. It names neither readings
    nor people: households and accounts have keyed identifiers.
    """


def _moment(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A moment as the log writes it, which sorts by time."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is no date or time such as '2026-03-01 12:00'", ctx, param) from error
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@audit.command(
    epilog="\b\nExamples:\n  smarter audit show quickstart --action read --action export\n"
    "  smarter audit show quickstart --subject-of a3f9 --since 2026-03-01"
)
@scenario_argument
@click.option("--since", metavar="TIME", callback=_moment, help="Only from this date or time (UTC) on.")
@click.option("--action", "actions", multiple=True, type=click.Choice(ACTIONS), metavar="ACTION", help=_ACTIONS)
@click.option(
    "--subject-of",
    "meters",
    multiple=True,
    metavar="METER",
    help="Only what concerns the household of this pseudonym, whose first digits do.",
)
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
@debug_option
def show(
    scenario: str,
    overrides: tuple[str, ...],
    since: str | None,
    actions: tuple[str, ...],
    meters: tuple[str, ...],
    state: Path | None,
    unlock: str,
    as_json: bool,
) -> None:
    """Print the entries of the log, oldest first, checked on the way.

    Each has a number, the time, who did what to whom, and details. With --subject-of the audit keystore is unlocked,
    and it is noted who was asked about.
    """
    from smarter.protocols.audit_reading import read_audit

    checked, folder = begun(scenario, overrides, state, "audit log")
    entries = read_audit(folder).entries
    if meters:
        entries = _concerning(entries, checked, folder, meters, unlock)
    chosen = (
        entry
        for entry in entries
        if (not actions or entry.action in actions) and (since is None or entry.time >= since)
    )
    if as_json:
        print_entries(chosen)
        return
    from smarter.cli import show

    for line in show.audit_lines(chosen):
        click.echo(line)


def _concerning(
    entries: Iterable[Entry], scenario: Scenario, folder: StateFolder, meters: Iterable[str], unlock: str
) -> Iterator[Entry]:
    from smarter.model.audit import LOCAL, household
    from smarter.protocols.audit_reading import about
    from smarter.protocols.auditing import open_audit
    from smarter.protocols.households import found_households
    from smarter.protocols.session import recalled

    session = recalled(scenario, folder)
    session.journal.close()
    named = [household(found_households(session, meter)[0][0]) for meter in meters]
    with open_audit(folder, unlocking(unlock, folder)) as log:
        for one in named:
            log.note("read", LOCAL, one, what="audit log")
    return about(entries, log, *named)


def print_entries(entries: Iterable[Entry]) -> None:
    """Entries as JSON, each when it has been read."""
    import json
    from dataclasses import asdict

    separator = "["
    for entry in entries:
        click.echo(f"{separator}\n  {json.dumps(asdict(entry))}", nl=False)
        separator = ","
    click.echo("\n]" if separator == "," else "[]")


@audit.command(
    epilog="\b\nExamples:\n  smarter audit verify quickstart\n  smarter audit verify quickstart --anchor kept.head"
)
@scenario_argument
@click.option(
    "--anchor",
    type=click.Path(path_type=Path, exists=True),
    metavar="PATH",
    help="A head that was kept, or the folder of heads. [default: SMARTER_ANCHOR, or the user's data folder]",
)
@state_option
@debug_option
def verify(scenario: str, overrides: tuple[str, ...], anchor: Path | None, state: Path | None) -> None:
    """Check that nothing in the log was changed, moved or cut, also at its tail.

    It is held against its signatures, the head in the state, the one kept elsewhere, and the ledger of releases. What
    is wrong is said with the number of the first entry concerned, and exit code 4.
    """
    from smarter.protocols.audit_reading import check_audit, default_heads, heads_in

    _, folder = begun(scenario, overrides, state, "audit log")
    heads = default_heads(folder) if anchor is None else heads_in(anchor, folder)
    found = check_audit(folder, heads)
    click.echo(f"{found.entries:,} entries, whole")
    if found.torn:
        click.echo(
            f"note: {found.torn} bytes behind them were never committed, as after a loss of power; whoever writes next "
            "drops them and says so.",
            err=True,
        )


@audit.command(epilog="Example:  smarter audit head quickstart > quickstart.head")
@scenario_argument
@state_option
@debug_option
def head(scenario: str, overrides: tuple[str, ...], state: Path | None) -> None:
    """Print the signed head of the log, when the log is whole.

    Kept where nobody can reach it who could write to the state, it shows later that nothing before it has changed.
    """
    from smarter.protocols.audit_reading import head_of

    _, folder = begun(scenario, overrides, state, "audit log")
    click.echo(head_of(folder).text())


@audit.command(
    name="accept-restore",
    epilog="\b\nExamples:\n  smarter audit accept-restore quickstart\n"
    "  smarter audit accept-restore quickstart --reason 'disk replaced, backup of 3 May'",
)
@scenario_argument
@click.option("--reason", metavar="TEXT", help="Why the state was put back; kept in the log. [default: asked for]")
@click.option(
    "--keys-of",
    "keys_of",
    multiple=True,
    metavar="PARTY",
    help="Accept the keystore of this party, too, which is not the one that the head knows; may be repeated.",
)
@state_option
@unlock_option
@debug_option
def accept(
    scenario: str,
    overrides: tuple[str, ...],
    reason: str | None,
    keys_of: tuple[str, ...],
    state: Path | None,
    unlock: str,
) -> None:
    """Go on with a state that was restored from a backup, or with one of two copies of a state.

    The head of the log that is kept elsewhere is ahead of such a state, and nothing is written until this is accepted.
    Windows that the head knows to be decided, and the state does not, are lost: they are never opened again.
    """
    from smarter.charts.marks import moment
    from smarter.protocols.restoring import accept_restore, find_restored

    checked, folder = begun(scenario, overrides, state, "audit log")
    with folder.locked():
        there = find_restored(folder)
        click.echo(f"The log ends after entry {there.entries:,}; its head elsewhere knows {there.known:,}.", err=True)
        for name, until in there.lost.items():
            known = checked.neighbourhoods.get(name)
            click.echo(
                f"{name}: what is not decided yet and begins before {moment(until, known.timezone if known else 'UTC')}"
                " is lost: it may have been released already, and is never opened again.",
                err=True,
            )
        for party in there.keys:
            click.echo(f"The keystore of {party} is not the one that the head knows.", err=True)
        accept_restore(folder, unlocking(unlock, folder), ask_reason(reason), keys_of)
    click.echo("accepted, and noted in the audit log")


@audit.command(
    epilog="\b\nExamples:\n  smarter audit releases quickstart\n"
    "  smarter audit releases quickstart --json > releases.json"
)
@scenario_argument
@state_option
@click.option("--json", "as_json", is_flag=True, help="Print all of it as JSON.")
@debug_option
def releases(scenario: str, overrides: tuple[str, ...], state: Path | None, as_json: bool) -> None:
    """Audit what all sums ever released show of fewer than min_meters meters.

    Each billing window is judged exactly, over all runs on the state, also while a run is not finished. A grantee with
    windows finer than bills counts as knowing the meters that granted them. Exit code 4 when a billing window shows
    something. Nothing is unlocked, and the audit log is not written to: the ledger has pseudonyms, and no reading.
    """
    import json

    from smarter.charts.releases import audit_form, audit_sentence, exposed_table
    from smarter.cli import printing
    from smarter.errors import Disclosed
    from smarter.protocols.session import recalled

    checked, folder = begun(scenario, overrides, state, "run")
    session = recalled(checked, folder)
    try:
        found = _audited(session, folder)
    finally:
        session.journal.close()
    zones = {plan.name: plan.timezone for plan in session.plans}
    if as_json:
        click.echo(json.dumps({"scenario": checked.name, **audit_form(found, zones)}, indent=2, ensure_ascii=False))
    else:
        if found.exposed:
            printing.console().print(exposed_table(found, zones, MOST_WINDOWS))
            click.echo()
        click.echo(audit_sentence(found))
    if found.exposed:
        raise Disclosed(
            f"released sums of {checked.name} in {folder.path} show what fewer than {found.min_meters} meters used, or "
            "may do so. Keep the store and its exports from further readers; start again with --fresh to release by "
            "today's rules."
        )


def _audited(session: Session, folder: StateFolder) -> ReleaseAudit:
    """The audit; on a terminal, standard error shows how far it is."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    from smarter.cli.terminal import make_progress
    from smarter.protocols.release_audit import audit_releases

    columns = (TextColumn("billing windows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    progress = make_progress(*columns, disable=not sys.stderr.isatty())
    with progress:
        task = progress.add_task("", total=None)
        return audit_releases(session, folder, lambda done, total: progress.update(task, completed=done, total=total))
