"""``smarter operator`` about one's own account: the first one, enrolling, logging in and out, recovering."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.asking import (
    NEW_PASSWORD,
    ask_code,
    ask_name,
    ask_new_password,
    ask_password,
    ask_second,
    hand_over_code,
    name_option,
)
from smarter.cli.operator.door import OpenDoor, opening
from smarter.cli.options import debug_option, scenario_argument, state_option, unlock_option
from smarter.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from smarter.protocols.operator_login import Equipped

TRIES = 3


@click.command(
    epilog="\b\nExamples:\n  smarter operator first quickstart --name grace\n"
    "  SMARTER_PASSWORD=… smarter operator first quickstart --name grace > grace.txt"
)
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def first(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Make the first administrator, on this machine.

    Prints what their app needs to show codes (on a terminal also as a QR code), ten spare codes and a recovery
    code. It works only while there is no administrator: stopped before that was printed, it is given again. From then
    on administrators make others, with `add`.
    """
    from smarter.protocols.roster_desk import make_first

    with opening(scenario, overrides, state, unlock, locked=True, first=True) as door:
        if door.operators.roster.has_administrator():
            raise UsageError("there is an administrator already: they make others, with `smarter operator add`.")
        name = ask_name(name)
        password = ask_new_password()
        _try_out(door, make_first(door.door, door.operators, name, password, _show), password)


@click.command(
    epilog="\b\nExamples:\n  smarter operator enrol quickstart --name carl\n"
    "  SMARTER_CODE=$(cat code.txt) SMARTER_PASSWORD=… smarter operator enrol quickstart --name carl > carl.txt"
)
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def enrol(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Set up your account with a one-time code.

    It asks for a password of your own, and prints what your app needs to show codes (on a terminal also as a QR code),
    ten spare codes and a recovery code, once. After `reset-totp` it takes your present password, and renews the rest.
    """
    with opening(scenario, overrides, state, unlock) as door:
        name = ask_name(name)
        code = ask_code("The one-time code that you were given")
        awaited = door.operators.awaited(name, code)
        password = ask_new_password() if awaited == "invited" else ask_password("Present password")
        _try_out(door, door.operators.enrol(name, code, password, _show), password)


def _show(equipped: Equipped) -> None:
    """Print what is shown once, before it counts: where it cannot be printed, nobody is enrolled."""
    from smarter.charts.qr import qr_on_terminal

    click.echo(f"What {equipped.name} logs in with. Nothing below is shown again.", err=True)
    if sys.stderr.isatty():
        click.echo(qr_on_terminal(equipped.uri), err=True)
    click.echo(f"totp\t{equipped.uri}\nrecovery\t{equipped.recovery_code}")
    for spare in equipped.spare_codes:
        click.echo(f"spare\t{spare}")
    click.echo(
        "totp goes to the app that shows codes. Each spare code stands in for one of them, once. The recovery code, "
        "together with a code, sets a new password. Write these down.",
        err=True,
    )


def _try_out(door: OpenDoor, equipped: Equipped, password: str) -> None:
    """On a terminal, log in by the first code of the app, so that it is seen to work."""
    click.echo(f"{equipped.name} is enrolled.", err=True)
    for left in range(TRIES, 0, -1) if sys.stdin.isatty() else ():
        try:
            who = door.log_in(equipped.name, password, click.prompt("The code that the app shows now", err=True))
        except (IntegrityError, UsageError) as error:
            click.echo(f"{error}{' Try again.' if left > 1 else ''}", err=True)
            continue
        click.echo(f"logged in as {who}", err=True)
        return
    click.echo(f"`smarter operator login {door.scenario.name} --name {equipped.name}` logs in.", err=True)


@click.command(
    epilog="\b\nExamples:\n  smarter operator login quickstart --name grace\n"
    "  SMARTER_PASSWORD=… SMARTER_TOTP=123456 smarter operator login quickstart --name grace"
)
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def login(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Log in with password and code.

    It lasts for 15 minutes after the last command, and at most for 12 hours.
    """
    with opening(scenario, overrides, state, unlock) as door:
        name = ask_name(name)
        click.echo(f"logged in as {door.log_in(name, ask_password(), ask_second())}", err=True)


@click.command(epilog="Example:  smarter operator logout quickstart")
@scenario_argument
@state_option
@unlock_option
@debug_option
def logout(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Log out; the session's token is removed."""
    with opening(scenario, overrides, state, unlock) as door:
        click.echo("logged out" if door.log_out() else "nobody was logged in", err=True)


@click.command(epilog="Example:  smarter operator status quickstart")
@scenario_argument
@state_option
@unlock_option
@debug_option
def status(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Print who is logged in, and what they may do.

    Exit code 4 when nobody is.
    """
    from smarter.protocols.access import Operation, may

    with opening(scenario, overrides, state, unlock) as door:
        who = door.operators.resume(door.token())
        allowed = ", ".join(operation for operation in Operation if may(who, operation))
        click.echo(f"operator\t{who.name}\nrole\t{who.role}\nmay\t{allowed}")


@click.command(
    epilog="\b\nExamples:\n  smarter operator password quickstart\n"
    "  SMARTER_PASSWORD=… SMARTER_NEW_PASSWORD=… smarter operator password quickstart"
)
@scenario_argument
@state_option
@unlock_option
@debug_option
def password(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Change the password of whoever is logged in.

    Every other session of theirs ends.
    """
    with opening(scenario, overrides, state, unlock) as door:
        token = door.token()
        who = door.operators.resume(token)
        present = ask_password("Present password")
        door.operators.change_password(token, present, ask_new_password(NEW_PASSWORD))
        click.echo(f"the password of {who.name} is changed", err=True)


@click.command(epilog="Example:  smarter operator recover quickstart --name grace")
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def recover(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Set a new password by recovery code and code.

    Prints the next recovery code, once. It works also when too many wrong tries have locked the name. Without the
    recovery code an administrator removes the account and makes it anew.
    """
    with opening(scenario, overrides, state, unlock) as door:
        name = ask_name(name)
        code = ask_code("Recovery code")
        fresh = door.operators.recover(name, code, ask_second(), ask_new_password())
    hand_over_code(name, fresh)
