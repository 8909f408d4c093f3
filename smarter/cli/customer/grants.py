"""``smarter customer`` about others: granting a third party some of the own data, revoking that, and who did what."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from smarter.cli.customer.door import Door, opening
from smarter.cli.options import debug_option, scenario_argument, state_option, unlock_option, unlocking, until_option
from smarter.errors import IntegrityError, UsageError

if TYPE_CHECKING:
    from smarter.protocols.grants import CustomerGrants, Given
    from smarter.protocols.holder import Holder
    from smarter.state import Sent


@contextmanager
def _granting(
    scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str
) -> Iterator[tuple[CustomerGrants, Holder, Door]]:
    from smarter.protocols.grants import CustomerGrants

    with opening(scenario, overrides, state, unlock) as door:
        holder = door.holder()
        grants = CustomerGrants(door.session, door.folder, holder, door.login.witness)
        try:
            yield grants, holder, door
        finally:
            grants.close()


@click.command(
    epilog="\b\nExamples:\n  smarter customer grant quickstart --key advice.pub.pem --name 'Energy advice Ltd' \\\n"
    "    --window 1h --from 2016-01-01 --until 2016-02-01 --purpose 'find what runs at night' > grant.json"
)
@scenario_argument
@click.option(
    "--key",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE",
    help="The grantee's RSA public key, as PEM or JWK.",
)
@click.option("--name", "grantee", required=True, metavar="NAME", help="What the grantee is called.")
@click.option("--purpose", required=True, metavar="TEXT", help="What it is for, in a line.")
@click.option(
    "--window", default="1d", show_default=True, metavar="LENGTH", help="Sums over what: 15min, 1h, 1d, … or month."
)
@click.option("--from", "since", metavar="TIME", help="First moment, local. [default: the scenario's first]")
@until_option("the scenario's end")
@click.option(
    "--expires", metavar="DATE", help="From when on nothing more is delivered, by the real clock. [default: in 90 days]"
)
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the grant document there."
)
@state_option
@unlock_option
@debug_option
def grant(
    scenario: str,
    overrides: tuple[str, ...],
    key: Path,
    grantee: str,
    purpose: str,
    window: str,
    since: str | None,
    until: str | None,
    expires: str | None,
    out: Path | None,
    state: Path | None,
    unlock: str,
) -> None:
    """Let a third party have sums of your readings over whole windows, and nothing finer.

    Your meter encrypts them for the grantee's key, also while you are away, until the grant expires or you revoke it.
    What was delivered cannot be called back. Compare the key's fingerprint with the grantee by another way than the
    file came. Printed is the grant document: hand it to the grantee, who learns your meter's key from it.
    """
    from smarter.charts.rights import finer_words, unread_words, withheld_words
    from smarter.keys.public import public_in
    from smarter.protocols.grant_document import GrantDocument
    from smarter.protocols.grant_wish import LIFETIME, Wish, parse_window, spell_window

    with _granting(scenario, overrides, state, unlock) as (grants, holder, door):
        plan = grants.plan
        half = public_in(key)
        now = int(time.time())
        wish = Wish(
            grantee,
            half,
            parse_window(window),
            plan.start if since is None else _moment("--from", since, plan.timezone),
            plan.end if until is None else _moment("--until", until, plan.timezone),
            now + LIFETIME if expires is None else _moment("--expires", expires, plan.timezone),
            purpose,
        )
        given = grants.give(wish)
        document = GrantDocument.of(given, door.session.deployment, holder.account, half.fingerprint, plan.timezone)
        click.echo(
            f"granted {given.id[:8]}: {given.grantee} gets sums over {spell_window(given.window)} from "
            f"{document.start} to {document.end}, until {document.expires}; the key's fingerprint is "
            f"{half.fingerprint}",
            err=True,
        )
        # First the document, which no other command prints: the grant is given, whatever becomes of a first delivery.
        if out is None:
            click.echo(document.text(), nl=False)
        else:
            out.write_text(document.text(), encoding="utf-8")
            click.echo(f"wrote the grant document to {out}", err=True)
        for sentence in withheld_words(grants.withheld(given), plan.timezone):
            click.echo(f"note: {sentence}", err=True)
        if (unread := grants.unread(given)) is not None:
            click.echo(f"note: {unread_words(unread, plan.timezone)}", err=True)
        if finer := grants.finer(given):
            click.echo(f"warning: {finer_words(finer)}", err=True)
        _deliver(door, holder.account.meter, unlock)


def _moment(option: str, text: str, timezone: str) -> int:
    from smarter.scenario.moments import epoch, parse_moment

    try:
        return epoch(parse_moment(text), timezone)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{option}: {error}.") from error


def _deliver(door: Door, meter: bytes, unlock: str) -> None:
    """What was measured before is delivered at once where the meters' keystore opens without a word from anybody."""
    from smarter.keys.process import environment
    from smarter.keys.unlock import unlock_from
    from smarter.protocols.granting import deliver_now

    mode: object = unlock
    silent = unlock_from(mode, door.folder.keys, environ=environment(), ask=None)  # type: ignore[arg-type]
    try:
        outcome = deliver_now(door.session, door.folder, silent, only=meter)
    except (IntegrityError, UsageError):
        click.echo(
            "your meter delivers in the next run, or when whoever runs the meters says `smarter grants deliver`",
            err=True,
        )
        return
    click.echo(f"delivered {sum(each.windows for each in outcome.delivered):,} windows that are over", err=True)
    for refused in outcome.refused:
        click.echo(f"note: nothing under grant {refused.grant[:8]}: {refused.why}", err=True)


