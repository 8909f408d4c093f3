"""``smarter customer`` about what own readings are used for: the notice, agreement to it, and opting out."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.customer.door import Door, opening
from smarter.cli.options import debug_option, opened, scenario_argument, state_option, unlock_option
from smarter.errors import UsageError

if TYPE_CHECKING:
    from smarter.model.messages.statement import Kind, Statement
    from smarter.parties.meter.statements import Standing
    from smarter.protocols.holder import Holder
    from smarter.protocols.notice import Notice
    from smarter.state.statements import Statements

agree_option = click.option(
    "--agree",
    "agreed",
    type=int,
    metavar="VERSION",
    help="Agree to this version of the notice, and do not ask; `smarter customer notice` prints it.",
)


def ask_agreement(notice: Notice, agreed: int | None) -> None:
    """Return if whoever sits here agrees to a notice, or has said so; it is shown on a terminal.

    Raises:
        UsageError: nobody can be asked, they said another version, or they do not agree.
    """
    if agreed is not None or not sys.stdin.isatty():
        notice.require(agreed)
        return
    click.echo(notice.text, err=True)
    if not click.confirm("Do you agree to this?", err=True):
        raise UsageError("without your agreement there is no account: nothing was made.")


@contextmanager
def stating(
    scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str
) -> Iterator[tuple[Door, Holder, Statements]]:
    """The door, the customer who is logged in, and their statements; also while a run goes on."""
    from smarter.state.statements import Statements

    with opening(scenario, overrides, state, unlock) as door:
        holder = door.holder()
        if not holder.account.meter:
            raise UsageError(f"{holder.account.name} is no customer, and has no meter to state anything to.")
        with closing(Statements(door.folder.accounts)) as statements:
            yield door, holder, statements


def remind_of_notice(door: Door, holder: Holder) -> None:
    """Say so when the notice is not the one that a customer agreed to."""
    from smarter.protocols.notice import notice_of
    from smarter.protocols.statements import own_standing
    from smarter.state.statements import Statements

    notice = notice_of(door.session.scenario)
    with closing(Statements(door.folder.accounts)) as statements:
        standing = own_standing(door.session, statements, holder)
    if not notice.is_agreed(standing):
        name = door.session.scenario.name
        said = "you agreed to another text than" if standing.notice is not None else "you do not agree to"
        click.echo(
            f"{said} version {notice.version} of the notice: read it with `smarter customer notice {name}`, and agree "
            f"with `smarter customer agree {name}`.",
            err=True,
        )


@click.command(epilog="Example:  smarter customer notice quickstart")
@scenario_argument
@debug_option
def notice(scenario: str, overrides: tuple[str, ...]) -> None:
    """Print the notice: what is collected, by whom, why, for how long, who can read it, and what a customer can do.

    Anybody can read it. It has the scenario's own windows, times and rules; enrolling asks for agreement to it.
    """
    from smarter.protocols.notice import notice_of

    checked, _ = opened(scenario, overrides, None)
    click.echo(notice_of(checked).text, nl=False)


@click.command(
    epilog="\b\nExamples:\n  smarter customer agree quickstart\n  smarter customer agree quickstart --agree 2"
)
@scenario_argument
@agree_option
@state_option
@unlock_option
@debug_option
def agree(scenario: str, overrides: tuple[str, ...], agreed: int | None, state: Path | None, unlock: str) -> None:
    """Agree to the notice, when it is a newer one or you took your agreement back: your readings are used from now on.

    It counts from the next billing window on, also in a run that goes on.
    """
    from smarter.protocols import statements as protocol
    from smarter.protocols.notice import notice_of

    with stating(scenario, overrides, state, unlock) as (door, holder, statements):
        shown = notice_of(door.session.scenario)
        if shown.is_agreed(protocol.own_standing(door.session, statements, holder)):
            raise UsageError(f"you agree to version {shown.version} of the notice already.")
        ask_agreement(shown, agreed)
        protocol.agree(door.session, statements, holder, shown, witness=door.login.witness)
        click.echo(f"you agree to version {shown.version} of the notice {_from_then_on(door)}", err=True)


def _command(kind: Kind, name: str, told: str, words: str) -> click.Command:
    """A command that states one thing and asks nothing; ``told``: what it says then, ``words``: its help."""

    def run(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
        from smarter.protocols import statements as protocol

        with stating(scenario, overrides, state, unlock) as (door, holder, statements):
            protocol.state(door.session, statements, holder, kind, witness=door.login.witness)
            click.echo(f"{told} {_from_then_on(door)}", err=True)

    run.__doc__ = words
    whole = scenario_argument(state_option(unlock_option(debug_option(run))))
    return click.command(name=name, epilog=f"Example:  smarter customer {name} quickstart")(whole)


withdraw = _command(
    "withdraw",
    "withdraw",
    "your agreement is withdrawn: your meter keeps your readings for you, and sends nothing",
    """Take your agreement back: your meter goes on keeping your readings for you, and sends nothing.

    It counts from the next billing window on, also in a run that goes on. Sums that are made already stay, and what was
    delivered to somebody else cannot be called back. `smarter customer agree` takes this back.
    """,
)
opt_out = _command(
    "opt-out",
    "opt-out",
    "your readings are out of the neighbourhood's statistics: they are billed, and in no demand",
    """Leave the neighbourhood's statistics: your readings are billed as before, and in no sum of the neighbourhood.

    It counts from the next billing window on, also in a run that goes on. `smarter customer opt-in` takes this back.
    """,
)
opt_in = _command(
    "opt-in",
    "opt-in",
    "your readings are in the neighbourhood's statistics again",
    """Let your readings be in the neighbourhood's statistics again, from the next billing window on.""",
)


