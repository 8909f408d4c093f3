"""``smarter customer`` about the account itself: invited, enrolled, logged in and out, recovered, closed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.asking import (
    NEW_PASSWORD,
    ask_code,
    ask_name,
    ask_new_password,
    ask_password,
    ask_whether,
    hand_over_code,
    name_option,
    yes_option,
)
from smarter.cli.customer.consent import agree_option, ask_agreement, remind_of_notice
from smarter.cli.customer.door import opening
from smarter.cli.options import debug_option, scenario_argument, state_option, unlock_option, unlocking
from smarter.errors import UsageError

if TYPE_CHECKING:
    from smarter.keys.keystore import Keystore
    from smarter.protocols.readable_from import ReadableFrom
    from smarter.protocols.session import Session
    from smarter.state import KeptMeter

START = "start"
"""For ``--since``: all that the meter has measured."""


@click.command(
    epilog="\b\nExamples:\n  smarter customer invite quickstart apt3\n"
    "  smarter customer invite quickstart 4f1c > code.txt\n"
    "  smarter customer invite quickstart apt3 --since start"
)
@scenario_argument
@click.argument("meter", metavar="METER")
@click.option(
    "--since",
    metavar="TIME",
    help="First moment that the customer may read, local; or the word start, for all. [default: the next key epoch]",
)
@state_option
@unlock_option
@debug_option
def invite(
    scenario: str, overrides: tuple[str, ...], meter: str, since: str | None, state: Path | None, unlock: str
) -> None:
    """Print the one-time code with which a customer enrols for METER, once.

    METER is the source's name for it, or the first digits of its pseudonym. An earlier code that was not used is void
    from now on. It takes the secret of the meters' keystore.

    The customer reads from the first key epoch that begins after they enrol. Only --since lets them read what was
    measured earlier; the audit log notes how far back. A key epoch begins with each run and each billing period. A TIME
    inside one means the next one. What an earlier customer of the meter could read stays sealed in any case.
    """
    from smarter.keys.keystore import Keystore
    from smarter.protocols import enrolment

    with opening(scenario, overrides, state, unlock, locked=True, first=True) as door:
        found = enrolment.find_meter(door.session, meter)
        store = Keystore.open(door.folder.keys, "meters", unlocking(unlock, door.folder))
        readable = _readable(since, door.session, store, found)
        code = enrolment.invite(door.session, door.login, store, found, readable)
    click.echo(
        f"The code for meter {found.source} ({found.pseudonym.hex()}); hand it over, it is not shown again. "
        f"Its customer can read {_spelt(readable)}:",
        err=True,
    )
    click.echo(code)


def _readable(since: str | None, session: Session, store: Keystore, meter: KeptMeter) -> ReadableFrom:
    """From when on the customer is to read, as the installer says it."""
    from smarter.protocols.readable_from import from_moment, from_next_epoch, from_start, plan_of
    from smarter.scenario.moments import epoch, parse_moment

    if since is None:
        return from_next_epoch(session, meter)
    if since.strip().lower() == START:
        return from_start(session, store, meter)
    try:
        moment = epoch(parse_moment(since), plan_of(session, meter.pseudonym).timezone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"--since: {error}, or {START} for all that the meter has measured.") from error
    return from_moment(session, store, meter, moment)


def _spelt(readable: ReadableFrom) -> str:
    return f"from {readable.since} on" if readable.since else "from the next key epoch on"


@click.command(
    epilog="\b\nExamples:\n  smarter customer enrol quickstart --name ada\n"
    "  SMARTER_CODE=$(cat code.txt) SMARTER_PASSWORD=… \\\n"
    "    smarter customer enrol quickstart --name ada --agree 2 > recovery.txt"
)
@scenario_argument
@name_option
@agree_option
@state_option
@unlock_option
@debug_option
def enrol(
    scenario: str,
    overrides: tuple[str, ...],
    name: str | None,
    agreed: int | None,
    state: Path | None,
    unlock: str,
) -> None:
    """Open an account with the code that came with the meter; prints the recovery code, once.

    Before anything is made the notice is shown, and you are asked whether you agree to it: what is collected, by whom,
    why, for how long, and what you can do about it. A key pair is made for you: the meter hands you its seal keys under
    it, and nobody else can read your minutes. The private key is only ever kept locked by your password and by the
    recovery code.
    """
    from smarter.keys.keystore import Keystore
    from smarter.protocols import enrolment
    from smarter.protocols.notice import notice_of

    with opening(scenario, overrides, state, unlock, locked=True, first=True) as door:
        notice = notice_of(door.session.scenario)
        ask_agreement(notice, agreed)
        code = ask_code("The code that came with the meter")
        name = ask_name(name)
        password = ask_new_password()
        store = Keystore.open(door.folder.keys, "meters", unlocking(unlock, door.folder))
        enrolled = enrolment.enrol(
            door.session, door.login, store, code=code, name=name, password=password, notice=notice
        )
    click.echo(
        f"{enrolled.account.name} is enrolled with meter {enrolled.account.meter.hex()}, and can read "
        f"{_spelt(enrolled.readable)}. The recovery code sets a new password should you forget yours; write it down, "
        "it is not shown again:",
        err=True,
    )
    click.echo(enrolled.recovery_code)


@click.command(epilog="Example:  smarter customer login quickstart --name ada")
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def login(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Log in: for 15 minutes after the last command, and at most for 12 hours."""
    with opening(scenario, overrides, state, unlock) as door:
        name = ask_name(name)
        token = door.login.log_in(name, ask_password())
        door.token.replace(token, door.login.log_out)
        holder = door.login.resume(token)
        click.echo(f"logged in as {holder.account.name}", err=True)
        if holder.account.meter:
            remind_of_notice(door, holder)