@click.command(
    epilog="\b\nExamples:\n  smarter customer revoke quickstart 3f0c9a\n"
    "  smarter customer revoke quickstart 'Energy advice Ltd'"
)
@scenario_argument
@click.argument("grant", metavar="GRANT")
@state_option
@unlock_option
@debug_option
def revoke(scenario: str, overrides: tuple[str, ...], grant: str, state: Path | None, unlock: str) -> None:
    """Revoke a grant at once, also while a run goes on.

    GRANT is the first digits of its number, or the grantee's name where there is one such grant. What the grantee has
    not fetched is taken out of the mailbox; what was fetched cannot be called back.
    """
    with _granting(scenario, overrides, state, unlock) as (grants, _, _):
        revoked, fetched, taken = grants.revoke(grant)
    click.echo(
        f"revoked {revoked.id[:8]}: {revoked.grantee} gets nothing more; {taken:,} windows that were delivered and not "
        "fetched are gone",
        err=True,
    )
    if fetched:
        click.echo(f"{fetched:,} windows were fetched before, and cannot be called back", err=True)


@click.command(
    epilog="\b\nExamples:\n  smarter customer grants quickstart\n  smarter customer grants quickstart --json"
)
@scenario_argument
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
@debug_option
def grants(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, as_json: bool) -> None:
    """List your grants: to whom, what, until when, and how much was delivered and read."""
    from smarter.cli import printing, show

    with _granting(scenario, overrides, state, unlock) as (desk, _, _):
        given, timezone = desk.given(), desk.plan.timezone
    if as_json:
        click.echo(json.dumps([_form(each, timezone) for each in given], indent=2, ensure_ascii=False))
    elif given:
        show.grants_table(printing.console(), given, timezone)
    else:
        click.echo("you have granted nothing to anybody; `smarter customer grant` does it", err=True)


def _form(given: Given, timezone: str) -> dict[str, object]:
    from smarter.model.windows import iso
    from smarter.protocols.grant_wish import spell_window

    grant = given.grant
    return {
        "grant": grant.id,
        "grantee": grant.grantee,
        "key": given.receiver,
        "window": spell_window(grant.window),
        "start": iso(grant.start, timezone),
        "end": iso(grant.end, timezone),
        "expires": iso(grant.expires, timezone),
        "purpose": grant.purpose,
        "granted": iso(grant.at, timezone),
        "revoked": None if grant.revoked is None else iso(grant.revoked, timezone),
        "status": given.status,
        "withheld": [
            {"start": iso(each.start, timezone), "end": iso(each.end, timezone), "grant": each.by.id}
            for each in given.withheld
        ],
        "deliveries": [_sent(each, timezone) for each in given.sent],
    }


def _sent(sent: Sent, timezone: str) -> dict[str, object]:
    from smarter.model.windows import iso

    return {
        "number": sent.number,
        "windows": sent.windows,
        "start": iso(sent.start, timezone),
        "end": iso(sent.end, timezone),
        "delivered": iso(sent.made, timezone),
        "read": None if sent.fetched is None else iso(sent.fetched, timezone),
    }


@click.command(epilog="\b\nExamples:\n  smarter customer log quickstart\n  smarter customer log quickstart --json")
@scenario_argument
@state_option
@unlock_option
@click.option("--json", "as_json", is_flag=True, help="Print the entries as JSON.")
@debug_option
def log(scenario: str, overrides: tuple[str, ...], state: Path | None, unlock: str, as_json: bool) -> None:
    """Show who did what with your data: all entries of the audit log about you and your household, since you enrolled.

    They are checked on the way. That you look is an entry, too.
    """
    from dataclasses import asdict

    from smarter.cli import show
    from smarter.model.audit import Note, household
    from smarter.protocols.auditing import open_audit
    from smarter.protocols.holder import named_holder
    from smarter.protocols.own_log import own_entries

    with _granting(scenario, overrides, state, unlock) as (desk, holder, door):
        own = holder.account
        with open_audit(door.folder, unlocking(unlock, door.folder)) as audit:
            audit.put(Note("read", named_holder(own), household(own.meter.hex()), {"what": "audit log"}))
            audit.commit()
            entries = own_entries(door.folder, audit, own, desk.given())
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in entries], indent=2, ensure_ascii=False))
        return
    for line in show.audit_lines(entries):
        click.echo(line)