def _from_then_on(door: Door) -> str:
    from smarter.protocols.notice import said

    return f"(from the next billing window on: after at most {said(door.session.scenario.windows.billing)})"


@click.command(
    epilog="\b\nExamples:\n  smarter customer consents quickstart\n  smarter customer consents quickstart --json"
)
@scenario_argument
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
@state_option
@unlock_option
@debug_option
def consents(scenario: str, overrides: tuple[str, ...], as_json: bool, state: Path | None, unlock: str) -> None:
    """Print all that you have stated: agreed, withdrawn, opted out or in, granted, revoked, as your key verifies it."""
    from smarter.protocols import statements as protocol
    from smarter.protocols.notice import notice_of

    with stating(scenario, overrides, state, unlock) as (door, holder, statements):
        record = protocol.own_statements(door.session, statements, holder)
        standing = protocol.own_standing(door.session, statements, holder)
        current = notice_of(door.session.scenario)
    if as_json:
        click.echo(json.dumps(_as_data(record, standing, current), indent=2))
        return
    for statement in record:
        click.echo(f"{statement.number}\t{_time(statement.at)}\t{statement.kind}\t{_detail(statement)}".rstrip("\t"))
    agreed = "nothing" if standing.notice is None else f"version {standing.notice} of the notice"
    if standing.notice is not None and not current.is_agreed(standing):
        agreed += f", whose text is another than today's (version {current.version})"
    used = "for nothing" if standing.notice is None else "for bills and the neighbourhood's statistics"
    if standing.notice is not None and not standing.statistics:
        used = "for bills only"
    click.echo(f"you agree to {agreed}; your readings are used {used}", err=True)


def _as_data(record: list[Statement], standing: Standing, current: Notice) -> dict[str, object]:
    return {
        "agrees_to": standing.notice,
        "agrees_to_this_text": current.is_agreed(standing),
        "statistics": standing.statistics,
        "statements": [
            {"number": each.number, "at": _time(each.at), "kind": each.kind}
            | {name: value.hex() if isinstance(value, bytes) else value for name, value in each.detail.items()}
            for each in record
        ],
    }


def _time(at: int) -> str:
    from smarter.model.windows import iso

    return iso(at, "UTC")


def _detail(statement: Statement) -> str:
    detail = statement.detail
    match statement.kind:
        case "agree":
            return f"notice {detail['notice']}, text {detail['digest'].hex()[:16]}"
        case "grant":
            return f"{detail['grant']} to {detail['grantee']}: {detail['purpose']}"
        case _:
            return str(detail.get("grant", ""))