@click.command(epilog="Example:  smarter customer logout quickstart")
@scenario_argument
@state_option
@unlock_option
@debug_option
def logout(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Log out: the session ends, and its token is removed."""
    with opening(scenario, overrides, state, unlock) as door:
        click.echo("logged out" if door.token.end(door.login.log_out) else "nobody was logged in", err=True)


@click.command(epilog="Example:  smarter customer status quickstart")
@scenario_argument
@state_option
@unlock_option
@debug_option
def status(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Print who is logged in, and with which meter; exit code 4 when nobody is."""
    with opening(scenario, overrides, state, unlock) as door:
        account = door.holder().account
        click.echo(f"account\t{account.name}\nrole\t{account.role}\nmeter\t{account.meter.hex()}")


@click.command(
    epilog="\b\nExamples:\n  smarter customer password quickstart\n"
    "  SMARTER_PASSWORD=… SMARTER_NEW_PASSWORD=… smarter customer password quickstart"
)
@scenario_argument
@state_option
@unlock_option
@debug_option
def password(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str) -> None:
    """Change the password of whoever is logged in; every other session of theirs ends."""
    with opening(scenario, overrides, state, unlock) as door:
        holder = door.holder()
        present = ask_password("Present password")
        door.login.change_password(holder, present, ask_new_password(NEW_PASSWORD))
        click.echo(f"the password of {holder.account.name} is changed", err=True)


@click.command(epilog="Example:  smarter customer recover quickstart --name ada")
@scenario_argument
@name_option
@state_option
@unlock_option
@debug_option
def recover(scenario: str, overrides: tuple[str, ...], name: str | None, state: Path | None, unlock: str) -> None:
    """Set a new password by the recovery code, also of a locked account; prints the next recovery code, once."""
    with opening(scenario, overrides, state, unlock) as door:
        name = ask_name(name)
        code = ask_code("Recovery code")
        fresh = door.login.recover(name, code, ask_new_password())
    hand_over_code(name, fresh)


@click.command(
    name="move-out",
    epilog="\b\nExamples:\n  smarter customer move-out quickstart\n  smarter customer move-out quickstart --meter apt3",
)
@scenario_argument
@click.option("--meter", metavar="METER", help="Close the account of this meter's customer, who did not do it.")
@yes_option
@state_option
@unlock_option
@debug_option
def move_out(
    scenario: str, overrides: tuple[str, ...], meter: str | None, yes: bool, state: Path | None, unlock: str
) -> None:
    """Close the account for good; export what you want to keep before.

    The meter forgets your key, and its next start begins a key epoch that you cannot read; whoever moves in cannot
    read yours. It takes the secret of the meters' keystore; whoever has that can close an account that was left.
    """
    from smarter.keys.keystore import Keystore
    from smarter.model.audit import LOCAL
    from smarter.protocols import enrolment
    from smarter.protocols.granting import empty_mailbox

    with opening(scenario, overrides, state, unlock, locked=True) as door:
        if meter is None:
            account = door.holder().account
        else:
            found = enrolment.find_meter(door.session, meter)
            of_meter = door.login.accounts.of_meter(found.pseudonym)
            if of_meter is None:
                raise UsageError(f"meter {meter} has no customer; there is no account to close.")
            account = of_meter
        ask_whether(f"Close the account {account.name} for good?", yes)
        store = Keystore.open(door.folder.keys, "meters", unlocking(unlock, door.folder))
        enrolment.move_out(door.session, door.login, store, account, by=None if meter is None else LOCAL)
        empty_mailbox(door.folder, account.meter)
        if meter is None:
            door.token.drop()
        click.echo(f"the account {account.name} is closed; the bills stay with the MDMS", err=True)
