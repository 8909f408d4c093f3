"""``smarter operator`` about others' accounts: who is an operator, made, given another role, kept out, removed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from smarter.cli.asking import ask_whether, yes_option
from smarter.cli.operator.door import opening
from smarter.cli.options import debug_option, scenario_argument, state_option, unlock_option

F = TypeVar("F", bound=Callable[..., None])
_ROLES = click.Choice(["viewer", "billing-clerk", "administrator", "auditor"])
"""As of ``access.Role``, which a test holds against it; here so that ``--help`` imports nothing."""


def _common(command: F) -> F:
    for option in (
        debug_option,
        unlock_option,
        state_option,
        click.argument("name", metavar="NAME"),
        scenario_argument,
    ):
        command = option(command)
    return command


@click.command(name="list", epilog="Example:  smarter operator list quickstart")
@scenario_argument
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@debug_option
def list_(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, as_json: bool) -> None:
    """Print who is an operator. For administrators and auditors."""
    from smarter.cli import printing, show

    with opening(scenario, overrides, state, unlock) as door:
        listed = door.desk().operators()
    if as_json:
        entries = [{"name": each.name, "role": each.role, "standing": each.standing} for each in listed]
        click.echo(json.dumps(entries, indent=2))
    else:
        show.operators_table(printing.console(), listed)


@click.command(
    epilog="\b\nExamples:\n  smarter operator add quickstart carl --role billing-clerk\n"
    "  smarter operator add quickstart vera --role viewer > code.txt"
)
@_common
@click.option("--role", "given", type=_ROLES, required=True, help="What they may do; docs/accounts.md has the table.")
def add(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str, given: str) -> None:
    """Make NAME an operator. For administrators.

    Prints the one-time code with which they enrol, once. Password and second factor they set up themselves, with
    `enrol`: nobody else ever knows them.
    """
    from smarter.protocols.access import Role

    with opening(scenario, overrides, state, unlock) as door:
        code = door.desk().add(name, Role(given))
    click.echo(f"The code with which {name} enrols; hand it over, it is not shown again:", err=True)
    click.echo(code)


@click.command(epilog="Example:  smarter operator role quickstart carl viewer")
@_common
@click.argument("given", metavar="ROLE", type=_ROLES)
def role(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str, given: str) -> None:
    """Give NAME another ROLE. For administrators.

    It holds from now on; their sessions end.
    """
    from smarter.protocols.access import Role

    with opening(scenario, overrides, state, unlock) as door:
        door.desk().change_role(name, Role(given))
    click.echo(f"{name} is {given} from now on, and has to log in again", err=True)


@click.command(epilog="Example:  smarter operator disable quickstart carl")
@_common
def disable(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str) -> None:
    """Keep NAME out. For administrators.

    Their sessions end at once; `enable` lets them in again.
    """
    with opening(scenario, overrides, state, unlock) as door:
        door.desk().disable(name)
    click.echo(f"{name} is kept out", err=True)


@click.command(epilog="Example:  smarter operator enable quickstart carl")
@_common
def enable(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str) -> None:
    """Let NAME in again. For administrators.

    It helps against `disable`, and after too many wrong tries.
    """
    with opening(scenario, overrides, state, unlock) as door:
        door.desk().enable(name)
    click.echo(f"{name} can log in", err=True)


@click.command(name="reset-totp", epilog="Example:  smarter operator reset-totp quickstart carl > code.txt")
@_common
def reset_totp(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str) -> None:
    """Void NAME's second factor. For administrators.

    Prints the one-time code with which they set up another one. It takes their password beside the code, which the
    administrator does not have.
    """
    with opening(scenario, overrides, state, unlock) as door:
        code = door.desk().reset(name)
    click.echo(f"The code with which {name} enrols anew; hand it over, it is not shown again:", err=True)
    click.echo(code)


@click.command(epilog="Example:  smarter operator remove quickstart carl")
@_common
@yes_option
def remove(scenario: str, overrides: tuple[str, ...], name: str, state: Path | None, unlock: str, yes: bool) -> None:
    """Close NAME's account for good. For administrators."""
    with opening(scenario, overrides, state, unlock) as door:
        desk = door.desk()
        ask_whether(f"Close the account {name} for good?", yes)
        desk.remove(name)
    click.echo(f"the account {name} is closed", err=True)
